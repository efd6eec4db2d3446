/* One rule per op, and the steps that several of them share. Each returns 0, a ledger_outcome (its
 * batch is undone) or TX_FAILED / TX_FULL; on anything but 0 the transaction's outcome is filled.
 */
#ifndef HQ_LEDGER_RULES_H
#define HQ_LEDGER_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/tx.h"

struct op;

/* A task's life: made, thinking, waiting, ended. The op's fields are those of ledger.h. */
int rule_submit(struct tx *tx, const struct op *op);
int rule_delegate(struct tx *tx, const struct op *op);
int rule_call_intend(struct tx *tx, const struct op *op);
int rule_call_drop(struct tx *tx, const struct op *op);
int rule_call_record(struct tx *tx, const struct op *op);
int rule_park(struct tx *tx, const struct op *op);
int rule_finish(struct tx *tx, const struct op *op);
int rule_fail_try(struct tx *tx, const struct op *op);
int rule_release(struct tx *tx, const struct op *op);
int rule_cancel(struct tx *tx, const struct op *op);
int rule_reassign(struct tx *tx, const struct op *op);
/* Outward deliveries, events, and what came in from outside. */
int rule_effect(struct tx *tx, const struct op *op);
int rule_effect_state(struct tx *tx, const struct op *op);
int rule_event(struct tx *tx, const struct op *op);
int rule_inbox(struct tx *tx, const struct op *op);
/* An agent's process tells who it is; a projection is written down as done. */
int rule_register(struct tx *tx, const struct op *op);
int rule_projected(struct tx *tx, const struct op *op);
/* Workflows. */
int rule_define(struct tx *tx, const struct op *op);
int rule_run_start(struct tx *tx, const struct op *op);
int rule_run_decide(struct tx *tx, const struct op *op);
int rule_signal(struct tx *tx, const struct op *op);
int rule_ask(struct tx *tx, const struct op *op);
int rule_decide(struct tx *tx, const struct op *op);
int rule_job_state(struct tx *tx, const struct op *op);
/* People stop work, and let it go on. */
int rule_pause(struct tx *tx, const struct op *op);
int rule_resume(struct tx *tx, const struct op *op);

/* Leases ready tasks; tasks (in the caller's arena) is an array of *count. */
struct claiming {
    const struct claim *claim;
    struct arena *arena;
    struct task **tasks;
    size_t *count;
};
int rule_claim(struct tx *tx, struct claiming *claiming);

/* How a task ends. `handoff` may be NULL: one is made from status and message. */
struct ending {
    const char *state;
    const char *failure_class, *failure_message;
    const struct handoff *handoff;
};

/* Ends an open task: handoff, lane, root, the parent's call and waits, event. */
int task_end(struct tx *tx, struct task *task, const struct ending *ending);

/* Ends a task that was told to stop (task->cancel): cancelled or timed_out. */
int task_end_cancelled(struct tx *tx, struct task *task);

/* The worker is gone: queues the task again, one death more; after LIMIT_DEATHS it has crashed.
 * keep_worker: the lease ended by its time, so the worker may still write while nobody claims. */
int task_death(struct tx *tx, struct task *task, bool keep_worker, const char *event);

/* Stops one open task for `reason` and everything below it. */
int task_cancel_tree(struct tx *tx, struct task *task, const char *reason);

/* Runs and commands of workflows stand in no session: nobody talks to them. */
bool task_has_lane(const struct task *task);
/* Its session was made for it alone: "<kind>:<its id>". */
bool task_has_own_session(const struct task *task);

/* Lanes, of tasks that have one. enter: the session of a new task; sets blocked. leave: hands the lane on. */
int lane_enter(struct tx *tx, struct task *task);
int lane_leave(struct tx *tx, struct task *task);

/* Satisfies every wait for (kind, id) and wakes those who then have what they waited for. */
int wait_satisfy(struct tx *tx, const char *kind, const char *id);

/* Satisfies the due timers of a waiting task, then wakes it or sets its next time. */
int wait_timers(struct tx *tx, struct task *task);

/* Deletes the waits of a task. */
int wait_clear(struct tx *tx, const char *task);

#endif
