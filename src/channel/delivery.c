/* No channel is built in yet: every delivery is held, visible, and loses nothing. */
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "channel/delivery.h"
#include "wire/effect.h"
#include "wire/task.h"

const char *const delivery_channels[] = {"last",   "telegram",   "whatsapp", "discord", "irc",
                                         "googlechat", "slack", "signal",   "imessage", NULL};

bool delivery_is_silent(const char *text)
{
    struct arena arena = {0};
    const char *bare = text ? str_trim(&arena, text) : "";
    bool silent = !*bare || str_eq(bare, "HEARTBEAT_OK") || str_starts(bare, "NO_REPLY");
    arena_fini(&arena);
    return silent;
}

static void effect_id(const struct task *task, const char *destination, char id[29])
{
    struct arena arena = {0};
    json_t *parts = json_pack("[s,s,s,i]", task->id, "message", destination, 0);
    const char *text = json_print(&arena, parts);
    memcpy(id, "e-", 2);
    hash_crockford(text, strlen(text), 26, id + 2);
    json_decref(parts);
    arena_fini(&arena);
}

json_t *delivery_effect(const struct task *task, const char *text)
{
    struct arena arena = {0};
    char id[29];
    json_t *effect = NULL;
    json_t *deliver = task->deliver ? json_loads(task->deliver, 0, NULL) : NULL;
    const char *channel = json_get_text(deliver, "channel", NULL);
    const char *to = json_get_text(deliver, "to", NULL);
    if (channel && !delivery_is_silent(text)) {
        const char *destination = to ? arena_printf(&arena, "%s:%s", channel, to) : channel;
        effect_id(task, destination, id);
        effect = json_pack("{s:s,s:s,s:s,s:s,s:{s:o},s:s,s:s,s:s}", "id", id, "task", task->id,
                           "kind", "message", "destination", destination, "body", "text",
                           json_text(text, strlen(text)), "dedup_key", id, "state", EFFECT_HELD,
                           "reason", "no channel configured");
    }
    json_decref(deliver);
    arena_fini(&arena);
    return effect;
}
