/* OpenClaw's sessions_send and sessions_spawn (2026.2.12): delegations under other names, with its
 * parameters and the fields of its answers. */
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "tool/asking.h"
#include "tool/builtin.h"
#include "tool/session_key.h"

enum { SEND_SECONDS = 30, SEND_SECONDS_MAX = 86400, RUN_SECONDS_MAX = 30 * 86400, SPAWN_ID = 26 };

/* A sub-session of its own for every spawning call: the same call again is the same session. */
static char *spawn_key(struct arena *arena, const char *label, const char *call)
{
    char id[SPAWN_ID + 1];
    if (!str_is_empty(label))
        return session_label_key(arena, label);
    hash_crockford(call, strlen(call), SPAWN_ID, id);
    return arena_printf(arena, "subagent:%s", id);
}

static char *call_name(struct arena *arena, const char *task, int64_t step, int64_t idx)
{
    return arena_printf(arena, "%s/%lld/%lld", task, (long long)step, (long long)idx);
}

static json_t *send_body(const struct tool_place *place, const json_t *arguments, struct err *err)
{
    struct arena arena = {0};
    json_t *body = NULL;
    const char *message = json_get_text(arguments, "message", "");
    int64_t seconds = json_get_int(arguments, "timeoutSeconds", SEND_SECONDS);
    struct session_key key = session_key_read(place, arguments, &arena);
    if (!key.key) {
        err_set(err, "bad_argument", "Name the session: sessionKey, or label.");
    } else if (seconds < 0 || seconds > SEND_SECONDS_MAX) {
        err_set(err, "bad_argument", "timeoutSeconds must be 0 (do not wait) to %d.",
                SEND_SECONDS_MAX);
    } else if (asking_instruction("message", message, err) == 0) {
        body = json_pack("{s:s}", "mode", seconds > 0 ? "sync" : "async");
        json_set_text(body, "agent", key.agent);
        json_set_text(body, "session", key.key);
        json_set_text(body, "instruction", message);
        if (seconds > 0)
            json_object_set_new(body, "patience_ms", json_integer(seconds * 1000));
    }
    arena_fini(&arena);
    return body;
}

static json_t *spawn_body(const struct tool_place *place, const json_t *arguments, struct err *err)
{
    struct arena arena = {0};
    json_t *body = NULL;
    const char *task = json_get_text(arguments, "task", "");
    const char *label = json_get_text(arguments, "label", NULL);
    const char *call = call_name(&arena, place->task, place->step, place->idx);
    int64_t seconds = json_get_int(arguments, "runTimeoutSeconds", 0);
    if (seconds < 0 || seconds > RUN_SECONDS_MAX) {
        err_set(err, "bad_argument", "runTimeoutSeconds must be 0 (no limit of its own) to %d.",
                RUN_SECONDS_MAX);
    } else if (asking_instruction("task", task, err) == 0) {
        body = json_pack("{s:s}", "mode", "async");
        json_set_text(body, "agent",
                      session_agent(place, json_get_text(arguments, "agentId", NULL)));
        json_set_text(body, "session", spawn_key(&arena, label, call));
        json_set_text(body, "instruction", task);
        json_set_text(body, "name", label);
        json_set_text(body, "model", json_get_text(arguments, "model", NULL));
        json_set_text(body, "thinking", json_get_text(arguments, "thinking", NULL));
        if (seconds > 0)
            json_object_set_new(body, "deadline_ms", json_integer(seconds * 1000));
    }
    arena_fini(&arena);
    return body;
}

/* OpenClaw's word for how the asking went. */
static const char *status_of(const json_t *response, const char *good)
{
    const char *state = json_get_text(response, "state", NULL);
    if (str_eq(json_get_text(response, "failure_class", NULL), "refused") && !state)
        return "forbidden";
    if (str_eq(json_get_text(response, "status", NULL), "timeout"))
        return "timeout";
    return json_get_bool(response, "is_error", false) ? "error" : good;
}

static json_t *answer_with(const json_t *response, const char *status)
{
    json_t *answer = json_pack("{s:s}", "status", status);
    json_set_text(answer, "runId", json_get_text(response, "task", NULL));
    if (str_eq(status, "error") || str_eq(status, "forbidden"))
        json_set_text(answer, "error", json_get_text(response, "text", ""));
    return answer;
}

static json_t *send_answer(const json_t *call)
{
    const json_t *response = json_object_get(call, "response");
    const json_t *request = json_object_get(call, "request");
    bool waits = json_get_int(request, "timeoutSeconds", SEND_SECONDS) > 0;
    json_t *answer = answer_with(response, status_of(response, waits ? "ok" : "accepted"));
    json_set_text(answer, "sessionKey",
                  json_get_text(request, "sessionKey", json_get_text(request, "label", NULL)));
    if (str_eq(json_get_text(answer, "status", ""), "ok"))
        json_set_text(answer, "reply", json_get_text(response, "text", ""));
    return answer;
}

static json_t *spawn_answer(const json_t *call)
{
    struct arena arena = {0};
    const json_t *response = json_object_get(call, "response");
    const json_t *request = json_object_get(call, "request");
    const char *name = call_name(&arena, json_get_text(call, "task", ""),
                                 json_get_int(call, "step", 0), json_get_int(call, "idx", 0));
    json_t *answer = answer_with(response, status_of(response, "accepted"));
    if (json_object_get(response, "task"))
        json_set_text(answer, "childSessionKey",
                      arena_printf(&arena, "agent:%s:%s", json_get_text(response, "agent", "?"),
                                   spawn_key(&arena, json_get_text(request, "label", NULL), name)));
    if (str_eq(json_get_text(request, "cleanup", "keep"), "delete"))
        json_set_text(answer, "warning", "sessions are kept: nothing is deleted");
    arena_fini(&arena);
    return answer;
}

const struct tool tool_sessions_send = {
    .name = "sessions_send",
    .description = "Send a message into a session of an agent and get the reply.",
    .parameters =
        "{\"type\":\"object\",\"properties\":{"
        "\"sessionKey\":{\"type\":\"string\",\"description\":\"agent:<id>:<key>\"},"
        "\"label\":{\"type\":\"string\",\"description\":\"Instead: the label it was spawned "
        "with\"},"
        "\"agentId\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"},"
        "\"timeoutSeconds\":{\"type\":\"integer\",\"description\":\"Wait so long for the reply "
        "(30); 0: do not wait\"}},\"required\":[\"message\"]}",
    .repeat = REPEAT_FREELY,
    .delegate = send_body,
    .answer = send_answer,
};

const struct tool tool_sessions_spawn = {
    .name = "sessions_spawn",
    .description =
        "Start work in a session of its own, by default with yourself; answers at once. Use "
        "its runId with task_wait or task_status.",
    .parameters = "{\"type\":\"object\",\"properties\":{"
                  "\"task\":{\"type\":\"string\",\"description\":\"What is to be done\"},"
                  "\"label\":{\"type\":\"string\",\"description\":\"Names the session: the same "
                  "label goes on "
                  "in the same one\"},"
                  "\"agentId\":{\"type\":\"string\"},\"model\":{\"type\":\"string\"},"
                  "\"thinking\":{\"type\":\"string\"},\"runTimeoutSeconds\":{\"type\":\"integer\"},"
                  "\"cleanup\":{\"type\":\"string\",\"enum\":[\"delete\",\"keep\"]}},\"required\":["
                  "\"task\"]}",
    .repeat = REPEAT_FREELY,
    .delegate = spawn_body,
    .answer = spawn_answer,
};
