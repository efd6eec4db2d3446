/* Delegations as they reach the hub: an operation of a worker's batch, or a request of a program in
 * an agent's exec. */
#include <string.h>

#include "base/crash.h"
#include "base/json.h"
#include "base/str.h"
#include "hub/api.h"
#include "hub/delegation.h"

/* ---- an operation of a batch ---- */

static int read_mode(const struct op_source *source, struct delegation *plan, struct err *err)
{
    plan->step = json_get_int(source->json, "step", -1);
    plan->idx = json_get_int(source->json, "idx", -1);
    plan->mode = json_get_text(source->json, "mode", "sync");
    plan->patience_ms = json_get_int(source->json, "patience_ms", 0);
    if (plan->step < 0 || plan->idx < 1)
        return err_set(err, "bad_request", "delegate names the call that asks: step and idx");
    if (!str_eq(plan->mode, "sync") && !str_eq(plan->mode, "async"))
        return err_set(err, "bad_request", "delegate.mode is sync or async, not \"%.40s\"",
                       plan->mode);
    return 0;
}

/* A task that is not there, or another's: what to say of it is left to the ledger, which looks at
 * the whole batch. */
static int own_task(struct hub *hub, const char *agent, const char *id, struct task *task,
                    struct arena *arena, struct err *err)
{
    *task = (struct task){.id = id};
    int rc = ledger_get(hub->ledger, &task_record, task, arena, err);
    if (rc == 0 && !str_eq(task->agent, agent))
        return LEDGER_NONE;
    return rc;
}

int api_delegate_op(const struct op_source *source, struct op *op, struct err *err)
{
    struct task parent;
    struct delegation *plan = arena_alloc(source->arena, sizeof(*plan));
    struct delegation_ask ask = {.hub = source->hub,
                                 .arena = source->arena,
                                 .json = source->json,
                                 .caller = config_agent(source->hub->config, source->caller->agent),
                                 .parent = &parent};
    if (read_mode(source, plan, err) < 0)
        return -1;
    op->type = OP_DELEGATE;
    op->delegation = plan;
    ask.key = arena_printf(source->arena, "[\"%s\",%lld,%lld]", op->task_id, (long long)plan->step,
                           (long long)plan->idx);
    int rc = own_task(source->hub, source->caller->agent, op->task_id, &parent, source->arena, err);
    if (rc > 0)
        delegation_refuse(&ask, plan, "refused", "not_allowed", "%s does not work on task %s",
                          source->caller->agent, op->task_id);
    if (rc == 0)
        rc = delegation_plan(&ask, plan, err);
    if (rc < 0)
        return -1;
    if (plan->child) {
        plan->child->parent_step = plan->step;
        plan->child->parent_index = plan->idx;
    }
    return 0;
}

/* ---- a request of its own ---- */

/* One request on its way. */
struct asking {
    struct hub *hub;
    struct http_request *request;
    struct http_response *response;
    struct task parent;
    struct delegation plan;
    struct delegation_ask ask;
};

/* The refusal stays in the stream of the task that asked; the answer is the same sentence. */
static enum http_verdict answer_refused(struct asking *asking, const char *failure_class,
                                        const char *code, const char *message)
{
    static const char *const forbidden[] = {"not_allowed", "grant", NULL};
    struct outcome outcome;
    json_t *body =
        json_pack("{s:s,s:s,s:s}", "class", failure_class, "code", code, "message", message);
    json_set_text(body, "to", json_get_text(asking->ask.json, "agent", NULL));
    json_set_text(body, "capability", json_get_text(asking->ask.json, "capability", NULL));
    struct event event = {.stream = asking->parent.id,
                          .type = "delegation.refused",
                          .body = json_print(&asking->request->arena, body)};
    struct op op = {.type = OP_EVENT, .task_id = asking->parent.id, .event = &event};
    json_decref(body);
    crash_point("hub.delegate.refused");
    enum http_verdict verdict =
        api_apply(asking->hub, asking->request, asking->response, &op, &outcome);
    if (verdict != HTTP_PASS)
        return verdict;
    return api_refuse(asking->request, asking->response, str_in(code, forbidden) ? 403 : 422, code,
                      "%s", message);
}

/* The task that is worked on, held by who asks: its fence is looked at again in the commit. */
static enum http_verdict check_parent(struct asking *asking, int64_t fence)
{
    struct err err;
    struct http_request *request = asking->request;
    const struct principal *caller = api_caller(request);
    const char *id = json_get_text(asking->ask.json, "parent", NULL);
    if (!id)
        return api_forbid(asking->hub, request, asking->response, NULL,
                          "%s submits delegations only: kind delegation with parent and fence of "
                          "the task that it works on",
                          caller->name);
    int rc = own_task(asking->hub, caller->agent, id, &asking->parent, &request->arena, &err);
    if (rc < 0)
        return api_unavailable(request, asking->response, &err);
    if (rc > 0)
        return api_forbid(asking->hub, request, asking->response, id,
                          "%s does not work on task %.40s", caller->name, id);
    if (!str_eq(asking->parent.state, TASK_WORKING) || asking->parent.fence != fence)
        return api_lost(asking->hub, request, asking->response, id,
                        "task %.40s is %s and its fence %lld; %lld is no longer current", id,
                        asking->parent.state, (long long)asking->parent.fence, (long long)fence);
    return HTTP_PASS;
}

/* The failure class of what the ledger refused: the words of ledger.h. */
static const char *class_of(const char *code)
{
    static const char *const loops[] = {"path", "same_question", "circle", NULL};
    if (str_eq(code, "budget"))
        return "budget";
    return str_in(code, loops) ? "loop" : "refused";
}

/* One batch: the child, if the parent's fence is still current, and how it was chosen. */
static enum http_verdict submit(struct asking *asking, int64_t fence)
{
    struct err err;
    struct outcome outcome = {0};
    struct delegation *plan = &asking->plan;
    struct http_request *request = asking->request;
    const char *parent = asking->parent.id;
    struct root_budget budget = {.limit = plan->limit};
    struct event routed = {.stream = plan->child->id, .type = "task.routed", .body = plan->routing};
    struct op ops[] = {{.type = OP_SUBMIT,
                        .task_id = parent,
                        .fence = fence,
                        .task = plan->child,
                        .root_budget = &budget,
                        .may_revisit = plan->may_revisit},
                       {.type = OP_EVENT, .task_id = parent, .event = &routed}};
    struct batch batch = {.actor = api_caller(request)->name,
                          .owner = api_caller(request)->agent,
                          .ops = ops,
                          .count = plan->routing ? 2 : 1};
    crash_point("hub.delegate.received");
    if (ledger_apply(asking->hub->ledger, &batch, &outcome, &err) < 0)
        return api_unavailable(request, asking->response, &err);
    crash_point("hub.delegate.committed");
    bool refused = outcome.status == LEDGER_REFUSED || outcome.status == LEDGER_BUSY;
    if (outcome.status == LEDGER_OK)
        return api_answer_task(asking->hub, request, asking->response, 201, plan->child->id);
    if (outcome.status == LEDGER_DUP)
        return api_answer_task(asking->hub, request, asking->response, 200, outcome.existing);
    if (refused && !str_eq(outcome.code, "key_reused"))
        return answer_refused(asking, class_of(outcome.code), outcome.code, outcome.message);
    return api_outcome(request, asking->response, &outcome);
}

enum http_verdict api_delegate_post(struct hub *hub, struct http_request *request,
                                    struct http_response *response, const json_t *body)
{
    struct err err;
    struct asking asking = {.hub = hub, .request = request, .response = response};
    int64_t fence = json_get_int(body, "fence", 0);
    asking.ask = (struct delegation_ask){
        .hub = hub,
        .arena = &request->arena,
        .json = body,
        .caller = config_agent(hub->config, api_caller(request)->agent),
        .parent = &asking.parent,
        .key = json_get_text(body, "key", NULL),
    };
    if (!str_eq(json_get_text(body, "kind", "delegation"), "delegation"))
        return api_forbid(hub, request, response, NULL, "%s may not submit a task of kind %.20s",
                          api_caller(request)->name, json_get_text(body, "kind", ""));
    enum http_verdict verdict = check_parent(&asking, fence);
    if (verdict != HTTP_PASS)
        return verdict;
    if (str_is_empty(asking.ask.key))
        return api_refuse(request, response, 400, "bad_request",
                          "\"key\" is missing: what makes a repeat the same task");
    int rc = delegation_plan(&asking.ask, &asking.plan, &err);
    if (rc < 0)
        return api_unavailable(request, response, &err);
    if (rc == DELEGATION_REFUSED)
        return answer_refused(&asking, asking.plan.refused_class, asking.plan.refused_code,
                              asking.plan.refused_message);
    return submit(&asking, fence);
}
