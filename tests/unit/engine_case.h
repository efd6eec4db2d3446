/* An engine over a ledger in memory, its wake-ups, and workers that finish steps' tasks: what the
 * engine's tests stand on. */
#ifndef HQ_TESTS_ENGINE_CASE_H
#define HQ_TESTS_ENGINE_CASE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"
#include "config/config.h"
#include "engine/engine.h"
#include "ledger/ledger.h"

enum { WAIT_MS = 60000 /* for anything; nothing takes that long */ };

struct engine_case {
    struct config config;
    struct arena arena;
    struct store *store; /* the double in memory; NULL: SQLite in `folder`, for what is large */
    char folder[64];
    struct ledger *ledger;
    struct engine_router router;
    struct engine *engine;
    pthread_t waker;
    atomic_bool stopping;
    atomic_bool nobody_can; /* routing of capabilities finds nobody */
    struct outcome outcome;
    struct err err;
    json_t *findings; /* of the newest start */
};

int engine_setup(void **state);
int engine_setup_on_disk(void **state);
int engine_teardown(void **state);

#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)

/* The engine, or the whole ledger, as after a crash. */
void engine_case_restart(struct engine_case *c);
/* The engine alone: the ledger goes on without it. */
void engine_case_stop(struct engine_case *c);
void engine_case_go_on(struct engine_case *c);

/* A bundle's text from the text of its one file, "t.yaml", or of two. */
const char *bundle_of(struct engine_case *c, const char *yaml);
const char *bundle_of_two(struct engine_case *c, const char *yaml, const char *name,
                          const char *other);

/* Starts it: the run's id in the arena, NULL where it was refused (c->err, c->outcome). */
const char *start_run(struct engine_case *c, const char *bundle, const char *inputs,
                      const char *key);
const char *start_with(struct engine_case *c, struct engine_start start);

/* Waits until the agent has a task and leases it; fails after WAIT_MS. */
struct task *claim_task(struct engine_case *c, const char *agent);
/* Leases one that is ready now; NULL: none is. */
struct task *claim_now(struct engine_case *c, const char *agent);

/* Finishes it with a result (JSON), or as failed. */
void finish_task(struct engine_case *c, const struct task *task, const char *result);
void fail_task(struct engine_case *c, const struct task *task, const char *failure_class);

/* Claims the agent's next task and finishes it. */
void do_task(struct engine_case *c, const char *agent, const char *result);

/* Rows as they are; the test fails where there is none. */
struct run *run_row(struct engine_case *c, const char *run);
struct step *step_row(struct engine_case *c, const char *run, const char *path);

/* Waits until the run is in that state (NULL: has ended) and returns its row. */
struct run *await_run(struct engine_case *c, const char *run, const char *state);
/* Waits until what the run waits for begins like that. */
struct run *await_waiting(struct engine_case *c, const char *run, const char *start);
/* Waits until the step has a row in that state. */
struct step *await_step(struct engine_case *c, const char *run, const char *path,
                        const char *state);

/* A person's word on the approval of a step. */
int decide_step(struct engine_case *c, const char *run, const char *path, const char *decision,
                const char *feedback);

int apply_one(struct engine_case *c, struct op op);

/* How many events of the type the stream has. */
size_t count_events(struct engine_case *c, const char *stream, const char *type);

#endif
