/* Any request at an agent's webhook door: "METHOD TARGET", header lines, an empty line, the body. What
 * is taken becomes a task of this agent and of this door, whole; what is not gets one of the answers
 * that docs/hooks.md knows; nothing is asked of the hub without the token. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "client/hub_client.h"
#include "gateway/hooks.h"
#include "net/auth_throttle.h"
#include "net/http_exchange.h"
#include "net/http_target.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADERS = 32 };

static bool may_ask;

static void check_task(const json_t *task)
{
    const char *kind = json_get_text(task, "kind", "");
    int64_t deadline = json_get_int(task, "deadline_ms", 1000);
    PROPERTY(str_eq(json_get_text(task, "agent", ""), "manager"), "a task is this agent's");
    PROPERTY(str_eq(kind, "hook") || str_eq(kind, "wake"), "a task is a door's");
    PROPERTY(!str_is_blank(json_get_text(task, "instruction", "")), "a task has an instruction");
    PROPERTY(!str_is_empty(json_get_text(task, "key", "")), "a task has a key");
    PROPERTY(deadline >= 1 && deadline <= 30 * 86400 * 1000LL, "a task has a bounded time");
    PROPERTY(!json_object_get(task, "session") && !json_object_get(task, "parent"), "and nothing else's");
}

/* The hub: takes every task. Here instead of the client, which would look for a socket. */
enum hub_outcome hub_call_as(struct hub_client *client, const char *token, const char *method,
                             const char *path, const json_t *body, int64_t deadline_ms, json_t **answer,
                             int *http_status, struct err *err)
{
    PROPERTY(may_ask, "nobody asks the hub without the token");
    PROPERTY(str_eq(token, "right"), "the door's own token is shown");
    if (body)
        check_task(body);
    else
        PROPERTY(str_starts(path, "/v1/tasks/t-") && strcspn(path + 10, "/%#") == strlen(path + 10),
                 "a path names one task");
    *answer = json_pack("{s:{s:s,s:s}}", "task", "id", "t-1", "state", "done");
    *http_status = 200;
    return HUB_OK;
}

/* The next line, without its end; *rest behind it. */
static char *line(char **rest)
{
    char *at = *rest, *end = strchr(at, '\n');
    *rest = end ? end + 1 : at + strlen(at);
    if (end)
        *end = '\0';
    return at;
}

static void read_headers(struct http_exchange *exchange, struct http_pair *pairs, char **rest)
{
    exchange->headers = pairs;
    for (char *text; **rest && *(text = line(rest)) && exchange->header_count < HEADERS;) {
        char *value = strchr(text, ':');
        if (!value)
            continue;
        *value++ = '\0';
        pairs[exchange->header_count++] = (struct http_pair){text, value + strspn(value, " ")};
    }
}

static void check_answer(const struct http_response *response)
{
    static const int known[] = {200, 202, 400, 401, 404, 405, 429};
    bool is_known = false;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        is_known = is_known || response->status == known[i];
    PROPERTY(is_known, "an answer is one of those that are written down");
    if (!response->content_type) {
        json_t *body = json_loadb(response->body, response->body_len, 0, NULL);
        PROPERTY(body && json_is_boolean(json_object_get(body, "ok")), "an answer says whether it is ok");
        json_decref(body);
    }
}

static void ask(struct hooks *hooks, struct http_exchange *exchange)
{
    struct http_request *request = &exchange->request;
    struct http_response response = {0};
    may_ask = false;
    enum http_verdict verdict = hooks_gate(hooks, request, &response);
    if (verdict == HTTP_PASS) {
        const char *token = http_bearer(request);
        PROPERTY(str_eq(token, "right") || str_eq(http_header(request, "x-openclaw-token"), "right"),
                 "only the token opens the door");
        may_ask = true;
        verdict = hooks_handle(hooks, request, &response);
    }
    PROPERTY(verdict == HTTP_ANSWER, "a door answers");
    check_answer(&response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_exchange exchange = {0};
    struct http_pair pairs[HEADERS];
    struct err err;
    struct arena *arena = &exchange.request.arena;
    struct hooks hooks = {.path = "/hooks", .agent = "manager", .token = "right"};
    char *text = arena_memdup(arena, data, size), *rest = text, *first = line(&rest);
    char *target = strchr(first, ' ');
    hooks.throttle = auth_throttle_open();
    exchange.request.method = first;
    exchange.request.remote = "127.0.0.1";
    exchange.raw_target = target ? target + 1 : "/hooks/agent";
    if (target)
        *target = '\0';
    read_headers(&exchange, pairs, &rest);
    exchange.request.body = rest;
    exchange.request.body_len = (size_t)(text + size - rest);
    /* What the gateway routes to the door begins with its path. */
    if (http_target_parse(&exchange, &err) == 0 && str_starts(exchange.request.path, "/hooks"))
        ask(&hooks, &exchange);
    auth_throttle_close(hooks.throttle);
    arena_fini(arena);
    return 0;
}
