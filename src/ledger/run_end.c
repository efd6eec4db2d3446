/* How a run ends: what it started is stopped, in the transaction that ends it. */
#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "ledger/approval.h"
#include "ledger/effect.h"
#include "ledger/event.h"
#include "ledger/job.h"
#include "ledger/rules.h"
#include "ledger/run.h"

enum { CLOSE_PAGE = 64 /* rows read at once; a step has fewer rounds than that */ };

static bool step_is_open(const struct step *step)
{
    return str_eq(step->state, "running") || str_eq(step->state, "waiting");
}

static int step_stop_task(struct tx *tx, const struct step *step)
{
    struct task *task;
    if (!step->task)
        return 0;
    int rc = task_get(tx, step->task, &task);
    if (rc == LEDGER_NONE) {
        *tx->outcome = (struct outcome){.index = tx->outcome->index};
        return 0;
    }
    if (rc || task_state_is_terminal(task->state))
        return rc;
    return task_cancel_tree(tx, task, "cancelled");
}

static int step_stop(struct tx *tx, const struct step *step, bool tasks)
{
    int rc = tasks ? step_stop_task(tx, step) : 0;
    if (rc == 0 && step->approval)
        rc = approval_cancel(tx, step->approval);
    if (rc == 0 && step->effect)
        rc = effect_stop(tx, step->effect, "Its step was cancelled.");
    if (rc == 0 && step->job)
        rc = job_stop(tx, step->job, "Its step was cancelled.");
    return rc;
}

int run_cancel_step(struct tx *tx, const char *run, const char *path)
{
    struct step *newest;
    size_t count;
    struct scan scan = {
        .record = &step_record,
        .eq = {value_text(run), value_text(path)},
        .eq_count = 2,
        .descending = true,
        .max = 1,
    };
    int rc = tx_scan(tx, &scan, &newest, &count);
    return rc || count == 0 ? rc : step_stop(tx, newest, true);
}

static int run_close_step(struct tx *tx, struct run *run, struct step *step, bool tasks)
{
    int rc = step_stop(tx, step, tasks);
    step->state = "cancelled";
    step->reason = arena_printf(tx->arena, "its run is %s", run->state);
    step->finished_at = tx->now;
    run->steps_open--;
    return rc ? rc : tx_put(tx, &step_record, step);
}

int run_close(struct tx *tx, struct run *run, bool tasks)
{
    struct scan scan = {
        .record = &step_record,
        .eq = {value_text(run->id)},
        .eq_count = 1,
        .has_low = true,
        .low = value_text(""),
        .max = CLOSE_PAGE,
    };
    size_t count = CLOSE_PAGE;
    while (run->steps_open > 0 && count == CLOSE_PAGE) {
        struct step *steps;
        int rc = tx_scan(tx, &scan, &steps, &count);
        for (size_t i = 0; i < count && rc == 0; i++)
            if (step_is_open(&steps[i]))
                rc = run_close_step(tx, run, &steps[i], tasks);
        if (rc)
            return rc;
        if (count)
            scan.low = value_text(steps[count - 1].path);
    }
    return 0;
}

int run_end_with(struct tx *tx, const struct task *task)
{
    char id[RUN_ID_TEXT];
    struct run run = {.id = id};
    if (!str_eq(task->agent, FLOW_AGENT))
        return 0;
    run_id_of_task(task->id, id);
    int rc = tx_get(tx, &run_record, &run);
    if (rc || run_state_is_terminal(run.state))
        return rc == LEDGER_NONE ? 0 : rc;
    run.state = str_eq(task->state, TASK_CANCELLED)   ? RUN_CANCELLED
                : str_eq(task->state, TASK_TIMED_OUT) ? RUN_TIMED_OUT
                                                      : RUN_FAILED;
    run.failure_class = task->failure_class;
    run.failure_message = task->failure_message;
    run.waiting = NULL;
    run.ready_at = 0;
    run.finished_at = tx->now;
    rc = tx_put(tx, &run_record, &run); /* what is stopped now is no fact any more */
    if (rc == 0 && run.steps_open > 0) {
        rc = run_close(tx, &run, false); /* its tasks are stopped with the tree */
        rc = rc ? rc : tx_put(tx, &run_record, &run);
    }
    tx_touch(tx, "run:", arena_strdup(tx->arena, id));
    json_t *body = json_object();
    json_set_text(body, "state", run.state);
    json_set_text(body, "failure_class", run.failure_class);
    json_set_text(body, "failure_message", run.failure_message);
    if (rc)
        json_decref(body);
    return rc ? rc : event_append(tx, arena_strdup(tx->arena, id), "run.ended", body);
}
