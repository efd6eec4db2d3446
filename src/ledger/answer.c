/* Records of delegated calls. A call waits as long as its child is open; what is kept about its
 * patience lies in the call's plan. */
#include "ledger/answer.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/event.h"
#include "ledger/tx.h"

static json_t *answer_plan(const struct call *call)
{
    return call->plan ? json_loads(call->plan, 0, NULL) : NULL;
}

static int answer_event(struct tx *tx, const struct call *call, const char *type, const char *by)
{
    json_t *body =
        json_pack("{s:I,s:I}", "step", (json_int_t)call->step, "idx", (json_int_t)call->idx);
    json_set_text(body, "by", by);
    return event_append(tx, call->task, type, body);
}

static int answer_write(struct tx *tx, struct call *call, json_t *answer, const char *by)
{
    call->is_error = json_get_bool(answer, "is_error", false);
    call->response = json_print(tx->arena, answer);
    call->recorded_at = tx->now;
    json_decref(answer);
    int rc = tx_spill(tx, &call->response, &call->response_blob, LIMIT_INLINE);
    if (rc == 0)
        rc = tx_put(tx, &call_record, call);
    bool known = str_eq(call->state, CALL_RECORDED);
    return rc ? rc : answer_event(tx, call, known ? "call.recorded" : "call.unknown", by);
}

int answer_put(struct tx *tx, struct call *call, json_t *answer, const char *by)
{
    call->state = CALL_RECORDED;
    return answer_write(tx, call, answer, by);
}

int answer_put_unknown(struct tx *tx, struct call *call, json_t *answer, const char *by)
{
    call->state = CALL_UNKNOWN;
    return answer_write(tx, call, answer, by);
}

int answer_nobody(struct tx *tx, struct call *call)
{
    call->state = CALL_UNKNOWN;
    call->recorded_at = tx->now;
    int rc = tx_put(tx, &call_record, call);
    return rc ? rc : answer_event(tx, call, "call.unknown", call->child);
}

int answer_waiting(struct tx *tx, const struct task *task, struct call **calls, size_t *count)
{
    struct task *children;
    size_t all = 0;
    struct scan scan = {
        .record = &task_record,
        .index = "task_parent",
        .eq = {value_text(task->id)},
        .eq_count = 1,
    };
    *count = 0;
    *calls = NULL;
    int rc = task->children ? tx_scan(tx, &scan, &children, &all) : 0;
    if (rc || all == 0)
        return rc;
    *calls = arena_alloc(tx->arena, all * sizeof(**calls));
    for (size_t i = 0; i < all; i++) {
        struct call call = {
            .task = task->id, .step = children[i].parent_step, .idx = children[i].parent_index};
        if (call.step < 0 || task_state_is_terminal(children[i].state))
            continue;
        rc = tx_get(tx, &call_record, &call);
        if (rc && rc != LEDGER_NONE)
            return rc;
        if (rc == 0 && str_eq(call.state, CALL_WAITING) && str_eq(call.child, children[i].id))
            (*calls)[(*count)++] = call;
    }
    return 0;
}

int64_t answer_patience(const struct call *call)
{
    json_t *plan = answer_plan(call);
    int64_t until = json_get_int(plan, "patience_until", 0);
    json_decref(plan);
    return until;
}

void answer_be_patient(struct tx *tx, struct call *call, int64_t ms)
{
    call->plan = arena_printf(tx->arena, "{\"patience_ms\":%lld,\"patience_until\":%lld}",
                              (long long)ms, (long long)(tx->now + ms));
}

int answer_give_up(struct tx *tx, struct call *call)
{
    json_t *plan = answer_plan(call), *answer = json_object();
    int64_t ms = json_get_int(plan, "patience_ms", 0);
    json_decref(plan);
    json_set_text(answer, "text",
                  arena_printf(tx->arena, "No reply within %lld.%03lld s. The task goes on: %s.",
                               (long long)ms / 1000, (long long)ms % 1000, call->child));
    json_object_set_new(answer, "is_error", json_false());
    json_set_text(answer, "status", "timeout");
    json_set_text(answer, "task", call->child);
    return answer_put(tx, call, answer, call->child);
}

int answer_abandon(struct tx *tx, const struct task *task)
{
    struct call *calls;
    size_t count;
    int rc = answer_waiting(tx, task, &calls, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = answer_nobody(tx, &calls[i]);
    return rc;
}
