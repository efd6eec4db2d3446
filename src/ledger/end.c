/* How a task ends: once, with one handoff, telling everyone who stands behind it. */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/answer.h"
#include "ledger/approval.h"
#include "ledger/breaker.h"
#include "ledger/budget.h"
#include "ledger/chronicle.h"
#include "ledger/event.h"
#include "ledger/pause.h"
#include "ledger/rules.h"
#include "ledger/run.h"

/* {"$blob":…} in a row is always of the ledger's own making: a worker that says it names no blob.
 */
static bool looks_like_blob(const char *result)
{
    json_t *value = strstr(result, "\"$blob\"") ? json_loads(result, JSON_DECODE_ANY, NULL) : NULL;
    bool looks = json_object_get(value, "$blob") != NULL;
    json_decref(value);
    return looks;
}

/* A result too large for a row is named by its blob: {"$blob": sha256}. */
static int handoff_spill(struct tx *tx, struct handoff *handoff)
{
    const char *hex;
    if (!handoff->result ||
        (strlen(handoff->result) <= LIMIT_BLOB_IN_ROW && !looks_like_blob(handoff->result)))
        return 0;
    int rc = tx_blob(tx, handoff->result, &hex);
    if (rc == 0)
        handoff->result = arena_printf(tx->arena, "{\"$blob\":\"%s\"}", hex);
    return rc;
}

/* The envelope is the ledger's: a worker cannot sign for another task, agent or attempt. */
static int handoff_write(struct tx *tx, const struct task *task, struct handoff *handoff)
{
    struct handoff known = {.task = task->id};
    int rc = tx_get(tx, &handoff_record, &known);
    if (rc == 0)
        return tx_refuse(tx, LEDGER_CONFLICT, "ended", "Task %s has its handoff; that is final.",
                         task->id);
    if (rc != LEDGER_NONE)
        return rc;
    handoff->task = task->id;
    handoff->v = 1;
    handoff->agent = task->agent;
    handoff->caller = task->caller;
    handoff->fence = task->fence;
    handoff->tries = task->tries;
    handoff->run_id = arena_printf(tx->arena, "%s/%lld", task->id, (long long)task->fence);
    handoff->started_at = task->started_at;
    handoff->finished_at = tx->now;
    rc = handoff_spill(tx, handoff);
    return rc ? rc : tx_put(tx, &handoff_record, handoff);
}

/* What the parent's model reads: {"text","is_error","task","agent","status","result", …}. */
static json_t *answer_of(const struct task *task, const struct handoff *handoff)
{
    json_t *result = handoff->result ? json_loads(handoff->result, JSON_DECODE_ANY, NULL) : NULL;
    json_t *artefacts = handoff->artefacts ? json_loads(handoff->artefacts, 0, NULL) : NULL;
    json_t *answer = json_object();
    const char *text = json_is_string(result) ? json_string_value(result) : handoff->result;
    if (!text)
        text = task->failure_message ? task->failure_message : "";
    json_set_text(answer, "text", text);
    json_object_set_new(answer, "is_error", json_boolean(!str_eq(task->state, TASK_DONE)));
    json_set_text(answer, "task", task->id);
    json_set_text(answer, "agent", task->agent);
    json_set_text(answer, "state", task->state);
    json_set_text(answer, "status", handoff->status);
    json_set_text(answer, "confidence", handoff->confidence);
    json_set_text(answer, "notes", handoff->notes);
    json_set_text(answer, "failure_class", task->failure_class);
    json_set_text(answer, "failure_message", task->failure_message);
    if (result)
        json_object_set_new(answer, "result", result);
    if (artefacts)
        json_object_set_new(answer, "artefacts", artefacts);
    return answer;
}

/* Records the parent's call that waits for this task, where it still does. */
static int parent_record(struct tx *tx, const struct task *task, const struct handoff *handoff)
{
    struct call call = {.task = task->parent, .step = task->parent_step, .idx = task->parent_index};
    if (!task->parent || task->parent_step < 0)
        return 0;
    int rc = tx_get(tx, &call_record, &call);
    if (rc || !str_eq(call.state, CALL_WAITING) || !str_eq(call.child, task->id))
        return rc == LEDGER_NONE ? 0 : rc;
    return answer_put(tx, &call, answer_of(task, handoff), task->id);
}

static int root_leave(struct tx *tx, const struct task *task)
{
    struct root root = {.id = task->root};
    int rc = tx_get(tx, &root_record, &root);
    if (rc)
        return rc == LEDGER_NONE ? 0 : rc;
    if (--root.tasks_live == 0)
        root.ended_at = tx->now;
    rc = tx_put(tx, &root_record, &root);
    return rc || root.tasks_live > 0 ? rc : pause_forget_tree(tx, &root);
}

static int end_event(struct tx *tx, const struct task *task, const struct handoff *handoff)
{
    json_t *body = json_object();
    json_set_text(body, "state", task->state);
    json_set_text(body, "status", handoff->status);
    json_set_text(body, "failure_class", task->failure_class);
    return event_append(tx, task->id, "task.finished", body);
}

int task_end(struct tx *tx, struct task *task, const struct ending *ending)
{
    const char *from = task->state;
    struct handoff handoff = {.status = "failed", .notes = ending->failure_message};
    if (ending->handoff)
        handoff = *ending->handoff;
    const char *result = handoff.result; /* the row may hold its blob's name */
    task->state = ending->state;
    task->failure_class = ending->failure_class;
    task->failure_message = ending->failure_message;
    task->finished_at = tx->now;
    task->worker = task->wait_mode = NULL;
    int rc = budget_lose(tx, task);
    if (rc == 0)
        rc = handoff_write(tx, task, &handoff);
    if (rc == 0)
        rc = lane_leave(tx, task);
    if (rc == 0)
        rc = task_put(tx, task, from);
    if (rc == 0 && str_eq(from, TASK_WAITING))
        rc = wait_clear(tx, task->id);
    if (rc == 0)
        rc = root_leave(tx, task);
    if (rc == 0)
        rc = parent_record(tx, task, &handoff);
    if (rc == 0)
        rc = answer_abandon(tx, task);
    if (rc == 0)
        rc = approval_abandon(tx, task);
    if (rc == 0)
        rc = end_event(tx, task, &handoff);
    if (rc == 0)
        rc = run_end_with(tx, task);
    if (rc == 0)
        rc = run_hear_end(tx, task, handoff.status, result);
    if (rc == 0)
        rc = breaker_note(tx, task, from);
    if (rc == 0)
        rc = chronicle_ended(tx, task, handoff.status);
    return rc ? rc : wait_satisfy(tx, "task", task->id);
}

int task_end_cancelled(struct tx *tx, struct task *task)
{
    bool timeout = str_eq(task->cancel, "timeout");
    struct ending ending = {
        .state = timeout ? TASK_TIMED_OUT : TASK_CANCELLED,
        .failure_class = timeout ? "timeout" : "cancelled",
        .failure_message = timeout ? "The deadline passed." : "It was cancelled.",
    };
    return task_end(tx, task, &ending);
}

int task_death(struct tx *tx, struct task *task, bool keep_worker, const char *event)
{
    const char *from = task->state;
    if (task->cancel)
        return task_end_cancelled(tx, task);
    task->deaths++;
    if (task->deaths >= LIMIT_DEATHS) {
        struct ending ending = {.state = TASK_FAILED, .failure_class = "crashed"};
        ending.failure_message =
            arena_printf(tx->arena, "Its worker died %lld times on it.", (long long)task->deaths);
        return task_end(tx, task, &ending);
    }
    task->state = TASK_QUEUED;
    task->ready_at = tx->now;
    if (!keep_worker)
        task->worker = NULL;
    int rc = task_put(tx, task, from);
    json_t *body = json_pack("{s:I,s:I}", "fence", (json_int_t)task->fence, "deaths",
                             (json_int_t)task->deaths);
    if (rc)
        json_decref(body);
    return rc ? rc : event_append(tx, task->id, event, body);
}
