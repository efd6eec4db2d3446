/* Where an answer is to go, and the outbox row that takes it there. */
#ifndef HQ_CHANNEL_DELIVERY_H
#define HQ_CHANNEL_DELIVERY_H

#include <jansson.h>
#include <stdbool.h>

struct arena;
struct task;

/* The names that OpenClaw's hooks accept as `channel` (2026.2.12), "last" first; NULL at the end. */
extern const char *const delivery_channels[];

/* True for text that is nothing to deliver: empty, or only a heartbeat acknowledgement. */
bool delivery_is_silent(const char *text);

/* The effect row (JSON form of wire/effect.h) that takes `text` where task->deliver says, or NULL when
 * nothing is to be delivered. A channel that is not configured gives a row `held` with the reason.
 * The id is made from the task, so the same task delivers once. New reference. */
json_t *delivery_effect(const struct task *task, const char *text);

#endif
