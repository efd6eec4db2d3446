/* A run without a company: canned results, virtual time, a seeded order of completions. `hq flow
 * test` and the property tests. */
#ifndef HQ_FLOW_SIMULATE_H
#define HQ_FLOW_SIMULATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "flow/bundle.h"

struct err;

/* What a step answers: called when the interpreter starts it; fills the fact's body (new reference)
 * and how long it takes. Pure where the tests are to be repeatable. */
struct sim_answer {
    const char *type; /* step.ended approval.decided effect.settled signal.received job.ended */
    json_t *body;     /* new reference */
    int64_t after_ms;
};
struct sim_world {
    void (*answer)(void *ctx, const json_t *action, struct sim_answer *answer);
    void *ctx;
    uint64_t seed;      /* orders what happens at the same time; 0: in order */
    int64_t started_at; /* virtual, ms */
    int64_t max_events; /* then the run is declared stuck */
};

struct sim_event {
    int64_t seq, at;
    const char *type;
    json_t *body;
};
struct sim_result {
    const char *state, *hash;
    json_t *output;           /* borrowed from the result */
    struct sim_event *events; /* facts and run.decided, as a run's stream has them */
    size_t event_count;
    int64_t took_ms; /* virtual */
    struct flow_run *run;
};

/* Runs to the end. 0, or -1 with *err: an illegal step, stuck. sim_free() it also then. */
int sim_run(const struct flow_bundle *bundle, const char *entry, const json_t *inputs,
            const struct sim_world *world, struct arena *arena, struct sim_result *result,
            struct err *err);
void sim_free(struct sim_result *result);

/* Runs a stream of recorded events through a run that was just opened, comparing each decision and
 * its hash. 0, or -1 with *err (code "diverged", "bad_fact") and *at the seq of the event.
 * *decisions counts those that agree. The run is the caller's, to be looked at. */
int sim_replay(struct flow_run *run, const struct sim_event *events, size_t count,
               int64_t *decisions, int64_t *at, struct err *err);

#endif
