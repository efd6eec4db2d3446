/* A batch as one step of a transaction. */
#ifndef HQ_LEDGER_BATCH_H
#define HQ_LEDGER_BATCH_H

#include <stdbool.h>

struct batch;
struct tx;

/* Runs a const struct batch; returns what a rule returns. */
int batch_run(struct tx *tx, void *batch);

/* True where it may use the reserve of a full disk. */
bool batch_frees(const struct batch *batch);

#endif
