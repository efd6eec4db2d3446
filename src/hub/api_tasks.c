/* Submitting tasks, looking at them, ending them. */
#include <string.h>

#include "base/crash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/api.h"

static const char *const kinds_of_operator[] = {"ask", "chat", "hook", "wake", NULL};
static const char *const kinds_of_door[] = {"hook", "wake", NULL};
static const char *const kinds_of_agent[] = {NULL};

static const char *const *kinds_of(const struct principal *caller)
{
    if (caller->kind == PRINCIPAL_OPERATOR)
        return kinds_of_operator;
    return caller->kind == PRINCIPAL_OUTSIDE ? kinds_of_door : kinds_of_agent;
}

static enum http_verdict refuse_agent(struct hub *hub, struct http_request *request,
                                      struct http_response *response, const char *agent)
{
    const struct config *config = hub->config;
    const char **names = arena_alloc(&request->arena, (config->agent_count + 1) * sizeof(*names));
    for (size_t i = 0; i < config->agent_count; i++)
        names[i] = config->agents[i].id;
    const char *near = str_nearest(agent, names);
    struct err err;
    err_set(&err, "unknown_agent", "there is no agent \"%s\"", agent);
    if (near)
        err_hint(&err, "did you mean %s?", near);
    else
        err_hint(&err, "hq agent list shows who is there");
    return http_error(request, response, 404, &err);
}

/* Who may ask what of whom. HTTP_PASS: it may. */
static enum http_verdict check_authority(struct http_request *request,
                                         struct http_response *response, const struct task *task)
{
    const struct principal *caller = api_caller(request);
    if (!str_in(task->kind, kinds_of(caller)))
        return api_refuse(request, response, 403, "not_allowed",
                          "%s may not submit a task of kind %s", caller->name, task->kind);
    if (caller->kind == PRINCIPAL_OUTSIDE && !str_eq(task->agent, caller->agent))
        return api_refuse(request, response, 403, "not_allowed", "this door leads to %s, not to %s",
                          caller->agent, task->agent);
    return HTTP_PASS;
}

/* A session per ask and hook unless one is named; chat and wake share the main one. */
static const char *default_session(const struct task *task, struct arena *arena)
{
    if (task->session)
        return str_lower(arena, task->session);
    if (str_eq(task->kind, "chat") || str_eq(task->kind, "wake"))
        return "main";
    return arena_printf(arena, "%s:%s", task->kind, task->id);
}

static enum http_verdict check_fields(struct http_request *request, struct http_response *response,
                                      const struct task *task, const json_t *body)
{
    if (str_is_blank(task->instruction))
        return api_refuse(request, response, 400, "empty_instruction", "the instruction is empty");
    if (strlen(task->instruction) > LIMIT_INSTRUCTION)
        return api_refuse(
            request, response, 413, "instruction_too_large",
            "the instruction has %zu bytes; the limit is %d: put large data in a file",
            strlen(task->instruction), LIMIT_INSTRUCTION);
    if (str_is_empty(json_get_text(body, "key", NULL)))
        return api_refuse(request, response, 400, "bad_request",
                          "\"key\" is missing: what makes a repeat the same task");
    if (json_object_get(body, "deadline_ms") && json_get_int(body, "deadline_ms", 0) <= 0)
        return api_refuse(request, response, 400, "bad_deadline",
                          "the deadline must lie in the future");
    return HTTP_PASS;
}

static enum http_verdict answer_task(struct hub *hub, struct http_request *request,
                                     struct http_response *response, int status, const char *id)
{
    struct err err;
    struct task task = {.id = id};
    if (ledger_get(hub->ledger, &task_record, &task, &request->arena, &err) != 0)
        return api_unavailable(request, response, &err);
    crash_point("hub.submit.answer");
    return http_json(request, response, status,
                     json_pack("{s:o}", "task", record_to_json(&task_record, &task)));
}

/* A hook door reads nothing but the id; the row would have to be waited for behind the next commit.
 */
static enum http_verdict answer_submit(struct hub *hub, struct http_request *request,
                                       struct http_response *response, int status, const char *id)
{
    if (api_caller(request)->kind != PRINCIPAL_OUTSIDE)
        return answer_task(hub, request, response, status, id);
    crash_point("hub.submit.answer");
    return http_json(request, response, status, json_pack("{s:{s:s}}", "task", "id", id));
}

/* What the company allows one request and everything below it. */
static const char *tree_limits(const struct config *config, struct arena *arena)
{
    return arena_printf(arena, "{\"depth\":%lld,\"live\":%lld,\"tasks\":%lld,\"wall_ms\":%lld}",
                        (long long)config->limit_depth, (long long)config->limit_live,
                        (long long)config->limit_tasks, (long long)config->limit_wall_ms);
}

static enum http_verdict submit(struct hub *hub, struct http_request *request,
                                struct http_response *response, struct task *task)
{
    struct err err;
    struct outcome outcome = {0};
    struct op op = {
        .type = OP_SUBMIT, .task = task, .root_limits = tree_limits(hub->config, &request->arena)};
    struct batch batch = {.actor = api_caller(request)->name, .ops = &op, .count = 1};
    crash_point("hub.submit.received");
    if (ledger_apply(hub->ledger, &batch, &outcome, &err) < 0)
        return api_unavailable(request, response, &err);
    if (outcome.status == LEDGER_OK)
        return answer_submit(hub, request, response, 201, task->id);
    if (outcome.status == LEDGER_DUP)
        return answer_submit(hub, request, response, 200, outcome.existing);
    return api_outcome(request, response, &outcome);
}

static enum http_verdict post(struct hub *hub, struct http_request *request,
                              struct http_response *response, const json_t *body)
{
    struct err err;
    struct task task = {0};
    struct arena *arena = &request->arena;
    if (record_from_json(&task_record, body, &task, arena, &err) < 0)
        return http_error(request, response, 400, &err);
    /* Only what a caller may choose is taken over; the runtime owns the rest. */
    struct task asked = {.kind = task.kind ? task.kind : "ask",
                         .name = task.name,
                         .instruction = task.instruction,
                         .data = task.data,
                         .session = task.session,
                         .deliver = task.deliver,
                         .model = task.model,
                         .thinking = task.thinking,
                         .priority = task.priority,
                         .caller = api_caller(request)->name,
                         .parent_step = -1,
                         .parent_index = -1};
    const struct config_agent *agent = config_agent(hub->config, task.agent ? task.agent : "");
    if (!agent)
        return refuse_agent(hub, request, response, task.agent ? task.agent : "");
    asked.agent = agent->id;
    enum http_verdict verdict = check_authority(request, response, &asked);
    if (verdict == HTTP_PASS)
        verdict = check_fields(request, response, &asked, body);
    if (verdict != HTTP_PASS)
        return verdict;
    char id[TASK_ID_TEXT];
    task_id(asked.kind, asked.caller, asked.agent, json_get_text(body, "key", ""), id);
    asked.id = id;
    asked.session = default_session(&asked, arena);
    int64_t deadline_ms = json_get_int(body, "deadline_ms", 0);
    if (deadline_ms > 0)
        asked.deadline_at = ledger_now(hub->ledger) + deadline_ms;
    return submit(hub, request, response, &asked);
}

enum http_verdict api_tasks_post(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    json_t *body = api_body(request, response);
    if (!body)
        return HTTP_ANSWER;
    enum http_verdict verdict = post(ctx, request, response, body);
    json_decref(body);
    return verdict;
}

/* ?handoffs=1: each ended task with its result. */
static int add_handoffs(struct hub *hub, const struct task *tasks, size_t count, json_t *answer,
                        struct arena *arena, struct err *err)
{
    json_t *items = json_object_get(answer, "items");
    for (size_t i = 0; i < count; i++) {
        struct handoff handoff = {.task = tasks[i].id};
        int rc = ledger_get(hub->ledger, &handoff_record, &handoff, arena, err);
        if (rc < 0)
            return -1;
        if (rc == 0)
            json_object_set_new(json_array_get(items, i), "handoff",
                                record_to_json(&handoff_record, &handoff));
    }
    return 0;
}

enum http_verdict api_tasks_list(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    void *rows;
    size_t count;
    const struct principal *caller = api_caller(request);
    if (caller->kind == PRINCIPAL_OUTSIDE)
        return api_refuse(request, response, 403, "not_allowed", "a hook door may not list tasks");
    const char *agent = caller->agent ? caller->agent : http_query(request, "agent");
    int64_t limit = api_query_int(request, "limit", 50, LIMIT_LIST);
    int64_t before = api_query_int(request, "before", 0, INT64_MAX);
    if (agent && !config_agent(hub->config, agent))
        return refuse_agent(hub, request, response, agent);
    if (ledger_query(hub->ledger, LIST_TASKS, agent, http_query(request, "state"), before,
                     (size_t)limit, &request->arena, &rows, &count, &err) < 0)
        return api_unavailable(request, response, &err);
    json_t *answer = api_items(&task_record, rows, count);
    if (http_query(request, "handoffs") &&
        add_handoffs(hub, rows, count, answer, &request->arena, &err) < 0) {
        json_decref(answer);
        return api_unavailable(request, response, &err);
    }
    if (count == (size_t)limit && count > 0)
        json_object_set_new(answer, "next", json_integer(((struct task *)rows)[count - 1].seq));
    return http_json(request, response, 200, answer);
}

/* Adds a list of rows under a key; an empty list is left out. */
static int add_list(struct hub *hub, enum ledger_list list, const struct record *record,
                    const char *key, const char *id, json_t *answer, struct arena *arena,
                    struct err *err)
{
    void *rows;
    size_t count;
    if (ledger_query(hub->ledger, list, id, NULL, 0, LIMIT_LIST, arena, &rows, &count, err) < 0)
        return -1;
    if (list == LIST_CALLS)
        for (size_t i = 0; i < count; i++)
            if (api_inline_call(hub, &((struct call *)rows)[i], arena, err) < 0)
                return -1;
    json_t *items = api_items(record, rows, count);
    if (count > 0)
        json_object_set(answer, key, json_object_get(items, "items"));
    json_decref(items);
    return 0;
}

static json_t *describe(struct hub *hub, struct task *task, bool full, struct arena *arena,
                        struct err *err)
{
    char note[128];
    struct handoff handoff = {.task = task->id};
    json_t *answer = json_object();
    if (api_inline_task(hub, task, arena, err) < 0)
        goto fail;
    json_object_set_new(answer, "task", record_to_json(&task_record, task));
    int rc = ledger_get(hub->ledger, &handoff_record, &handoff, arena, err);
    if (rc < 0)
        goto fail;
    if (rc == 0)
        json_object_set_new(answer, "handoff", record_to_json(&handoff_record, &handoff));
    ledger_task_note(hub->ledger, task->id, note);
    json_set_text(answer, "note", *note ? note : NULL);
    if (add_list(hub, LIST_WAITS, &wait_record, "waits", task->id, answer, arena, err) < 0 ||
        add_list(hub, LIST_EFFECTS, &effect_record, "effects", task->id, answer, arena, err) < 0)
        goto fail;
    if (full && add_list(hub, LIST_CALLS, &call_record, "calls", task->id, answer, arena, err) < 0)
        goto fail;
    return answer;
fail:
    json_decref(answer);
    return NULL;
}

enum http_verdict api_task_get(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct task task = {0};
    uint64_t seen = http_wakes(request->server);
    int64_t wait_ms = api_query_int(request, "wait_ms", 0, LIMIT_WAIT_MS);
    enum http_verdict verdict = api_task(hub, request, response, request->params[0], &task);
    if (verdict != HTTP_PASS)
        return verdict;
    if (wait_ms > 0 && !task_state_is_terminal(task.state) && !request->deadline_passed) {
        const char *key = arena_printf(&request->arena, "task:%s", task.id);
        return http_park(request, key, seen, request->started_ms + wait_ms);
    }
    json_t *answer =
        describe(hub, &task, http_query(request, "full") != NULL, &request->arena, &err);
    return answer ? http_json(request, response, 200, answer)
                  : api_unavailable(request, response, &err);
}

/* The operator may end and retry; HTTP_PASS: *task is loaded. */
static enum http_verdict task_for_operator(struct hub *hub, struct http_request *request,
                                           struct http_response *response, struct task *task)
{
    if (api_caller(request)->kind != PRINCIPAL_OPERATOR)
        return api_refuse(request, response, 403, "not_allowed", "only a person may do this");
    return api_task(hub, request, response, request->params[0], task);
}

enum http_verdict api_task_cancel(void *ctx, struct http_request *request,
                                  struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct outcome outcome = {0};
    struct task task = {0};
    enum http_verdict verdict = task_for_operator(hub, request, response, &task);
    if (verdict != HTTP_PASS)
        return verdict;
    struct op op = {.type = OP_CANCEL, .task_id = task.id, .cancel = {.reason = "cancelled"}};
    struct batch batch = {.actor = api_caller(request)->name, .ops = &op, .count = 1};
    if (ledger_apply(hub->ledger, &batch, &outcome, &err) < 0)
        return api_unavailable(request, response, &err);
    if (outcome.status == LEDGER_CONFLICT)
        return api_refuse(request, response, 409, "already_ended",
                          "task %s has already ended (%s); nothing was changed", task.id,
                          task.state);
    if (outcome.status != LEDGER_OK)
        return api_outcome(request, response, &outcome);
    return answer_task(hub, request, response, 200, task.id);
}

enum http_verdict api_task_retry(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    struct task old = {0};
    enum http_verdict verdict = task_for_operator(hub, request, response, &old);
    if (verdict != HTTP_PASS)
        return verdict;
    if (!task_state_is_terminal(old.state) || str_eq(old.state, TASK_DONE))
        return api_refuse(request, response, 409, "not_failed",
                          "task %s is %s; only what failed, timed out or was cancelled is retried",
                          old.id, old.state);
    json_t *body = request->body_len ? api_body(request, response) : json_object();
    if (!body)
        return HTTP_ANSWER;
    const char *key = json_get_text(body, "request", NULL);
    char id[TASK_ID_TEXT];
    task_id("retry", api_caller(request)->name, old.id, key ? key : old.id, id);
    if (api_inline_task(hub, &old, &request->arena, &err) < 0) {
        json_decref(body);
        return api_unavailable(request, response, &err);
    }
    struct task task = {.id = id,
                        .kind = old.kind,
                        .name = old.name,
                        .agent = old.agent,
                        .instruction = old.instruction,
                        .data = old.data,
                        .deliver = old.deliver,
                        .model = old.model,
                        .thinking = old.thinking,
                        .priority = old.priority,
                        .caller = api_caller(request)->name,
                        .retry_of = old.id,
                        .parent_step = -1,
                        .parent_index = -1};
    bool own_session = str_ends(old.session, old.id);
    task.session = own_session ? NULL : old.session;
    task.session = default_session(&task, &request->arena);
    verdict = submit(hub, request, response, &task);
    json_decref(body);
    return verdict;
}
