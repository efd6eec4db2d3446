/* Refusals that are to be remembered: somebody reached for what is not theirs. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "hub/api.h"

enum { REMEMBERED_PER_MINUTE = 60 /* so that refusals cannot fill the disk */ };

/* Counts this minute's; true while there is room. */
static bool is_room(struct hub *hub)
{
    int64_t minute = time_boot_ms() / 60000;
    if (atomic_exchange(&hub->refusal_minute, minute) != minute)
        atomic_store(&hub->refusals, 0);
    return atomic_fetch_add(&hub->refusals, 1) < REMEMBERED_PER_MINUTE;
}

/* An event of the stream "system". That it could not be written changes nothing for the caller. */
static void remember(struct hub *hub, struct http_request *request, const char *task,
                     const char *code, const char *message)
{
    struct err err;
    struct outcome outcome;
    if (!is_room(hub))
        return;
    json_t *body = json_pack("{s:s,s:s,s:s,s:s}", "method", request->method, "path", request->path,
                             "code", code, "message", message);
    json_set_text(body, "task", task);
    struct event event = {
        .stream = "system", .type = "access.refused", .body = json_print(&request->arena, body)};
    struct op op = {.type = OP_EVENT, .event = &event};
    struct batch batch = {.actor = api_caller(request)->name, .ops = &op, .count = 1};
    json_decref(body);
    ledger_apply(hub->ledger, &batch, &outcome, &err);
}

void api_remember_refusal(struct hub *hub, struct http_request *request, const char *task,
                          const struct outcome *outcome)
{
    bool lost = outcome->status == LEDGER_LOST;
    if (lost || str_eq(outcome->code, "not_allowed"))
        remember(hub, request, task, lost ? "lost" : outcome->code, outcome->message);
}

void api_remember_unseen(struct hub *hub, struct http_request *request, const char *task)
{
    remember(
        hub, request, task, "unknown_task",
        arena_printf(&request->arena, "%s may not see task %s", api_caller(request)->name, task));
}

/* A refusal of the hub's own. */
struct refusal {
    int status;
    const char *code, *task;
};

static enum http_verdict refuse(struct hub *hub, struct http_request *request,
                                struct http_response *response, const struct refusal *refusal,
                                const char *message)
{
    remember(hub, request, refusal->task, refusal->code, message);
    return api_refuse(request, response, refusal->status, refusal->code, "%s", message);
}

enum http_verdict api_forbid(struct hub *hub, struct http_request *request,
                             struct http_response *response, const char *task, const char *format,
                             ...)
{
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(&request->arena, format, args);
    va_end(args);
    return refuse(hub, request, response, &(struct refusal){403, "not_allowed", task}, message);
}

enum http_verdict api_lost(struct hub *hub, struct http_request *request,
                           struct http_response *response, const char *task, const char *format,
                           ...)
{
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(&request->arena, format, args);
    va_end(args);
    return refuse(hub, request, response, &(struct refusal){409, "lost", task}, message);
}
