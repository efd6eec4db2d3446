/* Blobs that nobody names any more. All rows are read for the names of those that are old enough;
 * what is written or put meanwhile marks the names in it, so that nothing is missed. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "ledger/commit.h"
#include "ledger/ledger.h"
#include "ledger/retire.h"
#include "ledger/retire_blobs.h"
#include "ledger/rules.h"
#include "ledger/store.h"
#include "wire/call.h"
#include "wire/flow.h"

enum {
    BLOB_KEPT_MS = 86400000, /* who puts one names it within minutes; a person within a day */
    BLOBS_AT_ONCE = 100000,  /* names in memory: 7 MB; more are looked at in the next pass */
    LIST_PAGE = 256,
};

struct candidate {
    char hex[HASH_HEX];
    bool named;
};

struct blob_guard {
    struct candidate *list;
    size_t count, cap;
};

/* ---- names ---- */

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, HASH_HEX - 1);
}

static void mark(struct blob_guard *guard, const char *hex)
{
    struct candidate *found =
        guard->count ? bsearch(hex, guard->list, guard->count, sizeof(*guard->list), compare)
                     : NULL;
    if (found)
        found->named = true;
}

static void mark_text(struct blob_guard *guard, const char *text)
{
    for (const char *at = text; *at;) {
        size_t len = strspn(at, "0123456789abcdef");
        if (len == HASH_HEX - 1)
            mark(guard, at);
        at += len ? len : 1;
    }
}

void blob_guard_row(struct blob_guard *guard, const struct record *record, const void *row)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        const char *text;
        if (field->type != FIELD_TEXT && field->type != FIELD_JSON)
            continue;
        memcpy(&text, (const char *)row + field->offset, sizeof(text));
        if (text)
            mark_text(guard, text);
    }
}

void blob_guard_name(struct blob_guard *guard, const char *hex)
{
    if (strlen(hex) == HASH_HEX - 1)
        mark(guard, hex);
}

/* ---- the pass ---- */

struct pass {
    struct blob_guard guard;
    struct retire_walk walk;
    struct ledger *ledger;
};

static void add(struct blob_guard *guard, const char *hex)
{
    if (guard->count == guard->cap) {
        guard->cap = guard->cap ? guard->cap * 2 : LIST_PAGE;
        guard->list = mem_realloc(guard->list, guard->cap * sizeof(*guard->list));
    }
    struct candidate *added = &guard->list[guard->count++];
    *added = (struct candidate){0};
    memcpy(added->hex, hex, HASH_HEX);
}

/* In the order of their names, which is that of the list. */
static int gather(struct pass *pass, int64_t before, char after[HASH_HEX])
{
    struct store *store = pass->ledger->store;
    size_t count = LIST_PAGE;
    int rc = STORE_OK;
    while (rc == STORE_OK && count == LIST_PAGE && pass->guard.count < BLOBS_AT_ONCE) {
        struct arena arena = {0};
        struct store_blob *blobs;
        turnstile_enter(&pass->ledger->turn);
        rc = store->ops->blob_list(store, after, LIST_PAGE, &arena, &blobs, &count, pass->walk.err);
        turnstile_leave(&pass->ledger->turn);
        for (size_t i = 0; i < count && rc == STORE_OK; i++) {
            memcpy(after, blobs[i].hex, HASH_HEX);
            if (blobs[i].put_at < before)
                add(&pass->guard, after);
        }
        arena_fini(&arena);
    }
    if (count < LIST_PAGE)
        after[0] = '\0';
    return rc == STORE_OK ? 0 : -1;
}

static void guard_set(struct ledger *ledger, struct blob_guard *guard)
{
    turnstile_enter(&ledger->turn);
    ledger->blob_guard = guard;
    turnstile_leave(&ledger->turn);
}

static int look_at_row(void *ctx, const struct record *record, const void *row)
{
    struct pass *pass = ctx;
    turnstile_enter(&pass->ledger->turn); /* beside the commit thread, which marks as well */
    blob_guard_row(&pass->guard, record, row);
    turnstile_leave(&pass->ledger->turn);
    return 0;
}

/* What hangs on one task. Events are walked by their numbers. */
static int look_at_task(struct pass *pass, const struct task *task)
{
    char run[RUN_ID_TEXT];
    int rc = 0;
    run_id_of_task(task->id, run);
    for (size_t i = 0; i < retire_part_count && rc == 0; i++) {
        const struct retire_part *part = &retire_parts[i];
        bool runs = part->owner == RETIRE_RUN && str_eq(task->agent, FLOW_AGENT);
        if (part->record != &event_record && (part->owner == RETIRE_TASK || runs))
            rc = retire_walk_part(&pass->walk, part, runs ? run : task->id);
    }
    return rc;
}

static int look_at_tasks(struct pass *pass)
{
    size_t count = RETIRE_PAGE;
    int64_t after = 0;
    int rc = 0;
    while (rc == 0 && count == RETIRE_PAGE) {
        struct task *tasks;
        struct scan scan = {.record = &task_record,
                            .index = "task_seq",
                            .has_low = true,
                            .low = value_int(after + 1),
                            .max = RETIRE_PAGE};
        rc = retire_read(&pass->walk, &scan, &tasks, &count);
        for (size_t i = 0; i < count && rc == 0; i++) {
            after = tasks[i].seq;
            rc = look_at_row(pass, &task_record, &tasks[i]);
            if (rc == 0)
                rc = look_at_task(pass, &tasks[i]);
        }
        arena_fini(&pass->walk.arena);
    }
    return rc;
}

static int look_at_events(struct pass *pass)
{
    size_t count = RETIRE_PAGE;
    int64_t after = 0;
    int rc = 0;
    while (rc == 0 && count == RETIRE_PAGE) {
        struct event *events;
        struct scan scan = {.record = &event_record,
                            .index = "event_no",
                            .has_low = true,
                            .low = value_int(after + 1),
                            .max = RETIRE_PAGE};
        rc = retire_read(&pass->walk, &scan, &events, &count);
        for (size_t i = 0; i < count && rc == 0; i++) {
            after = events[i].no;
            rc = look_at_row(pass, &event_record, &events[i]);
        }
        arena_fini(&pass->walk.arena);
    }
    return rc;
}

static int look_at_all(struct pass *pass)
{
    static const struct record *const others[] = {&definition_record, &approval_record, &job_record,
                                                  &agent_record};
    int rc = look_at_tasks(pass);
    if (rc == 0)
        rc = look_at_events(pass);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && rc == 0; i++) {
        rc = retire_walk_table(&pass->walk, others[i], NULL);
        arena_fini(&pass->walk.arena);
    }
    return rc;
}

static int drop(struct pass *pass, int64_t *removed)
{
    struct store *store = pass->ledger->store;
    int rc = STORE_OK;
    for (size_t i = 0; i < pass->guard.count && rc == STORE_OK; i++) {
        turnstile_enter(&pass->ledger->turn);
        if (!pass->guard.list[i].named) {
            rc = store->ops->blob_del(store, pass->guard.list[i].hex, pass->walk.err);
            *removed += rc == STORE_OK;
        }
        turnstile_leave(&pass->ledger->turn);
    }
    return rc == STORE_OK ? 0 : -1;
}

static int pass_run(struct pass *pass, char after[HASH_HEX], int64_t *removed)
{
    int rc = gather(pass, ledger_now(pass->ledger) - BLOB_KEPT_MS, after);
    if (rc == 0 && pass->guard.count) {
        guard_set(pass->ledger, &pass->guard);
        rc = look_at_all(pass);
        if (rc == 0)
            rc = drop(pass, removed);
        guard_set(pass->ledger, NULL);
    }
    arena_fini(&pass->walk.arena);
    free(pass->guard.list);
    pass->guard = (struct blob_guard){0};
    return rc;
}

int ledger_drop_blobs(struct ledger *ledger, int64_t *removed, struct err *err)
{
    struct pass pass = {.ledger = ledger};
    char after[HASH_HEX] = "";
    int rc;
    pass.walk =
        (struct retire_walk){.ledger = ledger, .visit = look_at_row, .ctx = &pass, .err = err};
    *removed = 0;
    do
        rc = pass_run(&pass, after, removed);
    while (rc == 0 && after[0]);
    return rc;
}
