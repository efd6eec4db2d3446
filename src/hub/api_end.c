/* What is done to a task that is there: cancel, retry, reassign, note. */
#include <string.h>

#include "base/crash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"

enum { NOTE_BYTES = 4000 /* a remark, no document */ };

/* The operator may retry, reassign and note; HTTP_PASS: *task is loaded. */
static enum http_verdict task_for_operator(struct hub *hub, struct http_request *request,
                                           struct http_response *response, struct task *task)
{
    if (api_caller(request)->kind != PRINCIPAL_OPERATOR)
        return api_forbid(hub, request, response, request->params[0], "only a person may do this");
    return api_task(hub, request, response, request->params[0], task);
}

/* Cancelling: people all, an agent what it made itself. */
static enum http_verdict task_to_cancel(struct hub *hub, struct http_request *request,
                                        struct http_response *response, struct task *task)
{
    const struct principal *caller = api_caller(request);
    enum http_verdict verdict = api_task(hub, request, response, request->params[0], task);
    if (verdict != HTTP_PASS || caller->kind == PRINCIPAL_OPERATOR)
        return verdict;
    if (caller->kind == PRINCIPAL_AGENT && str_eq(task->caller, caller->name))
        return HTTP_PASS;
    return api_forbid(hub, request, response, task->id,
                      "%s may not cancel task %s: it was made by %s", caller->name, task->id,
                      task->caller);
}

static enum http_verdict already_ended(struct http_request *request, struct http_response *response,
                                       const struct task *task)
{
    return api_refuse(request, response, 409, "already_ended",
                      "task %s has already ended (%s); nothing was changed", task->id, task->state);
}

static struct event note_event(const char *task, const char *text, struct arena *arena)
{
    json_t *words = json_object();
    json_set_text(words, "text", text);
    struct event event = {.stream = task, .type = "task.note", .body = json_print(arena, words)};
    json_decref(words);
    return event;
}

/* Why it is cancelled, where the body says so; it is kept as a note. */
static const char *reason_of(struct http_request *request)
{
    const char *reason = NULL;
    json_t *body = request->body_len ? json_parse(request->body, request->body_len, NULL) : NULL;
    const char *text = json_get_text(body, "reason", NULL);
    if (!str_is_blank(text))
        reason = arena_memdup(&request->arena, text, str_utf8_cut(text, strlen(text), NOTE_BYTES));
    json_decref(body);
    return reason;
}

bool api_reason(struct http_request *request, const char *task, struct event *note)
{
    const char *reason = reason_of(request);
    *note = note_event(task, reason, &request->arena);
    return reason != NULL;
}

enum http_verdict api_task_cancel(void *ctx, struct http_request *request,
                                  struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct outcome outcome = {0};
    struct task task = {0};
    enum http_verdict verdict = task_to_cancel(hub, request, response, &task);
    if (verdict != HTTP_PASS)
        return verdict;
    struct event note;
    bool said = api_reason(request, task.id, &note);
    struct op ops[] = {
        {.type = OP_CANCEL, .task_id = task.id, .cancel = {.reason = "cancelled"}},
        {.type = OP_EVENT, .event = &note},
    };
    struct batch batch = {.actor = api_caller(request)->name, .ops = ops, .count = said ? 2 : 1};
    if (ledger_apply(hub->ledger, &batch, &outcome, &err) < 0)
        return api_unavailable(request, response, &err);
    if (outcome.status == LEDGER_CONFLICT)
        return already_ended(request, response, &task);
    if (outcome.status != LEDGER_OK)
        return api_outcome(request, response, &outcome);
    return api_answer_task(hub, request, response, 200, task.id);
}

/* A new task that asks the same: the old one's words, not its place nor its state. */
static struct task again(const struct task *old, const char *id, const char *caller,
                         struct arena *arena)
{
    struct task task = {.id = id,
                        .kind = old->kind,
                        .name = old->name,
                        .agent = old->agent,
                        .instruction = old->instruction,
                        .data = old->data,
                        .deliver = old->deliver,
                        .model = old->model,
                        .thinking = old->thinking,
                        .result_schema = old->result_schema,
                        .grant = old->grant,
                        .priority = old->priority,
                        .caller = caller,
                        .retry_of = old->id,
                        .parent_step = -1,
                        .parent_index = -1};
    bool own_session = str_ends(old->session, old->id);
    task.session = own_session ? NULL : old->session;
    task.session = api_session_of(&task, arena);
    return task;
}

/* The new task's id: `request` in the body makes a repeat the same. NULL: *response refuses. */
static const char *again_id(struct http_request *request, struct http_response *response,
                            const char *kind, const struct task *old, json_t **body)
{
    *body = request->body_len ? api_body(request, response) : json_object();
    if (!*body)
        return NULL;
    const char *key = json_get_text(*body, "request", NULL);
    char *id = arena_alloc(&request->arena, TASK_ID_TEXT);
    task_id(kind, api_caller(request)->name, old->id, key ? key : old->id, id);
    return id;
}

enum http_verdict api_task_retry(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct task old = {0};
    json_t *body;
    enum http_verdict verdict = task_for_operator(hub, request, response, &old);
    if (verdict != HTTP_PASS)
        return verdict;
    if (!task_state_is_terminal(old.state) || str_eq(old.state, TASK_DONE))
        return api_refuse(request, response, 409, "not_failed",
                          "task %s is %s; only what failed, timed out or was cancelled is retried",
                          old.id, old.state);
    const char *id = again_id(request, response, "retry", &old, &body);
    if (!id)
        return HTTP_ANSWER;
    json_decref(body);
    if (api_inline_task(hub, &old, &request->arena, &err) < 0)
        return api_unavailable(request, response, &err);
    struct task task = again(&old, id, api_caller(request)->name, &request->arena);
    struct submission submission = {.task = &task, .asked = {-1, -1}};
    return api_submit(hub, request, response, &submission);
}

/* The ledger puts the new task in the old one's place: whoever waits for it goes on waiting. */
static enum http_verdict reassign(struct hub *hub, struct http_request *request,
                                  struct http_response *response, struct task *old,
                                  struct task *task)
{
    struct outcome outcome = {0};
    struct op op = {.type = OP_REASSIGN, .task_id = old->id, .reassign = {.task = task}};
    crash_point("hub.reassign.received");
    enum http_verdict verdict = api_apply(hub, request, response, &op, &outcome);
    if (verdict != HTTP_PASS)
        return verdict;
    crash_point("hub.reassign.committed");
    if (outcome.status == LEDGER_OK)
        return api_answer_task(hub, request, response, 201, task->id);
    if (outcome.status == LEDGER_DUP)
        return api_answer_task(hub, request, response, 200, outcome.existing);
    return outcome.status == LEDGER_CONFLICT ? already_ended(request, response, old)
                                             : api_outcome(request, response, &outcome);
}

enum http_verdict api_task_reassign(void *ctx, struct http_request *request,
                                    struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct task old = {0};
    json_t *body;
    enum http_verdict verdict = task_for_operator(hub, request, response, &old);
    if (verdict != HTTP_PASS)
        return verdict;
    const char *id = again_id(request, response, "reassign", &old, &body);
    if (!id)
        return HTTP_ANSWER;
    const char *name = arena_strdup(&request->arena, json_get_text(body, "agent", ""));
    const struct config_agent *agent = config_agent(hub->config, name);
    json_decref(body);
    if (!agent)
        return api_unknown_agent(hub, request, response, name);
    if (api_inline_task(hub, &old, &request->arena, &err) < 0)
        return api_unavailable(request, response, &err);
    struct task task = again(&old, id, old.caller, &request->arena);
    task.agent = agent->id;
    if (str_ends(old.session, old.id))
        task.session = arena_printf(&request->arena, "%s:%s", old.kind, id);
    return reassign(hub, request, response, &old, &task);
}

enum http_verdict api_task_note(void *ctx, struct http_request *request,
                                struct http_response *response)
{
    struct hub *hub = ctx;
    struct outcome outcome = {0};
    struct task task = {0};
    enum http_verdict verdict = task_for_operator(hub, request, response, &task);
    if (verdict != HTTP_PASS)
        return verdict;
    json_t *body = api_body(request, response);
    if (!body)
        return HTTP_ANSWER;
    const char *text = arena_strdup(&request->arena, json_get_text(body, "text", NULL));
    json_decref(body);
    if (str_is_blank(text) || strlen(text) > NOTE_BYTES)
        return api_refuse(request, response, 400, "bad_request",
                          "a note is a \"text\" of 1 to %d bytes", NOTE_BYTES);
    struct event event = note_event(task.id, text, &request->arena);
    struct op op = {.type = OP_EVENT, .event = &event};
    verdict = api_apply(hub, request, response, &op, &outcome);
    if (verdict != HTTP_PASS)
        return verdict;
    return outcome.status == LEDGER_OK
               ? http_json(request, response, 201, json_pack("{s:b}", "ok", 1))
               : api_outcome(request, response, &outcome);
}
