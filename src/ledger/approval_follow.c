/* What follows from the end of an approval: a run goes on, a call gets its record, a delivery is
 * sent again or given up. */
#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "ledger/answer.h"
#include "ledger/approval.h"
#include "ledger/effect.h"
#include "ledger/event.h"
#include "ledger/rules.h"
#include "ledger/run.h"

static json_t *json_of(const char *text)
{
    return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

/* A gate that nobody needs any more is no fact: who took it away knows. */
static int follow_gate(struct tx *tx, const struct approval *approval)
{
    if (str_eq(approval->state, APPROVAL_CANCELLED))
        return 0;
    json_t *body = json_pack("{s:I}", "round", (json_int_t)approval->round);
    json_t *answer = json_of(approval->answer);
    json_set_text(body, "approval", approval->id);
    json_set_text(body, "step", approval->path);
    json_set_text(body, "decision", approval->state);
    json_set_text(body, "by", approval->decided_by);
    json_set_text(body, "feedback", approval->feedback);
    if (answer)
        json_object_set_new(body, "answer", answer);
    return run_fact(tx, approval->run, "approval.decided", body);
}

/* ---- calls ---- */

static const char *reason_of(struct tx *tx, const struct approval *approval)
{
    return str_is_empty(approval->feedback) ? ""
                                            : arena_printf(tx->arena, " %s", approval->feedback);
}

/* What the model reads of its question. */
static json_t *question_answer(struct tx *tx, const struct approval *approval)
{
    json_t *answer = json_object(), *value = json_of(approval->answer);
    const char *text;
    bool answered = str_eq(approval->state, APPROVAL_ANSWERED);
    if (answered)
        text = json_is_string(value) ? json_string_value(value)
               : approval->answer    ? approval->answer
                                     : "";
    else if (str_eq(approval->state, APPROVAL_REJECTED))
        text = arena_printf(tx->arena, "%s did not answer.%s", approval->decided_by,
                            reason_of(tx, approval));
    else
        text = "Nobody answered in time. Go on without an answer, or say in your result what is "
               "missing.";
    json_set_text(answer, "text", text);
    json_object_set_new(answer, "is_error", json_boolean(!answered));
    json_set_text(answer, "by", approval->decided_by);
    json_set_text(answer, "state", approval->state);
    if (value)
        json_object_set_new(answer, "answer", value);
    return answer;
}

static json_t *unknown_answer(struct tx *tx, const struct approval *approval,
                              const struct call *call)
{
    json_t *answer = json_object();
    bool rejected = str_eq(approval->state, APPROVAL_REJECTED);
    const char *why = rejected ? arena_printf(tx->arena, "%s decided against it.%s",
                                              approval->decided_by, reason_of(tx, approval))
                               : "Nobody decided in time whether it is to run again.";
    json_set_text(answer, "text",
                  arena_printf(tx->arena,
                               "Unknown: the process died while %s ran. It may have run in part or "
                               "whole and was not started again. %s Look at its effects before you "
                               "repeat it.",
                               call->name ? call->name : "it", why));
    json_object_set_new(answer, "is_error", json_true());
    json_object_set_new(answer, "unknown", json_true());
    json_set_text(answer, "by", approval->decided_by);
    json_set_text(answer, "state", approval->state);
    return answer;
}

/* Intended again, and `again` in its plan says who allowed it: until it is intended anew, by the
 * attempt that runs it. */
static int call_again(struct tx *tx, struct call *call, const struct approval *approval)
{
    json_t *plan = json_of(call->plan);
    if (!json_is_object(plan)) {
        json_decref(plan);
        plan = json_object();
    }
    json_set_text(plan, "again", approval->id);
    call->plan = json_print(tx->arena, plan);
    json_decref(plan);
    call->state = CALL_INTENDED;
    call->child = NULL;
    int rc = tx_put(tx, &call_record, call);
    json_t *body =
        json_pack("{s:I,s:I}", "step", (json_int_t)call->step, "idx", (json_int_t)call->idx);
    json_set_text(body, "approval", approval->id);
    json_set_text(body, "by", approval->decided_by);
    if (rc)
        json_decref(body);
    return rc ? rc : event_append(tx, call->task, "call.again", body);
}

static int follow_call(struct tx *tx, const struct approval *approval)
{
    struct call call = {
        .task = approval->task, .step = approval->call_step, .idx = approval->call_idx};
    int rc = tx_get(tx, &call_record, &call);
    if (rc || !str_eq(call.state, CALL_WAITING) || !str_eq(call.child, approval->id))
        return rc == LEDGER_NONE ? 0 : rc;
    if (str_eq(approval->state, APPROVAL_CANCELLED))
        rc = answer_nobody(tx, &call);
    else if (str_eq(approval->kind, "question"))
        rc = answer_put(tx, &call, question_answer(tx, approval), approval->id);
    else if (str_eq(approval->state, APPROVAL_APPROVED))
        rc = call_again(tx, &call, approval);
    else
        rc = answer_put_unknown(tx, &call, unknown_answer(tx, approval, &call), approval->id);
    return rc ? rc : wait_satisfy(tx, "approval", approval->id);
}

static int follow_effect(struct tx *tx, const struct approval *approval)
{
    if (str_eq(approval->state, APPROVAL_CANCELLED))
        return 0;
    if (str_eq(approval->state, APPROVAL_APPROVED))
        return effect_send_again(tx, approval->effect);
    const char *why = str_eq(approval->state, APPROVAL_REJECTED)
                          ? arena_printf(tx->arena, "%s decided against sending it again.%s",
                                         approval->decided_by, reason_of(tx, approval))
                          : "Nobody decided in time whether it is to be sent again.";
    return effect_give_up(tx, approval->effect, why);
}

int approval_follow(struct tx *tx, const struct approval *approval)
{
    if (str_eq(approval->kind, "gate"))
        return follow_gate(tx, approval);
    return approval->effect ? follow_effect(tx, approval) : follow_call(tx, approval);
}
