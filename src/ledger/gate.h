/* How much is asked of each provider of models at once and per minute, and who stands in line for a
 * place: a monitor, told by the commits. The line is first come, first served; after a start of the
 * hub it is empty, and those who stood in it come back by their timers. */
#ifndef HQ_LEDGER_GATE_H
#define HQ_LEDGER_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

struct task;
struct tx;

struct gate {
    pthread_mutex_t mutex;
    struct map places; /* provider → struct place */
};

/* What a batch does to the gate; it counts once it is on disk. */
struct ask {
    enum { ASK_START, ASK_END, ASK_LINE, ASK_WOKEN, ASK_DROP } what;
    const char *provider, *task;
    int64_t at; /* LINE: when it comes back at the latest */
};

/* Caller's memory; every call is short. */
void gate_init(struct gate *gate);
void gate_fini(struct gate *gate);

/* Sets a provider's limits; 0: none. */
void gate_limit(struct gate *gate, const char *provider, int64_t concurrent, int64_t per_minute);

/* Counts a call that was open when the hub started. */
void gate_load(struct gate *gate, const char *provider);

/* Takes over what a commit did at `now`; true where gate_wake has something to do. */
bool gate_apply(struct gate *gate, const struct ask *asks, size_t count, int64_t now);

/* ---- in a transaction; 0, an outcome, TX_FAILED or TX_FULL ---- */

/* Lets a working task ask `provider` (sets task->provider, which the caller writes), or parks it:
 * then *parked, and the task is written. */
int gate_enter(struct tx *tx, struct task *task, const char *provider, bool *parked);

/* The task asks nobody any more; the caller writes it. */
void gate_leave(struct tx *tx, struct task *task);

/* Wakes who is next in line where there are free places. */
int gate_wake(struct tx *tx);

#endif
