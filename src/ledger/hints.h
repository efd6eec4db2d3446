/* What was touched since somebody last looked: a monitor for one listener. */
#ifndef HQ_LEDGER_HINTS_H
#define HQ_LEDGER_HINTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

struct arena;

struct hints {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    struct map keys;
    bool overflow, closed;
};

/* Caller's memory. A monitor: any thread may add, one listens. */
void hints_init(struct hints *hints);
void hints_fini(struct hints *hints);

/* Adds keys and wakes the listener. With too many to keep, all become the one key "*". */
void hints_add(struct hints *hints, const char *const *keys, size_t count);

/* Ends the waiting for good. */
void hints_close(struct hints *hints);

bool hints_are_closed(struct hints *hints);

/* See ledger_wait. */
bool hints_wait(struct hints *hints, int64_t ms, struct arena *arena, const char ***keys,
                size_t *count);

#endif
