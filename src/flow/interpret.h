/* The interpreter of a run: a pure function from a definition and facts to actions. No clock, no
 * random, no I/O: time is what facts carry. `hq flow run`, `test` and `replay` use this one object.
 *
 * docs/workflows.md says what facts and actions there are, field by field. The hub's engine turns
 * facts of the run's stream into flow_run_tell(), asks flow_run_decide() and commits the actions.
 */
#ifndef HQ_FLOW_INTERPRET_H
#define HQ_FLOW_INTERPRET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/spec.h"

struct err;
struct flow_run;

enum { FLOW_ACTIONS_MAX = 64 /* of one decision: a commit of a few milliseconds */ };

/* `flow` is borrowed; `run` is the run's id (ids of rows and jitter come from it). */
struct flow_run *flow_run_open(const struct flow *flow, const char *run);
void flow_run_close(struct flow_run *state);

struct flow_fact {
    int64_t seq, at;    /* of the event; at in ms */
    const char *type;   /* "step.ended" … */
    const json_t *body; /* blobs resolved; borrowed */
};

/* True for the types of facts; a run's stream holds other events, too. */
bool flow_is_fact(const char *type);

/* Takes a fact in; one that comes too late (of a step, round or try that is over) changes nothing.
 * 0, or -1 with *err (code "bad_fact") where it cannot be a fact of this run. */
int flow_run_tell(struct flow_run *state, const struct flow_fact *fact, struct err *err);

/* Facts are told first, then, before each decision, the time (type "time.passed"): timeouts of what
 * is started run from there, and what is due by then is over. */

/* What is to be done now: a new array of at most FLOW_ACTIONS_MAX actions, empty where nothing is;
 * the state changes as if they were done. *more: call again at once (its own decision). */
json_t *flow_run_decide(struct flow_run *state, bool *more);

/* A decision that was recorded: the state changes as decide() would have changed it, and its
 * actions must be the ones that decide() comes to. 0, or -1 with *err (code "diverged") naming the
 * first difference: the file of this run is not what ran, or this version decides otherwise. */
int flow_run_follow(struct flow_run *state, const json_t *actions, bool *more, struct err *err);

/* The chain of decision hashes: sha256 over (hash before, canonical JSON of the actions without
 * members whose names end in "_ms" or "_at"); "" before the first. Borrowed. */
const char *flow_run_hash(const struct flow_run *state);

/* For people and rows. Borrowed texts. */
const char *flow_run_state(const struct flow_run *state); /* wire/flow.h: RUN_… */
struct flow_step_view {
    const char *id, *state, *reason;
    int64_t round, tries;
    const json_t *output; /* NULL: none */
    const char *failure_class, *failure_message;
};
void flow_run_step(const struct flow_run *state, size_t index, struct flow_step_view *view);
const json_t *flow_run_output(const struct flow_run *state); /* NULL until it ended */
int64_t flow_run_wake_at(const struct flow_run *state);      /* 0: only a fact wakes it */
size_t flow_run_bytes(const struct flow_run *state);         /* about; for caches */

#endif
