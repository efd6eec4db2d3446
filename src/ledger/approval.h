/* What people are asked: gates of runs, questions of agents, outcomes that nobody knows.
 *
 * All return 0, a ledger_outcome with the transaction's outcome filled, or TX_FAILED / TX_FULL. */
#ifndef HQ_LEDGER_APPROVAL_H
#define HQ_LEDGER_APPROVAL_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/flow.h"

struct call;
struct effect;
struct task;
struct tx;
struct wait;

#define APPROVAL_STREAM "inbox" /* events of everything that people are asked */

/* Writes a new approval, pending, with an id of its own, and its events. The caller has set kind,
 * title, and whose it is (run and path, task and call, or effect). */
int approval_open(struct tx *tx, struct approval *approval);

/* How it ends. */
struct verdict {
    const char *state; /* APPROVAL_… but pending */
    const char *by;    /* principals; NULL: nobody */
    const char *via, *feedback, *answer;
};

/* Ends a pending approval, and does what follows: the run's fact, the call's record, the effect. */
int approval_settle(struct tx *tx, struct approval *approval, const struct verdict *verdict);

/* Its time is over. */
int approval_expire(struct tx *tx, struct approval *approval);

/* Who asked has ended, or does not ask any more; nothing where it is not pending. */
int approval_cancel(struct tx *tx, const char *id);

/* The same for all that a task waits for: its calls' questions; of a run's task, what its run asks.
 */
int approval_abandon(struct tx *tx, const struct task *task);

/* Asks whether an effect whose outcome is unknown is to be sent again; and stops asking. */
int approval_ask_effect(struct tx *tx, const struct effect *effect);
int approval_drop_effect(struct tx *tx, const struct effect *effect);

/* The task's calls of a step that wait for people: their approvals, in the arena. */
int approval_waiting(struct tx *tx, const struct task *task, int64_t step,
                     struct approval **approvals, size_t *count);

/* Expires what is overdue, a page at a time; notes when the next one is due. */
int approval_sweep(struct tx *tx, bool *more);
int approval_sweep_next(struct tx *tx);

/* ---- what follows (approval_follow.c) ---- */

/* The fact, the record or the step of an approval that has ended. */
int approval_follow(struct tx *tx, const struct approval *approval);

#endif
