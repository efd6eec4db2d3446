/* Waits: what a parked turn stands for, and its waking when it has it.
 *
 * A wait for an approval, a job or a signal is satisfied as soon as the stream "<kind>:<id>" has an
 * event: so it cannot be missed, whichever comes first. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/str.h"
#include "ledger/event.h"
#include "ledger/rows.h"
#include "ledger/rules.h"
#include "ledger/wait.h"

static bool wait_is_timer(const struct wait *wait)
{
    return str_eq(wait->kind, "timer") || str_eq(wait->kind, "rate");
}

static int64_t wait_due(const struct wait *wait)
{
    int64_t due = 0;
    str_to_int(wait->id, 0, INT64_MAX, &due);
    return due;
}

int wait_look(struct tx *tx, struct wait *wait)
{
    if (wait_is_timer(wait)) {
        wait->satisfied = wait_due(wait) <= tx->now;
        return 0;
    }
    if (str_eq(wait->kind, "task")) {
        struct task *target;
        int rc = task_get(tx, wait->id, &target);
        wait->satisfied = rc == 0 && task_state_is_terminal(target->state);
        return rc;
    }
    struct stream head = {.name = arena_printf(tx->arena, "%s:%s", wait->kind, wait->id)};
    int rc = tx_get(tx, &stream_record, &head);
    wait->satisfied = rc == 0;
    return rc == LEDGER_NONE ? 0 : rc;
}

bool wait_is_over(const struct wait *waits, size_t count, const char *mode)
{
    size_t satisfied = 0;
    for (size_t i = 0; i < count; i++)
        satisfied += waits[i].satisfied;
    return str_eq(mode, "any") ? satisfied > 0 : satisfied == count;
}

int64_t wait_next_timer(const struct wait *waits, size_t count)
{
    int64_t next = 0;
    for (size_t i = 0; i < count; i++)
        if (!waits[i].satisfied && wait_is_timer(&waits[i]) &&
            (!next || wait_due(&waits[i]) < next))
            next = wait_due(&waits[i]);
    return next;
}

static int wait_list(struct tx *tx, const char *task, struct wait **waits, size_t *count)
{
    struct scan scan = {.record = &wait_record, .eq = {value_text(task)}, .eq_count = 1};
    return tx_scan(tx, &scan, waits, count);
}

int wait_clear(struct tx *tx, const char *task)
{
    struct wait *waits;
    size_t count;
    int rc = wait_list(tx, task, &waits, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = tx_del(tx, &wait_record, &waits[i]);
    return rc;
}

static int task_wake(struct tx *tx, struct task *task)
{
    const char *from = task->state;
    int rc = wait_clear(tx, task->id);
    if (rc)
        return rc;
    task->state = TASK_QUEUED;
    task->ready_at = tx->now;
    task->wait_mode = NULL;
    rc = task_put(tx, task, from);
    return rc ? rc : event_append(tx, task->id, "task.woken", NULL);
}

/* Wakes the task if its waits are over; sets when its next timer is due. */
static int task_consider(struct tx *tx, struct task *task, const struct wait *waits, size_t count)
{
    if (wait_is_over(waits, count, task->wait_mode))
        return task_wake(tx, task);
    task->ready_at = wait_next_timer(waits, count);
    return task_put(tx, task, task->state);
}

static int wait_satisfy_one(struct tx *tx, struct wait *wait)
{
    struct task *task;
    struct wait *waits;
    size_t count;
    wait->satisfied = true;
    int rc = tx_put(tx, &wait_record, wait);
    if (rc == 0)
        rc = task_get(tx, wait->task, &task);
    if (rc || !str_eq(task->state, TASK_WAITING))
        return rc;
    rc = wait_list(tx, task->id, &waits, &count);
    return rc ? rc : task_consider(tx, task, waits, count);
}

int wait_satisfy(struct tx *tx, const char *kind, const char *id)
{
    struct wait *waits;
    size_t count;
    struct scan scan = {
        .record = &wait_record,
        .index = "wait_target",
        .eq = {value_text(kind), value_text(id)},
        .eq_count = 2,
    };
    int rc = tx_scan(tx, &scan, &waits, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (!waits[i].satisfied)
            rc = wait_satisfy_one(tx, &waits[i]);
    return rc;
}

int wait_timers(struct tx *tx, struct task *task)
{
    struct wait *waits;
    size_t count;
    int rc = wait_list(tx, task->id, &waits, &count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (waits[i].satisfied || !wait_is_timer(&waits[i]) || wait_due(&waits[i]) > tx->now)
            continue;
        waits[i].satisfied = true;
        rc = tx_put(tx, &wait_record, &waits[i]);
    }
    return rc ? rc : task_consider(tx, task, waits, count);
}
