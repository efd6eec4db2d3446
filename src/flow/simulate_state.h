/* What a simulation keeps: its runs, and the answers that are on their way. */
#ifndef HQ_FLOW_SIMULATE_STATE_H
#define HQ_FLOW_SIMULATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "flow/bundle.h"
#include "flow/interpret.h"
#include "flow/simulate.h"

struct sim;

/* A run: the first one, or one of a sub-workflow. */
struct sim_flow {
    struct sim *sim;
    struct sim_flow *next;
    const struct flow *flow;
    struct flow_run *run;
    const char *path;  /* "" of the first, then "sub", "sub/deeper": names of steps */
    const char *state; /* where the company ended it; NULL: the interpreter's */
    int64_t wall_at;   /* 0: no end of its time */
    int64_t decisions;
    bool is_closed;
    struct sim_flow *parent;
    json_t *asked;   /* the parent's action; owned */
    struct map open; /* step → bool: whether its newest start was cancelled */
    struct sim_event *events;
    size_t event_count, event_room;
};

struct sim_pending {
    int64_t due;
    uint64_t order; /* among those that are due at the same time */
    struct sim_flow *of;
    const char *type;      /* of the fact; NULL: a workflow starts */
    json_t *body;          /* owned: of the fact, or the action */
    const bool *cancelled; /* of the step's round */
};

struct sim {
    const struct flow_bundle *bundle;
    const struct sim_world *world;
    struct arena *arena;
    struct sim_flow *flows, *first;
    struct sim_pending *pending; /* a heap */
    size_t pending_count, pending_room;
    uint64_t pended;
    int64_t now, events;
};

/* simulate.c */
struct sim_flow *sim_open(struct sim *sim, const struct flow *flow, const char *path);
int sim_start(struct sim_flow *of, const json_t *inputs, struct err *err);
int sim_tell(struct sim_flow *of, const char *type, json_t *body, struct err *err); /* takes body */
void sim_later(struct sim *sim, struct sim_pending pending);

/* simulate_world.c: does what an action says, as ledger, engine and hub would. */
int sim_carry_out(struct sim_flow *of, const json_t *action, struct err *err);
int sim_start_child(struct sim_flow *of, json_t *action, struct err *err); /* takes action */
/* Its budget of time is over. */
int sim_out_of_time(struct sim_flow *of, struct err *err);

#endif
