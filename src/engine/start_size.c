/* Counts the tasks of workflows that call workflows: each is counted once and remembered, because
 * calls of calls multiply. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/start_size.h"
#include "flow/bundle.h"

enum { LEVELS_MOST = 17 /* deeper ones count as this: chains of tasks are walked */ };

struct counting {
    const struct flow_bundle *bundle;
    struct map sizes; /* path of a workflow → its struct start_size */
};

static const struct start_size *size_of(struct counting *counting, const struct flow *flow);

static int64_t at_most(int64_t count, int64_t most)
{
    return count < most ? count : most;
}

/* Both are small enough that no product or sum of them overflows. */
static void count_steps(struct counting *counting, const struct flow *flow, struct start_size *size)
{
    int64_t own = 0, below = 0, rounds = 1;
    for (size_t i = 0; i < flow->step_count; i++) {
        const struct flow_step *step = &flow->steps[i];
        const struct flow *called =
            step->workflow ? flow_bundle_find(counting->bundle, step->workflow) : NULL;
        const struct start_size *sub = called ? size_of(counting, called) : NULL;
        int64_t tries = step->retry.attempts > 1 ? step->retry.attempts : 1;
        own += tries;
        below = at_most(below + (sub ? sub->tasks * tries : 0), LIMIT_TREE);
        if (sub && sub->levels + 1 > size->levels)
            size->levels = sub->levels + 1;
        if (step->kind == FLOW_APPROVE && step->approve.rerun >= 0)
            rounds += step->approve.rounds;
    }
    size->tasks = own * rounds + at_most(below * rounds, LIMIT_TREE) + (flow->on_failure ? 1 : 0);
}

static const struct start_size *size_of(struct counting *counting, const struct flow *flow)
{
    struct start_size *size = map_get(&counting->sizes, flow->path);
    if (size)
        return size;
    size = mem_zalloc(sizeof(*size));
    size->levels = 1;
    map_put(&counting->sizes, flow->path, size);
    count_steps(counting, flow, size);
    return size;
}

struct start_size start_size(const struct flow_bundle *bundle, const struct flow *flow)
{
    struct counting counting = {.bundle = bundle};
    struct start_size size = *size_of(&counting, flow);
    size.levels = at_most(size.levels, LEVELS_MOST);
    map_free(&counting.sizes);
    return size;
}
