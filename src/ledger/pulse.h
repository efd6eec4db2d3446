/* How commits go: counted by the commit thread, read by whoever wants to know. */
#ifndef HQ_LEDGER_PULSE_H
#define HQ_LEDGER_PULSE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/ledger.h"

struct pulse {
    _Atomic int64_t commits, batches, us;
    _Atomic int64_t buckets[LEDGER_COMMIT_BUCKETS];
};

/* A clock for what follows, in microseconds; CLOCK_MONOTONIC. */
int64_t pulse_now_us(void);

/* A group of `batches` was served, from `begun_us` until now. */
void pulse_beat(struct pulse *pulse, int64_t begun_us, size_t batches);

#endif
