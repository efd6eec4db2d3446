/* RUN_DECIDE: what the interpreter made of a run's facts becomes rows, whole or not at all. */
#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/approval.h"
#include "ledger/budget.h"
#include "ledger/chronicle.h"
#include "ledger/effect.h"
#include "ledger/event.h"
#include "ledger/job.h"
#include "ledger/pause.h"
#include "ledger/rules.h"
#include "ledger/run.h"
#include "ledger/submit.h"
#include "ledger/tree.h"

#include <string.h>

static const struct amount NO_LIMIT = {-1, -1};

struct deciding {
    const struct run_decision *ask;
    struct run run;
    struct task *flow; /* the run's task */
    struct root root;  /* of its tree: written once, behind all children */
};

static int decide_open(struct tx *tx, struct deciding *d)
{
    const struct run_decision *ask = d->ask;
    int rc = run_get(tx, ask->run, &d->run);
    if (rc)
        return rc;
    if (run_state_is_terminal(d->run.state))
        return tx_refuse(tx, LEDGER_CONFLICT, "ended", "Run %s has ended: %s.", d->run.id,
                         d->run.state);
    if (d->run.decided != ask->expect)
        return tx_refuse(tx, LEDGER_CONFLICT, "decided",
                         "Run %s has %lld decisions; this one was made after %lld.", d->run.id,
                         (long long)d->run.decided, (long long)ask->expect);
    return pause_refuses(tx, d->run.task);
}

static int decide_event(struct tx *tx, struct deciding *d)
{
    const char *body = d->ask->body, *blob = NULL;
    int64_t seq;
    int rc = tx_spill(tx, &body, &blob, LIMIT_INLINE);
    struct event event = {.stream = d->run.id, .type = "run.decided", .body = body};
    if (blob)
        event.body = arena_printf(tx->arena, "{\"blob\":\"%s\"}", blob);
    d->run.decided++;
    d->run.upto = d->ask->upto;
    d->run.hash = d->ask->hash;
    return rc ? rc : event_put_seq(tx, &event, &seq);
}

static bool step_is_open(const struct step *step)
{
    return str_eq(step->state, "running") || str_eq(step->state, "waiting");
}

static int decide_step(struct tx *tx, struct deciding *d, const struct step *asked)
{
    struct step step = *asked,
                known = {.run = d->run.id, .path = asked->path, .round = asked->round};
    int rc = tx_get(tx, &step_record, &known);
    if (rc && rc != LEDGER_NONE)
        return rc;
    bool was_open = rc == 0 && step_is_open(&known), ended = step_state_is_terminal(step.state);
    step.run = d->run.id;
    step.started_at = known.started_at ? known.started_at : tx->now;
    if (known.approval) /* perhaps not the one that was asked for: see decide_approval */
        step.approval = known.approval;
    step.finished_at = !ended ? 0 : known.finished_at ? known.finished_at : tx->now;
    d->run.steps_open += (int)step_is_open(&step) - (int)was_open;
    rc = tx_spill(tx, &step.output, &step.output_blob, LIMIT_INLINE);
    return rc ? rc : tx_put(tx, &step_record, &step);
}

/* ---- tasks and sub-workflows ---- */

static int decide_root(struct tx *tx, struct deciding *d)
{
    d->root.id = d->run.root;
    int rc = tx_get(tx, &root_record, &d->root);
    return rc == LEDGER_NONE ? tx_refuse(tx, rc, "no_root", "The tree %s is gone.", d->run.root)
                             : rc;
}

/* The step has no task, then. */
static int decide_refused(struct tx *tx, struct deciding *d, const struct task *task, int status)
{
    const char *code = arena_strdup(tx->arena, tx->outcome->code);
    const char *message = arena_strdup(tx->arena, tx->outcome->message);
    const char *class = tree_class(code);
    struct step step = {.run = d->run.id, .path = task->step, .round = task->step_round};
    if (status != LEDGER_REFUSED && status != LEDGER_DUP && status != LEDGER_BUSY)
        return status;
    *tx->outcome = (struct outcome){.index = tx->outcome->index};
    int rc = tx_get(tx, &step_record, &step);
    step.task = step.child_run = NULL;
    if (rc == 0)
        rc = tx_put(tx, &step_record, &step);
    if (rc && rc != LEDGER_NONE)
        return rc;
    return run_hear_refusal(tx, task, class ? class : "refused", message);
}

/* A child of the run's task; a refusal leaves nothing behind. */
static int decide_child(struct tx *tx, struct deciding *d, struct task *task, struct amount limit)
{
    struct tree_ask tree = {.parent = d->flow, .child = task, .root = d->root, .of_run = true};
    task->parent_step = task->parent_index = -1;
    int rc = submit_check(tx, task);
    if (rc == 0)
        rc = tree_look(tx, &tree);
    if (rc == 0)
        rc = budget_open_child(tx, task, d->flow, limit);
    if (rc)
        return rc;
    d->flow->children++;
    rc = submit_row(tx, task, &d->root);
    if (rc || !task_has_lane(task))
        return rc;
    return chronicle_delegated(tx, d->flow, task, "step");
}

static int decide_task(struct tx *tx, struct deciding *d, const struct run_task *asked)
{
    struct task *task = arena_alloc(tx->arena, sizeof(*task));
    *task = *asked->task;
    task->run = d->run.id;
    task->caller = task->caller ? task->caller : d->run.caller;
    if (!task->kind)
        task->kind = str_eq(task->agent, RUNNER_AGENT) ? "run" : "step";
    if (str_eq(task->agent, FLOW_AGENT))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_run", "A sub-workflow is a run, not a task.");
    int rc = decide_child(tx, d, task, asked->limit);
    return rc ? decide_refused(tx, d, task, rc) : 0;
}

static int decide_run(struct tx *tx, struct deciding *d, const struct run_start *asked)
{
    struct task *task = arena_alloc(tx->arena, sizeof(*task));
    struct run *run = arena_alloc(tx->arena, sizeof(*run)), row = {0};
    struct run_start start = {.task = asked->task, .run = &row};
    if (asked->run)
        row = *asked->run;
    row.definition = row.definition ? row.definition : d->run.definition;
    row.caller = row.caller ? row.caller : d->run.caller;
    int rc = run_fill(tx, &start, task, run);
    if (rc)
        return rc;
    task->run = d->run.id;
    task->step = task->step ? task->step : row.parent_step;
    run->parent_run = d->run.id;
    run->parent_step = task->step;
    rc = decide_child(tx, d, task, NO_LIMIT);
    if (rc)
        return decide_refused(tx, d, task, rc);
    return run_write(tx, task, run, asked->seed);
}

static int decide_children(struct tx *tx, struct deciding *d)
{
    const struct run_decision *ask = d->ask;
    if (ask->task_count + ask->run_count == 0)
        return 0;
    int64_t had = d->flow->children;
    int rc = decide_root(tx, d);
    for (size_t i = 0; i < ask->task_count && rc == 0; i++)
        rc = decide_task(tx, d, &ask->tasks[i]);
    for (size_t i = 0; i < ask->run_count && rc == 0; i++)
        rc = decide_run(tx, d, &ask->runs[i]);
    if (rc || d->flow->children == had)
        return rc;
    rc = tx_put(tx, &root_record, &d->root);
    return rc ? rc : task_put(tx, d->flow, d->flow->state);
}

/* ---- approvals, effects, jobs ---- */

static int decide_approval(struct tx *tx, struct deciding *d, const struct approval *asked)
{
    struct approval approval = *asked;
    struct step step = {.run = d->run.id, .path = asked->path, .round = asked->round};
    approval.kind = "gate";
    approval.run = d->run.id;
    approval.root = d->run.root;
    approval.task = d->run.task;
    approval.effect = NULL;
    approval.call_step = approval.call_idx = -1;
    approval.requester = approval.requester ? approval.requester : d->run.caller;
    int rc = approval_open(tx, &approval);
    if (rc || str_eq(approval.id, asked->id))
        return rc;
    rc = tx_get(tx, &step_record, &step);
    step.approval = approval.id; /* the one it was to have is taken */
    return rc ? (rc == LEDGER_NONE ? 0 : rc) : tx_put(tx, &step_record, &step);
}

/* What cannot be put in the outbox, or written out, is what the step comes to. */
static bool decide_takes_no(struct tx *tx, int rc, const char **why)
{
    if (rc != LEDGER_DUP && rc != LEDGER_REFUSED)
        return false;
    *why = arena_strdup(tx->arena, tx->outcome->message);
    *tx->outcome = (struct outcome){.index = tx->outcome->index};
    return true;
}

static int decide_effect(struct tx *tx, struct deciding *d, const struct effect *asked)
{
    struct effect effect = *asked;
    const char *why;
    effect.run = d->run.id;
    int rc = effect_open(tx, &effect, d->flow);
    if (!decide_takes_no(tx, rc, &why))
        return rc;
    json_t *body = json_pack("{s:I,s:s}", "round", (json_int_t)effect.step_round, "state", "dead");
    json_set_text(body, "effect", effect.id);
    json_set_text(body, "step", effect.step);
    json_set_text(body, "reason", why);
    return run_fact(tx, d->run.id, "effect.settled", body);
}

static int decide_job(struct tx *tx, struct deciding *d, const struct job *asked)
{
    struct job job = *asked;
    const char *why = asked->note;
    bool failed = str_eq(asked->state, JOB_FAILED); /* there is no folder for it: no row */
    int rc = failed ? 0 : job_open(tx, &job, &d->run);
    if (!failed && !decide_takes_no(tx, rc, &why))
        return rc;
    json_t *body = json_pack("{s:I,s:I,s:s}", "round", (json_int_t)job.round, "try",
                             (json_int_t)job.try, "status", JOB_FAILED);
    json_set_text(body, "job", job.id);
    json_set_text(body, "step", job.path);
    json_set_text(body, "message", why);
    return run_fact(tx, d->run.id, "job.ended", body);
}

/* What the caller could not even ask for. */
static int decide_refusal(struct tx *tx, struct deciding *d, const struct run_refusal *refusal)
{
    const struct task task = {.run = d->run.id,
                              .step = refusal->step,
                              .step_round = refusal->round,
                              .step_try = refusal->try};
    return run_hear_refusal(tx, &task, refusal->failure_class, refusal->failure_message);
}

/* ---- how it stands ---- */

static int decide_end(struct tx *tx, struct deciding *d, const char *output)
{
    struct run *run = &d->run;
    bool done = str_eq(run->state, RUN_DONE);
    struct handoff handoff = {.status = done ? "complete" : "failed", .result = output};
    struct ending ending = {.state = done ? TASK_DONE : TASK_FAILED, .handoff = &handoff};
    handoff.notes = run->failure_message;
    if (!done) {
        ending.failure_class = str_eq(run->state, RUN_REJECTED) ? "rejected" : "failed";
        ending.failure_message = run->failure_message;
    }
    run->ready_at = 0;
    run->waiting = NULL;
    run->finished_at = tx->now;
    int rc = run_close(tx, run, true);
    if (rc == 0)
        rc = tx_put(tx, &run_record, run);
    return rc ? rc : task_end(tx, d->flow, &ending);
}

static int decide_close(struct tx *tx, struct deciding *d)
{
    const struct run *asked = &d->ask->row;
    struct run *run = &d->run;
    run->state = asked->state ? asked->state : run->state;
    run->waiting = asked->waiting;
    run->output = asked->output;
    run->failure_class = asked->failure_class;
    run->failure_message = asked->failure_message;
    run->failure_step = asked->failure_step;
    int rc = tx_spill(tx, &run->output, &run->output_blob, LIMIT_INLINE);
    if (run->facts > run->upto)
        tx_touch(tx, "run:", run->id);
    if (rc || run_state_is_terminal(run->state))
        return rc ? rc : decide_end(tx, d, asked->output);
    run->ready_at = run->facts > run->upto ? tx->now : asked->ready_at;
    if (run->ready_at)
        tx_due(tx, run->ready_at);
    return tx_put(tx, &run_record, run);
}

/* The run's task is a wide row: most decisions do without it. */
static int decide_flow(struct tx *tx, struct deciding *d)
{
    const struct run_decision *ask = d->ask;
    bool ends = ask->row.state && run_state_is_terminal(ask->row.state);
    if (!ends && ask->task_count + ask->run_count + ask->effect_count == 0)
        return 0;
    return task_get(tx, d->run.task, &d->flow);
}

static int decide_carry_out(struct tx *tx, struct deciding *d)
{
    const struct run_decision *ask = d->ask;
    int rc = decide_event(tx, d);
    for (size_t i = 0; i < ask->cancel_count && rc == 0; i++)
        rc = run_cancel_step(tx, d->run.id, ask->cancel_steps[i]);
    for (size_t i = 0; i < ask->step_count && rc == 0; i++)
        rc = decide_step(tx, d, &ask->steps[i]);
    if (rc == 0)
        rc = decide_flow(tx, d);
    if (rc == 0)
        rc = decide_children(tx, d);
    for (size_t i = 0; i < ask->approval_count && rc == 0; i++)
        rc = decide_approval(tx, d, &ask->approvals[i]);
    for (size_t i = 0; i < ask->effect_count && rc == 0; i++)
        rc = decide_effect(tx, d, &ask->effects[i]);
    for (size_t i = 0; i < ask->job_count && rc == 0; i++)
        rc = decide_job(tx, d, &ask->jobs[i]);
    for (size_t i = 0; i < ask->refusal_count && rc == 0; i++)
        rc = decide_refusal(tx, d, &ask->refusals[i]);
    return rc ? rc : decide_close(tx, d);
}

/* Nothing is decided: people see why, until something else happens to it. */
static int decide_stuck(struct tx *tx, struct deciding *d)
{
    struct run *run = &d->run;
    bool said = str_eq(run->waiting, d->ask->stuck);
    run->waiting = d->ask->stuck;
    run->ready_at = 0;
    int rc = tx_put(tx, &run_record, run);
    if (rc || said)
        return rc;
    json_t *body = json_object();
    json_set_text(body, "message", d->ask->stuck);
    tx_touch(tx, "run:", run->id);
    return event_append(tx, run->id, "run.stuck", body);
}

int rule_run_decide(struct tx *tx, const struct op *op)
{
    struct deciding d = {.ask = op->decision};
    int rc = decide_open(tx, &d);
    if (rc)
        return rc;
    if (d.ask->stuck)
        return decide_stuck(tx, &d);
    tx->deciding = &d.run;
    rc = decide_carry_out(tx, &d);
    tx->deciding = NULL;
    return rc;
}
