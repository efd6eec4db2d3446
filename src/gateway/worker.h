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

struct worker *worker_open(const struct worker_config *config);
int worker_start(struct worker *worker, struct err *err);
int worker_running(struct worker *worker);
int64_t worker_turns_done(struct worker *worker);
bool worker_wait_registered(struct worker *worker, int64_t ms); /* at most ms */
void worker_drain(struct worker *worker, bool give_back);
bool worker_wait_idle(struct worker *worker, int64_t ms);
void worker_close(struct worker *worker);

#endif
