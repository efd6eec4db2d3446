/* Drives the runs of workflows: reads the facts of their streams, asks the interpreter (flow/), and
 * commits what it decides as one operation of the ledger. A few threads, a run on one of them at a
 * time; a run that waits is a row.
 *
 * Knows nothing of HTTP: the hub's handlers start runs and bring people's decisions through it or
 * through the ledger; what a step's task, approval, effect or job comes to is told by the ledger's
 * own rules, in the transaction that ends it. */
#ifndef HQ_ENGINE_ENGINE_H
#define HQ_ENGINE_ENGINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"

struct config;
struct definitions;
struct engine;
struct err;

/* How a step's agent is found: a capability routed, an alias resolved. Given by the hub (routing
 * needs its snapshot of the company). 0 with *choice (borrowed or in the arena), or -1 with *err:
 * the step fails with that sentence, as `unreachable` (and is tried again) where that is the code,
 * else as `refused`. Called from the engine's threads; may block for reads. */
struct engine_choice {
    const char *agent;
    const char
        *routing; /* JSON of the decision: becomes the event task.routed; NULL: it was named */
};
struct engine_router {
    int (*route)(void *ctx, const char *agent, const char *capability, struct arena *arena,
                 struct engine_choice *choice, struct err *err);
    void *ctx;
};

/* Takes up every open run that has facts nobody looked at, then sleeps until engine_wake(). All
 * arguments are borrowed until engine_close(). NULL with *err. */
struct engine *engine_open(const struct config *config, struct ledger *ledger,
                           const struct engine_router *router, struct err *err);

/* A run's stream was touched (its id), or NULL: look at all that are due. Any thread; never blocks.
 */
void engine_wake(struct engine *engine, const char *run);

void engine_close(struct engine *engine);

/* The compiled definitions that the engine keeps (engine/definitions.h), for who shows runs.
 * Borrowed. */
struct definitions *engine_definitions(struct engine *engine);

/* What is asked for at a start. */
struct engine_start {
    const char *bundle; /* its text; */
    const char *hash;   /* or the hash of one that is kept */
    const char *entry;  /* NULL: the bundle's */
    const json_t *inputs;
    bool inputs_are_text;   /* from a command line: "3" may be a number */
    const char *key;        /* Idempotency-Key */
    const char *caller;     /* principal */
    const char *retry_of;   /* a run whose results are taken over … */
    const char *retry_step; /* … but for this step (NULL: all that are not done or skipped) … */
    bool downstream;        /* … and what depends on it */
    json_t
        *findings; /* an array of the caller's; gets a bundle's errors as texts. NULL: not wanted */
};

/* Checks the bundle against the company and the inputs against the workflow, then commits
 * definition, task and run in one batch. Blocks for the commit. 0 with *run (id) and *outcome: OK,
 * DUP (the same start was there), or what the ledger refused; -1 with *err (code bad_workflow,
 * bad_input, no_run, no_definition, still_open; else the store's). */
int engine_start(struct engine *engine, const struct engine_start *start, struct arena *arena,
                 char run[RUN_ID_TEXT], struct outcome *outcome, struct err *err);

#endif
