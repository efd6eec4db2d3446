/* CALL_INTEND, CALL_DROP and CALL_RECORD: what a turn is about to ask a model or a tool, and what
 * came back. A model call passes the provider's gate and the budget first. */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/budget.h"
#include "ledger/event.h"
#include "ledger/gate.h"
#include "ledger/pause.h"
#include "ledger/rules.h"
#include "ledger/usage.h"

static int call_event(struct tx *tx, const struct call *call, const char *type)
{
    json_t *body =
        json_pack("{s:I,s:I}", "step", (json_int_t)call->step, "idx", (json_int_t)call->idx);
    json_set_text(body, "kind", call->kind);
    json_set_text(body, "name", call->name);
    return event_append(tx, call->task, type, body);
}

static int call_conflict(struct tx *tx, const struct call *call)
{
    bool waits = str_eq(call->state, CALL_WAITING);
    return tx_refuse(tx, LEDGER_CONFLICT, waits ? "waiting" : "recorded",
                     "Call %lld.%lld of task %s is %s.", (long long)call->step,
                     (long long)call->idx, call->task,
                     waits ? "answered by another task" : "recorded; that is final");
}

/* "provider/model"; NULL where nobody is named. */
static const char *call_provider(struct tx *tx, const struct call *call)
{
    const char *slash = call->name ? strchr(call->name, '/') : NULL;
    return slash ? arena_printf(tx->arena, "%.*s", (int)(slash - call->name), call->name) : NULL;
}

static bool call_is_model(const struct call *call)
{
    return str_eq(call->kind, "model");
}

static bool call_is_final(const struct call *call)
{
    return str_eq(call->state, CALL_RECORDED) || str_eq(call->state, CALL_WAITING);
}

/* A place at a provider, or money that is set aside. */
static bool task_holds(const struct task *task)
{
    return task->provider || task->reserved_micro_usd || task->reserved_tokens;
}

/* What an operation on a call meets. */
struct meeting {
    struct task *task;
    struct call known; /* its keys are set even where it is not there */
    bool found;
};

static int call_meet(struct tx *tx, const struct op *op, struct meeting *met)
{
    int rc = task_get_fenced(tx, op->task_id, op->fence, &met->task);
    if (rc)
        return rc;
    met->known = (struct call){.task = met->task->id, .step = op->call->step, .idx = op->call->idx};
    rc = tx_get(tx, &call_record, &met->known);
    met->found = rc == 0;
    return rc == LEDGER_NONE ? 0 : rc;
}

/* What an earlier try left open is nobody's knowledge: booked as spent, its place given back. */
static int intend_again(struct tx *tx, struct task *task)
{
    if (!task_holds(task))
        return 0;
    gate_leave(tx, task);
    int rc = budget_lose(tx, task);
    return rc ? rc : task_put(tx, task, task->state);
}

/* The gate first: who waits for a place sets nothing aside. *go is false where the task was parked
 * or has ended; it is written then. */
static int intend_model(struct tx *tx, struct task *task, const struct op *op, bool *go)
{
    const char *provider = call_provider(tx, op->call), *refused = NULL;
    bool parked = false;
    int rc = intend_again(tx, task);
    if (rc == 0 && provider)
        rc = gate_enter(tx, task, provider, &parked);
    *go = false;
    if (rc || parked)
        return rc;
    rc = budget_reserve(tx, task, op->reserve, &refused);
    if (rc)
        return rc;
    if (refused) {
        struct ending ending = {TASK_FAILED, "budget", refused, NULL};
        return task_end(tx, task, &ending);
    }
    *go = true;
    if (!task_holds(task))
        return 0;
    return task_put(tx, task, task->state);
}

int rule_call_intend(struct tx *tx, const struct op *op)
{
    struct meeting met;
    bool go = true;
    int rc = call_meet(tx, op, &met);
    if (rc)
        return rc;
    if (met.found && call_is_final(&met.known))
        return call_conflict(tx, &met.known);
    struct pause held;
    struct call call = *op->call;
    rc = pause_of(tx, met.task, &held);
    if (rc == 0 && held.id) {
        rc = call_is_model(&call) ? intend_again(tx, met.task) : 0;
        return rc ? rc : pause_park(tx, met.task, &held);
    }
    if (rc == 0 && call_is_model(&call))
        rc = intend_model(tx, met.task, op, &go);
    if (rc || !go)
        return rc;
    call.task = met.task->id;
    call.state = CALL_INTENDED;
    call.fence = met.task->fence;
    call.intended_at = tx->now;
    call.recorded_at = 0;
    rc = tx_spill(tx, &call.request, &call.request_blob, LIMIT_INLINE);
    if (rc == 0)
        rc = tx_put(tx, &call_record, &call);
    return rc ? rc : call_event(tx, &call, "call.intended");
}

int rule_call_drop(struct tx *tx, const struct op *op)
{
    struct meeting met;
    int rc = call_meet(tx, op, &met);
    if (rc)
        return rc;
    const struct call *known = &met.known;
    if (!met.found || !call_is_model(known))
        return tx_refuse(tx, LEDGER_NONE, "no_call", "Model call %lld.%lld of task %s is not open.",
                         (long long)known->step, (long long)known->idx, met.task->id);
    if (!str_eq(known->state, CALL_INTENDED))
        return call_conflict(tx, known);
    rc = tx_del(tx, &call_record, known);
    if (rc == 0)
        rc = call_event(tx, known, "call.dropped");
    if (rc == 0)
        rc = budget_return(tx, met.task);
    gate_leave(tx, met.task);
    return rc ? rc : task_put(tx, met.task, met.task->state);
}

/* A worker that counts backwards does not get its budget back. */
static int64_t not_below_zero(int64_t number)
{
    return number > 0 ? number : 0;
}

/* What came back is the caller's; what was asked stays as it was intended. */
static void call_merge(struct call *known, const struct call *call, const struct tx *tx)
{
    known->state = str_eq(call->state, CALL_UNKNOWN) ? CALL_UNKNOWN : CALL_RECORDED;
    known->response = call->response;
    known->response_blob = call->response_blob;
    known->is_error = call->is_error;
    known->tokens_in = not_below_zero(call->tokens_in);
    known->tokens_out = not_below_zero(call->tokens_out);
    known->tokens_cached = not_below_zero(call->tokens_cached);
    known->tokens_reasoning = not_below_zero(call->tokens_reasoning);
    known->cost_micro_usd = call->cost_micro_usd < 0 ? -1 : call->cost_micro_usd;
    known->recorded_at = tx->now;
    if (call->name)
        known->name = call->name;
    if (call->call_id)
        known->call_id = call->call_id;
    if (call->price_version)
        known->price_version = call->price_version;
}

/* An answer is booked at its cost; where none is known to have come, what was set aside is spent.
 */
static int record_model(struct tx *tx, struct task *task, const struct call *call)
{
    bool known = str_eq(call->state, CALL_RECORDED);
    bool held = task_holds(task);
    int rc = known ? budget_settle(tx, task, call) : budget_lose(tx, task);
    if (rc == 0 && known)
        rc = usage_add(tx, task, call);
    gate_leave(tx, task);
    return rc || !held ? rc : task_put(tx, task, task->state);
}

int rule_call_record(struct tx *tx, const struct op *op)
{
    struct meeting met;
    int rc = call_meet(tx, op, &met);
    if (rc)
        return rc;
    struct call *known = &met.known;
    if (!met.found)
        return tx_refuse(tx, LEDGER_NONE, "no_call",
                         "Call %lld.%lld of task %s was never intended.", (long long)known->step,
                         (long long)known->idx, met.task->id);
    if (call_is_final(known))
        return call_conflict(tx, known);
    call_merge(known, op->call, tx);
    rc = tx_spill(tx, &known->response, &known->response_blob, LIMIT_INLINE);
    if (rc == 0)
        rc = tx_put(tx, &call_record, known);
    bool is_known = str_eq(known->state, CALL_RECORDED);
    if (rc == 0)
        rc = call_event(tx, known, is_known ? "call.recorded" : "call.unknown");
    return rc || !call_is_model(known) ? rc : record_model(tx, met.task, known);
}
