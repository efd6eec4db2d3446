/* Claims tasks and runs each as a turn on a thread of its own; keeps their leases. */
#ifndef HQ_GATEWAY_WORKER_H
#define HQ_GATEWAY_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/runtime.h"

struct err;
struct worker;

struct worker_config {
    const struct agent_runtime *runtime;
    int port;      /* told to the hub */
    int max_turns; /* at once */
};

/* Nothing runs yet. Cannot fail; runtime and config stay the caller's and outlive the worker. */
struct worker *worker_open(const struct worker_config *config);
/* Starts the threads that register, claim and renew; returns at once. 0, or -1 with *err. */
int worker_start(struct worker *worker, struct err *err);
/* Turns that run now, and turns ended since the start: for status. Never block. */
int worker_running(struct worker *worker);
int64_t worker_turns_done(struct worker *worker);
bool worker_wait_registered(struct worker *worker, int64_t ms); /* at most ms */
/* Claims nothing more, does not wait. `give_back`: running turns end between calls, tasks released. */
void worker_drain(struct worker *worker, bool give_back);
/* Waits at most `ms`; true when no turn runs. */
bool worker_wait_idle(struct worker *worker, int64_t ms);
/* Joins the threads and frees; turns that still run are abandoned, the process must end then. */
void worker_close(struct worker *worker);

#endif
