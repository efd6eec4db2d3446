/* OpenClaw's sessions_list and sessions_history: what was said, in one's own sessions and in those
 * of agents that one may ask (2026.2.12, agent tools). */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "tool/asking.h"
#include "tool/builtin.h"
#include "tool/session_key.h"

enum {
    TEXT_BYTES = 4000,     /* of one text, as OpenClaw cuts them */
    HISTORY_BYTES = 81920, /* of one answer */
    SESSIONS_DEFAULT = 50,
    SESSIONS_MAX = 200,
    MESSAGES_DEFAULT = 50,
    MESSAGES_MAX = 200,
    LIST_MESSAGES_MAX = 20,
    TURNS_READ = 50, /* ended turns of a session that are looked at */
};

static json_t *cut_text(const char *text)
{
    size_t len = strlen(text), keep = str_utf8_cut(text, len, TEXT_BYTES);
    return json_text(text, keep);
}

/* {"role","text",…} of one record; NULL where it says nothing. */
static json_t *call_message(const json_t *call, bool with_tools)
{
    const json_t *response = json_object_get(call, "response");
    bool is_model = json_get_int(call, "idx", 0) == 0;
    const char *text = json_get_text(response, "text", NULL);
    if (!text || (!is_model && !with_tools))
        return NULL;
    json_t *message = json_pack("{s:s,s:o}", "role", is_model ? "assistant" : "toolResult", "text",
                                cut_text(text));
    if (!is_model)
        json_set_text(message, "toolName", json_get_text(call, "name", NULL));
    json_set_text(message, "timestamp", json_get_text(call, "recorded_at", NULL));
    return message;
}

static void add_turn(const json_t *item, bool with_tools, json_t *messages)
{
    size_t i;
    const json_t *call, *task = json_object_get(item, "task");
    json_t *user = json_pack("{s:s,s:o}", "role", "user", "text",
                             cut_text(json_get_text(task, "instruction", "")));
    json_set_text(user, "from", json_get_text(task, "caller", NULL));
    json_set_text(user, "timestamp", json_get_text(task, "created_at", NULL));
    json_array_append_new(messages, user);
    json_array_foreach (json_object_get(item, "calls"), i, call) {
        json_t *message = call_message(call, with_tools);
        if (message)
            json_array_append_new(messages, message);
    }
}

/* Drops the oldest until there are at most `limit`, of at most `bytes` together. Returns whether
 * any was dropped. */
static bool keep_newest(json_t *messages, size_t limit, size_t bytes)
{
    size_t total = 0, from = json_array_size(messages), all = from;
    while (from > 0 && all - from < limit) {
        total += json_dumpb(json_array_get(messages, from - 1), NULL, 0, JSON_COMPACT);
        if (total > bytes)
            break;
        from--;
    }
    for (size_t i = 0; i < from; i++)
        json_array_remove(messages, 0);
    return from > 0;
}

/* The ended turns of a session, the newest of them, as messages; new reference or NULL (result). */
static json_t *read_messages(const struct asking *asking, const struct session_key *key,
                             const json_t *row, bool with_tools)
{
    size_t i;
    const json_t *item;
    int64_t after = json_get_int(row, "finished", 0) - TURNS_READ;
    const char *path = arena_printf(
        asking->arena, "/v1/sessions/%s/history?session=%s&after=%lld&limit=%d", key->agent,
        asking_encode(asking->arena, key->key), (long long)(after > 0 ? after : 0), TURNS_READ);
    json_t *answer = asking_hub(asking, "GET", path, NULL);
    json_t *messages = answer ? json_array() : NULL;
    json_array_foreach (json_object_get(answer, "items"), i, item)
        add_turn(item, with_tools, messages);
    json_decref(answer);
    return messages;
}

static const char *kind_of(const char *key)
{
    static const char *const kinds[] = {"cron", "hook", "node", NULL};
    if (str_eq(key, "main"))
        return "main";
    for (const char *const *kind = kinds; *kind; kind++)
        if (str_starts(key, *kind) && key[strlen(*kind)] == ':')
            return *kind;
    return "other";
}

/* Is the session wanted: its kind, and when it was last used? */
static bool is_wanted(const struct asking *asking, const json_t *row)
{
    size_t i;
    int64_t at;
    const json_t *kind, *kinds = json_object_get(asking->arguments, "kinds");
    int64_t minutes = json_get_int(asking->arguments, "activeMinutes", 0);
    bool wanted = json_array_size(kinds) == 0;
    json_array_foreach (kinds, i, kind)
        wanted = wanted || str_eq(json_string_value(kind), kind_of(json_get_text(row, "key", "")));
    if (!wanted || minutes <= 0)
        return wanted;
    return time_parse_rfc3339(json_get_text(row, "updated_at", ""), &at) &&
           at >= asking->place->now - minutes * 60000;
}

static json_t *session_item(const struct asking *asking, const struct session_key *key,
                            const json_t *row)
{
    int64_t at = 0, count = json_get_int(asking->arguments, "messageLimit", 0);
    time_parse_rfc3339(json_get_text(row, "updated_at", ""), &at);
    json_t *item =
        json_pack("{s:s,s:s,s:s,s:I,s:I}", "key",
                  arena_printf(asking->arena, "agent:%s:%s", key->agent, key->key), "kind",
                  kind_of(key->key), "sessionId", json_get_text(row, "id", ""), "updatedAt",
                  (json_int_t)at, "turns", (json_int_t)json_get_int(row, "finished", 0));
    json_set_text(item, "openTask", json_get_text(row, "open_task", NULL));
    json_t *messages = count > 0 ? read_messages(asking, key, row, false) : NULL;
    if (messages) {
        keep_newest(messages, (size_t)(count < LIST_MESSAGES_MAX ? count : LIST_MESSAGES_MAX),
                    HISTORY_BYTES);
        json_object_set_new(item, "messages", messages);
    }
    return item;
}

static json_t *sessions_of(const struct asking *asking, const char *agent)
{
    const char *path =
        arena_printf(asking->arena, "/v1/sessions?agent=%s", asking_encode(asking->arena, agent));
    return asking_hub(asking, "GET", path, NULL);
}

static int list_run(const struct tool_place *place, const json_t *arguments, struct arena *arena,
                    struct tool_result *result, struct err *unused)
{
    struct asking asking = {place, arguments, arena, result};
    size_t i;
    const json_t *row;
    int64_t limit = json_get_int(arguments, "limit", SESSIONS_DEFAULT);
    const char *agent = session_agent(place, json_get_text(arguments, "agentId", NULL));
    json_t *answer = sessions_of(&asking, agent), *list = json_array();
    limit = limit < 1 ? 1 : limit < SESSIONS_MAX ? limit : SESSIONS_MAX;
    json_array_foreach (json_object_get(answer, "items"), i, row) {
        struct session_key key = {agent, json_get_text(row, "key", "")};
        if ((int64_t)json_array_size(list) < limit && is_wanted(&asking, row))
            json_array_append_new(list, session_item(&asking, &key, row));
    }
    if (answer) {
        *result = (struct tool_result){0};
        asking_result(
            arena, result,
            json_pack("{s:I,s:O}", "count", (json_int_t)json_array_size(list), "sessions", list));
    }
    json_decref(list);
    json_decref(answer);
    return 0;
}

static const json_t *find_session(const json_t *answer, const char *key)
{
    size_t i;
    const json_t *row;
    json_array_foreach (json_object_get(answer, "items"), i, row)
        if (str_eq(json_get_text(row, "key", ""), key))
            return row;
    return NULL;
}

static int history_run(const struct tool_place *place, const json_t *arguments, struct arena *arena,
                       struct tool_result *result, struct err *unused)
{
    struct asking asking = {place, arguments, arena, result};
    struct session_key key = session_key_read(place, arguments, arena);
    int64_t limit = json_get_int(arguments, "limit", MESSAGES_DEFAULT);
    json_t *answer = sessions_of(&asking, key.agent), *messages = NULL;
    const json_t *row = answer ? find_session(answer, key.key) : NULL;
    limit = limit < 1 ? 1 : limit < MESSAGES_MAX ? limit : MESSAGES_MAX;
    if (answer && !row)
        result_error(arena, result, "%s has no session \"%s\"; sessions_list shows what there is.",
                     key.agent, key.key);
    else if (row)
        messages =
            read_messages(&asking, &key, row, json_get_bool(arguments, "includeTools", false));
    if (messages) {
        bool cut = keep_newest(messages, (size_t)limit, HISTORY_BYTES);
        const char *name = arena_printf(arena, "agent:%s:%s", key.agent, key.key);
        asking_result(
            arena, result,
            json_pack("{s:s,s:b,s:o}", "sessionKey", name, "truncated", cut, "messages", messages));
    }
    json_decref(answer);
    return 0;
}

const struct tool tool_sessions_list = {
    .name = "sessions_list",
    .description = "Sessions of this agent, or of one that you may ask (agentId).",
    .parameters =
        "{\"type\":\"object\",\"properties\":{"
        "\"kinds\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"main, "
        "hook, "
        "cron, node, other\"},"
        "\"limit\":{\"type\":\"integer\"},\"activeMinutes\":{\"type\":\"integer\"},"
        "\"messageLimit\":{\"type\":\"integer\",\"description\":\"Last messages of each, at most "
        "20\"},\"agentId\":{\"type\":\"string\"}}}",
    .repeat = REPEAT_FREELY,
    .foreign = true,
    .run = list_run,
};

const struct tool tool_sessions_history = {
    .name = "sessions_history",
    .description = "What was said in a session (agent:<id>:<key>, or a key of your own).",
    .parameters = "{\"type\":\"object\",\"properties\":{\"sessionKey\":{\"type\":\"string\"},"
                  "\"limit\":{\"type\":\"integer\"},\"includeTools\":{\"type\":\"boolean\"},"
                  "\"agentId\":{\"type\":\"string\"}},\"required\":[\"sessionKey\"]}",
    .repeat = REPEAT_FREELY,
    .foreign = true,
    .run = history_run,
};
