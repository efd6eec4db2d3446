/* A breaker per agent: after failures in a row it is not asked for a while (ledger.h tells how it
 * stands). */
#ifndef HQ_LEDGER_BREAKER_H
#define HQ_LEDGER_BREAKER_H

struct task;
struct tx;

/* Counts the end of a task that was in state `from` for its agent. 0, TX_FAILED or TX_FULL. */
int breaker_note(struct tx *tx, const struct task *task, const char *from);

#endif
