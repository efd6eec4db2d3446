/* Waits: what a parked turn stands for, and its waking when it has it.
 *
 * A wait for an approval, a job or a signal is satisfied as soon as the stream "<kind>:<id>" has an
 * event: so it cannot be missed, whichever comes first. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "ledger/answer.h"
#include "ledger/event.h"
#include "ledger/loop.h"
#include "ledger/rows.h"
#include "ledger/rules.h"
#include "ledger/wait.h"

static bool wait_is_timer(const struct wait *wait)
{
    return str_eq(wait->kind, "timer") || str_eq(wait->kind, "rate");
}

static bool wait_is_patience(const struct wait *wait)
{
    return str_eq(wait->kind, "patience");
}

/* "<ms>", of patience "<ms>:<task>". */
static int64_t wait_due(const struct wait *wait)
{
    return strtoll(wait->id, NULL, 10);
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
    struct approval approval = {.id = wait->id};
    if (str_eq(wait->kind, "approval")) {
        int rc = tx_get(tx, &approval_record, &approval);
        wait->satisfied = rc == 0 && !str_eq(approval.state, APPROVAL_PENDING);
        if (rc != LEDGER_NONE)
            return rc;
    }
    struct stream head = {.name = arena_printf(tx->arena, "%s:%s", wait->kind, wait->id)};
    int rc = tx_get(tx, &stream_record, &head);
    wait->satisfied = rc == 0;
    return rc == LEDGER_NONE ? 0 : rc;
}

bool wait_is_over(const struct wait *waits, size_t count, const char *mode)
{
    size_t satisfied = 0, counted = 0;
    for (size_t i = 0; i < count; i++) {
        counted += !wait_is_patience(&waits[i]);
        satisfied += !wait_is_patience(&waits[i]) && waits[i].satisfied;
    }
    return str_eq(mode, "any") ? satisfied > 0 : satisfied == counted;
}

int64_t wait_next_timer(const struct wait *waits, size_t count)
{
    int64_t next = 0;
    for (size_t i = 0; i < count; i++)
        if (!waits[i].satisfied && (wait_is_timer(&waits[i]) || wait_is_patience(&waits[i])) &&
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

/* max 0: all of them. */
static int wait_of(struct tx *tx, const struct wait *of, size_t max, struct wait **waits,
                   size_t *count)
{
    struct scan scan = {
        .record = &wait_record,
        .index = "wait_target",
        .eq = {value_text(of->kind), value_text(of->id)},
        .eq_count = 2,
        .max = max,
    };
    return tx_scan(tx, &scan, waits, count);
}

int wait_satisfy_some(struct tx *tx, const struct wait *of, size_t max, size_t *count)
{
    struct wait *waits;
    int rc = wait_of(tx, of, max, &waits, count);
    for (size_t i = 0; i < *count && rc == 0; i++)
        if (!waits[i].satisfied)
            rc = wait_satisfy_one(tx, &waits[i]);
    return rc;
}

int wait_satisfy(struct tx *tx, const char *kind, const char *id)
{
    size_t count;
    return wait_satisfy_some(tx, &(struct wait){.kind = kind, .id = id}, 0, &count);
}

static const char *patience_for(const struct wait *wait)
{
    const char *colon = strchr(wait->id, ':');
    return colon ? colon + 1 : "";
}

/* Gives the child up that the patience was for, unless it has answered. */
static int wait_lose_patience(struct tx *tx, const struct wait *patience)
{
    struct task child = {.id = patience_for(patience)};
    struct wait wait = {.task = patience->task, .kind = "task", .id = child.id};
    int rc = tx_get(tx, &task_record, &child);
    if (rc)
        return rc == LEDGER_NONE ? tx_del(tx, &wait_record, patience) : rc;
    struct call call = {
        .task = patience->task, .step = child.parent_step, .idx = child.parent_index};
    rc = tx_get(tx, &call_record, &call);
    if (rc == 0 && str_eq(call.state, CALL_WAITING) && str_eq(call.child, child.id))
        rc = answer_give_up(tx, &call);
    if (rc == 0 || rc == LEDGER_NONE)
        rc = tx_del(tx, &wait_record, &wait);
    return rc ? rc : tx_del(tx, &wait_record, patience);
}

static int wait_time(struct tx *tx, struct wait *wait)
{
    if (wait->satisfied || wait_due(wait) > tx->now)
        return 0;
    if (wait_is_patience(wait))
        return wait_lose_patience(tx, wait);
    wait->satisfied = true;
    return tx_put(tx, &wait_record, wait);
}

int wait_timers(struct tx *tx, struct task *task)
{
    struct wait *waits;
    size_t count;
    int rc = wait_list(tx, task->id, &waits, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (wait_is_timer(&waits[i]) || wait_is_patience(&waits[i]))
            rc = wait_time(tx, &waits[i]);
    if (rc == 0)
        rc = wait_list(tx, task->id, &waits, &count);
    return rc ? rc : task_consider(tx, task, waits, count);
}

static int wait_rename(struct tx *tx, struct wait *wait, const char *id)
{
    int rc = tx_del(tx, &wait_record, wait);
    wait->id = id;
    return rc ? rc : tx_put(tx, &wait_record, wait);
}

static int patience_move(struct tx *tx, const char *waiter, const char *from, const char *to)
{
    struct wait *waits;
    size_t count;
    int rc = wait_list(tx, waiter, &waits, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (wait_is_patience(&waits[i]) && str_eq(patience_for(&waits[i]), from))
            rc = wait_rename(
                tx, &waits[i],
                arena_printf(tx->arena, "%lld:%s", (long long)wait_due(&waits[i]), to));
    return rc;
}

int wait_move(struct tx *tx, const char *from, const char *to)
{
    struct wait *waits;
    size_t count;
    int rc = wait_of(tx, &(struct wait){.kind = "task", .id = from}, 0, &waits, &count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = wait_rename(tx, &waits[i], to);
        if (rc == 0)
            rc = patience_move(tx, waits[i].task, from, to);
        if (rc == 0)
            rc = loop_check(tx, waits[i].task, to);
    }
    return rc;
}
