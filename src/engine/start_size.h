/* How large a run can become by the graph that a person drew, sub-workflows included. */
#ifndef HQ_ENGINE_START_SIZE_H
#define HQ_ENGINE_START_SIZE_H

#include <stdint.h>

struct flow;
struct flow_bundle;

struct start_size {
    int64_t tasks;  /* all tries and rounds counted; those of sub-workflows at most LIMIT_TREE */
    int64_t levels; /* runs below each other, this one counted */
};

/* Looks at each workflow of the bundle once, however often it is called. */
struct start_size start_size(const struct flow_bundle *bundle, const struct flow *flow);

#endif
