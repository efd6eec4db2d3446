/* What a running turn holds; shared by the turn_*.c files only. */
#ifndef HQ_AGENT_TURN_STATE_H
#define HQ_AGENT_TURN_STATE_H

#include <jansson.h>

#include "agent/fold.h"
#include "agent/runtime.h"
#include "base/arena.h"
#include "base/err.h"
#include "client/control.h"
#include "client/report.h"
#include "tool/tool.h"
#include "wire/task.h"

enum { LEASE_PATIENCE_MS = 600000 };

/* How a step of the turn went. */
enum turn_go {
    TURN_GO_ON,    /* look at the records again */
    TURN_GO_STOP,  /* control says why */
    TURN_GO_ENDED, /* the turn ended: turn->end */
};

struct turn {
    const struct agent_runtime *runtime;
    struct turn_control *control;
    struct arena arena;
    struct task task;
    struct session session;
    json_t *calls;            /* all records so far */
    json_t *history;          /* messages of the session before this turn */
    json_t *schema;           /* what the task's result must look like; NULL: any will do */
    const json_t *tools;      /* the catalogue, cut by the task's grant; borrowed */
    json_t *cut_tools;        /* … where there is one; NULL: the agent's own */
    size_t tools_bytes;
    const char *const *grant; /* tools that the task may use at most; NULL: all of its agent */
    const json_t *budget; /* what was left at the claim ({"micro_usd"?,"tokens"?}); may be NULL */
    int64_t spent_micro_usd, spent_tokens; /* of it since */
    int64_t clock_ahead;                   /* the hub's clock minus our boot clock */
    char *prompt;                          /* the system prompt this turn is pinned to */
    char prompt_hash[65];
    struct report report; /* the batch being put together */
    int end;              /* enum turn_end, once TURN_GO_ENDED */
    const char *state; /* of the task once the turn has ended, as the hub says; NULL: it did not */
    const char *failure_class, *failure_message; /* of a turn that ended badly, else NULL */
    struct err err;
};

/* One model call: intended, made, recorded together with the intents of its tool calls (or with the
 * finish). */
enum turn_go turn_ask_model(struct turn *turn, const struct fold_next *next);

/* Adds the intent of the model call of `step` to the report, with what it may cost. */
void turn_intend_model(struct turn *turn, int64_t step);

/* Adds the intents of all tool calls of the answer to the report, and hands over those that other
 * tasks answer. Returns whether nothing of the step is left to run here: the report then parks. */
bool turn_intend_tools(struct turn *turn, int64_t step, const json_t *wanted);

/* One tool call: run (or, after a crash, decided) and recorded. */
enum turn_go turn_run_tool(struct turn *turn, const struct fold_next *next);

/* The tool of that name if this turn may use it, else NULL with *why, a sentence for the model. */
const struct tool *turn_tool(struct turn *turn, const char *name, const char **why);
/* Where its call (step, idx) acts. */
struct tool_place turn_place(struct turn *turn, int64_t step, int64_t idx);

/* Hands the intended call to another task: adds it to the report and marks the record as waiting.
 * -1 with turn->err where it makes no sense. */
int turn_delegate(struct turn *turn, const struct tool *tool, int64_t step, int64_t idx);

/* Hands the intended call to people: as turn_delegate. */
int turn_ask(struct turn *turn, const struct tool *tool, int64_t step, int64_t idx);
/* Are people asked about a call of this tool of which nobody knows whether it ran? */
bool turn_asks_about(const struct turn *turn, const struct tool *tool);
/* Asks them whether the call runs again: adds it to the report, marks the record as waiting. */
void turn_ask_again(struct turn *turn, const struct tool *tool, const struct fold_next *next);
/* An intended call that people want to run again. */
bool turn_is_let_again(const json_t *call);

/* Puts or replaces the record of (step, idx) in turn->calls; takes the reference. */
void turn_remember(struct turn *turn, json_t *call);

/* Intended by this attempt, not by a dead one. */
bool turn_is_ours(const struct turn *turn, const json_t *call);

/* The messages that the model gets: history, the task, what happened since; new reference. */
json_t *turn_messages(struct turn *turn);

/* The hub's clock, as far as it is known here. */
int64_t turn_now(const struct turn *turn);

/* What follows from the records as they are now. */
void turn_next(const struct turn *turn, struct fold_next *next);

/* Sends the report with what follows from the records as they are now. */
enum turn_go turn_follow(struct turn *turn);

/* Adds the finishing operations to the report: handoff, effects. `next` is FOLD_FINISH or
 * FOLD_MALFORMED. */
void turn_add_finish(struct turn *turn, const struct fold_next *next);
void turn_add_failure(struct turn *turn, const char *failure_class, const char *message);

/* Sends the report. HUB_OK is not yet TURN_GO_ON: turn_send looks at what became of the task. */
enum hub_outcome turn_try_send(struct turn *turn, struct report_answer *answer);

/* Sends the report; TURN_GO_ON when it is on disk and the task is still ours to work on. */
enum turn_go turn_send(struct turn *turn);
/* Sends the report that ends the turn so. */
enum turn_go turn_send_end(struct turn *turn, int end);
/* Takes over what the hub says the batch made of the task. */
enum turn_go turn_settle(struct turn *turn, const struct report_answer *answer);

/* Ends the turn for good or gives it back. */
enum turn_go turn_fail(struct turn *turn, const char *failure_class, const char *message);
enum turn_go turn_retry(struct turn *turn, const char *failure_class, const char *message);

#endif
