/* Short words for runs, on the stand of the ledger's tests. The run of task "t-1" is "r-1". */
#ifndef HQ_TESTS_LEDGER_RUN_CASE_H
#define HQ_TESTS_LEDGER_RUN_CASE_H

#include "ledger_case.h"

#include <jansson.h>

/* Keeps the definition that every run here is pinned to. */
void run_define(struct ledger_case *c);

/* Starts a run of the workflow "w" by person:ann; returns the outcome's status. */
int run_start(struct ledger_case *c, const char *task);
int run_start_with(struct ledger_case *c, const char *task, const char *inputs, const char *limits);

/* Commits a decision: expect, upto (0: all facts), hash, body and state are filled in where they
 * are not given. */
int run_decide(struct ledger_case *c, struct run_decision decision);

/* The same for one step in the state "running", and what it starts. */
int run_step_task(struct ledger_case *c, const char *run, const char *path, const char *task,
                  const char *agent);
int run_step_gate(struct ledger_case *c, const char *run, const char *path,
                  const struct approval *approval);

/* Ends the run as `state`. */
int run_finish(struct ledger_case *c, const char *run, const char *state, const char *output);

struct run *run_row(struct ledger_case *c, const char *id);
struct step *run_step(struct ledger_case *c, const char *run, const char *path, int64_t round);
struct approval *run_approval(struct ledger_case *c, const char *id);
struct effect *run_effect(struct ledger_case *c, const char *id);
struct job *run_job(struct ledger_case *c, const char *id);

/* The pending approvals; NULL-safe first one's id. */
struct approval *run_pending(struct ledger_case *c, size_t *count);

/* The body of the newest event of that type in the stream, blobs resolved; NULL: none. The caller
 * puts it. */
json_t *run_newest(struct ledger_case *c, const char *stream, const char *type);
/* A text member of it, in the case's arena; "" where it is not there. */
const char *run_said(struct ledger_case *c, const char *stream, const char *type,
                     const char *member);

/* A person's word. */
int run_say(struct ledger_case *c, const char *approval, const char *person, const char *decision);
int run_decide_approval(struct ledger_case *c, struct decide decide);

void run_assert_state(struct ledger_case *c, const char *run, const char *state);
void run_assert_approval(struct ledger_case *c, const char *id, const char *state);

#endif
