/* PARK: a turn gives its thread back until what it waits for is there. */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "ledger/answer.h"
#include "ledger/approval.h"
#include "ledger/event.h"
#include "ledger/loop.h"
#include "ledger/pause.h"
#include "ledger/rules.h"
#include "ledger/wait.h"

enum { PARK_NAMED = 16 /* waits named in the event; their rows have them all */ };

static bool wait_is_known(const struct wait *wait)
{
    static const char *const kinds[] = {"task", "approval", "job", "signal", "pause", NULL};
    static const char *const timers[] = {"timer", "rate", NULL};
    int64_t due;
    if (str_is_empty(wait->kind) || str_is_empty(wait->id))
        return false;
    return str_in(wait->kind, kinds) ||
           (str_in(wait->kind, timers) && str_to_int(wait->id, 0, INT64_MAX, &due));
}

static int park_check(struct tx *tx, const struct op *op)
{
    if (op->park.count == 0)
        return tx_refuse(tx, LEDGER_REFUSED, "no_waits", "Task %s parks for nothing.", op->task_id);
    if (!str_eq(op->park.mode, "all") && !str_eq(op->park.mode, "any"))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_mode", "A wait's mode is all or any, not %s.",
                         op->park.mode ? op->park.mode : "absent");
    for (size_t i = 0; i < op->park.count; i++)
        if (op->park.count > 1 && str_eq(op->park.waits[i].kind, "pause"))
            return tx_refuse(tx, LEDGER_REFUSED, "bad_wait", "A pause is waited for alone.");
    for (size_t i = 0; i < op->park.count; i++)
        if (!wait_is_known(&op->park.waits[i]))
            return tx_refuse(tx, LEDGER_REFUSED, "bad_wait",
                             "Nothing can be waited for as %s %s; kinds are task, approval, job, "
                             "signal, pause, and timer or rate with a time in ms.",
                             op->park.waits[i].kind ? op->park.waits[i].kind : "(no kind)",
                             op->park.waits[i].id ? op->park.waits[i].id : "(no id)");
    return 0;
}

static json_t *park_body(const struct wait *waits, size_t count, const char *mode)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < PARK_NAMED; i++) {
        json_t *wait = json_object();
        json_set_text(wait, waits[i].kind, waits[i].id);
        json_array_append_new(list, wait);
    }
    return json_pack("{s:s,s:I,s:o}", "mode", mode, "count", (json_int_t)count, "waits", list);
}

static int park_waiting(struct tx *tx, struct task *task, const struct wait *waits, size_t count)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = tx_put(tx, &wait_record, &waits[i]);
    task->state = TASK_WAITING;
    task->ready_at = wait_next_timer(waits, count);
    return rc;
}

/* One wait for each approval that a call of the step waits for. */
static int park_people_waits(struct tx *tx, const struct task *task, int64_t step,
                             struct wait **waits, size_t *count)
{
    struct approval *approvals;
    size_t asked;
    int rc = approval_waiting(tx, task, step, &approvals, &asked);
    if (rc || asked == 0)
        return rc;
    struct wait *all = arena_alloc(tx->arena, (*count + asked) * sizeof(*all));
    if (*count)
        memcpy(all, *waits, *count * sizeof(*all));
    for (size_t i = 0; i < asked; i++)
        all[(*count)++] = (struct wait){.kind = "approval", .id = approvals[i].id};
    *waits = all;
    return 0;
}

/* One wait for each child that answers a call of the step, and one for its patience. Patience that
 * is over already gives up here. */
static int park_step_waits(struct tx *tx, const struct task *task, int64_t step, struct wait **waits,
                           size_t *count)
{
    struct call *calls;
    size_t waiting;
    int rc = answer_waiting(tx, task, &calls, &waiting);
    *waits = arena_alloc(tx->arena, (2 * waiting + 1) * sizeof(**waits));
    *count = 0;
    for (size_t i = 0; i < waiting && rc == 0; i++) {
        int64_t patience = answer_patience(&calls[i]);
        if (calls[i].step != step)
            continue;
        if (patience && patience <= tx->now) {
            rc = answer_give_up(tx, &calls[i]);
            continue;
        }
        (*waits)[(*count)++] = (struct wait){.kind = "task", .id = calls[i].child};
        if (patience)
            (*waits)[(*count)++] = (struct wait){
                .kind = "patience",
                .id = arena_printf(tx->arena, "%lld:%s", (long long)patience, calls[i].child)};
    }
    if (rc == 0)
        rc = park_people_waits(tx, task, step, waits, count);
    for (size_t i = 0; i < *count; i++) {
        (*waits)[i].task = task->id;
        (*waits)[i].created_at = tx->now;
    }
    return rc;
}

static int park_no_circle(struct tx *tx, const struct task *task, const struct wait *waits,
                          size_t count)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        if (str_eq(waits[i].kind, "task") && !waits[i].satisfied)
            rc = loop_check(tx, task->id, waits[i].id);
    return rc;
}

static int park_asked_waits(struct tx *tx, const struct task *task, const struct op *op,
                            struct wait **list, size_t *count)
{
    struct wait *waits = arena_alloc(tx->arena, op->park.count * sizeof(*waits));
    int rc = 0;
    for (size_t i = 0; i < op->park.count && rc == 0; i++) {
        waits[i] = op->park.waits[i];
        waits[i].task = task->id;
        waits[i].created_at = tx->now;
        rc = str_eq(waits[i].kind, "pause") ? pause_look(tx, task, &waits[i])
                                            : wait_look(tx, &waits[i]);
    }
    *list = waits;
    *count = op->park.count;
    return rc;
}

int rule_park(struct tx *tx, const struct op *op)
{
    struct task *task;
    struct wait *waits;
    size_t count;
    const char *mode = op->park.of_step ? "all" : op->park.mode;
    int rc = op->park.of_step ? 0 : park_check(tx, op);
    if (rc == 0)
        rc = task_get_fenced(tx, op->task_id, op->fence, &task);
    if (rc)
        return rc;
    if (task->cancel)
        return task_end_cancelled(tx, task);
    rc = op->park.of_step ? park_step_waits(tx, task, op->park.step, &waits, &count)
                          : park_asked_waits(tx, task, op, &waits, &count);
    if (rc)
        return rc;
    task->wait_mode = mode;
    task->worker = NULL;
    if (wait_is_over(waits, count, mode)) {
        task->state = TASK_QUEUED;
        task->ready_at = tx->now;
        task->wait_mode = NULL;
    } else {
        /* who answers a call was looked at when it was delegated */
        rc = op->park.of_step ? 0 : park_no_circle(tx, task, waits, count);
        if (rc == 0)
            rc = park_waiting(tx, task, waits, count);
    }
    if (rc == 0)
        rc = task_put(tx, task, TASK_WORKING);
    return rc ? rc : event_append(tx, task->id, "task.parked", park_body(waits, count, mode));
}
