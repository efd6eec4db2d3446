/* What a turn tells the hub: batches of operations on its task. */
#ifndef HQ_AGENT_REPORT_H
#define HQ_AGENT_REPORT_H

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
};

/* Begins an empty batch for the task; `task` is borrowed. fini drops what was not sent. */
void report_init(struct report *report, const char *task, int64_t fence);
void report_fini(struct report *report);

/* `prompt` is the system prompt's text where the hub may not have it yet, else NULL. */
void report_intend(struct report *report, json_t *call, const char *prompt);
void report_record(struct report *report, json_t *call);
void report_finish(struct report *report, json_t *handoff, const char *failure_class,
                   const char *failure_message);
void report_fail(struct report *report, const char *failure_class, const char *message);
void report_park_for(struct report *report, const char *kind, int64_t in_ms);
void report_effect(struct report *report, json_t *effect);
void report_release(struct report *report);

/* Sends the batch and empties it. While the hub is away it is tried again, for as long as the
 * task's worker may be of use (10 minutes). HUB_LOST: somebody else has the task. */
enum hub_outcome report_send(struct report *report, struct hub_client *hub,
                             struct fetch_cancel *cancel, struct err *err);

#endif
