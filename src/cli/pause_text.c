/* Words only, but for the one look at the hub's lock. */
#include "cli/pause_text.h"

#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "supervise/control.h"

enum { SHORT_ID = 10 /* of a task: what the lists show is enough to type */ };

const char *pause_scope(const struct config *config, const json_t *pause, struct arena *arena)
{
    const char *id = json_get_text(pause, "id", "company");
    if (str_starts(id, "agent:"))
        return arena_strdup(arena, id + strlen("agent:"));
    if (str_starts(id, "task:"))
        return arena_printf(arena, "task %.*s", SHORT_ID, id + strlen("task:"));
    return config && config->company ? arena_strdup(arena, config->company) : "the company";
}

const char *pause_resume_command(const char *hq, const json_t *pause, struct arena *arena)
{
    const char *id = json_get_text(pause, "id", "company");
    const char *colon = strchr(id, ':');
    bool is_task = str_starts(id, "task:");
    return colon ? arena_printf(arena, "%s resume %.*s", hq, is_task ? SHORT_ID : 128, colon + 1)
                 : arena_printf(arena, "%s resume", hq);
}

const char *pause_since(const json_t *pause, struct arena *arena)
{
    int64_t at;
    char text[32], today[32];
    struct tm tm;
    if (!time_parse_rfc3339(json_get_text(pause, "at", ""), &at))
        return "?";
    time_t now = (time_t)(time_wall_ms() / 1000), then = (time_t)(at / 1000);
    localtime_r(&now, &tm);
    strftime(today, sizeof(today), "%Y-%m-%d", &tm);
    localtime_r(&then, &tm);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
    return arena_strdup(arena, str_starts(text, today) ? text + strlen(today) + 1 : text);
}

const char *pause_sentence(const json_t *pause, struct arena *arena)
{
    const char *reason = json_get_text(pause, "reason", NULL);
    return arena_printf(arena, "paused by %s since %s%s%s%s", json_get_text(pause, "by", "?"),
                        pause_since(pause, arena), reason ? " (" : "", reason ? reason : "",
                        reason ? ")" : "");
}

bool pause_hub_is_there(const struct config *config)
{
    return control_look(config, "hub", NULL);
}
