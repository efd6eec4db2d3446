/* Where an answer is to go, and the outbox row that takes it there. */
#ifndef HQ_CHANNEL_DELIVERY_H
#define HQ_CHANNEL_DELIVERY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct config;
struct task;

/* The names that OpenClaw's hooks accept as `channel` (2026.2.12), "last" first; NULL at the end.
 */
extern const char *const delivery_channels[];

/* How the task ended: its handoff (status, result, confidence, notes, artefacts; borrowed), and
 * class and message where it failed, else NULL. */
struct delivery {
    const json_t *handoff;
    const char *failure_class, *failure_message;
    int64_t finished_at; /* wall clock, ms */
};

/* True for text that is nothing to deliver: empty, or only a heartbeat acknowledgement. */
bool delivery_is_silent(const char *text);

/* The effect row (JSON form of wire/effect.h) that takes the task's end where task->deliver says,
 * or NULL where nothing is to be delivered: nobody asked, or the agent said nothing. task->deliver
 * is "webhook:NAME", {"channel","to"} or true; the channel "last", or none, is the agent's
 * `deliver`. What has no configured destination gives a row `held` with the reason. A failure is
 * delivered too. The body is the same for every destination: {task, root, agent, status, text,
 * confidence, notes, failure:{class,message}, artefacts:[name…], finished_at}. The id is made from
 * the task and its destination, so the same task delivers once. New reference. */
json_t *delivery_effect(const struct config *config, const struct task *task,
                        const struct delivery *delivery);

#endif
