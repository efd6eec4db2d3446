/* Order of checks, codes and bodies are OpenClaw's; what is different on purpose is in
 * docs/hooks.md. */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "channel/delivery.h"
#include "client/hub_client.h"
#include "gateway/hooks.h"
#include "net/auth_throttle.h"
#include "wire/task.h"

enum {
    HUB_PATIENCE_MS = 5000,  /* then 503: the caller tries again with the same key */
    DEFAULT_TIMEOUT_S = 600, /* OpenClaw's agent default */
    TIMEOUT_MAX_S = 30 * 86400,
};

static enum http_verdict plain(struct http_response *response, int status, const char *text)
{
    return http_text(response, status, text);
}

/* {"ok":false,"error":text}, as OpenClaw writes it. */
static enum http_verdict refuse(struct http_request *request, struct http_response *response,
                                int status, const char *text)
{
    return http_json(request, response, status, json_pack("{s:b,s:s}", "ok", 0, "error", text));
}

static enum http_verdict unauthorized(struct hooks *hooks, struct http_request *request,
                                      struct http_response *response)
{
    int wait_s = auth_throttle_fail(hooks->throttle, request->remote);
    if (wait_s == 0)
        return plain(response, 401, "Unauthorized");
    http_add_header(response, "Retry-After", arena_printf(&request->arena, "%d", wait_s));
    return plain(response, 429, "Too Many Requests");
}

/* What stands behind the hooks path: "agent", "runs/t-…", "" for the path alone. */
static const char *sub_path(const struct hooks *hooks, const struct http_request *request)
{
    const char *rest = request->path + strlen(hooks->path);
    return *rest == '/' ? rest + 1 : rest;
}

enum http_verdict hooks_gate(struct hooks *hooks, struct http_request *request,
                             struct http_response *response)
{
    if (http_query(request, "token"))
        return plain(response, 400,
                     "Hook token must be provided via Authorization: Bearer <token> or "
                     "X-OpenClaw-Token header (query parameters are not allowed).");
    const char *token = http_bearer(request);
    if (!token)
        token = http_header(request, "x-openclaw-token");
    if (!hash_secret_eq(hooks->token, token))
        return unauthorized(hooks, request, response);
    auth_throttle_good(hooks->throttle, request->remote);
    const char *sub = sub_path(hooks, request);
    bool is_run = str_starts(sub, "runs/");
    if (!str_eq(request->method, is_run ? "GET" : "POST")) {
        http_add_header(response, "Allow", is_run ? "GET" : "POST");
        return plain(response, 405, "Method Not Allowed");
    }
    return *sub ? HTTP_PASS : plain(response, 404, "Not Found");
}

enum http_verdict hooks_too_large(struct hooks *hooks, struct http_request *request,
                                  struct http_response *response)
{
    return refuse(request, response, 413, "payload too large");
}

/* Trimmed text of a field, NULL when it is no string or blank; in the arena. */
static const char *field(const json_t *body, const char *name, struct arena *arena)
{
    const char *text = json_get_text(body, name, NULL);
    const char *trimmed = text ? str_trim(arena, text) : NULL;
    return str_is_empty(trimmed) ? NULL : trimmed;
}

/* An empty body is {}; a JSON value that is no object is treated as {}. NULL: *response has a 400.
 */
static json_t *read_body(struct http_request *request, struct http_response *response)
{
    struct err err;
    if (request->body_len == 0)
        return json_object();
    json_t *body = json_parse(request->body, request->body_len, &err);
    if (body && json_is_object(body))
        return body;
    if (body) {
        json_decref(body);
        return json_object();
    }
    refuse(request, response, 400, arena_printf(&request->arena, "SyntaxError: %s", err.message));
    return NULL;
}

static const char *channel_error(struct arena *arena)
{
    struct buf text = {0};
    buf_puts(&text, "channel must be ");
    for (size_t i = 0; delivery_channels[i]; i++)
        buf_printf(&text, "%s%s", i ? "|" : "", delivery_channels[i]);
    char *copy = arena_strdup(arena, buf_text(&text));
    buf_fini(&text);
    return copy;
}

/* `last` is where the agent's answers go by default; without that, nowhere: the result can be fetched. */
static json_t *deliver_of(const json_t *body, const char *channel, const char *to)
{
    const json_t *deliver = json_object_get(body, "deliver");
    if (json_is_false(deliver))
        return NULL;
    json_t *target = json_pack("{s:s}", "channel", channel);
    json_set_text(target, "to", to);
    return target;
}

static int64_t timeout_ms(const json_t *body)
{
    const json_t *value = json_object_get(body, "timeoutSeconds");
    double seconds = json_is_number(value) ? floor(json_number_value(value)) : 0;
    if (!(seconds > 0) || !isfinite(seconds))
        return DEFAULT_TIMEOUT_S * 1000LL;
    return (int64_t)(seconds < TIMEOUT_MAX_S ? seconds : TIMEOUT_MAX_S) * 1000;
}

/* The fields of POST agent in OpenClaw's order; NULL: *problem says what is wrong. */
static json_t *agent_task(const struct hooks *hooks, const json_t *body, struct arena *arena,
                          const char **problem)
{
    const char *message = field(body, "message", arena);
    const char *channel = field(body, "channel", arena);
    const json_t *model = json_object_get(body, "model");
    const char *model_text = field(body, "model", arena);
    *problem = NULL;
    if (!message)
        *problem = "message required";
    else if (channel && !str_in(str_lower(arena, channel), delivery_channels))
        *problem = channel_error(arena);
    else if (model && !model_text)
        *problem = "model required";
    else if (field(body, "sessionKey", arena))
        *problem = "sessionKey is disabled for external /hooks/agent payloads; set "
                   "hooks.allowRequestSessionKey=true to enable";
    if (*problem)
        return NULL;
    channel = channel ? str_lower(arena, channel) : "last";
    json_t *task = json_pack("{s:s,s:s,s:s,s:I}", "agent", hooks->agent, "kind", "hook",
                             "instruction", message, "deadline_ms", (json_int_t)timeout_ms(body));
    const char *name = field(body, "name", arena);
    json_set_text(task, "name", name ? name : "Hook");
    json_set_text(task, "model", model_text);
    json_set_text(task, "thinking", field(body, "thinking", arena));
    json_object_set_new(task, "priority", json_integer(1));
    json_t *deliver = deliver_of(body, channel, field(body, "to", arena));
    if (deliver)
        json_object_set_new(task, "deliver", deliver);
    return task;
}

/* The caller's Idempotency-Key, or one made before the first try. */
static const char *request_key(struct http_request *request)
{
    const char *key = http_header(request, "idempotency-key");
    if (!str_is_empty(key))
        return key;
    char *fresh = arena_alloc(&request->arena, UUID_TEXT);
    rand_uuid(fresh);
    return fresh;
}

static enum http_verdict unavailable(struct http_request *request, struct http_response *response,
                                     const char *run_id)
{
    http_add_header(response, "Retry-After", "1");
    return http_json(request, response, 503,
                     json_pack("{s:b,s:s,s:s}", "ok", 0, "error",
                               "the hub does not answer; try again with the same Idempotency-Key",
                               "runId", run_id));
}

/* Submits through this door. HTTP_PASS: it is on disk; else *response says why not. */
static enum http_verdict submit(struct hooks *hooks, struct http_request *request,
                                struct http_response *response, json_t *task,
                                char run_id[TASK_ID_TEXT])
{
    struct err err;
    json_t *answer = NULL;
    int status = 0;
    const char *key = request_key(request);
    const char *caller = arena_printf(&request->arena, "outside:%s", hooks->agent);
    task_id(json_get_text(task, "kind", ""), caller, hooks->agent, key, run_id);
    json_set_text(task, "key", key);
    crash_point("hooks.received");
    enum hub_outcome outcome = hub_call_as(hooks->hub, hooks->token, "POST", "/v1/tasks", task,
                                           HUB_PATIENCE_MS, &answer, &status, &err);
    crash_point("hooks.answer");
    json_decref(answer);
    if (outcome == HUB_OK)
        return HTTP_PASS;
    if (outcome == HUB_DOWN || outcome == HUB_BUSY)
        return unavailable(request, response, run_id);
    return refuse(request, response, status ? status : 500, err.message);
}

static enum http_verdict post_agent(struct hooks *hooks, struct http_request *request,
                                    struct http_response *response, const json_t *body)
{
    const char *problem;
    char run_id[TASK_ID_TEXT];
    json_t *task = agent_task(hooks, body, &request->arena, &problem);
    if (!task)
        return refuse(request, response, 400, problem);
    enum http_verdict verdict = submit(hooks, request, response, task, run_id);
    json_decref(task);
    if (verdict != HTTP_PASS)
        return verdict;
    return http_json(request, response, 202, json_pack("{s:b,s:s}", "ok", 1, "runId", run_id));
}

static enum http_verdict post_wake(struct hooks *hooks, struct http_request *request,
                                   struct http_response *response, const json_t *body)
{
    char run_id[TASK_ID_TEXT];
    const char *text = field(body, "text", &request->arena);
    if (!text)
        return refuse(request, response, 400, "text required");
    bool later = str_eq(json_get_text(body, "mode", ""), "next-heartbeat");
    json_t *task =
        json_pack("{s:s,s:s,s:s,s:s,s:i}", "agent", hooks->agent, "kind", "wake", "name", "Wake",
                  "instruction", arena_printf(&request->arena, "System: %s", text), "priority", 1);
    enum http_verdict verdict = submit(hooks, request, response, task, run_id);
    json_decref(task);
    if (verdict != HTTP_PASS)
        return verdict;
    return http_json(request, response, 200,
                     json_pack("{s:b,s:s}", "ok", 1, "mode", later ? "next-heartbeat" : "now"));
}

/* {"ok":true,"runId","state","result":{…}|null}: the handoff's content, or why there is none. */
static json_t *run_answer(const json_t *answer)
{
    const json_t *task = json_object_get(answer, "task");
    const json_t *handoff = json_object_get(answer, "handoff");
    json_t *run = json_pack("{s:b,s:s,s:s,s:n}", "ok", 1, "runId", json_get_text(task, "id", ""),
                            "state", json_get_text(task, "state", ""), "result");
    static const char *const keys[] = {"status",    "result", "confidence", "notes",
                                       "artefacts", "usage",  NULL};
    if (handoff) {
        json_t *result = json_object();
        for (size_t i = 0; keys[i]; i++) {
            json_t *value = json_object_get(handoff, keys[i]);
            json_object_set(result, keys[i], value ? value : json_null());
        }
        json_object_set_new(run, "result", result);
    }
    const char *failure = json_get_text(task, "failure_class", NULL);
    if (failure)
        json_object_set_new(run, "failure",
                            json_pack("{s:s,s:s}", "class", failure, "message",
                                      json_get_text(task, "failure_message", "")));
    if (json_object_get(answer, "effects"))
        json_object_set(run, "deliveries", json_object_get(answer, "effects"));
    return run;
}

static enum http_verdict get_run(struct hooks *hooks, struct http_request *request,
                                 struct http_response *response, const char *run_id)
{
    struct err err;
    int64_t wait_s = 0;
    int status = 0;
    json_t *answer = NULL;
    const char *wait = http_query(request, "wait");
    if (wait && !str_to_int(wait, 0, LIMIT_WAIT_MS / 1000, &wait_s))
        return refuse(request, response, 400, "wait is a whole number of seconds from 0 to 600");
    if (!str_starts(run_id, "t-") || strspn(run_id + 2, "0123456789abcdefghjkmnpqrstvwxyz") != 26 ||
        strlen(run_id) != TASK_ID_TEXT - 1)
        return refuse(request, response, 404, "there is no such run");
    const char *path = arena_printf(&request->arena, "/v1/tasks/%s?wait_ms=%lld", run_id,
                                    (long long)wait_s * 1000);
    enum hub_outcome outcome = hub_call_as(hooks->hub, hooks->token, "GET", path, NULL,
                                           wait_s * 1000 + HUB_PATIENCE_MS, &answer, &status, &err);
    if (outcome == HUB_DOWN || outcome == HUB_BUSY)
        return unavailable(request, response, run_id);
    if (outcome != HUB_OK)
        return refuse(request, response, status ? status : 500,
                      status == 404 ? "there is no such run" : err.message);
    json_t *run = run_answer(answer);
    json_decref(answer);
    return http_json(request, response, 200, run);
}

enum http_verdict hooks_handle(struct hooks *hooks, struct http_request *request,
                               struct http_response *response)
{
    const char *sub = sub_path(hooks, request);
    if (str_starts(sub, "runs/"))
        return get_run(hooks, request, response, sub + strlen("runs/"));
    json_t *body = read_body(request, response);
    if (!body)
        return HTTP_ANSWER;
    enum http_verdict verdict;
    if (str_eq(sub, "agent"))
        verdict = post_agent(hooks, request, response, body);
    else if (str_eq(sub, "wake"))
        verdict = post_wake(hooks, request, response, body);
    else
        verdict = plain(response, 404, "Not Found");
    json_decref(body);
    return verdict;
}
