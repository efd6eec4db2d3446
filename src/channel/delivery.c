/* From how a task ended to the outbox row that carries it out. What has nowhere to go is held,
 * visible, and loses nothing. */
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "channel/delivery.h"
#include "config/config.h"
#include "wire/effect.h"
#include "wire/task.h"

const char *const delivery_channels[] = {"last",       "telegram", "whatsapp", "discord",  "irc",
                                         "googlechat", "slack",    "signal",   "imessage", NULL};

bool delivery_is_silent(const char *text)
{
    struct arena arena = {0};
    const char *bare = text ? str_trim(&arena, text) : "";
    bool silent = !*bare || str_eq(bare, "HEARTBEAT_OK") || str_starts(bare, "NO_REPLY");
    arena_fini(&arena);
    return silent;
}

/* Where the task's end is to go; NULL: nowhere. */
static const char *destination_of(const struct config *config, const struct task *task,
                                  struct arena *arena)
{
    json_t *deliver = task->deliver ? json_loads(task->deliver, JSON_DECODE_ANY, NULL) : NULL;
    const struct config_agent *agent = config_agent(config, task->agent);
    const char *channel = json_is_string(deliver) ? json_string_value(deliver)
                                                  : json_get_text(deliver, "channel", NULL);
    const char *to = json_get_text(deliver, "to", NULL), *destination = NULL;
    bool asked = channel || json_is_object(deliver) || json_is_true(deliver);
    if (asked && !to && (!channel || str_eq(channel, "last")))
        destination = agent ? agent->deliver : NULL;
    else if (asked && to)
        destination = arena_printf(arena, "%s:%s", channel ? channel : "last", to);
    else if (asked)
        destination = arena_strdup(arena, channel);
    json_decref(deliver);
    return destination;
}

static void effect_id(const struct task *task, const char *kind, const char *destination,
                      char id[29])
{
    struct arena arena = {0};
    json_t *parts = json_pack("[s,s,s,i]", task->id, kind, destination, 0);
    const char *text = json_print(&arena, parts);
    memcpy(id, "e-", 2);
    hash_crockford(text, strlen(text), 26, id + 2);
    json_decref(parts);
    arena_fini(&arena);
}

/* The result as text: what is no text is shown as JSON. */
static const char *result_text(const json_t *handoff, struct arena *arena)
{
    const json_t *result = json_object_get(handoff, "result");
    if (json_is_string(result))
        return json_string_value(result);
    return result && !json_is_null(result) ? json_print(arena, result) : "";
}

static json_t *artefact_names(const json_t *handoff)
{
    json_t *names = json_array();
    const json_t *artefact;
    size_t i;
    json_array_foreach (json_object_get(handoff, "artefacts"), i, artefact) {
        const char *name = json_get_text(artefact, "name", NULL);
        if (name)
            json_array_append_new(names, json_text(name, strlen(name)));
    }
    return names;
}

static json_t *body_of(const struct task *task, const struct delivery *delivery, const char *text)
{
    char at[TIME_TEXT];
    json_t *body = json_object();
    time_rfc3339(delivery->finished_at, at);
    json_set_text(body, "task", task->id);
    json_set_text(body, "root", task->root);
    json_set_text(body, "agent", task->agent);
    json_set_text(body, "status", json_get_text(delivery->handoff, "status", "complete"));
    json_set_text(body, "text", text);
    json_set_text(body, "confidence", json_get_text(delivery->handoff, "confidence", NULL));
    json_set_text(body, "notes", json_get_text(delivery->handoff, "notes", NULL));
    if (delivery->failure_class) {
        json_t *failure = json_object();
        json_set_text(failure, "class", delivery->failure_class);
        json_set_text(failure, "message", delivery->failure_message);
        json_object_set_new(body, "failure", failure);
    }
    json_object_set_new(body, "artefacts", artefact_names(delivery->handoff));
    json_set_text(body, "finished_at", at);
    return body;
}

json_t *delivery_effect(const struct config *config, const struct task *task,
                        const struct delivery *delivery)
{
    struct arena arena = {0};
    char id[29];
    json_t *effect = NULL;
    const char *text = result_text(delivery->handoff, &arena);
    const char *destination = destination_of(config, task, &arena);
    if (destination && (delivery->failure_class || !delivery_is_silent(text))) {
        bool is_webhook = str_starts(destination, WEBHOOK_PREFIX);
        const struct config_webhook *webhook = config_destination(config, destination);
        bool is_known = webhook != NULL;
        const char *kind = is_webhook ? "webhook" : "message";
        effect_id(task, kind, destination, id);
        effect = json_object();
        json_set_text(effect, "id", id);
        json_set_text(effect, "task", task->id);
        json_set_text(effect, "kind", kind);
        json_set_text(effect, "destination", destination);
        json_object_set_new(effect, "body", body_of(task, delivery, text));
        json_set_text(effect, "dedup_key", id);
        json_set_text(effect, "state", is_known ? EFFECT_INTENDED : EFFECT_HELD);
        if (webhook && str_eq(webhook->on_unknown, "ask"))
            json_set_text(effect, "on_unknown", "ask");
        json_set_text(effect, "reason", is_known ? NULL : "no channel configured");
    }
    arena_fini(&arena);
    return effect;
}
