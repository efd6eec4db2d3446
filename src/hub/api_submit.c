/* A new request: who asks what of whom, and the limits that are put around it. */
#include <string.h>

#include "base/crash.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/limits.h"
#include "base/str.h"
#include "engine/allowance.h"
#include "hub/api.h"
#include "hub/routing.h"
#include "hub/routing_snapshot.h"

/* A request that is being read. */
struct wish {
    struct hub *hub;
    struct http_request *request;
    struct http_response *response;
    const json_t *body;
    struct task task;
    struct amount budget;
    const char *routing; /* JSON of the decision; NULL: the agent was named */
};

static const char *const kinds_of_operator[] = {"ask", "chat", "hook", "wake", NULL};
static const char *const kinds_of_door[] = {"hook", "wake", NULL};
static const char *const no_kinds[] = {NULL};

enum http_verdict api_unknown_agent(struct hub *hub, struct http_request *request,
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

/* What may be asked through this door. HTTP_PASS: it may. */
static enum http_verdict check_authority(struct wish *wish)
{
    const struct principal *caller = api_caller(wish->request);
    const struct task *task = &wish->task;
    bool door = caller->kind == PRINCIPAL_OUTSIDE;
    const char *const *kinds = caller->kind == PRINCIPAL_OPERATOR ? kinds_of_operator
                               : door                             ? kinds_of_door
                                                                  : no_kinds;
    if (!str_in(task->kind, kinds))
        return api_forbid(wish->hub, wish->request, wish->response, NULL,
                          "%s may not submit a task of kind %.40s", caller->name, task->kind);
    if (door && !str_eq(task->agent, caller->agent))
        return api_forbid(wish->hub, wish->request, wish->response, NULL,
                          "this door leads to %s, not to %s", caller->agent, task->agent);
    return HTTP_PASS;
}

const char *api_session_of(const struct task *task, struct arena *arena)
{
    if (task->session)
        return str_lower(arena, task->session);
    if (str_eq(task->kind, "chat") || str_eq(task->kind, "wake"))
        return "main";
    return arena_printf(arena, "%s:%s", task->kind, task->id);
}

static enum http_verdict check_fields(struct wish *wish)
{
    const struct task *task = &wish->task;
    const json_t *body = wish->body;
    struct http_request *request = wish->request;
    struct http_response *response = wish->response;
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

enum http_verdict api_answer_task(struct hub *hub, struct http_request *request,
                                  struct http_response *response, int status, const char *id)
{
    struct err err;
    struct task task = {.id = id};
    if (ledger_get(hub->ledger, &task_record, &task, &request->arena, &err) != 0)
        return api_unavailable(request, response, &err);
    crash_point("hub.submit.answer");
    json_t *answer = json_pack("{s:o}", "task", record_to_json(&task_record, &task));
    if (api_add_pause(hub, &task, answer, &err) == 0)
        return http_json(request, response, status, answer);
    json_decref(answer);
    return api_unavailable(request, response, &err);
}

/* A hook door reads nothing but the id; the row would have to be waited for behind the next commit.
 */
static enum http_verdict answer_submit(struct hub *hub, struct http_request *request,
                                       struct http_response *response, int status, const char *id)
{
    if (api_caller(request)->kind != PRINCIPAL_OUTSIDE)
        return api_answer_task(hub, request, response, status, id);
    crash_point("hub.submit.answer");
    return http_json(request, response, status, json_pack("{s:{s:s}}", "task", "id", id));
}

enum http_verdict api_submit(struct hub *hub, struct http_request *request,
                             struct http_response *response, const struct submission *submission)
{
    struct err err;
    struct outcome outcome = {0};
    struct root_budget budget;
    struct arena *arena = &request->arena;
    struct task *task = submission->task;
    int64_t now = ledger_now(hub->ledger);
    bool bounded = allowance_budget(hub->config, now, &submission->asked, arena, &budget);
    struct event routed = {.stream = task->id, .type = "task.routed", .body = submission->routing};
    struct op ops[] = {{.type = OP_SUBMIT,
                        .task = task,
                        .root_limits = allowance_limits(hub->config, arena),
                        .root_budget = bounded ? &budget : NULL},
                       {.type = OP_EVENT, .event = &routed}};
    struct batch batch = {
        .actor = api_caller(request)->name, .ops = ops, .count = submission->routing ? 2 : 1};
    crash_point("hub.submit.received");
    if (ledger_apply(hub->ledger, &batch, &outcome, &err) < 0)
        return api_unavailable(request, response, &err);
    if (outcome.status == LEDGER_OK)
        return answer_submit(hub, request, response, 201, task->id);
    if (outcome.status == LEDGER_DUP)
        return answer_submit(hub, request, response, 200, outcome.existing);
    return api_outcome(request, response, &outcome);
}

/* `budget` is an object here, and the name of a column in the row. */
static int read_row(const struct wish *wish, struct task *row, struct err *err)
{
    json_t *copy = json_copy((json_t *)wish->body);
    json_object_del(copy, "budget");
    int rc = record_from_json(&task_record, copy, row, &wish->request->arena, err);
    json_decref(copy);
    return rc;
}

static bool amount_is_sane(const json_t *budget, const char *key, int64_t *amount)
{
    const json_t *value = json_object_get(budget, key);
    *amount = -1;
    if (!value || json_is_null(value))
        return true;
    *amount = json_is_integer(value) ? json_integer_value(value) : -1;
    return *amount >= 0;
}

static enum http_verdict read_budget(struct wish *wish)
{
    const json_t *budget = json_object_get(wish->body, "budget");
    bool sane = !budget || json_is_null(budget) || json_is_object(budget);
    sane = amount_is_sane(budget, "micro_usd", &wish->budget.micro_usd) && sane;
    sane = amount_is_sane(budget, "tokens", &wish->budget.tokens) && sane;
    return sane ? HTTP_PASS
                : api_refuse(wish->request, wish->response, 400, "bad_budget",
                             "a budget is an object with micro_usd and tokens: whole numbers, "
                             "0 or more");
}

static enum http_verdict read_shape(struct wish *wish)
{
    const json_t *schema = json_object_get(wish->body, "result_schema");
    const json_t *tools = json_object_get(wish->body, "tools");
    struct err err = {0};
    if (schema && !json_is_null(schema) && json_schema_check(schema, &err) < 0)
        return api_refuse(wish->request, wish->response, 400, "bad_schema",
                          "result_schema must be a JSON Schema: %s", err.message);
    if (!tools || json_is_null(tools))
        return HTTP_PASS;
    for (size_t i = 0; i < json_array_size(tools); i++)
        if (!json_is_string(json_array_get(tools, i)))
            tools = NULL;
    if (!json_is_array(tools))
        return api_refuse(wish->request, wish->response, 400, "bad_request",
                          "tools is a list of tool names");
    json_t *grant = json_pack("{s:O}", "tools", tools);
    wish->task.grant = json_print(&wish->request->arena, grant);
    json_decref(grant);
    return HTTP_PASS;
}

/* Only what a caller may choose is taken over; the runtime owns the rest. */
static enum http_verdict read_wish(struct wish *wish)
{
    struct err err;
    struct task row = {0};
    if (read_row(wish, &row, &err) < 0)
        return http_error(wish->request, wish->response, 400, &err);
    wish->task = (struct task){.kind = row.kind ? row.kind : "ask",
                               .agent = row.agent,
                               .capability = row.capability,
                               .name = row.name,
                               .instruction = row.instruction,
                               .data = row.data,
                               .session = row.session,
                               .deliver = row.deliver,
                               .model = row.model,
                               .thinking = row.thinking,
                               .result_schema = row.result_schema,
                               .priority = row.priority,
                               .caller = api_caller(wish->request)->name,
                               .parent_step = -1,
                               .parent_index = -1};
    enum http_verdict verdict = read_budget(wish);
    return verdict == HTTP_PASS ? read_shape(wish) : verdict;
}

/* A capability, or "auto": the instruction's words choose. A repeat goes where the first one went.
 */
static enum http_verdict route(struct wish *wish, const char *id)
{
    struct err err;
    struct task known = {.id = id};
    struct arena *arena = &wish->request->arena;
    struct route_decision decision;
    struct route_query query = {.config = wish->hub->config,
                                .capability = wish->task.capability,
                                .text = wish->task.instruction,
                                .micro_usd_left = wish->budget.micro_usd};
    int rc = ledger_get(wish->hub->ledger, &task_record, &known, arena, &err);
    wish->task.agent = known.agent;
    if (rc == 0)
        return HTTP_PASS;
    if (rc < 0 || routing_decide(wish->hub, &query, arena, &decision, &err) < 0)
        return api_unavailable(wish->request, wish->response, &err);
    if (decision.able == 0)
        return api_refuse(wish->request, wish->response, 422, "no_candidate", "%s",
                          route_refusal(&query, &decision, arena));
    wish->routing = route_event(&query, &decision, arena);
    wish->task.agent = decision.candidates[0].agent->config->id;
    return HTTP_PASS;
}

/* Who gets it, and the id that makes a repeat the same task. */
static enum http_verdict find_target(struct wish *wish)
{
    struct task *task = &wish->task;
    const char *key = json_get_text(wish->body, "key", "");
    char *id = arena_alloc(&wish->request->arena, TASK_ID_TEXT);
    task->id = id;
    if (!task->agent || str_eq(task->agent, "auto")) {
        const char *target = task->capability ? arena_printf(&wish->request->arena, "capability:%s",
                                                             task->capability)
                                              : "auto";
        task_id(task->kind, task->caller, target, key, id);
        return route(wish, id);
    }
    task_id(task->kind, task->caller, task->agent, key, id);
    return HTTP_PASS;
}

/* An alias becomes an id; a name that is none is told before anything else. */
static enum http_verdict resolve_name(struct wish *wish)
{
    const char *name = wish->task.agent;
    bool routed = !name ? wish->task.capability != NULL : str_eq(name, "auto");
    const struct config_agent *agent = config_agent(wish->hub->config, name ? name : "");
    if (routed && api_caller(wish->request)->kind == PRINCIPAL_OUTSIDE)
        return api_forbid(wish->hub, wish->request, wish->response, NULL,
                          "a hook door leads to one agent: it routes nothing");
    if (routed)
        return HTTP_PASS;
    if (!agent)
        return api_unknown_agent(wish->hub, wish->request, wish->response, name ? name : "");
    wish->task.agent = agent->id;
    wish->task.capability = NULL;
    return HTTP_PASS;
}

static enum http_verdict post(struct wish *wish)
{
    static enum http_verdict (*const steps[])(struct wish *) = {
        read_wish, resolve_name, check_authority, check_fields, find_target};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        enum http_verdict verdict = steps[i](wish);
        if (verdict != HTTP_PASS)
            return verdict;
    }
    struct task *task = &wish->task;
    int64_t deadline_ms = json_get_int(wish->body, "deadline_ms", 0);
    task->session = api_session_of(task, &wish->request->arena);
    if (deadline_ms > 0)
        task->deadline_at = ledger_now(wish->hub->ledger) + deadline_ms;
    struct submission submission = {.task = task, .asked = wish->budget, .routing = wish->routing};
    return api_submit(wish->hub, wish->request, wish->response, &submission);
}

enum http_verdict api_tasks_post(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    json_t *body = api_body(request, response);
    if (!body)
        return HTTP_ANSWER;
    struct wish wish = {.hub = ctx, .request = request, .response = response, .body = body};
    enum http_verdict verdict = api_caller(request)->kind == PRINCIPAL_AGENT
                                    ? api_delegate_post(ctx, request, response, body)
                                    : post(&wish);
    json_decref(body);
    return verdict;
}
