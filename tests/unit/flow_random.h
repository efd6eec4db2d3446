/* Random workflows, and runs of them in random order: everything follows from two seeds. */
#ifndef HQ_TESTS_FLOW_RANDOM_H
#define HQ_TESTS_FLOW_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/simulate.h"
#include "flow_graph.h"
#include "flow_legal.h"

uint64_t random_next(uint64_t *state);
uint64_t random_below(uint64_t *state, uint64_t limit);

struct random_flow {
    struct graph graph;
    enum legal_if *ifs;
    uint64_t seed;
};

/* `steady`: nothing in it depends on time. */
void random_flow_init(struct random_flow *flow, uint64_t seed, bool steady);
void random_flow_fini(struct random_flow *flow);

/* One run of it. */
struct random_run {
    const struct random_flow *flow;
    uint64_t order; /* whose turn it is, how much is told at once */
    bool steady;    /* what a step answers depends on the step alone; else on the order's seed */
    size_t batch;   /* facts told between two decisions, at most */
    /* what came of it */
    struct flow_run *run;
    struct legal legal;
    struct sim_event *events;
    size_t event_count, event_room;
    char problem[320]; /* "": legal, and it came to its end */
};

void random_run_go(struct random_run *run);
void random_run_fini(struct random_run *run);

#endif
