/* Leases as they are kept in memory between commits, signs of life and progress notes: a monitor.
 */
#ifndef HQ_LEDGER_LEASE_H
#define HQ_LEDGER_LEASE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

struct arena;
struct change;

enum { LEASE_NOTE = 128 };

struct leases {
    pthread_mutex_t mutex;
    struct map by_task; /* task id → struct lease */
    struct map seen;    /* agent → int64_t: when it was last heard */
    int64_t earliest;   /* no lease ends before this */
};

/* Caller's memory; empty. Every call may come from any thread and blocks only for the map. */
void leases_init(struct leases *leases);
void leases_fini(struct leases *leases);

/* Takes over what a commit changed: claims, ends, requests to stop. */
void leases_apply(struct leases *leases, const struct change *changes, size_t count);

/* A full term from `now` for every lease. */
void leases_renew_all(struct leases *leases, int64_t now);

enum lease_answer {
    LEASE_RENEWED,
    LEASE_CANCEL_TASK,    /* told to stop because it was cancelled; not renewed */
    LEASE_CANCEL_TIMEOUT, /* … because its deadline passed */
    LEASE_UNKNOWN,        /* not here: ended, lost, or expired a moment ago; the store knows */
};

struct lease_holder {
    const char *nonce;
    const char *task;
    int64_t fence;
    const char *note; /* NULL: leave it */
    bool is_last;     /* no further term: it is to end */
};

/* A full term from `now` for one task, if nonce and fence are those of its claim; keeps the note. */
enum lease_answer leases_extend(struct leases *leases, const struct lease_holder *holder,
                                int64_t now);

/* Up to `max` tasks (arena) whose lease is over. They answer LEASE_UNKNOWN from here on, until a
 * commit changes them or leases_unexpire says that it failed. */
size_t leases_expired(struct leases *leases, int64_t now, size_t max, struct arena *arena,
                      const char ***tasks);
void leases_unexpire(struct leases *leases);

/* The processes that hold leases, each once, in the arena. */
struct holder;
void leases_holders(struct leases *leases, struct arena *arena, struct holder **list,
                    size_t *count);

/* When the next lease ends, or later than that; INT64_MAX: there is none. */
int64_t leases_next(struct leases *leases);

/* The agent gave a sign of life at `now`. */
void leases_heard(struct leases *leases, const char *agent, int64_t now);
int64_t leases_seen(struct leases *leases, const char *agent); /* -1: never */
/* Copies the task's last progress note; empty where there is none. */
void leases_note(struct leases *leases, const char *task, char note[LEASE_NOTE]);

#endif
