/* Walks over every index of every record, in both stores, against a list that is sorted here. */
#include <stdlib.h>
#include <string.h>

#include "ledger/column.h"
#include "ledger/schema.h"
#include "ledger_fixture.h"
#include "wire/task.h"

enum { ROWS = 48 };

static const struct field *order_fields[SCHEMA_ORDER];
static size_t order_count;

static int by_order(const void *left, const void *right)
{
    for (size_t i = 0; i < order_count; i++) {
        struct value a = column_get(order_fields[i], *(void *const *)left);
        struct value b = column_get(order_fields[i], *(void *const *)right);
        if (a.is_int && a.number != b.number)
            return a.number < b.number ? -1 : 1;
        if (!a.is_int && (!a.text || !b.text) && a.text != b.text)
            return a.text ? 1 : -1;
        if (!a.is_int && a.text && strcmp(a.text, b.text) != 0)
            return strcmp(a.text, b.text);
    }
    return 0;
}

/* The index's columns as schema.h lists them, then the primary key. */
static void set_order(const struct record *record, const struct schema_index *index)
{
    order_count = 0;
    for (size_t i = 0; index && i < SCHEMA_COLUMNS && index->columns[i]; i++) {
        order_fields[order_count] = column_find(record, index->columns[i]);
        assert_non_null(order_fields[order_count++]);
    }
    for (size_t i = 0; i < record->key_count; i++)
        order_fields[order_count++] = &record->fields[i];
}

static bool is_taken(const struct scan *scan, const void *row)
{
    for (size_t i = 0; i < scan->eq_count; i++) {
        struct value value = column_get(order_fields[i], row);
        if (value.is_int ? value.number != scan->eq[i].number
                         : (!value.text != !scan->eq[i].text ||
                            (value.text && strcmp(value.text, scan->eq[i].text) != 0)))
            return false;
    }
    if (!scan->has_low && !scan->has_high)
        return true;
    struct value value = column_get(order_fields[scan->eq_count], row);
    if (!value.is_int && !value.text)
        return false;
    int64_t low = value.is_int    ? value.number - scan->low.number
                  : scan->has_low ? strcmp(value.text, scan->low.text)
                                  : 0;
    int64_t high = value.is_int     ? value.number - scan->high.number
                   : scan->has_high ? strcmp(value.text, scan->high.text)
                                    : 0;
    return (!scan->has_low || low >= 0) && (!scan->has_high || high <= 0);
}

/* One walk and its count against the sorted rows. */
static void compare_walk(struct fixture *fixture, const struct scan *walk, void **sorted)
{
    void *rows;
    size_t count = scan(fixture, walk, &rows), at = 0;
    int64_t counted = -1;
    for (size_t i = 0; i < ROWS; i++) {
        void *row = sorted[walk->descending ? ROWS - 1 - i : i];
        if (!is_taken(walk, row))
            continue;
        if (!walk->max || at < walk->max)
            assert_same_row(walk->record, row, (char *)rows + at * walk->record->size);
        at++;
    }
    assert_int_equal(count, walk->max && at > walk->max ? walk->max : at);
    OK(fixture->store->ops->count(fixture->store, walk, &counted, &fixture->err));
    assert_int_equal(counted, at);
}

/* All prefixes of equal columns (taken from a row that is there), with and without bounds. */
static void walk_index(struct fixture *fixture, const struct record *record,
                       const struct schema_index *index, void **rows)
{
    size_t columns = 0;
    set_order(record, index);
    qsort(rows, ROWS, sizeof(*rows), by_order);
    while (index ? columns < SCHEMA_COLUMNS && index->columns[columns]
                 : columns < record->key_count)
        columns++;
    for (size_t round = 0; round < 6 * 8; round++) {
        struct scan walk = {.record = record,
                            .index = index ? index->name : NULL,
                            .descending = round & 1,
                            .max = round % 3 ? 0 : 5};
        const void *like = rows[dice(ROWS)], *bound = rows[dice(ROWS)];
        walk.eq_count = round / 8 < columns ? round / 8 : columns;
        walk.eq_count = walk.eq_count > 4 ? 4 : walk.eq_count;
        for (size_t i = 0; i < walk.eq_count; i++)
            walk.eq[i] = column_get(order_fields[i], like);
        walk.low = walk.high = walk.eq_count < columns
                                   ? column_get(order_fields[walk.eq_count], bound)
                                   : (struct value){0};
        if (!value_is_null(walk.low)) {
            walk.has_low = round & 2;
            walk.has_high = round & 4;
        }
        compare_walk(fixture, &walk, rows);
    }
}

/* Gives a task what every partial index of its table wants. */
static void put_into_partial(struct task *task)
{
    task->state = TASK_QUEUED;
    task->finished_at = 0;
    task->blocked = true;
    task->finish_no = 1 + task->finish_no % 3;
    task->deadline_at = 1 + task->deadline_at % 3;
    task->parent = task->parent ? task->parent : "nobody";
}

static void walk_table(struct fixture *fixture, const struct schema_table *table, bool partial)
{
    void *rows[ROWS];
    begin(fixture);
    for (int i = 0; i < ROWS; i++) {
        rows[i] = arena_alloc(&fixture->arena, table->record->size);
        make_up(fixture, table->record, rows[i], (i * 29) % ROWS);
        if (partial)
            put_into_partial(rows[i]);
        put(fixture, table->record, rows[i]);
    }
    commit(fixture);
    walk_index(fixture, table->record, NULL, rows);
    for (size_t i = 0; i < table->index_count; i++)
        if (partial || !table->indexes[i].where)
            walk_index(fixture, table->record, &table->indexes[i], rows);
}

static void every_index_walks_in_order(void **state)
{
    struct fixture *fixture = *state;
    dice_seed(1);
    for (size_t i = 0; i < schema_table_count; i++)
        if (schema_tables[i].record->size)
            walk_table(fixture, &schema_tables[i], false);
    walk_table(fixture, schema_table(&task_record), true);
}

/* What commands do to let people type the start of an id. */
static void ids_are_found_by_prefix(void **state)
{
    struct fixture *fixture = *state;
    const char *ids[] = {"t-ab", "t-abc", "t-abz9", "t-ac", "t-b"};
    for (int i = 0; i < 5; i++)
        put(fixture, &task_record, &(struct task){.id = ids[i], .seq = i + 1});
    struct scan walk = {.record = &task_record,
                        .has_low = true,
                        .has_high = true,
                        .low.text = "t-ab",
                        .high.text = "t-ab\x7f"};
    struct task *found;
    assert_int_equal(scan(fixture, &walk, (void **)&found), 3);
    assert_string_equal(found[0].id, "t-ab");
    assert_string_equal(found[2].id, "t-abz9");
}

static void empty_walk_is_no_error(void **state)
{
    struct fixture *fixture = *state;
    struct scan walk = {
        .record = &wait_record, .index = "wait_target", .eq_count = 1, .eq[0].text = "task"};
    void *rows;
    int64_t count = -1;
    assert_int_equal(scan(fixture, &walk, &rows), 0);
    OK(fixture->store->ops->count(fixture->store, &walk, &count, &fixture->err));
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(every_index_walks_in_order),
        BOTH(ids_are_found_by_prefix),
        BOTH(empty_walk_is_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
