/* The bounds of one step: between plan.c and what it asks for each step. */
#ifndef HQ_FLOW_PLAN_STEP_H
#define HQ_FLOW_PLAN_STEP_H

#include "flow/plan.h"

/* -1 is not bounded, and whatever it is added to or multiplied with. */
int64_t plan_add(int64_t a, int64_t b);
int64_t plan_times(int64_t a, int64_t times);
/* The less of two bounds, -1 being none. */
int64_t plan_least(int64_t a, int64_t b);

/* Fills in everything but rounds; cost and tokens of one round. `sub`: the plan of its
 * sub-workflow, or NULL. */
void plan_step_make(const struct flow_step *step, const struct plan *sub,
                    const struct config *config, struct arena *arena, struct plan_step *out);

#endif
