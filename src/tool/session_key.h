/* Names of sessions as models write them: "agent:<id>:<key>", or a key of their own agent. */
#ifndef HQ_TOOL_SESSION_KEY_H
#define HQ_TOOL_SESSION_KEY_H

#include <jansson.h>

struct arena;
struct tool_place;

struct session_key {
    const char *agent, *key;
};

/* The id of the agent of that id or alias; "main" and NULL are the place's own; an unknown one stays
 * as it is, for the hub to refuse. */
const char *session_agent(const struct tool_place *place, const char *name);

/* Reads `sessionKey`, else `label` (the session that sessions_spawn made under it), and `agentId`; in
 * the arena. key NULL: neither is given. */
struct session_key session_key_read(const struct tool_place *place, const json_t *arguments,
                                    struct arena *arena);

/* The key of the sub-session of a label: "subagent:<label>", only letters, digits, - and _. */
char *session_label_key(struct arena *arena, const char *label);

#endif
