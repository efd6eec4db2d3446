/* One at a time, in the order of arrival: readers of the store are not starved by the commit
 * thread, which comes back at once. */
#ifndef HQ_LEDGER_TURNSTILE_H
#define HQ_LEDGER_TURNSTILE_H

#include <pthread.h>
#include <stdbool.h>

struct turnstile_waiter;

struct turnstile {
    pthread_mutex_t mutex;
    struct turnstile_waiter *first, **last;
    bool is_taken;
};

/* Caller's memory; fini only when nobody is inside or waits. */
void turnstile_init(struct turnstile *turnstile);
void turnstile_fini(struct turnstile *turnstile);

/* Blocks until it is the caller's turn: at most one transaction or one read per caller in front. */
void turnstile_enter(struct turnstile *turnstile);

/* Wakes who has waited longest, and nobody else. Does not block. */
void turnstile_leave(struct turnstile *turnstile);

#endif
