/* What model calls cost, summed as they are recorded. */
#ifndef HQ_LEDGER_USAGE_H
#define HQ_LEDGER_USAGE_H

struct call;
struct task;
struct tx;

/* Adds a recorded model call to its day's row and to its tree. 0, TX_FAILED or TX_FULL. */
int usage_add(struct tx *tx, const struct task *task, const struct call *call);

#endif
