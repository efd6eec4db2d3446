/* Drives the runs of workflows: reads the facts of their streams, asks the interpreter (flow/), and
 * commits what it decides as one operation of the ledger. One thread; a run that waits is a row.
 *
 * Knows nothing of HTTP: the hub's handlers start runs and bring people's decisions through it or
 * through the ledger; what a step's task, approval, effect or job comes to is told by the ledger's own
 * rules, in the transaction that ends it. */
#ifndef HQ_ENGINE_ENGINE_H
#define HQ_ENGINE_ENGINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"

struct config;
struct engine;
struct err;

/* How a step's agent is found: a capability routed, an alias resolved. Given by the hub (routing
 * needs its snapshot of the company). 0 with agent set (borrowed or arena), or -1 with *err: the step
 * fails with that sentence. */
struct engine_router {
    int (*route)(void *ctx, const char *agent, const char *capability, struct arena *arena,
                 const char **chosen, struct err *err);
    void *ctx;
};

/* Takes up every open run that has facts nobody looked at, then sleeps until engine_wake(). All
 * arguments are borrowed until engine_close(). NULL with *err. */
struct engine *engine_open(const struct config *config, struct ledger *ledger,
                           const struct engine_router *router, struct err *err);

/* A run's stream was touched (its id), or NULL: look at all that are due. Any thread; never blocks. */
void engine_wake(struct engine *engine, const char *run);

void engine_close(struct engine *engine);

/* What is asked for at a start. */
struct engine_start {
    const char *bundle; /* its text; */
    const char *hash;   /* or the hash of one that is kept */
    const char *entry;  /* NULL: the bundle's */
    const json_t *inputs;
    bool inputs_are_text; /* from a command line: "3" may be a number */
    const char *key;      /* Idempotency-Key */
    const char *caller;   /* principal */
    const char *retry_of; /* a run whose results are taken over … */
    const char *retry_step; /* … but for this step (NULL: all that are not done or skipped) … */
    bool downstream;        /* … and what depends on it */
};

/* Checks the bundle against the company and the inputs against the workflow, then commits definition,
 * task and run in one batch. Blocks for the commit. 0 with *run (id) and *outcome OK or DUP exists;
 * a positive HTTP-like refusal as outcome; -1 with *err (code bad_workflow: findings as text, bad_input,
 * no_run, store). */
int engine_start(struct engine *engine, const struct engine_start *start, struct arena *arena,
                 char run[RUN_ID_TEXT], struct outcome *outcome, struct err *err);

#endif
