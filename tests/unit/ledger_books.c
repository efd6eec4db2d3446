/* The auditor of the tests: budgets as the event log tells them. */
#include "ledger_case.h"

#include "base/json.h"
#include "base/map.h"
#include "base/str.h"

/* One budget row, by its events; and what the tasks below it hold. */
struct book {
    int64_t reserved, spent, held;
};

struct books {
    struct ledger_case *c;
    struct map rows; /* in the case's arena */
};

static struct book *book_of(struct books *books, const char *id)
{
    struct book *book = map_get(&books->rows, id);
    if (!book) {
        book = arena_alloc(&books->c->arena, sizeof(*book));
        *book = (struct book){0};
        map_put(&books->rows, id, book);
    }
    return book;
}

static int64_t amount_in(const json_t *body, const char *part, const char *budget)
{
    const char *unit = str_ends(budget, "/usd") ? "micro_usd" : "tokens";
    return json_get_int(json_object_get(body, part), unit, 0);
}

static void read_level(struct books *books, const struct event *event, const json_t *body,
                       const json_t *level)
{
    const char *id = json_get_text(level, "budget", "");
    struct book *book = book_of(books, id);
    int64_t limit = json_get_int(level, "limit", 0), spent = json_get_int(level, "spent", -1);
    int64_t reserved = json_get_int(level, "reserved", -1), sum = amount_in(body, "reserved", id);
    bool over = json_get_bool(body, "exceeds_reserved", false);
    book->reserved += str_eq(event->type, "budget.reserved") ? sum : -sum;
    book->spent += amount_in(body, "spent", id);
    if (limit >= 0 && spent + reserved > limit && !over)
        fail_msg("%s of %s: %s has spent %lld and reserved %lld of %lld", event->type,
                 event->stream, id, (long long)spent, (long long)reserved, (long long)limit);
}

static void read_stream(struct books *books, const char *stream)
{
    struct event *events;
    size_t count, i;
    assert_int_equal(ledger_read(books->c->ledger, stream, 1, 0, &books->c->arena, &events, &count,
                                 &books->c->err),
                     0);
    assert_true(count < LIMIT_LIST);
    for (size_t at = 0; at < count; at++) {
        if (!str_starts(events[at].type, "budget."))
            continue;
        json_t *body = json_loads(events[at].body, 0, NULL), *level;
        json_array_foreach (json_object_get(body, "levels"), i, level)
            read_level(books, &events[at], body, level);
        json_decref(body);
    }
}

/* What a task has set aside stands in every row of its chain. */
static void read_task(struct books *books, const struct task *task)
{
    static const char *const suffixes[] = {"usd", "tokens"};
    const int64_t held[] = {task->reserved_micro_usd, task->reserved_tokens};
    struct arena *arena = &books->c->arena;
    for (int unit = 0; unit < 2 && task->budget; unit++) {
        struct budget row = {.parent = arena_printf(arena, "%s/%s", task->budget, suffixes[unit])};
        while (row.parent) {
            row = (struct budget){.id = row.parent};
            assert_int_equal(
                ledger_get(books->c->ledger, &budget_record, &row, arena, &books->c->err), 0);
            book_of(books, row.id)->held += held[unit];
        }
    }
}

void case_assert_books(struct ledger_case *c)
{
    struct books books = {.c = c};
    void *rows, *value;
    size_t count;
    const char *id;
    assert_int_equal(
        ledger_query(c->ledger, LIST_TASKS, NULL, NULL, 0, 0, &c->arena, &rows, &count, &c->err),
        0);
    for (size_t i = 0; i < count; i++) {
        read_stream(&books, ((struct task *)rows)[i].id);
        read_task(&books, &((struct task *)rows)[i]);
    }
    for (size_t at = 0; map_next(&books.rows, &at, &id, &value);) {
        struct budget row = {.id = id};
        const struct book *book = value;
        assert_int_equal(ledger_get(c->ledger, &budget_record, &row, &c->arena, &c->err), 0);
        if (row.reserved != book->held)
            fail_msg("%s has %lld reserved; the tasks hold %lld", id, (long long)row.reserved,
                     (long long)book->held);
        if (row.reserved != book->reserved || row.spent != book->spent)
            fail_msg("%s: %lld reserved and %lld spent; its events say %lld and %lld", id,
                     (long long)row.reserved, (long long)row.spent, (long long)book->reserved,
                     (long long)book->spent);
    }
    map_fini(&books.rows);
}
