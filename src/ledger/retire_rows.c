/* Taking a retired request's rows away, a few in each transaction: first what hangs on a task, then
 * the task, at last what hangs on the request. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "ledger/feed.h"
#include "ledger/retire.h"
#include "ledger/rows.h"
#include "ledger/rules.h"
#include "ledger/schema.h"
#include "wire/call.h"
#include "wire/flow.h"

enum { ROWS_AT_ONCE = 60 /* about 2 ms with their indexes */ };

const struct retire_part retire_parts[] = {
    {&handoff_record, NULL, RETIRE_TASK},
    {&call_record, NULL, RETIRE_TASK},
    {&wait_record, NULL, RETIRE_TASK},
    {&effect_record, "effect_task", RETIRE_TASK},
    {&inbox_record, "inbox_task", RETIRE_TASK},
    {&event_record, NULL, RETIRE_TASK},
    {&stream_record, NULL, RETIRE_TASK},
    {&step_record, NULL, RETIRE_RUN},
    {&event_record, NULL, RETIRE_RUN},
    {&stream_record, NULL, RETIRE_RUN},
    {&run_record, NULL, RETIRE_RUN},
    {&approval_record, "approval_root", RETIRE_ROOT},
    {&job_record, "job_root", RETIRE_ROOT},
};
const size_t retire_part_count = sizeof(retire_parts) / sizeof(retire_parts[0]);

struct cutting {
    struct tx *tx;
    struct retire_slice *slice;
    size_t left;
};

int retire_mark(struct tx *tx, const char *id, int64_t ended_at)
{
    struct root root = {.id = id};
    struct approval *approvals;
    size_t count = 0;
    struct scan scan = {.record = &approval_record,
                        .index = "approval_root",
                        .eq = {value_text(id)},
                        .eq_count = 1};
    int rc = tx_get(tx, &root_record, &root);
    if (rc == 0 && (root.ended_at != ended_at || root.tasks_live))
        return tx_refuse(tx, LEDGER_CONFLICT, "changed", "Request %s is open again.", id);
    if (rc == 0)
        rc = tx_scan(tx, &scan, &approvals, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (str_eq(approvals[i].state, APPROVAL_PENDING))
            return tx_refuse(tx, LEDGER_CONFLICT, "changed", "Request %s asks a person.", id);
    if (rc)
        return rc;
    root.retired_at = tx->now;
    return tx_put(tx, &root_record, &root);
}

static int del_votes(struct cutting *cut, const struct approval *approval)
{
    struct vote *votes;
    size_t count;
    struct scan scan = {.record = &vote_record, .eq = {value_text(approval->id)}, .eq_count = 1};
    int rc = tx_scan(cut->tx, &scan, &votes, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = tx_del(cut->tx, &vote_record, &votes[i]);
    return rc;
}

/* What goes with a row besides itself. */
static int del_with(struct cutting *cut, const struct record *record, const void *row)
{
    if (record == &event_record)
        return feed_retire(cut->tx, ((const struct event *)row)->no);
    if (record == &approval_record)
        return del_votes(cut, row);
    if (record == &run_record) {
        const char *definition = ((const struct run *)row)->definition;
        snprintf(cut->slice->definition, sizeof(cut->slice->definition), "%s",
                 definition ? definition : "");
    }
    return 0;
}

/* Rows of one part, as many as there is time for. */
static int del_part(struct cutting *cut, const struct retire_part *part, const char *owner)
{
    char *rows;
    size_t count;
    struct scan scan = {.record = part->record,
                        .index = part->index,
                        .eq = {value_text(owner)},
                        .eq_count = 1,
                        .max = cut->left};
    int rc = cut->left ? tx_scan(cut->tx, &scan, &rows, &count) : 0;
    if (cut->left == 0 || rc)
        return rc;
    for (size_t i = 0; i < count && rc == 0; i++) {
        const void *row = rows + i * part->record->size;
        rc = del_with(cut, part->record, row);
        if (rc == 0)
            rc = tx_del(cut->tx, part->record, row);
        cut->left--;
    }
    return rc;
}

static int del_parts(struct cutting *cut, enum retire_owner kind, const char *owner)
{
    int rc = 0;
    for (size_t i = 0; i < retire_part_count && rc == 0; i++)
        if (retire_parts[i].owner == kind)
            rc = del_part(cut, &retire_parts[i], owner);
    return rc;
}

static int del_budget(struct cutting *cut, const char *owner)
{
    static const char *const units[] = {"usd", "tokens"};
    int rc = 0;
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        struct budget row = {.id = arena_printf(cut->tx->arena, "%s/%s", owner, units[i])};
        rc = tx_del(cut->tx, &budget_record, &row);
    }
    return rc;
}

/* A session that was made for this task alone, and in which nobody said more, goes with it: its
 * agent takes the transcript away and says so. Any other is there to be come back to. */
static int mark_session(struct cutting *cut, const struct task *task)
{
    struct session session = {.agent = task->agent, .key = task->session};
    if (!task_has_own_session(task))
        return 0;
    int rc = tx_get(cut->tx, &session_record, &session);
    if (rc == LEDGER_NONE)
        return 0;
    if (rc || session.open_task || session.finished != 1)
        return rc;
    session.retired_at = cut->tx->now;
    return tx_put(cut->tx, &session_record, &session);
}

/* The task itself is the last of its rows: whoever finds it knows that others may be there. */
static int del_task(struct cutting *cut, const struct task *task)
{
    char run[RUN_ID_TEXT];
    run_id_of_task(task->id, run);
    int rc = del_parts(cut, RETIRE_TASK, task->id);
    if (rc == 0 && cut->left && str_eq(task->agent, FLOW_AGENT))
        rc = del_parts(cut, RETIRE_RUN, run);
    if (rc || cut->left == 0)
        return rc;
    cut->left--;
    rc = mark_session(cut, task);
    if (rc == 0)
        rc = del_budget(cut, task->id);
    return rc ? rc : tx_del(cut->tx, &task_record, task);
}

int retire_rows(struct tx *tx, struct retire_slice *slice)
{
    struct cutting cut = {tx, slice, ROWS_AT_ONCE};
    struct root root = {.id = slice->root};
    int rc = 0;
    slice->more = true;
    while (rc == 0 && cut.left) {
        struct task *task;
        size_t count;
        struct scan scan = {.record = &task_record,
                            .index = "task_root",
                            .eq = {value_text(slice->root)},
                            .eq_count = 1,
                            .descending = true, /* children before those who asked them */
                            .max = 1};
        rc = tx_scan(tx, &scan, &task, &count);
        if (rc || count == 0)
            break;
        rc = del_task(&cut, task);
    }
    if (rc == 0 && cut.left)
        rc = del_parts(&cut, RETIRE_ROOT, slice->root);
    if (rc || cut.left == 0)
        return rc;
    slice->more = false;
    rc = del_budget(&cut, slice->root);
    return rc ? rc : tx_del(tx, &root_record, &root);
}

int retire_stream(struct tx *tx, const char *name, int64_t upto, bool *more)
{
    struct stream head = {.name = name};
    struct event *events;
    size_t count;
    struct scan scan = {.record = &event_record,
                        .eq = {value_text(name)},
                        .eq_count = 1,
                        .has_high = true,
                        .high = value_int(upto),
                        .has_low = true,
                        .low = value_int(0),
                        .max = ROWS_AT_ONCE};
    int rc = tx_get(tx, &stream_record, &head);
    if (rc == 0)
        rc = tx_scan(tx, &scan, &events, &count);
    *more = rc == 0 && count == ROWS_AT_ONCE;
    if (rc || count == 0)
        return rc == LEDGER_NONE ? 0 : rc;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = feed_retire(tx, events[i].no);
        if (rc == 0)
            rc = tx_del(tx, &event_record, &events[i]);
    }
    head.first = events[count - 1].seq + 1;
    head.prev = events[count - 1].hash;
    return rc ? rc : tx_put(tx, &stream_record, &head);
}

int retire_definition(struct tx *tx, const char *sha256)
{
    struct run *runs;
    size_t count;
    struct definition definition = {.sha256 = sha256};
    struct scan scan = {.record = &run_record,
                        .index = "run_definition",
                        .eq = {value_text(sha256)},
                        .eq_count = 1,
                        .max = 1};
    int rc = tx_scan(tx, &scan, &runs, &count);
    return rc || count ? rc : tx_del(tx, &definition_record, &definition);
}
