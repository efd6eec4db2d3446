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

/* What a step answers: called when the interpreter starts it. The action has one more member:
 * "path", the step's name behind those of the sub-workflows around it ("check/cte"). Pure where the
 * tests are to be repeatable. */
struct sim_answer {
    const char *type; /* step.ended approval.decided effect.settled signal.received job.ended; NULL:
                       * none: a workflow runs for real, everything else waits for ever */
    json_t *body;     /* of the fact, without step, round and try; new reference */
    int64_t after_ms; /* longer than the step's time: it times out, or expires */
};
struct sim_world {
    /* 0, or -1 with *err, which ends the simulation. */
    int (*answer)(void *ctx, const json_t *action, struct sim_answer *answer, struct err *err);
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
struct sim;
struct sim_result {
    const char *state, *hash;
    json_t *output;           /* borrowed from the result */
    struct sim_event *events; /* facts and run.decided, as a run's stream has them */
    size_t event_count;
    int64_t took_ms; /* virtual */
    struct flow_run *run;
    struct sim *sim;
};

/* Runs to the end, sub-workflows, too. 0, or -1 with *err: bad_input, stuck, or what the world
 * said. sim_free() it also then. */
int sim_run(const struct flow_bundle *bundle, const char *entry, const json_t *inputs,
            const struct sim_world *world, struct arena *arena, struct sim_result *result,
            struct err *err);
void sim_free(struct sim_result *result);

/* The run of a sub-workflow by the path of its step ("" is the first run), the newest where it ran
 * more than once; NULL: it did not run. Borrowed; *flow is what it runs. */
const struct flow_run *sim_find(const struct sim_result *result, const char *path,
                                const struct flow **flow);

/* Runs a stream of recorded events through a run that was just opened, comparing each decision and
 * its hash. 0, or -1 with *err (code "diverged", "bad_fact") and *at the seq of the event.
 * *decisions counts those that agree. The run is the caller's, to be looked at. */
int sim_replay(struct flow_run *run, const struct sim_event *events, size_t count,
               int64_t *decisions, int64_t *at, struct err *err);

#endif
