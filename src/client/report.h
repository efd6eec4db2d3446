/* What a turn tells the hub: batches of operations on its task. */
#ifndef HQ_CLIENT_REPORT_H
#define HQ_CLIENT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/hub_client.h"

struct err;

/* A batch being put together; each add takes the reference of its JSON arguments. */
struct report {
    json_t *ops;
    const char *task;
    int64_t fence;
    bool delegates; /* it hands work to other tasks */
    bool asks;      /* it asks people */
};

/* What the batch made of the task. */
struct report_answer {
    char state[16]; /* TASK_WORKING: go on; anything else ended the turn; "": the hub did not say */
    char failure_class[32];
    char failure_message[640];
};

/* Begins an empty batch for the task; `task` is borrowed. fini drops what was not sent. */
void report_init(struct report *report, const char *task, int64_t fence);
void report_fini(struct report *report);

/* `prompt` is the system prompt's text where the hub may not have it yet, else NULL. `reserve`
 * {"micro_usd","tokens"} is set aside for a model call (NULL: none). */
void report_intend(struct report *report, json_t *call, const char *prompt, json_t *reserve);
/* The intended model call of `step` was turned away: nothing was spent. */
void report_drop(struct report *report, int64_t step);
/* The call (step, idx) is answered by a new task; `body` is what tool.h's delegate hook made. */
void report_delegate(struct report *report, int64_t step, int64_t idx, json_t *body);
/* The call (step, idx) is answered by people; `body` is what tool.h's ask hook made. */
void report_ask(struct report *report, int64_t step, int64_t idx, json_t *body);
void report_record(struct report *report, json_t *call);
void report_finish(struct report *report, json_t *handoff, const char *failure_class,
                   const char *failure_message);
void report_fail(struct report *report, const char *failure_class, const char *message);
void report_park_for(struct report *report, const char *kind, int64_t in_ms);
/* Waits until no pause holds the task; ready at once where none does any more. */
void report_park_for_pause(struct report *report);
/* Waits for all tasks that answer the waiting calls of the step; none: ready again at once. */
void report_park_step(struct report *report, int64_t step);
/* `park` is {"mode","waits"} as a tool wants it (tool.h). */
void report_park(struct report *report, json_t *park);
void report_effect(struct report *report, json_t *effect);
void report_release(struct report *report);

/* Sends the batch and empties it. While the hub is away it is tried again, for as long as the
 * task's worker may be of use (10 minutes). HUB_OK: *answer is filled. HUB_LOST: somebody else has
 * the task. HUB_REFUSED: nothing of it was done. */
enum hub_outcome report_send(struct report *report, struct hub_client *hub,
                             struct report_answer *answer, struct err *err);

#endif
