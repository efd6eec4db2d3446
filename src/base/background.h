/* A loop on a thread of its own that sleeps between its steps until somebody wakes or ends it. */
#ifndef HQ_BASE_BACKGROUND_H
#define HQ_BASE_BACKGROUND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Its owner holds it by value and touches no field. */
struct background {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t wakes, seen; /* how often woken, and how many of those the loop knows of */
    bool started, ending;
};

/* Makes it ready; nothing runs yet. background_fini() frees it. */
void background_init(struct background *background);

/* Runs `run` on a thread named `name` (≤ 15 characters). 0, or -1 when the system has no more
 * threads. */
int background_start(struct background *background, const char *name, void *(*run)(void *),
                     void *arg);

/* For the loop. Sleeps `ms` (≥ 0), wakes or not. False: it is to end, at once. */
bool background_sleep(struct background *background, int64_t ms);

/* For the loop. Sleeps until it is woken or `ms` have passed; a wake since the last sleep or wait
 * counts, so that what comes during a step is not missed. False: it is to end. */
bool background_wait(struct background *background, int64_t ms);

/* From any thread. Does not block. */
void background_wake(struct background *background);

/* Tells the loop to end and returns: its owner may then break off what it waits for elsewhere. */
void background_end(struct background *background);

/* Ends the loop, blocks until it has returned, and frees what it holds. */
void background_fini(struct background *background);

#endif
