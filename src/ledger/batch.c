/* Runs the ops of one batch, in order, whole or not at all. */
#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/batch.h"
#include "ledger/request.h"
#include "ledger/rules.h"

/* On a full disk a batch may use the reserve if it ends or records something … */
enum { NEEDS_ROOM, GOES_ALONG, FREES };

static const struct {
    int (*rule)(struct tx *tx, const struct op *op);
    int on_full;
} rules[] = {
    [OP_SUBMIT] = {rule_submit, NEEDS_ROOM},
    [OP_DELEGATE] = {rule_delegate, NEEDS_ROOM},
    [OP_CALL_INTEND] = {rule_call_intend, NEEDS_ROOM},
    [OP_CALL_DROP] = {rule_call_drop, FREES},
    [OP_CALL_RECORD] = {rule_call_record, FREES},
    [OP_PARK] = {rule_park, NEEDS_ROOM},
    [OP_FINISH] = {rule_finish, FREES},
    [OP_FAIL_TRY] = {rule_fail_try, FREES},
    [OP_RELEASE] = {rule_release, FREES},
    [OP_CANCEL] = {rule_cancel, FREES},
    [OP_REASSIGN] = {rule_reassign, NEEDS_ROOM},
    [OP_EFFECT] = {rule_effect, GOES_ALONG},
    [OP_EFFECT_STATE] = {rule_effect_state, FREES},
    [OP_EVENT] = {rule_event, GOES_ALONG},
    [OP_INBOX] = {rule_inbox, NEEDS_ROOM},
    [OP_REGISTER] = {rule_register, NEEDS_ROOM},
    [OP_PROJECTED] = {rule_projected, GOES_ALONG},
    [OP_DEFINE] = {rule_define, NEEDS_ROOM},
    [OP_RUN_START] = {rule_run_start, NEEDS_ROOM},
    [OP_RUN_DECIDE] = {rule_run_decide, NEEDS_ROOM},
    [OP_SIGNAL] = {rule_signal, NEEDS_ROOM},
    [OP_ASK] = {rule_ask, NEEDS_ROOM},
    [OP_DECIDE] = {rule_decide, FREES},
    [OP_JOB_STATE] = {rule_job_state, FREES},
    [OP_PAUSE] = {rule_pause, FREES},
    [OP_RESUME] = {rule_resume, FREES},
};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

bool batch_frees(const struct batch *batch)
{
    bool frees = false;
    for (size_t i = 0; i < batch->count; i++) {
        if ((size_t)batch->ops[i].type >= RULE_COUNT ||
            rules[batch->ops[i].type].on_full == NEEDS_ROOM)
            return false;
        frees |= rules[batch->ops[i].type].on_full == FREES;
    }
    return frees;
}

/* Nobody writes for another agent, whatever fence it guesses. */
static int batch_owner(struct tx *tx, const struct batch *batch)
{
    for (size_t i = 0; batch->owner && i < batch->count; i++) {
        const char *id = batch->ops[i].task_id;
        struct task *task;
        if (i > 0 && str_eq(id, batch->ops[i - 1].task_id))
            continue;
        int rc = task_get(tx, id, &task);
        if (rc == LEDGER_NONE || (rc == 0 && !str_eq(task->agent, batch->owner)))
            return tx_refuse(tx, LEDGER_REFUSED, "not_allowed", "%s may not write for task %s.",
                             batch->actor, id);
        if (rc)
            return rc;
    }
    return 0;
}

/* The last step that this batch has taken the task by; NULL: none. */
static const struct change *batch_step(const struct tx *tx, size_t from, const struct op *op)
{
    for (size_t i = tx->change_count; i > from; i--)
        if (str_eq(tx->changes[i - 1].task, op->task_id))
            return &tx->changes[i - 1];
    return NULL;
}

/* An op before this one took the task out of the worker's hands: the rest is not done. */
static bool batch_is_over_for(const struct tx *tx, size_t from, const struct op *op)
{
    const struct change *step = op->fence ? batch_step(tx, from, op) : NULL;
    return step && step->fence == op->fence && !str_eq(step->to, TASK_WORKING);
}

static int batch_op(struct tx *tx, const struct op *op)
{
    if ((size_t)op->type < RULE_COUNT && rules[op->type].rule)
        return rules[op->type].rule(tx, op);
    return tx_refuse(tx, LEDGER_REFUSED, "bad_op", "There is no op %d.", (int)op->type);
}

static int batch_ops(struct tx *tx, const struct batch *batch)
{
    const size_t from = tx->change_count;
    const struct op *last = NULL;
    for (size_t i = 0; i < batch->count; i++) {
        const struct op *op = &batch->ops[i];
        tx->outcome->index = i;
        int rc = batch_is_over_for(tx, from, op) ? 0 : batch_op(tx, op);
        if (rc)
            return rc;
        if (op->fence && op->task_id)
            last = op;
    }
    const struct change *step = last ? batch_step(tx, from, last) : NULL;
    if (last) /* else what the rule said of its own */
        snprintf(tx->outcome->state, sizeof(tx->outcome->state), "%s",
                 step ? step->to : TASK_WORKING);
    tx->outcome->index = 0;
    return 0;
}

/* A repeat gets what was said the first time. */
static void batch_recall(struct tx *tx, json_t *answer)
{
    tx->outcome->incarnation = json_get_int(answer, "incarnation", 0);
    snprintf(tx->outcome->state, sizeof(tx->outcome->state), "%s",
             json_get_text(answer, "state", ""));
    json_decref(answer);
}

static json_t *batch_answer(const struct tx *tx)
{
    return json_pack("{s:I,s:s}", "incarnation", (json_int_t)tx->outcome->incarnation, "state",
                     tx->outcome->state);
}

int batch_run(struct tx *tx, void *arg)
{
    const struct batch *batch = arg;
    json_t *answer;
    if (batch->count > LIMIT_BATCH_OPS)
        return tx_refuse(tx, LEDGER_REFUSED, "batch_too_large",
                         "A batch of %zu ops; at most %d are taken.", batch->count,
                         LIMIT_BATCH_OPS);
    int rc = request_recall(tx, batch->request_id, &answer);
    if (rc)
        return rc;
    if (answer) {
        batch_recall(tx, answer);
        return 0;
    }
    rc = batch_owner(tx, batch);
    if (rc == 0)
        rc = batch_ops(tx, batch);
    if (rc)
        return rc;
    return request_remember(tx, batch->request_id, batch_answer(tx));
}
