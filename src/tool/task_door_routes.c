/* What a command may ask of the hub: a closed list. Paths and bodies are built anew from what is
 * known, nothing of the command's own text goes on but values. */
#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "client/hub_client.h"
#include "tool/task_door.h"

enum {
    QUERY_NAMES = 5,
    CALL_MS = 30000,
    WAIT_MS = 20000, /* a parked look gives its place back; who waits asks again */
    ID_MAX = 80,
};

struct door_route {
    const char *method, *pattern;
    const char *query[QUERY_NAMES]; /* parameters that pass */
    json_t *(*body)(const struct door_caller *caller, const json_t *given); /* NULL: none */
};

static void copy_keys(json_t *body, const json_t *given, const char *const *keys)
{
    for (size_t i = 0; keys[i]; i++) {
        json_t *value = json_object_get(given, keys[i]);
        if (value)
            json_object_set(body, keys[i], value);
    }
}

/* The delegation is the agent's, below the task that it works on: whatever the command says. What
 * passes is what the tool `delegate` may choose, too: the hub looks at it all the same. */
static json_t *body_of_task(const struct door_caller *caller, const json_t *given)
{
    static const char *const keys[] = {
        "agent",       "capability",    "instruction", "data",   "name",  "session", "key",
        "deadline_ms", "result_schema", "deliver",     "budget", "tools", "model",   "thinking",
        NULL};
    json_t *body = json_pack("{s:s,s:s,s:I}", "kind", "delegation", "parent", caller->task, "fence",
                             (json_int_t)caller->fence);
    copy_keys(body, given, keys);
    return body;
}

static json_t *body_of_route(const struct door_caller *caller, const json_t *given)
{
    static const char *const keys[] = {"text", "capability", NULL};
    json_t *body = json_pack("{s:s}", "caller", caller->agent);
    copy_keys(body, given, keys);
    return body;
}

static json_t *body_empty(const struct door_caller *caller, const json_t *given)
{
    return json_object();
}

static const struct door_route routes[] = {
    {"POST", "/v1/tasks", {NULL}, body_of_task},
    {"POST", "/v1/route", {NULL}, body_of_route},
    {"POST", "/v1/tasks/{}/cancel", {NULL}, body_empty},
    {"GET", "/v1/tasks", {"state", "before", "limit", "handoffs", NULL}, NULL},
    {"GET", "/v1/tasks/{}", {"wait_ms", NULL}, NULL},
    {"GET", "/v1/tasks/{}/tree", {NULL}, NULL},
    {"GET", "/v1/agents", {NULL}, NULL},
};

static bool is_plain(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

/* Length of a name of plain characters, 0 where it is none: no "..", no escapes, no slashes. */
static size_t plain_len(const char *text)
{
    size_t len = 0;
    for (; is_plain(text[len]); len++)
        if (text[len] == '.' && (len == 0 || text[len + 1] == '.'))
            return 0;
    return len > ID_MAX ? 0 : len;
}

/* Whether the path (up to its query) is of that pattern; {} stands for one name. */
static bool path_matches(const char *pattern, const char *path)
{
    while (*pattern) {
        if (pattern[0] == '{') {
            size_t len = plain_len(path);
            if (len == 0)
                return false;
            path += len;
            pattern += 2;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0' || *path == '?';
}

static const struct door_route *route_find(const char *method, const char *path)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
        if (str_eq(method, routes[i].method) && path_matches(routes[i].pattern, path))
            return &routes[i];
    return NULL;
}

/* Appends "name=value" where the route knows the name and the value is plain. */
static void put_parameter(const struct door_route *route, char *pair, struct buf *out,
                          int64_t *wait_ms)
{
    char *value = strchr(pair, '=');
    if (!value)
        return;
    *value++ = '\0';
    size_t len = plain_len(value);
    if (len == 0 || value[len] || !str_in(pair, route->query))
        return;
    char joint = memchr(out->bytes, '?', out->len) ? '&' : '?';
    if (!str_eq(pair, "wait_ms")) {
        buf_printf(out, "%c%s=%s", joint, pair, value);
    } else if (str_to_int(value, 0, INT64_MAX, wait_ms)) {
        *wait_ms = *wait_ms < WAIT_MS ? *wait_ms : WAIT_MS;
        buf_printf(out, "%c%s=%lld", joint, pair, (long long)*wait_ms);
    }
}

/* The path with the parameters that the route knows, in the arena. */
static const char *path_anew(const struct door_route *route, const char *path, struct arena *arena,
                             int64_t *wait_ms)
{
    struct buf out = {0};
    size_t len = strcspn(path, "?");
    char *rest = arena_strdup(arena, path[len] ? path + len + 1 : "");
    buf_put(&out, path, len);
    for (char *pair; (pair = strsep(&rest, "&"));)
        put_parameter(route, pair, &out, wait_ms);
    const char *text = arena_strdup(arena, buf_text(&out));
    buf_fini(&out);
    return text;
}

json_t *door_refusal(int status, const struct err *err)
{
    json_t *error = json_object();
    json_set_text(error, "code", err->code);
    json_set_text(error, "message", err->message);
    json_set_text(error, "hint", *err->hint ? err->hint : NULL);
    return json_pack("{s:i,s:{s:b,s:o}}", "status", status, "body", "ok", 0, "error", error);
}

static json_t *refuse_route(const char *method, const char *path)
{
    struct err err = {0};
    err_set(&err, "not_allowed", "%.20s %.200s is not open to a command that an agent runs", method,
            path);
    err_hint(&err, "it may ask other agents, look at tasks of its own and cancel them, and list the "
                   "agents; the rest is for people");
    return door_refusal(403, &err);
}

/* The status where the client told none: the hub was not there, or its answer made no sense. */
static int status_of(enum hub_outcome outcome, int status)
{
    if (status > 0)
        return status;
    return outcome == HUB_DOWN || outcome == HUB_BUSY ? 503 : 502;
}

static json_t *ask_hub(const struct door_caller *caller, const struct door_route *route,
                       const char *path, const json_t *given)
{
    struct arena arena = {0};
    struct err err = {0};
    json_t *answer = NULL;
    int64_t wait_ms = 0;
    int status = 0;
    const char *anew = path_anew(route, path, &arena, &wait_ms);
    json_t *body = route->body ? route->body(caller, given) : NULL;
    enum hub_outcome outcome = hub_call(caller->hub, route->method, anew, body, CALL_MS + wait_ms,
                                        caller->cancel, &answer, &status, &err);
    json_decref(body);
    arena_fini(&arena);
    if (outcome == HUB_CANCELLED)
        return NULL;
    if (outcome == HUB_OK)
        return json_pack("{s:i,s:o}", "status", status, "body", answer);
    return door_refusal(status_of(outcome, status), &err);
}

json_t *door_answer(const struct door_caller *caller, const char *text, size_t len)
{
    struct err err = {0};
    json_t *answer, *request = json_parse(text, len, &err);
    const char *method = json_get_text(request, "method", "");
    const char *path = json_get_text(request, "path", "");
    const json_t *body = json_object_get(request, "body");
    const struct door_route *route = route_find(method, path);
    if (!request) {
        answer = door_refusal(400, &err);
    } else if (!route) {
        answer = refuse_route(method, path);
    } else if (route->body && body && !json_is_object(body)) {
        err_set(&err, "bad_request", "the body must be a JSON object");
        answer = door_refusal(400, &err);
    } else {
        answer = ask_hub(caller, route, path, body);
    }
    json_decref(request);
    return answer;
}
