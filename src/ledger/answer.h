/* Calls that another task answers: which of them still wait, and how each gets its record. */
#ifndef HQ_LEDGER_ANSWER_H
#define HQ_LEDGER_ANSWER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct call;
struct task;
struct tx;

/* Records the call with what its model reads, {"text","is_error", …} (taken); `by` is the task that
 * the event names, NULL: none. */
int answer_put(struct tx *tx, struct call *call, json_t *answer, const char *by);

/* The same for a call of which nobody knows what became of it: its state is `unknown`. */
int answer_put_unknown(struct tx *tx, struct call *call, json_t *answer, const char *by);

/* Who asked has ended: the call is `unknown`, without an answer. */
int answer_nobody(struct tx *tx, struct call *call);

/* The task's calls that wait for an answer, in the arena, by the age of the tasks that answer. */
int answer_waiting(struct tx *tx, const struct task *task, struct call **calls, size_t *count);

/* When the call's patience ends (ms); 0: it has as much as its child's deadline. */
int64_t answer_patience(const struct call *call);

/* Notes in a call that waits from `tx->now` on how long its patience is; ms > 0. */
void answer_be_patient(struct tx *tx, struct call *call, int64_t ms);

/* The patience is over: records the call, the child goes on. */
int answer_give_up(struct tx *tx, struct call *call);

/* The task has ended: nobody will read what its calls still wait for. */
int answer_abandon(struct tx *tx, const struct task *task);

#endif
