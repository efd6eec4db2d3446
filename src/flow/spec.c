/* Looks into a compiled workflow. */
#include <string.h>

#include "flow/spec.h"

const char *flow_kind_word(enum flow_kind kind)
{
    static const char *const words[] = {
        [FLOW_TASK] = "agent",        [FLOW_APPROVE] = "approve", [FLOW_EFFECT] = "effect",
        [FLOW_RUN] = "run",           [FLOW_WAIT] = "wait",       [FLOW_JOB] = "job",
        [FLOW_WORKFLOW] = "workflow",
    };
    return words[kind];
}

int64_t flow_step_index(const struct flow *flow, const char *id)
{
    size_t low = 0, high = flow->step_count;
    while (low < high) {
        size_t middle = (low + high) / 2, at = flow->by_id[middle];
        int order = strcmp(id, flow->steps[at].id);
        if (order == 0)
            return (int64_t)at;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}
