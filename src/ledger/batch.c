/* Runs the ops of one batch, in order, whole or not at all. */
#include "ledger/batch.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/request.h"
#include "ledger/rules.h"

/* On a full disk a batch may use the reserve if it ends or records something … */
enum { NEEDS_ROOM, GOES_ALONG, FREES };

static const struct {
    int (*rule)(struct tx *tx, const struct op *op);
    int on_full;
} rules[] = {
    [OP_SUBMIT] = {rule_submit, NEEDS_ROOM},
    [OP_CALL_INTEND] = {rule_call_intend, NEEDS_ROOM},
    [OP_CALL_RECORD] = {rule_call_record, FREES},
    [OP_PARK] = {rule_park, NEEDS_ROOM},
    [OP_FINISH] = {rule_finish, FREES},
    [OP_FAIL_TRY] = {rule_fail_try, FREES},
    [OP_RELEASE] = {rule_release, FREES},
    [OP_CANCEL] = {rule_cancel, FREES},
    [OP_EFFECT] = {rule_effect, GOES_ALONG},
    [OP_EFFECT_STATE] = {rule_effect_state, FREES},
    [OP_EVENT] = {rule_event, GOES_ALONG},
    [OP_INBOX] = {rule_inbox, NEEDS_ROOM},
    [OP_REGISTER] = {rule_register, NEEDS_ROOM},
    [OP_PROJECTED] = {rule_projected, GOES_ALONG},
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

static int batch_ops(struct tx *tx, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct op *op = &batch->ops[i];
        tx->outcome->index = i;
        int rc = (size_t)op->type < RULE_COUNT && rules[op->type].rule
                     ? rules[op->type].rule(tx, op)
                     : tx_refuse(tx, LEDGER_REFUSED, "bad_op", "There is no op %d.", (int)op->type);
        if (rc)
            return rc;
    }
    tx->outcome->index = 0;
    return 0;
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
        tx->outcome->incarnation = json_integer_value(json_object_get(answer, "incarnation"));
        json_decref(answer);
        return 0;
    }
    rc = batch_owner(tx, batch);
    if (rc == 0)
        rc = batch_ops(tx, batch);
    if (rc)
        return rc;
    return request_remember(
        tx, batch->request_id,
        json_pack("{s:I}", "incarnation", (json_int_t)tx->outcome->incarnation));
}
