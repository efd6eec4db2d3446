/* DELEGATE: a tool call that another task answers. Refusals are answers too: the caller's model
 * reads why, and goes on. */
#include <stdio.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "ledger/answer.h"
#include "ledger/budget.h"
#include "ledger/event.h"
#include "ledger/pause.h"
#include "ledger/rules.h"
#include "ledger/submit.h"
#include "ledger/tree.h"

struct refusal {
    const char *class, *code, *message;
};

static int delegate_check(struct tx *tx, const struct delegation *ask)
{
    if (ask->refused_code ||
        (ask->child && (str_eq(ask->mode, "sync") || str_eq(ask->mode, "async"))))
        return 0;
    return tx_refuse(tx, LEDGER_REFUSED, "bad_delegation",
                     "A delegation has a child and the mode sync or async, or says why not.");
}

static int delegate_refuse(struct tx *tx, const struct delegation *ask, struct call *call,
                           const struct refusal *why)
{
    json_t *answer = json_object(), *body;
    json_set_text(answer, "text", why->message);
    json_object_set_new(answer, "is_error", json_true());
    json_set_text(answer, "failure_class", why->class);
    json_set_text(answer, "code", why->code);
    int rc = answer_put(tx, call, answer, NULL);
    if (rc)
        return rc;
    body = json_pack("{s:I,s:I}", "step", (json_int_t)call->step, "idx", (json_int_t)call->idx);
    json_set_text(body, "to", ask->child ? ask->child->agent : NULL);
    json_set_text(body, "class", why->class);
    json_set_text(body, "code", why->code);
    json_set_text(body, "message", why->message);
    return event_append(tx, call->task, "delegation.refused", body);
}

/* What a rule said no to becomes the answer; the outcome is free again. */
static int delegate_refused_by_rule(struct tx *tx, const struct delegation *ask, struct call *call)
{
    struct refusal why = {
        .code = arena_strdup(tx->arena, tx->outcome->code),
        .message = arena_strdup(tx->arena, tx->outcome->message),
    };
    why.class = tree_class(why.code);
    if (!why.class)
        return LEDGER_REFUSED;
    *tx->outcome = (struct outcome){.index = tx->outcome->index};
    return delegate_refuse(tx, ask, call, &why);
}

static int delegate_wait(struct tx *tx, const struct delegation *ask, struct call *call,
                         const struct task *child)
{
    call->state = CALL_WAITING;
    call->child = child->id;
    if (ask->patience_ms > 0)
        answer_be_patient(tx, call, ask->patience_ms);
    int rc = tx_put(tx, &call_record, call);
    json_t *body =
        json_pack("{s:I,s:I}", "step", (json_int_t)call->step, "idx", (json_int_t)call->idx);
    json_set_text(body, "child", child->id);
    json_set_text(body, "to", child->agent);
    if (rc)
        json_decref(body);
    return rc ? rc : event_append(tx, call->task, "call.waiting", body);
}

static int delegate_send(struct tx *tx, struct call *call, const struct task *child)
{
    json_t *answer = json_object();
    json_set_text(answer, "text",
                  arena_printf(tx->arena,
                               "%s has it as task %s and works on it; nobody waits here.",
                               child->agent, child->id));
    json_object_set_new(answer, "is_error", json_false());
    json_set_text(answer, "task", child->id);
    json_set_text(answer, "agent", child->agent);
    json_set_text(answer, "state", child->state);
    call->child = child->id;
    return answer_put(tx, call, answer, child->id);
}

static int delegate_routed(struct tx *tx, const struct delegation *ask, const struct task *child)
{
    struct event event = {.stream = child->id, .type = "task.routed", .body = ask->routing};
    return ask->routing ? event_put(tx, &event) : 0;
}

/* The whole step: nothing is written before every rule has said yes. */
static int delegate_to(struct tx *tx, const struct delegation *ask, struct call *call,
                       struct task *parent)
{
    struct task *child = arena_alloc(tx->arena, sizeof(*child));
    bool sync = str_eq(ask->mode, "sync");
    *child = *ask->child;
    child->parent_step = ask->step;
    child->parent_index = ask->idx;
    child->kind = child->kind ? child->kind : "delegation";
    child->caller = arena_printf(tx->arena, "agent:%s", parent->agent);
    child->run = child->step = NULL;
    struct tree_ask tree = {
        .parent = parent, .child = child, .may_revisit = ask->may_revisit, .sync = sync};
    int rc = submit_check(tx, child);
    if (rc == 0)
        rc = submit_check_agent(tx, child);
    if (rc)
        return rc;
    rc = tree_look(tx, &tree);
    if (rc == 0)
        rc = budget_open_child(tx, child, parent, ask->limit);
    if (rc == LEDGER_REFUSED)
        return delegate_refused_by_rule(tx, ask, call);
    if (rc == 0)
        rc = submit_child(tx, parent, child, &tree.root, ask->mode);
    if (rc == 0)
        rc = delegate_routed(tx, ask, child);
    if (rc)
        return rc;
    return sync ? delegate_wait(tx, ask, call, child) : delegate_send(tx, call, child);
}

int rule_delegate(struct tx *tx, const struct op *op)
{
    const struct delegation *ask = op->delegation;
    struct task *parent;
    int rc = delegate_check(tx, ask);
    if (rc == 0)
        rc = task_get_fenced(tx, op->task_id, op->fence, &parent);
    if (rc)
        return rc;
    if (parent->cancel)
        return task_end_cancelled(tx, parent);
    struct call call = {.task = parent->id, .step = ask->step, .idx = ask->idx};
    rc = tx_get(tx, &call_record, &call);
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_call", "Call %lld.%lld of task %s was never intended.",
                         (long long)call.step, (long long)call.idx, parent->id);
    if (rc || !str_eq(call.state, CALL_INTENDED))
        return rc; /* answered, or on its way: the same delegation again */
    struct pause held;
    rc = pause_of(tx, parent, &held);
    if (rc || held.id)
        return rc ? rc : pause_park(tx, parent, &held);
    struct refusal own = {ask->refused_class ? ask->refused_class : "refused", ask->refused_code,
                          ask->refused_message};
    return ask->refused_code ? delegate_refuse(tx, ask, &call, &own)
                             : delegate_to(tx, ask, &call, parent);
}
