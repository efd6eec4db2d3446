/* Reading: rows, lists, events, counts, blobs. Reads stand between two transactions. */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "ledger/column.h"
#include "ledger/commit.h"
#include "ledger/ledger.h"
#include "ledger/schema.h"
#include "ledger/store.h"
#include "ledger/tx.h"

/* Locks the store for a read; -1 where nobody can say any more what is in it. */
static int read_begin(struct ledger *ledger, struct err *err)
{
    turnstile_enter(&ledger->turn);
    if (!atomic_load(&ledger->broken))
        return 0;
    turnstile_leave(&ledger->turn);
    return commit_broken(err);
}

static void read_end(struct ledger *ledger)
{
    turnstile_leave(&ledger->turn);
}

static int read_scan(struct ledger *ledger, const struct scan *scan, struct arena *arena,
                     void **rows, size_t *count, struct err *err)
{
    *count = 0;
    if (read_begin(ledger, err) < 0)
        return -1;
    int rc = ledger->store->ops->scan(ledger->store, scan, arena, rows, count, err);
    read_end(ledger);
    return rc == STORE_OK ? 0 : -1;
}

int ledger_get(struct ledger *ledger, const struct record *record, void *row, struct arena *arena,
               struct err *err)
{
    if (read_begin(ledger, err) < 0)
        return -1;
    int rc = ledger->store->ops->get(ledger->store, record, row, arena, err);
    read_end(ledger);
    return rc == STORE_OK ? 0 : rc == STORE_NONE ? LEDGER_NONE : -1;
}

static struct scan scan_events(const char *stream, int64_t from_seq, size_t max)
{
    return (struct scan){
        .record = &event_record,
        .eq = {value_text(stream)},
        .eq_count = 1,
        .has_low = true,
        .low = value_int(from_seq),
        .max = max ? max : LIMIT_LIST,
    };
}

int ledger_read_many(struct ledger *ledger, struct ledger_look *looks, size_t count, size_t max,
                     struct arena *arena, struct err *err)
{
    int rc = STORE_OK;
    if (read_begin(ledger, err) < 0)
        return -1;
    for (size_t i = 0; i < count && i < LIMIT_LOOKS && rc == STORE_OK; i++) {
        const struct scan scan = scan_events(looks[i].stream, looks[i].from_seq, max);
        void *rows = NULL;
        looks[i].count = 0;
        rc = ledger->store->ops->scan(ledger->store, &scan, arena, &rows, &looks[i].count, err);
        looks[i].events = rows;
    }
    read_end(ledger);
    return rc == STORE_OK ? 0 : -1;
}

int ledger_read(struct ledger *ledger, const char *stream, int64_t from_seq, size_t max,
                struct arena *arena, struct event **events, size_t *count, struct err *err)
{
    void *rows = NULL;
    const struct scan scan = scan_events(stream, from_seq, max);
    int rc = read_scan(ledger, &scan, arena, &rows, count, err);
    *events = rows;
    return rc;
}

/* ---- lists ---- */

static struct scan scan_tasks(const char *agent, const char *state, int64_t below)
{
    struct scan scan = {.record = &task_record, .descending = true};
    scan.index = agent && state ? "task_agent_state_seq"
                 : agent        ? "task_agent_seq"
                 : state        ? "task_state_seq"
                                : "task_seq";
    if (agent)
        scan.eq[scan.eq_count++] = value_text(agent);
    if (state)
        scan.eq[scan.eq_count++] = value_text(state);
    scan.has_high = below > 0;
    scan.high = value_int(below - 1);
    return scan;
}

static struct scan scan_prefix(struct arena *arena, const char *prefix)
{
    return (struct scan){
        .record = &task_record,
        .has_low = true,
        .has_high = true,
        .low = value_text(prefix ? prefix : ""),
        .high = value_text(arena_printf(arena, "%s\x7f", prefix ? prefix : "")),
    };
}

static struct scan scan_ended(const char *agent, const char *key, int64_t after)
{
    return (struct scan){
        .record = &task_record,
        .index = "task_ended",
        .eq = {value_text(agent), value_text(key)},
        .eq_count = 2,
        .has_low = true,
        .low = value_int((after > 0 ? after : 0) + 1),
    };
}

/* All rows, or those whose first index column is `of`. */
static struct scan scan_of(const struct record *record, const char *index, const char *of)
{
    return (struct scan){
        .record = record,
        .index = index,
        .eq = {value_text(of)},
        .eq_count = of ? 1 : 0,
    };
}

static struct scan scan_effects(const char *state, const char *destination, int64_t after)
{
    struct scan scan =
        scan_of(&effect_record, destination ? "effect_destination" : "effect_state", state);
    scan.eq[1] = value_text(destination);
    scan.eq_count += destination ? 1 : 0;
    scan.has_low = after > 0;
    scan.low = value_int(after + 1);
    return scan;
}

static struct scan scan_ids(struct arena *arena, const struct record *record, const char *prefix)
{
    struct scan scan = scan_prefix(arena, prefix);
    scan.record = record;
    return scan;
}

/* The newest first, below the time `below` (0: all). */
static struct scan scan_newest(const struct record *record, const char *index, const char *of,
                               int64_t below)
{
    struct scan scan = scan_of(record, index, of);
    scan.descending = true;
    scan.has_high = below > 0;
    scan.high = value_int(below - 1);
    return scan;
}

static struct scan scan_due(int64_t until)
{
    return (struct scan){
        .record = &run_record,
        .index = "run_due",
        .has_low = true,
        .low = value_int(1),
        .has_high = true,
        .high = value_int(until),
    };
}

static struct scan scan_runs(const char *name, const char *state, int64_t below)
{
    const char *index = name && state ? "run_name_state"
                        : name        ? "run_name"
                        : state       ? "run_state"
                                      : "run_created";
    struct scan scan = scan_newest(&run_record, index, name ? name : state, below);
    if (name && state)
        scan.eq[scan.eq_count++] = value_text(state);
    return scan;
}

static struct scan scan_approvals(const char *state, int64_t after)
{
    struct scan scan = scan_of(&approval_record, "approval_state", state);
    scan.has_low = after > 0;
    scan.low = value_int(after + 1);
    return scan;
}

/* What the lists of workflows ask for; record NULL: it is none of them. */
static struct scan scan_flow(struct arena *arena, enum ledger_list list, const char *a,
                             const char *b, int64_t cursor)
{
    switch (list) {
    case LIST_RUNS:
        return scan_runs(a, b, cursor);
    case LIST_RUNS_DUE:
        return scan_due(cursor);
    case LIST_RUNS_BY_PREFIX:
        return scan_ids(arena, &run_record, a);
    case LIST_STEPS:
        return scan_of(&step_record, NULL, a);
    case LIST_APPROVALS:
        return scan_approvals(a, cursor);
    case LIST_APPROVALS_BY_PREFIX:
        return scan_ids(arena, &approval_record, a);
    case LIST_APPROVALS_OF_RUN:
        return scan_of(&approval_record, "approval_run", a);
    case LIST_VOTES:
        return scan_of(&vote_record, NULL, a);
    case LIST_JOBS:
        return scan_newest(&job_record, a ? "job_state" : "job_created", a, cursor);
    default:
        return (struct scan){0};
    }
}

/* Three walks by age, merged: open tasks of one agent or of all. */
static int list_open(struct ledger *ledger, const char *agent, int64_t after, size_t max,
                     struct arena *arena, void **rows, size_t *count, struct err *err)
{
    static const char *const open[] = {TASK_QUEUED, TASK_WORKING, TASK_WAITING};
    struct task *part[3], *merged;
    size_t have[3], at[3] = {0}, n = 0;
    if (read_begin(ledger, err) < 0)
        return -1;
    int rc = STORE_OK;
    for (size_t i = 0; i < 3 && rc == STORE_OK; i++) {
        void *found = NULL;
        struct scan scan = scan_tasks(agent, open[i], 0);
        scan.descending = false;
        scan.has_low = after > 0;
        scan.low = value_int(after + 1);
        scan.max = max;
        rc = ledger->store->ops->scan(ledger->store, &scan, arena, &found, &have[i], err);
        part[i] = found;
    }
    read_end(ledger);
    if (rc != STORE_OK)
        return -1;
    merged = arena_alloc(arena, (have[0] + have[1] + have[2] + 1) * sizeof(*merged));
    for (; n < max; n++) {
        int best = -1;
        for (int i = 0; i < 3; i++)
            if (at[i] < have[i] && (best < 0 || part[i][at[i]].seq < part[best][at[best]].seq))
                best = i;
        if (best < 0)
            break;
        merged[n] = part[best][at[best]++];
    }
    *rows = merged;
    *count = n;
    return 0;
}

/* Two walks under one look: who waits first, then the newest of the others. */
static int list_inbox(struct ledger *ledger, size_t max, struct arena *arena, void **rows,
                      size_t *count, struct err *err)
{
    struct approval *pending = NULL, *newest = NULL, *list;
    struct scan first = scan_approvals(APPROVAL_PENDING, 0);
    struct scan then = scan_newest(&approval_record, "approval_created", NULL, 0);
    void *found[2] = {0};
    size_t have[2] = {0}, n = 0;
    first.max = then.max = max;
    if (read_begin(ledger, err) < 0)
        return -1;
    const struct store_ops *ops = ledger->store->ops;
    int rc = ops->scan(ledger->store, &first, arena, &found[0], &have[0], err);
    if (rc == STORE_OK && have[0] < max) {
        then.max = max + have[0]; /* the pending ones may be among the newest */
        rc = ops->scan(ledger->store, &then, arena, &found[1], &have[1], err);
    }
    read_end(ledger);
    if (rc != STORE_OK)
        return -1;
    pending = found[0];
    newest = found[1];
    list = arena_alloc(arena, (max + 1) * sizeof(*list));
    for (; n < have[0]; n++)
        list[n] = pending[n];
    for (size_t i = 0; i < have[1] && n < max; i++)
        if (strcmp(newest[i].state, APPROVAL_PENDING) != 0)
            list[n++] = newest[i];
    *rows = list;
    *count = n;
    return 0;
}

/* Jobs whose folders stand there are few: those that go on are left out here. */
static int list_archive(struct ledger *ledger, size_t max, struct arena *arena, void **rows,
                        size_t *count, struct err *err)
{
    struct scan scan = {
        .record = &job_record, .index = "job_archive", .eq = {value_int(0)}, .eq_count = 1};
    size_t all = 0;
    int rc = read_scan(ledger, &scan, arena, rows, &all, err);
    struct job *jobs = *rows;
    for (size_t i = 0; i < all && *count < max; i++)
        if (job_state_is_terminal(jobs[i].state))
            jobs[(*count)++] = jobs[i];
    return rc;
}

static struct scan scan_below(const char *index, const char *of, int64_t after)
{
    struct scan scan = scan_of(&task_record, index, of);
    scan.has_low = of && after > 0;
    scan.low = value_int(after + 1);
    return scan;
}

static struct scan scan_usage(const char *first, const char *last)
{
    struct scan scan = {.record = &usage_record, .has_low = first, .has_high = last};
    scan.low = value_text(first);
    scan.high = value_text(last);
    return scan;
}

static struct scan scan_waiters(const char *kind, const char *id)
{
    struct scan scan = scan_of(&wait_record, "wait_target", kind);
    scan.eq[scan.eq_count++] = value_text(id);
    return scan;
}

static struct scan scan_sessions(const char *agent)
{
    struct scan scan = scan_of(&session_record, "session_updated", agent);
    scan.descending = true;
    return scan;
}

static struct scan scan_retired(const char *agent)
{
    struct scan scan = scan_of(&session_record, "session_retired", agent);
    scan.has_low = true;
    scan.low = value_int(1);
    return scan;
}

/* What the lists of tasks and of what belongs to them ask for; record NULL: it is none of them. */
static struct scan scan_work(struct arena *arena, enum ledger_list list, const char *a,
                             const char *b, int64_t cursor)
{
    switch (list) {
    case LIST_TASKS:
        return scan_tasks(a, b, cursor);
    case LIST_TASKS_BY_PREFIX:
        return scan_prefix(arena, a);
    case LIST_TASKS_OF_SESSION:
        return scan_ended(a, b, cursor);
    case LIST_CHILDREN:
        return scan_below("task_parent", a, cursor);
    case LIST_TREE:
        return scan_below("task_root", a, cursor);
    case LIST_CALLS:
        return scan_of(&call_record, NULL, a);
    case LIST_WAITS:
        return scan_of(&wait_record, NULL, a);
    case LIST_WAITERS:
        return scan_waiters(a, b);
    case LIST_EFFECTS:
        return scan_of(&effect_record, "effect_task", a);
    case LIST_EFFECTS_BY_STATE:
        return scan_effects(a, b, cursor);
    case LIST_SESSIONS:
        return scan_sessions(a);
    case LIST_SESSIONS_RETIRED:
        return scan_retired(a);
    case LIST_AGENTS:
        return scan_of(&agent_record, NULL, NULL);
    case LIST_USAGE:
        return scan_usage(a, b);
    default:
        return (struct scan){0};
    }
}

/* The cursor of runs is a time. A page that ended inside a millisecond would have the next one skip
 * what else came in it: it gets all rows of the time at which it ends. */
static int round_up(struct ledger *ledger, const struct scan *scan, struct arena *arena,
                    void **rows, size_t *count, struct err *err)
{
    const struct field *columns[SCHEMA_ORDER];
    schema_order(scan->record, scan->index, columns);
    const struct field *time = columns[scan->eq_count];
    size_t size = scan->record->size, same;
    void *found;
    struct scan rest = *scan;
    char *page = *rows;
    rest.has_low = rest.has_high = true;
    rest.low = rest.high = column_get(time, page + (*count - 1) * size);
    rest.max = 0;
    if (read_scan(ledger, &rest, arena, &found, &same, err) < 0)
        return -1;
    while (*count && column_get(time, page + (*count - 1) * size).number == rest.low.number)
        (*count)--;
    char *whole = arena_alloc(arena, (*count + same + 1) * size);
    memcpy(whole, page, *count * size);
    memcpy(whole + *count * size, found, same * size);
    *rows = whole;
    *count += same;
    return 0;
}

int ledger_query(struct ledger *ledger, enum ledger_list list, const char *a, const char *b,
                 int64_t cursor, size_t max, struct arena *arena, void **rows, size_t *count,
                 struct err *err)
{
    *rows = NULL;
    *count = 0;
    max = max ? max : LIMIT_LIST;
    if (list == LIST_TASKS_OPEN)
        return list_open(ledger, a, cursor, max, arena, rows, count, err);
    if (list == LIST_APPROVALS && !a)
        return list_inbox(ledger, max, arena, rows, count, err);
    if (list == LIST_JOBS_TO_ARCHIVE)
        return list_archive(ledger, max, arena, rows, count, err);
    struct scan scan = scan_work(arena, list, a, b, cursor);
    if (!scan.record)
        scan = scan_flow(arena, list, a, b, cursor);
    if (!scan.record)
        return err_set(err, "bad_list", "There is no list %d.", (int)list);
    scan.max = max;
    int rc = read_scan(ledger, &scan, arena, rows, count, err);
    if (rc == 0 && *count == max && list == LIST_RUNS)
        rc = round_up(ledger, &scan, arena, rows, count, err);
    return rc;
}

int ledger_count_runs(struct ledger *ledger, const char *state, int64_t *count, struct err *err)
{
    const struct scan scan = scan_runs(NULL, state, 0);
    if (read_begin(ledger, err) < 0)
        return -1;
    int rc = ledger->store->ops->count(ledger->store, &scan, count, err);
    read_end(ledger);
    return rc == STORE_OK ? 0 : -1;
}

int ledger_count(struct ledger *ledger, const char *agent, struct ledger_counts *counts,
                 struct err *err)
{
    tally_count(&ledger->tally, agent, counts);
    return atomic_load(&ledger->broken) ? commit_broken(err) : 0;
}

int ledger_blob_get(struct ledger *ledger, const char *hex, struct arena *arena, char **bytes,
                    size_t *len, struct err *err)
{
    if (read_begin(ledger, err) < 0)
        return -1;
    int rc = ledger->store->ops->blob_get(ledger->store, hex, arena, bytes, len, err);
    read_end(ledger);
    return rc == STORE_OK ? 0 : rc == STORE_NONE ? LEDGER_NONE : -1;
}
