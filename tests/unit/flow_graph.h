/* Workflows built by hand, without YAML, and a run of one that a test steps through fact by fact.
 */
#ifndef HQ_TESTS_FLOW_GRAPH_H
#define HQ_TESTS_FLOW_GRAPH_H

#include <jansson.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "flow/interpret.h"
#include "flow/spec.h"

struct graph {
    struct arena arena;
    struct flow flow;
    struct flow_step *steps;
    size_t room;
};

void graph_init(struct graph *graph, size_t room);
void graph_fini(struct graph *graph);

/* Adds a step; `needs` are names with blanks between them. Then change what it shall be. */
struct flow_step *graph_step(struct graph *graph, const char *id, enum flow_kind kind,
                             const char *needs);
/* The same by indexes. */
struct flow_step *graph_step_at(struct graph *graph, const char *id, enum flow_kind kind,
                                const size_t *needs, size_t count);

/* `${{ }}` or a value with some; must parse. */
struct expr *graph_expr(struct graph *graph, const char *text);
struct flow_value *graph_value(struct graph *graph, const char *json);

/* Fills in who feeds whom; then the flow does not change any more. */
const struct flow *graph_seal(struct graph *graph);

/* ---- a run of it ---- */

struct walk {
    struct flow_run *run;
    int64_t seq, now;
    json_t *actions; /* all that was decided, in order */
    size_t seen;
};

void walk_open(struct walk *walk, const struct flow *flow, const char *inputs);
void walk_close(struct walk *walk);

/* Tells a fact whose body is `json` (quotes are '), and decides until nothing is left. */
void walk_tell(struct walk *walk, const char *type, const char *json, ...)
    __attribute__((format(printf, 3, 4)));
/* Tells it without deciding. */
void walk_only_tell(struct walk *walk, const char *type, const char *json);
void walk_decide(struct walk *walk);
/* step.ended of round and try as they are now. */
void walk_end(struct walk *walk, const char *step, const char *rest);

/* The actions since the last look, as "task a, end_step b done, …". In a static buffer. */
const char *walk_look(struct walk *walk);
/* The newest action `what` of the step; fails the test where there is none. */
const json_t *walk_action(const struct walk *walk, const char *what, const char *step);
struct flow_step_view walk_step(const struct walk *walk, const char *step);

#endif
