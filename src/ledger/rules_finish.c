/* FINISH, FAIL_TRY and RELEASE: the three ways in which a worker gives a task out of its hands. */
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/event.h"
#include "ledger/rules.h"

enum { BACK_OFF_FIRST_MS = 1000, BACK_OFF_LAST_MS = 300000 };

int rule_finish(struct tx *tx, const struct op *op)
{
    static const char *const known[] = {"complete", "partial", "blocked", "failed", NULL};
    static const char *const good[] = {"complete", "partial", NULL};
    const struct handoff *handoff = op->finish.handoff;
    struct task *task;
    if (!handoff || !handoff->status || !str_in(handoff->status, known))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_status",
                         "A handoff's status is complete, partial, blocked or failed, not %s.",
                         handoff && handoff->status ? handoff->status : "absent");
    int rc = task_get_fenced(tx, op->task_id, op->fence, &task);
    if (rc)
        return rc;
    struct ending ending = {.state = TASK_DONE, .handoff = handoff};
    if (!str_in(handoff->status, good)) {
        ending.state = TASK_FAILED;
        ending.failure_class =
            op->finish.failure_class ? op->finish.failure_class : handoff->status;
        ending.failure_message = op->finish.failure_message;
    }
    if (task->cancel) {
        bool timeout = str_eq(task->cancel, "timeout");
        ending.state = timeout ? TASK_TIMED_OUT : TASK_CANCELLED;
        ending.failure_class = timeout ? "timeout" : "cancelled";
        ending.failure_message = timeout ? "The deadline passed." : "It was cancelled.";
    }
    return task_end(tx, task, &ending);
}

/* The same for everyone and every replay: no jitter is needed where one queue serves one agent. */
static int64_t back_off(int64_t tries)
{
    int64_t ms = BACK_OFF_FIRST_MS;
    for (int64_t i = 1; i < tries && ms < BACK_OFF_LAST_MS; i++)
        ms *= 2;
    return ms < BACK_OFF_LAST_MS ? ms : BACK_OFF_LAST_MS;
}

int rule_fail_try(struct tx *tx, const struct op *op)
{
    struct task *task;
    int rc = task_get_fenced(tx, op->task_id, op->fence, &task);
    if (rc)
        return rc;
    if (task->cancel)
        return task_end_cancelled(tx, task);
    const char *class = op->fail.failure_class ? op->fail.failure_class : "failed";
    task->tries++;
    if (task->tries >= task->max_tries) {
        struct ending ending = {.state = TASK_FAILED,
                                .failure_class = class,
                                .failure_message = op->fail.failure_message};
        return task_end(tx, task, &ending);
    }
    task->state = TASK_QUEUED;
    task->worker = NULL;
    task->ready_at = op->fail.retry_at ? op->fail.retry_at : tx->now + back_off(task->tries);
    if (task->ready_at < tx->now)
        task->ready_at = tx->now;
    rc = task_put(tx, task, TASK_WORKING);
    if (rc)
        return rc;
    json_t *body = json_pack("{s:I,s:I}", "tries", (json_int_t)task->tries, "retry_at",
                             (json_int_t)task->ready_at);
    json_set_text(body, "failure_class", class);
    return event_append(tx, task->id, "task.retry", body);
}

int rule_release(struct tx *tx, const struct op *op)
{
    struct task *task;
    int rc = task_get_fenced(tx, op->task_id, op->fence, &task);
    if (rc)
        return rc;
    if (task->cancel)
        return task_end_cancelled(tx, task);
    task->state = TASK_QUEUED;
    task->worker = NULL;
    task->ready_at = tx->now;
    rc = task_put(tx, task, TASK_WORKING);
    return rc ? rc : event_append(tx, task->id, "task.released", NULL);
}
