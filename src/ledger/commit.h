/* The commit thread: gathers what callers submit into one transaction, a savepoint each, one fsync;
 * then answers all; then wakes whom it concerns. In between it does what is due. */
#ifndef HQ_LEDGER_COMMIT_H
#define HQ_LEDGER_COMMIT_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ledger/clock.h"
#include "ledger/fair.h"
#include "ledger/feed.h"
#include "ledger/gate.h"
#include "ledger/hints.h"
#include "ledger/lease.h"
#include "ledger/pause.h"
#include "ledger/pulse.h"
#include "ledger/sweep.h"
#include "ledger/tally.h"
#include "ledger/turnstile.h"

struct err;
struct outcome;
struct store;
struct submission;
struct tx;

struct ledger {
    struct store *store;
    char id[FEED_ID];
    struct turnstile
        turn;           /* at the store: the commit thread for a transaction, others for a read */
    atomic_bool broken; /* a commit failed: what is on disk is not known */
    struct clock clock;
    struct leases leases;
    struct tally tally;
    struct gate gate;
    struct pauses pauses;
    struct hints hints;
    struct pulse pulse;

    /* The queue: a monitor of its own. */
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    struct submission *first, **last;
    bool closing, sweep_now;
    pthread_t thread;

    /* The commit thread's own. */
    struct sweep sweep;
    struct fair fair;
    int64_t next_seq, next_event, due, sweep_not_before;
    size_t commits_since_care;

    struct blob_guard *blob_guard; /* while blobs are looked through, else NULL; under the turnstile */
};

/* One caller's work. `run` may be called more than once (a group that is tried again) and returns
 * what a rule returns. */
struct submission {
    int (*run)(struct tx *tx, void *arg);
    void *arg;
    const char *actor;
    bool frees; /* may use the reserve on a full disk: it ends or records something */
    struct outcome *outcome;
    struct err *err;
    int rc;
    sem_t done;
    struct submission *next;
};

/* Starts and ends the thread. Ending answers everybody who waits. */
int commit_start(struct ledger *ledger, struct err *err);
void commit_stop(struct ledger *ledger);

/* Blocks until the group that carries it is on disk. Returns 0 with *outcome, or -1 with *err. */
int commit_submit(struct ledger *ledger, struct submission *submission);

/* Fills *err ("store_failed") and returns -1. */
int commit_broken(struct err *err);

#endif
