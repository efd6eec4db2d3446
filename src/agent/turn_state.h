/* What a running turn holds; shared by turn.c and turn_calls.c only. */
#ifndef HQ_AGENT_TURN_STATE_H
#define HQ_AGENT_TURN_STATE_H

#include <jansson.h>

#include "agent/control.h"
#include "agent/fold.h"
#include "agent/report.h"
#include "agent/runtime.h"
#include "base/arena.h"
#include "base/err.h"
#include "wire/task.h"

/* How a step of the turn went. */
enum turn_go {
    TURN_GO_ON,    /* look at the records again */
    TURN_GO_STOP,  /* control says why */
    TURN_GO_ENDED, /* the turn ended on its own: turn->end */
};

struct turn {
    const struct agent_runtime *runtime;
    struct turn_control *control;
    struct arena arena;
    struct task task;
    struct session session;
    json_t *calls;         /* all records so far */
    json_t *history;       /* messages of the session before this turn */
    char *prompt;          /* the system prompt this turn is pinned to */
    char prompt_hash[65];
    struct report report;  /* the batch being put together */
    int end;               /* enum turn_end, once TURN_GO_ENDED */
    const char *failure_class, *failure_message; /* of a turn that ended badly, else NULL */
    struct err err;
};

/* One model call: intended, made, recorded together with the intents of its tool calls (or with the
 * finish). */
enum turn_go turn_ask_model(struct turn *turn, const struct fold_next *next);

/* One tool call: run (or, after a crash, decided) and recorded. */
enum turn_go turn_run_tool(struct turn *turn, const struct fold_next *next);

/* Adds the finishing operations to the report: handoff, effects. */
void turn_add_finish(struct turn *turn, const json_t *answer);
void turn_add_failure(struct turn *turn, const char *failure_class, const char *message);

/* Sends the report; TURN_GO_ON when it is on disk. */
enum turn_go turn_send(struct turn *turn);

/* Ends the turn for good or gives it back. */
enum turn_go turn_fail(struct turn *turn, const char *failure_class, const char *message);
enum turn_go turn_retry(struct turn *turn, const char *failure_class, const char *message);

#endif
