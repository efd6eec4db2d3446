/* How runs end otherwise than by their decision: cancelled, out of time, with the tree;
 * sub-workflows; what was open then. Jobs and effects of their steps. */
#include "ledger_run_case.h"

#include "base/json.h"
#include "base/str.h"

static void start(struct ledger_case *c)
{
    run_define(c);
    assert_int_equal(run_start(c, "t-1"), LEDGER_OK);
    case_register(c, "bob", "n1");
}

static int decide_effect(struct ledger_case *c, const char *run, const char *path, const char *id,
                         const char *on_unknown)
{
    struct step step = {.path = path, .kind = "effect", .state = "running", .effect = id};
    struct effect effect = {.id = id,
                            .kind = "webhook",
                            .destination = "webhook:x",
                            .body = "{}",
                            .step = path,
                            .on_unknown = on_unknown};
    struct run_decision decision = {
        .run = run, .steps = &step, .step_count = 1, .effects = &effect, .effect_count = 1};
    return run_decide(c, decision);
}

static int decide_job(struct ledger_case *c, const char *run, const char *path, const char *id)
{
    struct step step = {.path = path, .kind = "job", .state = "waiting", .job = id};
    struct job job = {.id = id, .path = path, .try = 1, .spec = "{\"name\":\"mesh\"}"};
    struct run_decision decision = {
        .run = run, .steps = &step, .step_count = 1, .jobs = &job, .job_count = 1};
    return run_decide(c, decision);
}

static int decide_subrun(struct ledger_case *c, const char *run, const char *path, const char *task)
{
    struct step step = {.path = path, .kind = "workflow", .state = "running", .task = task};
    struct task row = {.id = task, .step = path, .step_try = 1};
    struct run sub = {.name = "inner", .entry = "inner.yaml", .inputs = "{\"y\":2}"};
    struct run_start start = {.task = &row, .run = &sub};
    char id[RUN_ID_TEXT];
    run_id_of_task(task, id);
    step.child_run = id;
    struct run_decision decision = {
        .run = run, .steps = &step, .step_count = 1, .runs = &start, .run_count = 1};
    return run_decide(c, decision);
}

static int move_effect(struct ledger_case *c, const char *id, const char *state)
{
    struct effect effect = *run_effect(c, id);
    effect.state = state;
    effect.reason = "so it went";
    return case_op(c, (struct op){.type = OP_EFFECT_STATE, .effect = &effect});
}

static int move_job(struct ledger_case *c, struct job job)
{
    struct op op = {.type = OP_JOB_STATE};
    op.job = &job;
    return case_op(c, op);
}

/* Everything that a run can have open at once. */
static void open_everything(struct ledger_case *c)
{
    start(c);
    assert_int_equal(run_step_task(c, "r-1", "a", "t-a", "bob"), LEDGER_OK);
    assert_int_equal(run_step_task(c, "r-1", "b", "t-b", "bob"), LEDGER_OK);
    case_claim_id(c, "bob", "n1", "t-a");
    assert_int_equal(run_step_gate(c, "r-1", "gate", &(struct approval){0}), LEDGER_OK);
    assert_int_equal(decide_effect(c, "r-1", "post", "e-1", "ask"), LEDGER_OK);
    assert_int_equal(decide_effect(c, "r-1", "sent", "e-2", "ask"), LEDGER_OK);
    assert_int_equal(move_effect(c, "e-2", EFFECT_IN_FLIGHT), LEDGER_OK);
    assert_int_equal(decide_effect(c, "r-1", "lost", "e-3", "ask"), LEDGER_OK);
    assert_int_equal(move_effect(c, "e-3", EFFECT_UNKNOWN), LEDGER_OK);
    assert_int_equal(decide_job(c, "r-1", "mesh", "job-1"), LEDGER_OK);
    assert_int_equal(decide_subrun(c, "r-1", "sub", "t-sub"), LEDGER_OK);
    assert_int_equal(run_step_gate(c, "r-sub", "inner", &(struct approval){0}), LEDGER_OK);
    assert_int_equal(run_row(c, "r-1")->steps_open, 8);
    case_assert_clean(c);
}

static void assert_everything_stopped(struct ledger_case *c, const char *state)
{
    size_t pending;
    run_assert_state(c, "r-1", state);
    run_assert_state(c, "r-sub", state);
    case_assert_state(c, "t-1", state);
    case_assert_state(c, "t-sub", state);
    case_assert_state(c, "t-b", state);
    assert_non_null(case_task(c, "t-a")->cancel);
    run_pending(c, &pending);
    assert_int_equal(pending, 0);
    assert_string_equal(run_effect(c, "e-1")->state, EFFECT_DEAD);
    assert_string_equal(run_effect(c, "e-2")->state, EFFECT_IN_FLIGHT);
    assert_string_equal(run_effect(c, "e-3")->state, EFFECT_UNKNOWN);
    assert_string_equal(run_job(c, "job-1")->state, JOB_CANCELLED);
    assert_string_equal(run_step(c, "r-1", "gate", 0)->state, "cancelled");
    assert_string_equal(run_step(c, "r-sub", "inner", 0)->state, "cancelled");
    assert_int_equal(run_row(c, "r-1")->steps_open, 0);
    assert_int_equal(run_row(c, "r-1")->ready_at, 0);
    assert_int_equal(case_events(c, "r-1", "run.ended"), 1);
    assert_int_equal(case_events(c, "r-1", "step.ended"), 0); /* nobody waits for facts any more */
    case_assert_clean(c);
}

static void cancelling_the_task_ends_the_run(void **state)
{
    struct ledger_case *c = *state;
    open_everything(c);
    assert_int_equal(case_cancel(c, "t-1"), LEDGER_OK);
    assert_everything_stopped(c, RUN_CANCELLED);
    /* what was under way then may still come to its end */
    assert_int_equal(case_finish(c, "t-a", case_task(c, "t-a")->fence, "1"), LEDGER_OK);
    assert_int_equal(move_effect(c, "e-2", EFFECT_UNKNOWN), LEDGER_OK);
    size_t pending;
    run_pending(c, &pending);
    assert_int_equal(pending, 0);
    case_assert_clean(c);
}

static void a_deadline_ends_the_run(void **state)
{
    struct ledger_case *c = *state;
    run_define(c);
    case_register(c, "bob", "n1");
    assert_int_equal(run_start_with(c, "t-1", "{}", "{\"wall_ms\":60000}"), LEDGER_OK);
    assert_int_equal(run_step_task(c, "r-1", "a", "t-a", "bob"), LEDGER_OK);
    assert_int_equal(run_step_gate(c, "r-1", "gate", &(struct approval){0}), LEDGER_OK);
    assert_int_equal(decide_subrun(c, "r-1", "sub", "t-sub"), LEDGER_OK);
    assert_int_equal(run_row(c, "r-1")->deadline_at, case_task(c, "t-1")->deadline_at);
    case_pass(c, 60001);
    run_assert_state(c, "r-1", RUN_TIMED_OUT);
    run_assert_state(c, "r-sub", RUN_TIMED_OUT);
    case_assert_state(c, "t-a", TASK_TIMED_OUT);
    assert_string_equal(run_said(c, "r-1", "run.ended", "failure_class"), "timeout");
    case_assert_clean(c);
}

static void a_decided_end_stops_what_is_open(void **state)
{
    struct ledger_case *c = *state;
    open_everything(c);
    assert_int_equal(run_finish(c, "r-1", RUN_FAILED, NULL), LEDGER_OK);
    run_assert_state(c, "r-1", RUN_FAILED);
    run_assert_state(c, "r-sub", RUN_CANCELLED);
    case_assert_state(c, "t-1", TASK_FAILED);
    case_assert_state(c, "t-b", TASK_CANCELLED);
    assert_non_null(case_task(c, "t-a")->cancel);
    assert_string_equal(run_job(c, "job-1")->state, JOB_CANCELLED);
    size_t pending;
    run_pending(c, &pending);
    assert_int_equal(pending, 0);
    assert_int_equal(case_events(c, "r-1", "step.ended"), 0);
    case_assert_clean(c);
}

/* More steps than anything reads at once. */
static void a_large_run_ends_whole(void **state)
{
    struct ledger_case *c = *state;
    struct step steps[150];
    start(c);
    for (int i = 0; i < 150; i++)
        steps[i] = (struct step){.path = arena_printf(&c->arena, "s%d", i),
                                 .kind = "wait",
                                 .state = i % 3 ? "waiting" : "done"};
    struct run_decision decision = {.run = "r-1", .steps = steps, .step_count = 150};
    assert_int_equal(run_decide(c, decision), LEDGER_OK);
    assert_int_equal(run_row(c, "r-1")->steps_open, 100);
    case_assert_clean(c);
    assert_int_equal(case_cancel(c, "t-1"), LEDGER_OK);
    assert_int_equal(run_row(c, "r-1")->steps_open, 0);
    assert_string_equal(run_step(c, "r-1", "s149", 0)->state, "cancelled");
    assert_string_equal(run_step(c, "r-1", "s0", 0)->state, "done");
    case_assert_clean(c);
}

/* A decision stops one step; the facts of that come behind it. */
static void a_decision_cancels_a_step(void **state)
{
    struct ledger_case *c = *state;
    const char *paths[] = {"b", "gate", "post", "mesh", "sub"};
    open_everything(c);
    struct run_decision decision = {.run = "r-1", .cancel_steps = paths, .cancel_count = 5};
    assert_int_equal(run_decide(c, decision), LEDGER_OK);
    case_assert_state(c, "t-b", TASK_CANCELLED);
    case_assert_state(c, "t-sub", TASK_CANCELLED);
    run_assert_state(c, "r-sub", RUN_CANCELLED);
    assert_string_equal(run_approval(c, run_step(c, "r-1", "gate", 0)->approval)->state,
                        APPROVAL_CANCELLED);
    assert_string_equal(run_effect(c, "e-1")->state, EFFECT_DEAD);
    assert_string_equal(run_job(c, "job-1")->state, JOB_CANCELLED);
    assert_int_equal(case_events(c, "r-1", "step.ended"), 2);
    assert_int_equal(case_events(c, "r-1", "job.ended"), 1);
    assert_int_equal(case_events(c, "r-1", "effect.settled"), 1);
    assert_int_equal(case_events(c, "r-1", "approval.decided"), 0);
    assert_true(run_row(c, "r-1")->facts > run_row(c, "r-1")->upto);
    assert_true(run_row(c, "r-1")->ready_at > 0);
    case_assert_state(c, "t-1", TASK_WAITING);
}

/* ---- sub-workflows ---- */

static void a_sub_workflow_is_a_step(void **state)
{
    struct ledger_case *c = *state;
    start(c);
    assert_int_equal(decide_subrun(c, "r-1", "sub", "t-sub"), LEDGER_OK);
    const struct run *sub = run_row(c, "r-sub");
    assert_string_equal(sub->parent_run, "r-1");
    assert_string_equal(sub->parent_step, "sub");
    assert_string_equal(sub->definition, run_row(c, "r-1")->definition);
    assert_string_equal(sub->entry, "inner.yaml");
    assert_string_equal(sub->root, "t-1");
    assert_string_equal(sub->caller, "person:ann");
    assert_int_equal(case_task(c, "t-sub")->depth, 1);
    assert_int_equal(run_step_task(c, "r-sub", "deep", "t-deep", "bob"), LEDGER_OK);
    assert_int_equal(case_task(c, "t-deep")->depth, 2);
    assert_string_equal(case_task(c, "t-deep")->root, "t-1");
    case_finish(c, "t-deep", case_claim_id(c, "bob", "n1", "t-deep"), "1");
    assert_int_equal(run_row(c, "r-1")->facts, 1);
    struct step done = {.path = "deep", .kind = "agent", .state = "done"};
    struct run_decision end = {.run = "r-sub",
                               .row = {.state = RUN_DONE, .output = "{\"z\":3}"},
                               .steps = &done,
                               .step_count = 1};
    assert_int_equal(run_decide(c, end), LEDGER_OK);
    assert_string_equal(run_said(c, "r-1", "step.ended", "state"), "done");
    assert_string_equal(run_said(c, "r-1", "step.ended", "step"), "sub");
    json_t *body = run_newest(c, "r-1", "step.ended");
    assert_int_equal(json_get_int(json_object_get(body, "output"), "z", 0), 3);
    json_decref(body);
    case_assert_clean(c);
}

static void a_rejected_sub_workflow_says_so(void **state)
{
    struct ledger_case *c = *state;
    start(c);
    decide_subrun(c, "r-1", "sub", "t-sub");
    assert_int_equal(run_finish(c, "r-sub", RUN_REJECTED, NULL), LEDGER_OK);
    assert_string_equal(run_said(c, "r-1", "step.ended", "state"), "failed");
    assert_string_equal(run_said(c, "r-1", "step.ended", "failure_class"), "rejected");
    case_assert_clean(c);
}

static void a_sub_workflow_too_deep_is_a_fact(void **state)
{
    struct ledger_case *c = *state;
    run_define(c);
    run_start_with(c, "t-1", "{}", "{\"depth\":0}");
    assert_int_equal(decide_subrun(c, "r-1", "sub", "t-sub"), LEDGER_OK);
    assert_string_equal(run_said(c, "r-1", "step.ended", "failure_class"), "refused");
    assert_null(run_step(c, "r-1", "sub", 0)->child_run);
    case_assert_clean(c);
}

static void a_run_inside_a_run_needs_a_decision(void **state)
{
    struct ledger_case *c = *state;
    start(c);
    struct task row = {.id = "t-2", .parent = "t-1"};
    struct run run = {.name = "w", .definition = run_row(c, "r-1")->definition};
    struct run_start sub = {.task = &row, .run = &run};
    struct op op = {.type = OP_RUN_START};
    op.start = &sub;
    assert_int_equal(case_op(c, op), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "bad_run");
}

/* ---- what could not start, what cannot be followed ---- */

static void what_cannot_start_is_a_fact(void **state)
{
    struct ledger_case *c = *state;
    struct run_refusal refusal = {"a", 0, 2, "refused", "there is no agent of that name"};
    struct step step = {.path = "a", .kind = "agent", .state = "running", .tries = 2};
    start(c);
    struct run_decision decision = {
        .run = "r-1", .steps = &step, .step_count = 1, .refusals = &refusal, .refusal_count = 1};
    assert_int_equal(run_decide(c, decision), LEDGER_OK);
    json_t *body = run_newest(c, "r-1", "step.ended");
    assert_int_equal(json_get_int(body, "try", 0), 2);
    assert_string_equal(json_get_text(body, "failure_class", ""), "refused");
    json_decref(body);
    assert_true(run_row(c, "r-1")->ready_at > 0);
    case_assert_clean(c);
}

static void a_stuck_run_says_why(void **state)
{
    struct ledger_case *c = *state;
    struct run_decision stuck = {.run = "r-1", .stuck = "cannot be followed: it is another file"};
    start(c);
    assert_int_equal(run_decide(c, stuck), LEDGER_OK);
    assert_int_equal(run_decide(c, stuck), LEDGER_OK);
    const struct run *run = run_row(c, "r-1");
    assert_int_equal(run->decided, 0);
    assert_int_equal(run->ready_at, 0);
    assert_string_equal(run->waiting, stuck.stuck);
    assert_int_equal(case_events(c, "r-1", "run.stuck"), 1);
    case_assert_clean(c);
    assert_int_equal(case_cancel(c, "t-1"), LEDGER_OK);
    case_assert_clean(c);
}

/* ---- effects ---- */

static void a_sent_effect_is_a_fact(void **state)
{
    struct ledger_case *c = *state;
    start(c);
    decide_effect(c, "r-1", "post", "e-1", "ask");
    assert_string_equal(run_effect(c, "e-1")->task, "t-1");
    move_effect(c, "e-1", EFFECT_IN_FLIGHT);
    assert_int_equal(run_row(c, "r-1")->facts, 1);
    move_effect(c, "e-1", EFFECT_CONFIRMED);
    assert_string_equal(run_said(c, "r-1", "effect.settled", "state"), EFFECT_CONFIRMED);
    assert_string_equal(run_said(c, "r-1", "effect.settled", "step"), "post");
    case_assert_clean(c);
}

static void a_held_effect_is_a_fact_at_once(void **state)
{
    struct ledger_case *c = *state;
    struct effect effect = {.id = "e-1", .kind = "webhook", .step = "post", .state = EFFECT_HELD};
    struct step step = {.path = "post", .kind = "effect", .state = "running", .effect = "e-1"};
    start(c);
    struct run_decision decision = {
        .run = "r-1", .steps = &step, .step_count = 1, .effects = &effect, .effect_count = 1};
    assert_int_equal(run_decide(c, decision), LEDGER_OK);
    assert_string_equal(run_said(c, "r-1", "effect.settled", "state"), EFFECT_HELD);
    effect.state = NULL; /* the id is taken: that is what the step comes to */
    assert_int_equal(run_decide(c, decision), LEDGER_OK);
    assert_string_equal(run_said(c, "r-1", "effect.settled", "state"), EFFECT_DEAD);
}

static void an_unknown_effect_is_settled_by_a_person(void **state)
{
    struct ledger_case *c = *state;
    size_t count;
    start(c);
    decide_effect(c, "r-1", "post", "e-1", "ask");
    move_effect(c, "e-1", EFFECT_IN_FLIGHT);
    assert_int_equal(move_effect(c, "e-1", EFFECT_UNKNOWN), LEDGER_OK);
    assert_int_equal(case_events(c, "r-1", "effect.settled"), 0);
    struct approval *asked = run_pending(c, &count);
    assert_int_equal(count, 1);
    assert_string_equal(asked->kind, "ambiguous");
    assert_string_equal(asked->effect, "e-1");
    assert_string_equal(asked->run, "r-1");
    case_assert_clean(c);
    assert_int_equal(run_say(c, asked->id, "person:bo", APPROVAL_APPROVED), LEDGER_OK);
    assert_string_equal(run_effect(c, "e-1")->state, EFFECT_INTENDED);
    assert_int_equal(case_events(c, "r-1", "effect.settled"), 0);
    assert_int_equal(case_events(c, "r-1", "approval.decided"), 0); /* no gate's */
    move_effect(c, "e-1", EFFECT_IN_FLIGHT);
    move_effect(c, "e-1", EFFECT_UNKNOWN);
    struct approval *again = run_pending(c, &count);
    assert_int_equal(count, 1);
    assert_string_not_equal(again->id, asked->id);
    assert_int_equal(run_say(c, again->id, "person:bo", APPROVAL_REJECTED), LEDGER_OK);
    assert_string_equal(run_effect(c, "e-1")->state, EFFECT_DEAD);
    assert_string_equal(run_said(c, "r-1", "effect.settled", "state"), EFFECT_DEAD);
    assert_int_equal(case_events(c, "r-1", "effect.settled"), 1);
    case_assert_clean(c);
}

/* The receiver was found to have it, while a person was being asked. */
static void an_effect_that_settles_itself_asks_nobody(void **state)
{
    struct ledger_case *c = *state;
    size_t count;
    start(c);
    decide_effect(c, "r-1", "post", "e-1", "ask");
    move_effect(c, "e-1", EFFECT_UNKNOWN);
    const char *id = run_pending(c, &count)->id;
    assert_int_equal(move_effect(c, "e-1", EFFECT_CONFIRMED), LEDGER_OK);
    run_assert_approval(c, id, APPROVAL_CANCELLED);
    assert_string_equal(run_said(c, "r-1", "effect.settled", "state"), EFFECT_CONFIRMED);
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_APPROVED), LEDGER_CONFLICT);
    assert_string_equal(run_effect(c, "e-1")->state, EFFECT_CONFIRMED);
    case_assert_clean(c);
}

static void an_effect_may_be_repeated_or_left(void **state)
{
    struct ledger_case *c = *state;
    size_t count;
    start(c);
    decide_effect(c, "r-1", "post", "e-1", "retry");
    decide_effect(c, "r-1", "leave", "e-2", NULL);
    move_effect(c, "e-1", EFFECT_IN_FLIGHT);
    move_effect(c, "e-1", EFFECT_UNKNOWN);
    assert_string_equal(run_effect(c, "e-1")->state, EFFECT_INTENDED);
    assert_int_equal(case_events(c, "t-1", "effect.unknown"), 1);
    move_effect(c, "e-2", EFFECT_UNKNOWN);
    assert_string_equal(run_said(c, "r-1", "effect.settled", "state"), EFFECT_UNKNOWN);
    run_pending(c, &count);
    assert_int_equal(count, 0);
    case_assert_clean(c);
}

/* An answer's delivery outlives the task that it belongs to. */
static void an_agents_effect_asks_after_its_end(void **state)
{
    struct ledger_case *c = *state;
    size_t count;
    struct effect effect = {.id = "e-9",
                            .kind = "message",
                            .destination = "discord",
                            .on_unknown = "ask",
                            .run = "r-x"};
    case_register(c, "bob", "n1");
    case_submit(c, "t-9", "bob", NULL);
    int64_t fence = case_claim_id(c, "bob", "n1", "t-9");
    struct op op = {.type = OP_EFFECT, .task_id = "t-9", .fence = fence, .effect = &effect};
    assert_int_equal(case_op(c, op), LEDGER_OK);
    assert_null(run_effect(c, "e-9")->run);
    case_finish(c, "t-9", fence, "1");
    move_effect(c, "e-9", EFFECT_UNKNOWN);
    struct approval *asked = run_pending(c, &count);
    assert_int_equal(count, 1);
    assert_string_equal(asked->requester, "agent:bob");
    assert_int_equal(run_say(c, asked->id, "person:bo", APPROVAL_APPROVED), LEDGER_OK);
    assert_string_equal(run_effect(c, "e-9")->state, EFFECT_INTENDED);
    case_assert_clean(c);
}

/* ---- jobs, signals ---- */

static void a_job_comes_back(void **state)
{
    struct ledger_case *c = *state;
    start(c);
    assert_int_equal(decide_job(c, "r-1", "mesh", "job-1"), LEDGER_OK);
    const struct job *job = run_job(c, "job-1");
    assert_string_equal(job->state, JOB_INTENDED);
    assert_string_equal(job->root, "t-1");
    int64_t seen = job->updated_at;
    struct job move = {.id = "job-1", .state = JOB_SUBMITTED, .updated_at = seen};
    assert_int_equal(move_job(c, move), LEDGER_OK);
    assert_int_equal(move_job(c, move), LEDGER_CONFLICT); /* it has changed since */
    assert_string_equal(c->outcome.code, "changed");
    assert_int_equal(move_job(c, (struct job){.id = "job-1", .state = JOB_RUNNING, .note = "50 %"}),
                     LEDGER_OK);
    assert_int_equal(move_job(c, (struct job){.id = "job-1", .state = "lost"}), LEDGER_REFUSED);
    assert_int_equal(run_row(c, "r-1")->facts, 1);
    struct job done = {.id = "job-1", .state = JOB_COMPLETED, .result = "{\"cells\":12}"};
    assert_int_equal(move_job(c, done), LEDGER_OK);
    json_t *body = run_newest(c, "r-1", "job.ended");
    assert_string_equal(json_get_text(body, "status", ""), JOB_COMPLETED);
    assert_int_equal(json_get_int(json_object_get(body, "output"), "cells", 0), 12);
    json_decref(body);
    assert_int_equal(move_job(c, done), LEDGER_CONFLICT); /* a second result counts nothing */
    assert_string_equal(c->outcome.code, "ended");
    assert_int_equal(case_events(c, "r-1", "job.ended"), 1);
    void *rows;
    size_t count;
    ledger_query(c->ledger, LIST_JOBS_TO_ARCHIVE, NULL, NULL, 0, 0, &c->arena, &rows, &count,
                 &c->err);
    assert_int_equal(count, 1);
    assert_int_equal(move_job(c, (struct job){.id = "job-1", .archived = true}), LEDGER_OK);
    ledger_query(c->ledger, LIST_JOBS_TO_ARCHIVE, NULL, NULL, 0, 0, &c->arena, &rows, &count,
                 &c->err);
    assert_int_equal(count, 0);
    assert_int_equal(move_job(c, (struct job){.id = "job-9", .state = JOB_RUNNING}), LEDGER_NONE);
    case_assert_clean(c);
}

static void a_job_whose_id_is_taken_fails(void **state)
{
    struct ledger_case *c = *state;
    start(c);
    decide_job(c, "r-1", "mesh", "job-1");
    run_start(c, "t-2");
    assert_int_equal(decide_job(c, "r-2", "mesh", "job-1"), LEDGER_OK);
    assert_string_equal(run_said(c, "r-2", "job.ended", "status"), JOB_FAILED);
    assert_string_equal(run_job(c, "job-1")->run, "r-1");
}

static void a_signal_is_kept_for_its_run(void **state)
{
    struct ledger_case *c = *state;
    struct signal_op signal = {.run = "r-1", .name = "data-ready", .payload = "[1,2]"};
    start(c);
    assert_int_equal(case_op(c, (struct op){.type = OP_SIGNAL, .signal = &signal}), LEDGER_OK);
    assert_string_equal(run_said(c, "r-1", "signal.received", "name"), "data-ready");
    assert_string_equal(run_said(c, "r-1", "signal.received", "by"), "operator");
    signal.payload = "{";
    assert_int_equal(case_op(c, (struct op){.type = OP_SIGNAL, .signal = &signal}), LEDGER_REFUSED);
    signal.payload = NULL;
    signal.run = "r-9";
    assert_int_equal(case_op(c, (struct op){.type = OP_SIGNAL, .signal = &signal}), LEDGER_NONE);
    case_cancel(c, "t-1");
    signal.run = "r-1";
    assert_int_equal(case_op(c, (struct op){.type = OP_SIGNAL, .signal = &signal}),
                     LEDGER_CONFLICT);
    assert_string_equal(c->outcome.code, "ended");
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(cancelling_the_task_ends_the_run),
        CASE(a_deadline_ends_the_run),
        CASE(a_decided_end_stops_what_is_open),
        CASE(a_large_run_ends_whole),
        CASE(a_decision_cancels_a_step),
        CASE(a_sub_workflow_is_a_step),
        CASE(a_rejected_sub_workflow_says_so),
        CASE(a_sub_workflow_too_deep_is_a_fact),
        CASE(a_run_inside_a_run_needs_a_decision),
        CASE(what_cannot_start_is_a_fact),
        CASE(a_stuck_run_says_why),
        CASE(a_sent_effect_is_a_fact),
        CASE(a_held_effect_is_a_fact_at_once),
        CASE(an_unknown_effect_is_settled_by_a_person),
        CASE(an_effect_that_settles_itself_asks_nobody),
        CASE(an_effect_may_be_repeated_or_left),
        CASE(an_agents_effect_asks_after_its_end),
        CASE(a_job_comes_back),
        CASE(a_job_whose_id_is_taken_fails),
        CASE(a_signal_is_kept_for_its_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
