/* What a run can cost and how long it can take at worst, before it starts. */
#ifndef HQ_FLOW_PLAN_H
#define HQ_FLOW_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "flow/bundle.h"

struct config;

struct plan_step {
    const char *id, *who;  /* agent, capability, "people", "runner" … */
    int64_t tries;
    int64_t wall_ms;       /* all tries and pauses; -1: not bounded */
    int64_t micro_usd;     /* all tries; -1: not bounded or unpriced */
    int64_t tokens;        /* -1: not bounded */
    const char *note;      /* "unpriced: demo/company", what the bound is */
};

struct plan {
    struct plan_step *steps; /* sub-workflows summed into their step */
    size_t count;
    int64_t wall_ms;   /* along the longest path, or budget.wall where that is less */
    int64_t micro_usd; /* the sum, or budget.usd where that is less; -1: not bounded */
    int64_t tokens;
    bool bounded_by_budget;
    const char *longest; /* "cte → review → gate" */
};

/* Fills *plan (arena). `config` gives prices and output limits; NULL: cost is not known. */
void plan_make(const struct flow_bundle *bundle, const struct config *config, struct arena *arena,
               struct plan *plan);

#endif
