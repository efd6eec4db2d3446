/* Reads session names; OpenClaw's own agent is called main, also where it has another id here. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "config/config.h"
#include "tool/session_key.h"
#include "tool/tool.h"

enum { LABEL_BYTES = 64 };

const char *session_agent(const struct tool_place *place, const char *name)
{
    if (str_is_empty(name))
        return place->agent;
    const struct config_agent *agent = config_agent(place->config, name);
    if (agent)
        return agent->id;
    return str_eq(name, "main") ? place->agent : name;
}

char *session_label_key(struct arena *arena, const char *label)
{
    char *key = arena_printf(arena, "subagent:%.*s", LABEL_BYTES, label);
    for (char *at = key + strlen("subagent:"); *at; at++)
        if (!isalnum((unsigned char)*at) && *at != '-' && *at != '_')
            *at = '-';
    return key;
}

struct session_key session_key_read(const struct tool_place *place, const json_t *arguments,
                                    struct arena *arena)
{
    const char *name = json_get_text(arguments, "sessionKey", NULL);
    const char *label = json_get_text(arguments, "label", NULL);
    const char *agent = json_get_text(arguments, "agentId", NULL);
    if (str_is_empty(name)) {
        const char *key = str_is_empty(label) ? NULL : session_label_key(arena, label);
        return (struct session_key){session_agent(place, agent), key};
    }
    const char *colon = str_starts(name, "agent:") ? strchr(name + 6, ':') : NULL;
    if (!colon || !colon[1])
        return (struct session_key){session_agent(place, agent), arena_strdup(arena, name)};
    agent = arena_memdup(arena, name + 6, (size_t)(colon - name - 6));
    return (struct session_key){session_agent(place, agent), arena_strdup(arena, colon + 1)};
}
