/* How many open tasks each agent has: a monitor, kept in step with the store by the commits. */
#ifndef HQ_LEDGER_TALLY_H
#define HQ_LEDGER_TALLY_H

#include <pthread.h>
#include <stddef.h>

#include "base/map.h"

struct change;
struct ledger_counts;

struct tally {
    pthread_mutex_t mutex;
    struct map agents; /* agent → struct ledger_counts */
};

/* Caller's memory; a monitor, every call is short. */
void tally_init(struct tally *tally);
void tally_fini(struct tally *tally);

/* Sets what an agent has, at start. */
void tally_set(struct tally *tally, const char *agent, const struct ledger_counts *counts);

/* Counts what a commit changed. */
void tally_apply(struct tally *tally, const struct change *changes, size_t count);

/* Copies what the agent has; zeros for one that is not known. */
void tally_count(struct tally *tally, const char *agent, struct ledger_counts *counts);

#endif
