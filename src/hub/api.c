/* The routes, and the words that all handlers use. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "hub/api.h"
#include "hub/retention.h"

const struct http_route hub_routes[] = {
    {"POST", "/v1/register", api_register},
    {"POST", "/v1/claim", api_claim},
    {"POST", "/v1/extend", api_extend},
    {"POST", "/v1/batch", api_batch},
    {"POST", "/v1/tasks", api_tasks_post},
    {"GET", "/v1/tasks", api_tasks_list},
    {"GET", "/v1/tasks/{id}", api_task_get},
    {"GET", "/v1/tasks/{id}/tree", api_task_tree},
    {"POST", "/v1/tasks/{id}/cancel", api_task_cancel},
    {"POST", "/v1/tasks/{id}/retry", api_task_retry},
    {"POST", "/v1/tasks/{id}/reassign", api_task_reassign},
    {"POST", "/v1/tasks/{id}/note", api_task_note},
    {"POST", "/v1/route", api_route},
    {"GET", "/v1/usage", api_usage},
    {"GET", "/v1/sessions", api_sessions},
    {"GET", "/v1/sessions/{agent}/history", api_history},
    {"GET", "/v1/sessions/{agent}/retired", api_retired},
    {"POST", "/v1/sessions/{agent}/retired", api_retired_gone},
    {"GET", "/v1/events", api_events},
    {"GET", "/v1/feed", api_feed},
    {"PUT", "/v1/blobs", api_blob_put},
    {"GET", "/v1/blobs/{sha256}", api_blob_get},
    {"GET", "/v1/inbox", api_inbox_list},
    {"GET", "/v1/inbox/{id}", api_inbox_get},
    {"POST", "/v1/inbox/{id}", api_inbox_post},
    {"POST", "/v1/runs", api_runs_post},
    {"GET", "/v1/runs", api_runs_list},
    {"GET", "/v1/runs/{id}", api_run_get},
    {"GET", "/v1/runs/{id}/definition", api_run_definition},
    {"GET", "/v1/runs/{id}/events", api_run_events},
    {"POST", "/v1/runs/{id}/cancel", api_run_cancel},
    {"POST", "/v1/runs/{id}/signal", api_run_signal},
    {"GET", "/v1/jobs", api_job_list},
    {"GET", "/v1/jobs/{id}", api_job_get},
    {"POST", "/v1/jobs/{id}", api_job_post},
    {"GET", "/v1/status", api_status},
    {"POST", "/v1/pause", api_pause},
    {"POST", "/v1/resume", api_resume},
    {"GET", "/v1/agents", api_agents},
    {"POST", "/v1/admin/check", api_check},
    {"POST", "/v1/admin/backup", api_backup},
    {"GET", "/healthz", api_health},
    {"GET", "/readyz", api_health},
    {"GET", "/metrics", api_metrics},
    {NULL, NULL, NULL},
};

const struct principal *api_caller(const struct http_request *request)
{
    return request->state;
}

enum http_verdict api_refuse(struct http_request *request, struct http_response *response,
                             int status, const char *code, const char *format, ...)
{
    struct err err = {0};
    va_list args;
    snprintf(err.code, sizeof(err.code), "%s", code);
    va_start(args, format);
    vsnprintf(err.message, sizeof(err.message), format, args);
    va_end(args);
    return http_error(request, response, status, &err);
}

enum http_verdict api_unavailable(struct http_request *request, struct http_response *response,
                                  const struct err *err)
{
    http_add_header(response, "Retry-After", "1");
    return http_error(request, response, 503, err);
}

enum http_verdict api_apply(struct hub *hub, struct http_request *request,
                            struct http_response *response, struct op *op, struct outcome *outcome)
{
    struct err err;
    struct batch batch = {.actor = api_caller(request)->name, .ops = op, .count = 1};
    if (ledger_apply(hub->ledger, &batch, outcome, &err) < 0)
        return api_unavailable(request, response, &err);
    return HTTP_PASS;
}

enum http_verdict api_outcome(struct http_request *request, struct http_response *response,
                              const struct outcome *outcome)
{
    const char *message = *outcome->message ? outcome->message : NULL;
    switch (outcome->status) {
    case LEDGER_LOST:
        return api_refuse(request, response, 409, "lost", "%s",
                          message ? message : "another worker has this task now");
    case LEDGER_CONFLICT:
    case LEDGER_DUP:
        return api_refuse(request, response, 409, "conflict", "%s",
                          message ? message : "the state has changed meanwhile");
    case LEDGER_NONE:
        return api_refuse(request, response, 404, "not_found", "%s",
                          message ? message : "there is no such thing");
    case LEDGER_BUSY:
        http_add_header(response, "Retry-After", "1");
        return api_refuse(request, response, 503, *outcome->code ? outcome->code : "busy", "%s",
                          message ? message : "the queue is full; try again later");
    default:
        return api_refuse(request, response,
                          str_eq(outcome->code, "key_reused")    ? 409
                          : str_eq(outcome->code, "not_allowed") ? 403
                                                                 : 422,
                          *outcome->code ? outcome->code : "refused", "%s",
                          message ? message : "refused");
    }
}

json_t *api_body(struct http_request *request, struct http_response *response)
{
    struct err err;
    json_t *body = json_parse(request->body, request->body_len, &err);
    if (body && json_is_object(body))
        return body;
    if (body)
        err_set(&err, "bad_request", "the body must be a JSON object");
    json_decref(body);
    http_error(request, response, 400, &err);
    return NULL;
}

int64_t api_query_int(const struct http_request *request, const char *name, int64_t fallback,
                      int64_t max)
{
    int64_t value;
    const char *text = http_query(request, name);
    if (!text || !str_to_int(text, 0, INT64_MAX, &value))
        return fallback;
    return value < max ? value : max;
}

json_t *api_items(const struct record *record, const void *rows, size_t count)
{
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, record_to_json(record, (const char *)rows + i * record->size));
    return json_pack("{s:o}", "items", items);
}

void api_set_now(struct hub *hub, json_t *answer)
{
    char now[TIME_TEXT];
    time_rfc3339(ledger_now(hub->ledger), now);
    json_object_set_new(answer, "now", json_string(now));
}

int api_add_budget(struct hub *hub, const struct task *task, json_t *answer, struct err *err)
{
    struct amount left;
    if (!task->budget)
        return 0;
    if (ledger_budget_left(hub->ledger, task, &left, err) < 0)
        return -1;
    json_t *budget = json_object();
    if (left.micro_usd >= 0)
        json_object_set_new(budget, "micro_usd", json_integer(left.micro_usd));
    if (left.tokens >= 0)
        json_object_set_new(budget, "tokens", json_integer(left.tokens));
    json_object_set_new(answer, "budget", budget);
    return 0;
}

/* *text = the blob's text where text is absent and a blob is named. */
static int inline_blob(struct hub *hub, const char **text, const char *blob, struct arena *arena,
                       struct err *err)
{
    char *bytes;
    size_t len;
    if (*text || !blob)
        return 0;
    int rc = ledger_blob_get(hub->ledger, blob, arena, &bytes, &len, err);
    if (rc == 0)
        *text = bytes;
    else if (rc > 0)
        err_set(err, "blob_missing", "the ledger has no blob %.12s…", blob);
    return rc == 0 ? 0 : -1;
}

int api_inline_task(struct hub *hub, struct task *task, struct arena *arena, struct err *err)
{
    return inline_blob(hub, &task->instruction, task->instruction_blob, arena, err);
}

int api_inline_call(struct hub *hub, struct call *call, struct arena *arena, struct err *err)
{
    if (str_eq(call->kind, "tool") &&
        inline_blob(hub, &call->request, call->request_blob, arena, err) < 0)
        return -1;
    return inline_blob(hub, &call->response, call->response_blob, arena, err);
}

static enum http_verdict no_task(struct http_request *request, struct http_response *response,
                                 const char *prefix)
{
    struct err err = {0};
    err_set(&err, "unknown_task", "there is no task %s", prefix);
    err_hint(&err, "hq task list shows the newest");
    return http_error(request, response, 404, &err);
}

/* An agent sees all below its own tasks: then it is on the path (ids need no escapes in JSON). */
static bool is_below_own(struct http_request *request, const struct task *task)
{
    const struct principal *caller = api_caller(request);
    return caller->kind == PRINCIPAL_AGENT && task->path &&
           strstr(task->path, arena_printf(&request->arena, "\"%s\"", caller->agent));
}

bool api_may_read(struct http_request *request, const struct task *task)
{
    return principal_may_read(api_caller(request), task) || is_below_own(request, task);
}

enum http_verdict api_archived(struct hub *hub, struct http_request *request,
                               struct http_response *response, const char *prefix)
{
    struct err err;
    const struct principal *caller = api_caller(request);
    const char *path = principal_is_person(caller) || caller->kind == PRINCIPAL_RUNNER
                           ? retention_find(hub->config, prefix, &request->arena)
                           : NULL;
    if (!path)
        return HTTP_PASS;
    err_set(&err, "archived", "%s has left the ledger: it ended longer ago than `retention` says",
            prefix);
    err_hint(&err, "it is in the archive: grep %s %s", prefix, path);
    return http_error(request, response, 410, &err);
}

enum http_verdict api_task(struct hub *hub, struct http_request *request,
                           struct http_response *response, const char *prefix, struct task *task)
{
    struct err err;
    void *rows = NULL;
    size_t count = 0;
    if (ledger_query(hub->ledger, LIST_TASKS_BY_PREFIX, prefix, NULL, 0, 2, &request->arena, &rows,
                     &count, &err) < 0)
        return api_unavailable(request, response, &err);
    const struct task *found = rows;
    if (count == 2 && !str_eq(found[0].id, prefix))
        return api_refuse(request, response, 409, "ambiguous", "%s is the beginning of several ids",
                          prefix);
    if (count == 0)
        return api_archived(hub, request, response, prefix) == HTTP_PASS
                   ? no_task(request, response, prefix)
                   : HTTP_ANSWER;
    if (!api_may_read(request, &found[0])) {
        api_remember_unseen(hub, request, found[0].id);
        return no_task(request, response, prefix);
    }
    *task = found[0];
    return HTTP_PASS;
}
