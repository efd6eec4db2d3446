/* What a run can cost and how long it can take at worst, before it starts. Only what is held to is
 * called a bound: a model may be called up to LIMIT_MODEL_STEPS times in a turn and what it reads
 * has no other limit than a budget, so cost and tokens of a step are bounded by budgets, or by
 * every model that it can reach being free. */
#ifndef HQ_FLOW_PLAN_H
#define HQ_FLOW_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "flow/bundle.h"

struct config;

struct plan_step {
    const char *id, *who; /* agent, capability, "a person", "$ make" … */
    int64_t tries;        /* of a round */
    int64_t rounds;       /* 1, and those that changes_requested may add */
    bool is_left_out;     /* its `if` is false with these inputs */
    int64_t wall_ms;      /* all tries and pauses of one round; -1: not bounded */
    int64_t micro_usd;    /* all tries and rounds; -1: not bounded or unpriced */
    int64_t tokens;       /* the same; -1: not bounded */
    const char *note;     /* why it is not bounded, or what the bound is; NULL: nothing to say */
};

struct plan {
    struct plan_step *steps; /* sub-workflows summed into their step */
    size_t count;
    int64_t path_ms;   /* along the longest path with its repetitions; -1: not bounded */
    int64_t wall_ms;   /* that, or what ends the run before; never -1 */
    int64_t micro_usd; /* the sum, or a budget where that is less; -1: not bounded */
    int64_t tokens;
    const char *wall_by, *usd_by,
        *tokens_by;         /* "the sum of its steps", "budget.usd" …; NULL: not bounded */
    bool bounded_by_budget; /* any of the three */
    const char *longest;    /* "cte → review → gate" */
    size_t layers;          /* steps one after another */
};

struct plan_about {
    const struct flow_bundle *bundle; /* without errors */
    const struct config *config;      /* prices and limits; NULL: cost is not known */
    const json_t *inputs;             /* checked by flow_inputs(); NULL: every step may run */
};

/* Fills *plan (arena). */
void plan_make(const struct plan_about *about, struct arena *arena, struct plan *plan);

#endif
