/* What the interpreter keeps of a run, and the moves that its files make on it. A fact is carried
 * through to the end when it is told: what follows from it is queued as actions, which
 * flow_run_decide() hands out. So the state depends on the facts and their order alone, never on
 * how many were told between two decisions. */
#ifndef HQ_FLOW_INTERPRET_STATE_H
#define HQ_FLOW_INTERPRET_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/map.h"
#include "flow/expr.h"
#include "flow/interpret.h"
#include "flow/interpret_heap.h"

enum node_state {
    NODE_PENDING,
    NODE_OPEN, /* a try of it was started */
    NODE_DONE, /* the states from here on have ended */
    NODE_SKIPPED,
    NODE_NOT_RUN,
    NODE_FAILED,
    NODE_REJECTED,
    NODE_CANCELLED,
};

/* What a step's timer means when it is due. */
enum node_timer {
    TIMER_NONE,
    TIMER_WAITED,  /* its wait is over */
    TIMER_TIMEOUT, /* its try took too long */
    TIMER_RETRY,   /* the pause before its next try is over */
};

struct node {
    enum node_state state;
    enum node_timer timer;
    bool is_blocked;  /* something that it needs ended badly */
    size_t unmet;     /* needs that are not satisfied yet */
    size_t queued;    /* 1 + place in the queue of a start that was not handed out yet; 0: none */
    int64_t round;    /* from 0 */
    int64_t tries;    /* of this round */
    int64_t changes;  /* how often this gate asked for some */
    json_t *output;   /* NULL: none */
    json_t *view;     /* {"output","status"}, what expressions see; NULL until it ended */
    json_t *signal;   /* came before the step waited for it */
    json_t *feedback; /* of the round before */
    char *reason, *failure_class, *failure_message;
};

struct queued_action {
    json_t *action; /* NULL: taken back */
    size_t step;    /* whose start it is; SIZE_MAX: of none */
};

struct flow_run {
    const struct flow *flow;
    char *id;
    struct node *nodes; /* as flow->steps; behind them on_failure */
    struct map index;   /* name of a step → 1 + its index */
    struct map signals; /* name of a signal → struct signal_steps */
    bool is_started, is_failing, is_over;
    bool is_lost; /* what was evaluated last came to more than an expression carries */
    int64_t now;                   /* of the newest fact, or of a time that led to something */
    int64_t heard_at;              /* the newest time that was told since the last decision */
    const char *state;             /* RUN_…: once it is over */
    size_t unended;                /* steps without an end */
    size_t live;                   /* open steps that limits.live counts */
    size_t open, working;          /* open steps, and those of them that do not just wait */
    struct heap ready, ready_free; /* steps to start; the free ones are not counted as live */
    struct heap waiting;           /* open approvals, waits and jobs, by place in the file */
    struct heap timers;            /* by time */
    size_t *ended;                 /* steps whose end their dependents are to be told */
    size_t ended_count, ended_room;
    struct queued_action *queue;
    size_t queue_head, queue_count, queue_room;
    json_t *inputs, *about, *failure, *output;
    char *told_waiting; /* the last `state` action: "" where it was running */
    int64_t told_wake;
    size_t bytes; /* of outputs and inputs */
    char hash[HASH_HEX];
};

/* Steps that wait for one name. */
struct signal_steps {
    size_t *steps;
    size_t count;
};

/* The result of a try or a step. */
struct ending {
    enum node_state state;
    const json_t *output; /* borrowed; NULL: none */
    const char *reason, *failure_class, *failure_message;
};

/* The end of a step whose values are too large: acting on null in their place could open a gate on
 * nothing. */
extern const struct ending run_too_large;

/* interpret.c */
const struct flow_step *run_step_spec(const struct flow_run *run, size_t step);
bool node_is_satisfied(const struct flow_run *run, size_t step); /* what needs it may go on */
const char *node_state_word(const struct flow_run *run, size_t step);
bool kind_is_live(enum flow_kind kind); /* counts for limits.live */
bool kind_waits(enum flow_kind kind);   /* for people, time, signals or jobs: not at work itself */
struct expr_scope run_scope(struct flow_run *run);

/* interpret_decide.c: takes the action. `start` says that it starts the step, so that it can be
 * taken back as long as it was not handed out. */
void run_queue(struct flow_run *run, size_t step, bool start, json_t *action);
/* True where there was one. */
bool run_take_back(struct flow_run *run, size_t step);

/* interpret_settle.c: ends, and what follows from them. */
void run_begin(struct flow_run *run, const json_t *seed);
void run_end_step(struct flow_run *run, size_t step, const struct ending *ending);
void run_close_step(struct flow_run *run, size_t step); /* it is open no more: counters, timer */
void run_make_ready(struct flow_run *run, size_t step);
void run_block_step(struct flow_run *run, size_t step, size_t need); /* not_run, for that need */
void run_go_on(struct flow_run *run); /* until nothing more follows */

/* interpret_start.c: starts the next try, after `delay_ms`. */
void run_start_try(struct flow_run *run, size_t step, int64_t delay_ms);
/* The pause before a job's next try is over. */
void run_start_paused(struct flow_run *run, size_t step);

/* interpret_text.c: the words of a task, in which only harmless values of inputs are spliced; the
 * others go into *data as `inputs`. New reference. */
json_t *run_task_text(struct flow_run *run, const struct flow_step *spec, json_t *data);

/* interpret_retry.c */
void run_try_failed(struct flow_run *run, size_t step, const char *failure_class,
                    const char *message);
void run_set_timer(struct flow_run *run, size_t step, enum node_timer timer, int64_t due_at);
/* A start is handed out: the time of its try runs from now. Not from when it was queued: a hub that
 * was down in between has not used it up. */
void run_start_timeout(struct flow_run *run, size_t step);
void run_fire_timers(struct flow_run *run, int64_t until);

/* interpret_rounds.c: the step that the gate names, and all that depends on it, back to pending. */
void run_next_round(struct flow_run *run, size_t gate, const json_t *feedback);

/* interpret_facts.c */
void run_end_signal(struct flow_run *run, size_t step, const json_t *payload);
int run_take_fact(struct flow_run *run, const struct flow_fact *fact, struct err *err);

#endif
