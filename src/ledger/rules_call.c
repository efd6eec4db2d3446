/* CALL_INTEND and CALL_RECORD: what a turn is about to ask a model or a tool, and what came back.
 */
#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/event.h"
#include "ledger/rules.h"

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

int rule_call_intend(struct tx *tx, const struct op *op)
{
    struct task *task;
    int rc = task_get_fenced(tx, op->task_id, op->fence, &task);
    if (rc)
        return rc;
    struct call call = *op->call, known = {0};
    known.task = call.task = task->id;
    known.step = call.step;
    known.idx = call.idx;
    rc = tx_get(tx, &call_record, &known);
    if (rc && rc != LEDGER_NONE)
        return rc;
    if (rc == 0 && (str_eq(known.state, CALL_RECORDED) || str_eq(known.state, CALL_WAITING)))
        return call_conflict(tx, &known);
    call.state = CALL_INTENDED;
    call.fence = task->fence;
    call.intended_at = tx->now;
    call.recorded_at = 0;
    rc = tx_spill(tx, &call.request, &call.request_blob, LIMIT_INLINE);
    if (rc == 0)
        rc = tx_put(tx, &call_record, &call);
    return rc ? rc : call_event(tx, &call, "call.intended");
}

/* What came back is the caller's; what was asked stays as it was intended. */
static void call_merge(struct call *known, const struct call *call, const struct tx *tx)
{
    known->state = str_eq(call->state, CALL_UNKNOWN) ? CALL_UNKNOWN : CALL_RECORDED;
    known->response = call->response;
    known->response_blob = call->response_blob;
    known->is_error = call->is_error;
    known->tokens_in = call->tokens_in;
    known->tokens_out = call->tokens_out;
    known->tokens_cached = call->tokens_cached;
    known->tokens_reasoning = call->tokens_reasoning;
    known->cost_micro_usd = call->cost_micro_usd;
    known->recorded_at = tx->now;
    if (call->name)
        known->name = call->name;
    if (call->call_id)
        known->call_id = call->call_id;
    if (call->price_version)
        known->price_version = call->price_version;
}

int rule_call_record(struct tx *tx, const struct op *op)
{
    struct task *task;
    int rc = task_get_fenced(tx, op->task_id, op->fence, &task);
    if (rc)
        return rc;
    struct call known = {.task = task->id, .step = op->call->step, .idx = op->call->idx};
    rc = tx_get(tx, &call_record, &known);
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_call", "Call %lld.%lld of task %s was never intended.",
                         (long long)known.step, (long long)known.idx, task->id);
    if (rc)
        return rc;
    if (str_eq(known.state, CALL_RECORDED) || str_eq(known.state, CALL_WAITING))
        return call_conflict(tx, &known);
    call_merge(&known, op->call, tx);
    rc = tx_spill(tx, &known.response, &known.response_blob, LIMIT_INLINE);
    if (rc == 0)
        rc = tx_put(tx, &call_record, &known);
    bool is_known = str_eq(known.state, CALL_RECORDED);
    return rc ? rc : call_event(tx, &known, is_known ? "call.recorded" : "call.unknown");
}
