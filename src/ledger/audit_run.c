/* The check of runs: a run against its task, steps against what they started, approvals against who
 * waits for them. */
#include "base/str.h"
#include "ledger/audit.h"
#include "ledger/ledger.h"
#include "ledger/rows.h"
#include "ledger/store.h"
#include "ledger/tx.h"

enum { STEPS_PAGE = 32 /* more than a step has rounds */ };

/* ---- a run ---- */

static const char *task_state_of(const char *run_state)
{
    return str_eq(run_state, RUN_DONE)        ? TASK_DONE
           : str_eq(run_state, RUN_CANCELLED) ? TASK_CANCELLED
           : str_eq(run_state, RUN_TIMED_OUT) ? TASK_TIMED_OUT
                                              : TASK_FAILED;
}

static int check_run_task(struct audit *audit, const struct run *run)
{
    struct task task = {.id = run->task};
    bool ended = run_state_is_terminal(run->state);
    int rc = task.id ? audit_get(audit, &task_record, &task) : LEDGER_NONE;
    if (rc < 0)
        return -1;
    if (rc == LEDGER_NONE || !str_eq(task.agent, FLOW_AGENT))
        audit_finding(audit, "Run %s has no task of its own (%s).", run->id,
                      run->task ? run->task : "none");
    else if (!str_eq(task.state, ended ? task_state_of(run->state) : TASK_WAITING))
        audit_finding(audit, "Run %s is %s, and its task %s is %s.", run->id, run->state, task.id,
                      task.state);
    return 0;
}

static int check_run_head(struct audit *audit, const struct run *run)
{
    struct stream head = {.name = run->id};
    struct definition definition = {.sha256 = run->definition};
    int rc = audit_get(audit, &stream_record, &head);
    if (rc < 0)
        return -1;
    if (run->facts > head.seq || run->upto > head.seq || run->facts < 1)
        audit_finding(audit,
                      "Run %s has looked up to %lld and has a fact %lld; its stream ends at %lld.",
                      run->id, (long long)run->upto, (long long)run->facts, (long long)head.seq);
    bool stuck = run->waiting && str_starts(run->waiting, "cannot be followed");
    if (!run_state_is_terminal(run->state) && run->facts > run->upto && !run->ready_at && !stuck)
        audit_finding(audit, "Run %s has a fact that nobody will look at.", run->id);
    rc = definition.sha256 ? audit_get(audit, &definition_record, &definition) : LEDGER_NONE;
    if (rc == LEDGER_NONE)
        audit_finding(audit, "Run %s has no definition %s.", run->id,
                      run->definition ? run->definition : "(none)");
    return rc < 0 ? -1 : 0;
}

static bool step_is_open(const struct step *step)
{
    return str_eq(step->state, "running") || str_eq(step->state, "waiting");
}

static int check_step_task(struct audit *audit, const struct step *step)
{
    struct task task = {.id = step->task};
    int rc = step->task ? audit_get(audit, &task_record, &task) : LEDGER_NONE;
    if (rc == LEDGER_NONE && step->task)
        audit_finding(audit, "Step %s of run %s names task %s, which is not there.", step->path,
                      step->run, step->task);
    else if (rc == 0 && (!str_eq(task.run, step->run) || !str_eq(task.step, step->path)))
        audit_finding(audit, "Step %s of run %s names task %s, which is not its own.", step->path,
                      step->run, step->task);
    return rc < 0 ? -1 : 0;
}

static int check_step_approval(struct audit *audit, const struct step *step, bool ended)
{
    struct approval approval = {.id = step->approval};
    int rc = step->approval ? audit_get(audit, &approval_record, &approval) : LEDGER_NONE;
    if (rc == LEDGER_NONE && step->approval)
        audit_finding(audit, "Step %s of run %s asks %s, which is not there.", step->path,
                      step->run, step->approval);
    else if (rc == 0 && str_eq(approval.state, APPROVAL_PENDING) && (ended || !step_is_open(step)))
        audit_finding(audit, "Step %s of run %s is %s, and people are still asked (%s).",
                      step->path, step->run, step->state, approval.id);
    return rc < 0 ? -1 : 0;
}

/* A page of steps behind *after; *open grows by those that are open. */
static int check_steps_page(struct audit *audit, const struct run *run, const char **after,
                            int64_t *open, bool *more)
{
    struct step *steps;
    size_t count;
    bool ended = run_state_is_terminal(run->state);
    struct scan scan = {
        .record = &step_record,
        .eq = {value_text(run->id)},
        .eq_count = 1,
        .has_low = true,
        .low = value_text(*after),
        .max = STEPS_PAGE,
    };
    int rc = audit_scan(audit, &scan, &steps, &count);
    *more = count == STEPS_PAGE;
    /* the last path's rounds may go on: it is looked at whole on the next page */
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (*more && str_eq(steps[i].path, steps[count - 1].path))
            break;
        *open += step_is_open(&steps[i]);
        rc = check_step_task(audit, &steps[i]);
        if (rc == 0)
            rc = check_step_approval(audit, &steps[i], ended);
    }
    if (*more)
        *after = steps[count - 1].path;
    return rc;
}

/* Where the run went on meanwhile, the sum says nothing. */
static int check_steps(struct audit *audit, struct run *run)
{
    const char *after = "";
    int64_t open = 0, decided = run->decided;
    const char *state = run->state;
    bool more = true;
    int rc = 0;
    while (more && rc == 0) {
        rc = check_steps_page(audit, run, &after, &open, &more);
        if (!more || rc)
            break;
        audit_breathe(audit);
        rc = audit_get(audit, &run_record, run);
    }
    if (rc == 0 && run->decided == decided && str_eq(run->state, state) &&
        (open != run->steps_open || (open && run_state_is_terminal(run->state))))
        audit_finding(audit, "Run %s is %s and counts %lld open steps; there are %lld.", run->id,
                      run->state, (long long)run->steps_open, (long long)open);
    return rc < 0 ? -1 : 0;
}

int audit_run_row(struct audit *audit, const void *row)
{
    struct run run = {.id = ((const struct run *)row)->id};
    bool retired;
    int rc = audit_get(audit, &run_record, &run);
    if (rc) /* gone since the page was read */
        return rc < 0 ? -1 : 0;
    rc = audit_is_retired(audit, run.root, &retired);
    if (rc || retired)
        return rc;
    if (check_run_task(audit, &run) < 0 || check_run_head(audit, &run) < 0)
        return -1;
    return check_steps(audit, &run);
}

int audit_task_of_run(struct audit *audit, const struct task *task)
{
    char id[RUN_ID_TEXT];
    struct run run = {.id = id};
    if (!str_eq(task->agent, FLOW_AGENT))
        return 0;
    run_id_of_task(task->id, id);
    int rc = audit_get(audit, &run_record, &run);
    if (rc == LEDGER_NONE)
        audit_finding(audit, "Task %s of a run has no run.", task->id);
    return rc < 0 ? -1 : 0;
}

/* ---- what people are asked ---- */

int audit_asked_call(struct audit *audit, const struct task *task, const struct call *call)
{
    struct approval approval = {.id = call->child};
    int rc = audit_get(audit, &approval_record, &approval);
    if (rc < 0)
        return -1;
    if (rc == LEDGER_NONE || !str_eq(approval.state, APPROVAL_PENDING) ||
        !str_eq(approval.task, task->id) || approval.call_step != call->step ||
        approval.call_idx != call->idx)
        audit_finding(audit, "Call %lld.%lld of task %s waits for %s, which %s.",
                      (long long)call->step, (long long)call->idx, task->id, call->child,
                      rc ? "is not there" : "does not ask for it");
    return 0;
}

static int check_question(struct audit *audit, const struct approval *approval)
{
    struct call call = {
        .task = approval->task, .step = approval->call_step, .idx = approval->call_idx};
    int rc = audit_get(audit, &call_record, &call);
    if (rc < 0)
        return -1;
    if (rc == LEDGER_NONE || !str_eq(call.state, CALL_WAITING) || !str_eq(call.child, approval->id))
        audit_finding(audit, "%s is pending, and call %lld.%lld of task %s does not wait for it.",
                      approval->id, (long long)call.step, (long long)call.idx, approval->task);
    return 0;
}

static int check_gate(struct audit *audit, const struct approval *approval)
{
    struct step step = {.run = approval->run, .path = approval->path, .round = approval->round};
    struct run run = {.id = approval->run};
    int rc = audit_get(audit, &run_record, &run);
    if (rc == LEDGER_NONE || (rc == 0 && run_state_is_terminal(run.state)))
        audit_finding(audit, "%s is pending, and its run %s is %s.", approval->id, approval->run,
                      rc ? "not there" : run.state);
    if (rc < 0 || approval->effect)
        return rc < 0 ? -1 : 0;
    rc = audit_get(audit, &step_record, &step);
    if (rc == LEDGER_NONE || (rc == 0 && !str_eq(step.approval, approval->id)))
        audit_finding(audit, "%s is pending, and step %s of run %s does not wait for it.",
                      approval->id, approval->path, approval->run);
    return rc < 0 ? -1 : 0;
}

static int check_unknown_effect(struct audit *audit, const struct approval *approval)
{
    struct effect effect = {.id = approval->effect};
    int rc = audit_get(audit, &effect_record, &effect);
    if (rc == LEDGER_NONE || (rc == 0 && !str_eq(effect.state, EFFECT_UNKNOWN)))
        audit_finding(audit, "%s is pending, and effect %s is %s.", approval->id, approval->effect,
                      rc ? "not there" : effect.state);
    return rc < 0 ? -1 : 0;
}

int audit_approval_row(struct audit *audit, const void *row)
{
    struct approval approval = {.id = ((const struct approval *)row)->id};
    bool retired;
    int rc = audit_get(audit, &approval_record, &approval);
    if (rc)
        return rc < 0 ? -1 : 0;
    rc = audit_is_retired(audit, approval.root, &retired);
    if (rc || retired)
        return rc;
    bool pending = str_eq(approval.state, APPROVAL_PENDING);
    if (pending != (approval.decided_at == 0))
        audit_finding(audit, "%s is %s and was decided at %lld.", approval.id, approval.state,
                      (long long)approval.decided_at);
    if (pending && approval.run)
        rc = check_gate(audit, &approval);
    if (pending && approval.effect && rc == 0)
        rc = check_unknown_effect(audit, &approval);
    if (pending && !approval.run && !approval.effect && rc == 0)
        rc = check_question(audit, &approval);
    return rc;
}

int audit_job_row(struct audit *audit, const void *row)
{
    struct job job = {.id = ((const struct job *)row)->id};
    bool retired;
    int rc = audit_get(audit, &job_record, &job);
    if (rc)
        return rc < 0 ? -1 : 0;
    rc = audit_is_retired(audit, job.root, &retired);
    if (rc || retired)
        return rc;
    struct run run = {.id = job.run};
    rc = run.id ? audit_get(audit, &run_record, &run) : LEDGER_NONE;
    bool open = !job_state_is_terminal(job.state);
    if (rc == LEDGER_NONE || (rc == 0 && open && run_state_is_terminal(run.state)))
        audit_finding(audit, "Job %s is %s, and its run %s is %s.", job.id, job.state,
                      job.run ? job.run : "(none)", rc ? "not there" : run.state);
    return rc < 0 ? -1 : 0;
}
