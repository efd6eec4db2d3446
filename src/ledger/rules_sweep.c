/* The rules of time, in slices, so that nobody waits long behind them. */
#include "base/arena.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "ledger/approval.h"
#include "ledger/clock.h"
#include "ledger/event.h"
#include "ledger/gate.h"
#include "ledger/lease.h"
#include "ledger/pause.h"
#include "ledger/request.h"
#include "ledger/rules.h"
#include "ledger/run.h"
#include "ledger/sweep.h"

enum {
    SWEEP_PAGE = 32,         /* tasks changed in one transaction: a few milliseconds */
    SWEEP_NAMED = 64,        /* ready tasks whose queues are announced by name */
    SWEEP_FORGET_MS = 60000, /* answers are forgotten in lots, not one by one */
};

/* A clock that moved is nobody's fault: every lease gets a full term. */
static int sweep_clock(struct tx *tx, struct clock *clock)
{
    int64_t by = 0;
    enum clock_event event = clock_look(clock, &by);
    if (event == CLOCK_STEADY)
        return 0;
    const char *type = event == CLOCK_JUMPED ? "clock.jumped" : "clock.suspended";
    log_warn("%s by %lld ms: every lease gets a full term", type, (long long)by);
    leases_renew_all(tx->leases, tx->now);
    return event_append(tx, "system", type, json_pack("{s:I}", "ms", (json_int_t)by));
}

static int sweep_leases(struct tx *tx, bool *more)
{
    const char **tasks;
    size_t count = leases_expired(tx->leases, tx->now, SWEEP_PAGE, tx->arena, &tasks);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct task *task;
        rc = task_get(tx, tasks[i], &task);
        if (rc == 0 && str_eq(task->state, TASK_WORKING))
            rc = task_death(tx, task, true, "lease.expired");
    }
    *more |= count == SWEEP_PAGE;
    return rc;
}

static int sweep_timers(struct tx *tx, bool *more)
{
    struct task *tasks;
    size_t count;
    struct scan scan = {
        .record = &task_record,
        .index = "task_due",
        .eq = {value_text(TASK_WAITING)},
        .eq_count = 1,
        .has_low = true,
        .low = value_int(1),
        .has_high = true,
        .high = value_int(tx->now),
        .max = SWEEP_PAGE,
    };
    int rc = tx_scan(tx, &scan, &tasks, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = wait_timers(tx, &tasks[i]);
    *more |= count == SWEEP_PAGE;
    return rc;
}

/* Who works past the deadline is told once and stays in the index until it has stopped. */
static int sweep_deadlines(struct tx *tx, const char *state, bool *more)
{
    struct task *tasks;
    size_t count, changed = 0;
    struct scan scan = {
        .record = &task_record,
        .index = "task_deadline",
        .eq = {value_text(state)},
        .eq_count = 1,
        .has_low = true,
        .low = value_int(1),
        .has_high = true,
        .high = value_int(tx->now),
        .max = str_eq(state, TASK_WORKING) ? LIMIT_LIST : SWEEP_PAGE,
    };
    int rc = tx_scan(tx, &scan, &tasks, &count);
    for (size_t i = 0; i < count && rc == 0 && changed < SWEEP_PAGE; i++) {
        struct task *task; /* again: a relative's end may have ended it */
        if (tasks[i].cancel)
            continue;
        changed++;
        rc = task_get(tx, tasks[i].id, &task);
        if (rc == 0 && !task_state_is_terminal(task->state) && !task->cancel)
            rc = task_cancel_tree(tx, task, "timeout");
    }
    *more |= changed == SWEEP_PAGE;
    return rc;
}

/* Retries whose time has come change no row: their queue is announced. */
static int sweep_ready(struct tx *tx, int64_t looked)
{
    struct task *tasks;
    size_t count;
    struct scan scan = {
        .record = &task_record,
        .index = "task_due",
        .eq = {value_text(TASK_QUEUED)},
        .eq_count = 1,
        .has_low = true,
        .low = value_int(looked + 1),
        .has_high = true,
        .high = value_int(tx->now),
        .max = SWEEP_NAMED,
    };
    int rc = tx_scan(tx, &scan, &tasks, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        tx_touch(tx, "queue:", tasks[i].agent);
    if (count == SWEEP_NAMED)
        tx_touch(tx, "*", "");
    return rc;
}

static int sweep_effects(struct tx *tx, int64_t looked)
{
    struct effect *effects;
    size_t count;
    struct scan scan = {
        .record = &effect_record,
        .index = "effect_state",
        .eq = {value_text(EFFECT_INTENDED)},
        .eq_count = 1,
        .has_low = true,
        .low = value_int(looked + 1),
        .has_high = true,
        .high = value_int(tx->now),
        .max = 1,
    };
    int rc = tx_scan(tx, &scan, &effects, &count);
    if (rc == 0 && count)
        tx_touch(tx, "effects", "");
    return rc;
}

/* Notes when the first row of (index, state) from `low` on is due. */
static int sweep_next(struct tx *tx, const char *index, const char *state, int64_t low)
{
    struct task *task;
    size_t count;
    struct scan scan = {
        .record = &task_record,
        .index = index,
        .eq = {value_text(state)},
        .eq_count = 1,
        .has_low = true,
        .low = value_int(low),
        .max = 1,
    };
    int rc = tx_scan(tx, &scan, &task, &count);
    if (rc == 0 && count)
        tx_due(tx, str_eq(index, "task_due") ? task->ready_at : task->deadline_at);
    return rc;
}

static int sweep_next_effect(struct tx *tx)
{
    struct effect *effect;
    size_t count;
    struct scan scan = {
        .record = &effect_record,
        .index = "effect_state",
        .eq = {value_text(EFFECT_INTENDED)},
        .eq_count = 1,
        .has_low = true,
        .low = value_int(tx->now + 1),
        .max = 1,
    };
    int rc = tx_scan(tx, &scan, &effect, &count);
    if (rc == 0 && count)
        tx_due(tx, effect->ready_at);
    return rc;
}

static int sweep_plan(struct tx *tx)
{
    static const char *const open[] = {TASK_QUEUED, TASK_WAITING, TASK_WORKING};
    int64_t later = tx->now + 1;
    int rc = sweep_next(tx, "task_due", TASK_WAITING, later);
    if (rc == 0)
        rc = sweep_next(tx, "task_due", TASK_QUEUED, later);
    for (size_t i = 0; i < 3 && rc == 0; i++)
        rc = sweep_next(tx, "task_deadline", open[i], later);
    if (rc == 0)
        rc = approval_sweep_next(tx);
    if (rc == 0)
        rc = run_sweep_next(tx);
    return rc ? rc : sweep_next_effect(tx);
}

static int sweep_forget(struct tx *tx, struct sweep *sweep, bool *more)
{
    bool full = false;
    int rc = 0;
    if (tx->now >= sweep->forget_at) {
        rc = request_forget(tx, &full);
        sweep->forget_at = full ? tx->now : tx->now + SWEEP_FORGET_MS;
    }
    *more |= full;
    return rc;
}

int sweep_slice(struct tx *tx, struct clock *clock, struct sweep *sweep, bool *more)
{
    *more = false;
    int rc = sweep_clock(tx, clock);
    if (rc == 0)
        rc = sweep_leases(tx, more);
    if (rc == 0)
        rc = sweep_timers(tx, more);
    if (rc == 0)
        rc = gate_wake(tx);
    if (rc == 0)
        rc = sweep_deadlines(tx, TASK_QUEUED, more);
    if (rc == 0)
        rc = sweep_deadlines(tx, TASK_WAITING, more);
    if (rc == 0)
        rc = sweep_deadlines(tx, TASK_WORKING, more);
    if (rc == 0)
        rc = sweep_ready(tx, sweep->looked);
    if (rc == 0)
        rc = sweep_effects(tx, sweep->looked);
    if (rc == 0)
        rc = approval_sweep(tx, more);
    if (rc == 0)
        rc = run_sweep(tx, sweep->looked);
    if (rc == 0)
        rc = pause_sweep(tx, sweep, more);
    if (rc == 0)
        rc = sweep_forget(tx, sweep, more);
    sweep->looked = tx->now;
    return rc || *more ? rc : sweep_plan(tx);
}
