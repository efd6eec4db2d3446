/* Claims the tasks of one queue and runs each on a thread of its own; keeps their leases. What a
 * turn is, whoever opens the worker says: an agent's gateway, the runner of commands. */
#ifndef HQ_CLIENT_WORKER_H
#define HQ_CLIENT_WORKER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct hub_client;
struct turn_control;
struct worker;

struct worker_config {
    struct hub_client *hub; /* speaks as the one who claims */
    const char *agent;      /* whose queue */
    const char *nonce;      /* of this process */
    int port;               /* told to the hub; 0: none */
    int max;                /* turns at once */
    json_t *card;           /* told to the hub; worker_open takes the reference */
    /* Runs one claimed task to its end, to its park or until `control` stops it. Any thread. */
    void (*run)(void *ctx, const json_t *claimed, struct turn_control *control);
    /* Once, known to the hub and before the first claim. NULL: nothing. */
    void (*begin)(void *ctx);
    /* Every few seconds: ids of tasks that were written to transcripts, a new array. NULL: none. */
    json_t *(*flush)(void *ctx);
    void *ctx;
};

/* Nothing runs yet. Cannot fail; what config points to stays the caller's and outlives the worker.
 */
struct worker *worker_open(const struct worker_config *config);
/* Starts the threads that register, claim and renew; returns at once. 0, or -1 with *err. */
int worker_start(struct worker *worker, struct err *err);
/* Turns that run now, and turns ended since the start: for status. Never block. */
int worker_running(struct worker *worker);
int64_t worker_turns_done(struct worker *worker);
bool worker_wait_registered(struct worker *worker, int64_t ms); /* at most ms */
/* Milliseconds since the thread that claims or the one that keeps leases last began a round, the
 * longer of both; a round takes at most 40 s, whatever the hub does. Never blocks. */
int64_t worker_silent_ms(struct worker *worker);
/* Claims nothing more, does not wait. `give_back`: running turns end between calls, tasks released.
 */
void worker_drain(struct worker *worker, bool give_back);
/* Waits at most `ms`; true when no turn runs. */
bool worker_wait_idle(struct worker *worker, int64_t ms);
/* Joins the threads and frees; turns that still run are abandoned, the process must end then. NULL
 * is allowed. */
void worker_close(struct worker *worker);

#endif
