/* Runs: started once, decided one after the other, told of what their steps come to. */
#include "ledger_run_case.h"

#include "base/json.h"
#include "base/str.h"
#include "base/time.h"

static void a_run_is_a_task_that_waits(void **state)
{
    struct ledger_case *c = *state;
    run_define(c);
    assert_int_equal(run_start(c, "t-1"), LEDGER_OK);
    const struct run *run = run_row(c, "r-1");
    assert_string_equal(run->state, RUN_RUNNING);
    assert_string_equal(run->task, "t-1");
    assert_string_equal(run->entry, "w");
    assert_int_equal(run->decided, 0);
    assert_int_equal(run->facts, 1);
    assert_int_equal(run->upto, 0);
    assert_true(run->ready_at > 0);
    const struct task *task = case_task(c, "t-1");
    assert_string_equal(task->state, TASK_WAITING);
    assert_string_equal(task->agent, FLOW_AGENT);
    assert_string_equal(task->kind, "flow");
    assert_string_equal(run_said(c, "r-1", "run.started", "by"), "person:ann");
    json_t *body = run_newest(c, "r-1", "run.started");
    assert_int_equal(json_get_int(json_object_get(body, "inputs"), "x", 0), 1);
    json_decref(body);
    case_register(c, FLOW_AGENT, "n1");
    assert_null(case_claim(c, FLOW_AGENT, "n1"));
    case_assert_clean(c);
}

static void the_same_start_is_the_same_run(void **state)
{
    struct ledger_case *c = *state;
    run_define(c);
    assert_int_equal(run_start(c, "t-1"), LEDGER_OK);
    assert_int_equal(run_start(c, "t-1"), LEDGER_DUP);
    assert_string_equal(c->outcome.existing, "r-1");
    assert_int_equal(run_start_with(c, "t-1", "{\"x\":2}", NULL), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "key_reused");
    assert_int_equal(case_events(c, "r-1", "run.started"), 1);
    case_assert_clean(c);
}

static void a_run_needs_its_definition(void **state)
{
    struct ledger_case *c = *state;
    struct definition wrong = {.sha256 = "00", .text = "{}"};
    assert_int_equal(run_start(c, "t-1"), LEDGER_NONE);
    assert_string_equal(c->outcome.code, "no_definition");
    assert_int_equal(case_op(c, (struct op){.type = OP_DEFINE, .definition = &wrong}),
                     LEDGER_REFUSED);
    run_define(c);
    run_define(c);
    assert_int_equal(run_start(c, "t-1"), LEDGER_OK);
}

/* Nobody but a run's decisions gives work to the queues of workflows, or says whose step it is. */
static void only_decisions_give_steps(void **state)
{
    struct ledger_case *c = *state;
    struct task forged = {.id = "t-9", .agent = "bob", .run = "r-1", .step = "a"};
    run_define(c);
    run_start(c, "t-1");
    assert_int_equal(case_submit(c, "t-8", FLOW_AGENT, NULL), LEDGER_REFUSED);
    assert_int_equal(case_submit(c, "t-8", RUNNER_AGENT, NULL), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "no_agent");
    assert_int_equal(case_op(c, (struct op){.type = OP_SUBMIT, .task = &forged}), LEDGER_OK);
    assert_null(case_task(c, "t-9")->run);
    struct event event = {.stream = "r-1", .type = "step.ended", .body = "{}"};
    assert_int_equal(case_op(c, (struct op){.type = OP_EVENT, .event = &event}), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "not_allowed");
    assert_int_equal(run_row(c, "r-1")->facts, 1);
}

static void a_decision_gives_work(void **state)
{
    struct ledger_case *c = *state;
    run_define(c);
    run_start(c, "t-1");
    case_register(c, "bob", "n1");
    assert_int_equal(run_step_task(c, "r-1", "a", "t-a", "bob"), LEDGER_OK);
    const struct run *run = run_row(c, "r-1");
    assert_int_equal(run->decided, 1);
    assert_int_equal(run->upto, 1);
    assert_int_equal(run->steps_open, 1);
    assert_int_equal(run->ready_at, 0);
    const struct task *task = case_task(c, "t-a");
    assert_string_equal(task->parent, "t-1");
    assert_string_equal(task->root, "t-1");
    assert_string_equal(task->run, "r-1");
    assert_string_equal(task->kind, "step");
    assert_int_equal(task->depth, 1);
    assert_true(run_step(c, "r-1", "a", 0)->started_at > 0);
    case_assert_clean(c);
    int64_t fence = case_claim_id(c, "bob", "n1", "t-a");
    assert_int_equal(case_finish(c, "t-a", fence, "{\"n\":7}"), LEDGER_OK);
    run = run_row(c, "r-1");
    assert_int_equal(run->facts, 3);
    assert_true(run->ready_at > 0);
    assert_string_equal(run_said(c, "r-1", "step.ended", "state"), "done");
    assert_string_equal(run_said(c, "r-1", "step.ended", "step"), "a");
    assert_string_equal(run_said(c, "r-1", "step.ended", "status"), "complete");
    json_t *body = run_newest(c, "r-1", "step.ended");
    assert_int_equal(json_get_int(json_object_get(body, "output"), "n", 0), 7);
    assert_int_equal(json_get_int(body, "try", 0), 1);
    json_decref(body);
    case_assert_clean(c);
}

static void a_run_ends_as_decided(void **state)
{
    struct ledger_case *c = *state;
    struct step done = {.path = "a", .kind = "agent", .state = "done", .output = "{\"n\":7}"};
    run_define(c);
    run_start(c, "t-1");
    case_register(c, "bob", "n1");
    run_step_task(c, "r-1", "a", "t-a", "bob");
    case_finish(c, "t-a", case_claim_id(c, "bob", "n1", "t-a"), "{\"n\":7}");
    struct run_decision end = {.run = "r-1",
                               .row = {.state = RUN_DONE, .output = "{\"n\":7}"},
                               .steps = &done,
                               .step_count = 1};
    assert_int_equal(run_decide(c, end), LEDGER_OK);
    run_assert_state(c, "r-1", RUN_DONE);
    case_assert_state(c, "t-1", TASK_DONE);
    assert_string_equal(case_handoff(c, "t-1")->result, "{\"n\":7}");
    assert_string_equal(case_handoff(c, "t-1")->status, "complete");
    const struct run *run = run_row(c, "r-1");
    assert_int_equal(run->ready_at, 0);
    assert_int_equal(run->steps_open, 0);
    assert_true(run->finished_at > 0);
    assert_string_equal(run_step(c, "r-1", "a", 0)->output, "{\"n\":7}");
    assert_true(run_step(c, "r-1", "a", 0)->finished_at > 0);
    assert_int_equal(run_finish(c, "r-1", RUN_DONE, NULL), LEDGER_CONFLICT);
    assert_string_equal(c->outcome.code, "ended");
    case_assert_clean(c);
}

static void failed_and_rejected_runs_fail_their_task(void **state)
{
    struct ledger_case *c = *state;
    run_define(c);
    run_start(c, "t-1");
    run_start(c, "t-2");
    assert_int_equal(run_finish(c, "r-1", RUN_FAILED, NULL), LEDGER_OK);
    assert_int_equal(run_finish(c, "r-2", RUN_REJECTED, NULL), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_FAILED);
    case_assert_state(c, "t-2", TASK_FAILED);
    assert_string_equal(case_task(c, "t-1")->failure_class, "failed");
    assert_string_equal(case_task(c, "t-2")->failure_class, "rejected");
    assert_string_equal(case_task(c, "t-1")->failure_message, "Step a failed.");
    case_assert_clean(c);
}

static void of_two_decisions_one_counts(void **state)
{
    struct ledger_case *c = *state;
    run_define(c);
    run_start(c, "t-1");
    struct run_decision first = {.run = "r-1", .row = {.ready_at = 0}}, second = {.run = "r-1"};
    assert_int_equal(run_decide(c, first), LEDGER_OK);
    second.expect = 7;
    assert_int_equal(run_decide(c, second), LEDGER_CONFLICT);
    assert_string_equal(c->outcome.code, "decided");
    assert_int_equal(run_row(c, "r-1")->decided, 1);
    second.run = "r-none";
    assert_int_equal(run_decide(c, second), LEDGER_NONE);
    case_assert_clean(c);
}

static void a_fact_that_nobody_saw_keeps_the_run_due(void **state)
{
    struct ledger_case *c = *state;
    struct signal_op signal = {.run = "r-1", .name = "go"};
    run_define(c);
    run_start(c, "t-1");
    assert_int_equal(case_op(c, (struct op){.type = OP_SIGNAL, .signal = &signal}), LEDGER_OK);
    struct run_decision blind = {.run = "r-1", .upto = 1};
    assert_int_equal(run_decide(c, blind), LEDGER_OK);
    assert_true(run_row(c, "r-1")->ready_at > 0);
    struct run_decision seeing = {.run = "r-1"};
    assert_int_equal(run_decide(c, seeing), LEDGER_OK);
    assert_int_equal(run_row(c, "r-1")->ready_at, 0);
    case_assert_clean(c);
}

/* Hints come behind the answer: waits up to `ms` for this one. */
static bool was_touched(struct ledger_case *c, const char *key, int64_t ms)
{
    for (int64_t until = time_boot_ms() + ms;;) {
        const char **keys;
        size_t count;
        int64_t left = until - time_boot_ms();
        ledger_wait(c->ledger, left > 0 ? left : 0, &c->arena, &keys, &count);
        for (size_t i = 0; i < count; i++)
            if (str_eq(keys[i], key))
                return true;
        if (left <= 0)
            return false;
    }
}

static void a_run_is_named_when_its_time_comes(void **state)
{
    struct ledger_case *c = *state;
    void *rows;
    size_t count;
    run_define(c);
    run_start(c, "t-1");
    assert_true(was_touched(c, "run:r-1", 20000));
    struct run_decision later = {.run = "r-1", .row = {.ready_at = ledger_now(c->ledger) + 60000}};
    assert_int_equal(run_decide(c, later), LEDGER_OK);
    case_pass(c, 59000);
    assert_false(was_touched(c, "run:r-1", 20));
    case_pass(c, 1001);
    assert_true(was_touched(c, "run:r-1", 20000));
    assert_int_equal(ledger_query(c->ledger, LIST_RUNS_DUE, NULL, NULL, ledger_now(c->ledger), 0,
                                  &c->arena, &rows, &count, &c->err),
                     0);
    assert_int_equal(count, 1);
}

static void large_facts_lie_in_blobs(void **state)
{
    struct ledger_case *c = *state;
    char *large = arena_alloc(&c->arena, 40003);
    memset(large, 'x', 40002);
    large[0] = large[40001] = '"';
    large[40002] = '\0';
    run_define(c);
    run_start(c, "t-1");
    case_register(c, "bob", "n1");
    run_step_task(c, "r-1", "a", "t-a", "bob");
    case_finish(c, "t-a", case_claim_id(c, "bob", "n1", "t-a"), large);
    struct event *events;
    size_t count;
    ledger_read(c->ledger, "r-1", 3, 1, &c->arena, &events, &count, &c->err);
    assert_true(str_starts(events[0].body, "{\"blob\":"));
    assert_int_equal(strlen(run_said(c, "r-1", "step.ended", "output")), 40000);
    struct step done = {.path = "a", .kind = "agent", .state = "done", .output = large};
    struct run_decision end = {
        .run = "r-1", .row = {.state = RUN_DONE, .output = large}, .steps = &done, .step_count = 1};
    end.body = arena_printf(&c->arena, "{\"n\":2,\"actions\":[%s]}", large);
    assert_int_equal(run_decide(c, end), LEDGER_OK);
    assert_null(run_step(c, "r-1", "a", 0)->output);
    assert_non_null(run_step(c, "r-1", "a", 0)->output_blob);
    assert_non_null(run_row(c, "r-1")->output_blob);
    json_t *body = run_newest(c, "r-1", "run.decided");
    assert_int_equal(json_get_int(body, "n", 0), 2);
    json_decref(body);
    case_assert_clean(c);
}

static void steps_keep_their_times(void **state)
{
    struct ledger_case *c = *state;
    struct step step = {.path = "a", .kind = "wait", .state = "waiting"};
    struct run_decision decision = {.run = "r-1", .steps = &step, .step_count = 1};
    run_define(c);
    run_start(c, "t-1");
    run_decide(c, decision);
    int64_t started = run_step(c, "r-1", "a", 0)->started_at;
    case_pass(c, 500);
    step.state = "done";
    run_decide(c, decision);
    assert_int_equal(run_step(c, "r-1", "a", 0)->started_at, started);
    assert_int_equal(run_step(c, "r-1", "a", 0)->finished_at, started + 500);
    step.round = 1;
    step.state = "waiting";
    run_decide(c, decision);
    assert_int_equal(run_step(c, "r-1", "a", 1)->started_at, started + 500);
    assert_int_equal(run_row(c, "r-1")->steps_open, 1);
    case_assert_clean(c);
}

/* ---- what the tree refuses is what a step comes to ---- */

static void refused_steps_are_facts(void **state)
{
    struct ledger_case *c = *state;
    run_define(c);
    run_start_with(c, "t-1", "{}", "{\"depth\":2,\"tasks\":2,\"live\":1,\"fan_out\":1}");
    case_register(c, "bob", "n1");
    assert_int_equal(run_step_task(c, "r-1", "a", "t-a", "bob"), LEDGER_OK);
    assert_int_equal(case_events(c, "r-1", "step.ended"), 0); /* live and fan_out do not bind it */
    assert_int_equal(run_step_task(c, "r-1", "b", "t-b", "bob"), LEDGER_OK);
    assert_string_equal(run_said(c, "r-1", "step.ended", "failure_class"), "refused");
    assert_string_equal(run_said(c, "r-1", "step.ended", "state"), "failed");
    assert_string_equal(run_said(c, "r-1", "step.ended", "step"), "b");
    assert_null(run_step(c, "r-1", "b", 0)->task);
    assert_true(run_row(c, "r-1")->ready_at > 0);
    case_assert_clean(c);
}

static void a_budget_that_is_too_small_is_a_fact(void **state)
{
    struct ledger_case *c = *state;
    struct task row = {.id = "t-1", .caller = "person:ann"}, child = {.id = "t-a", .agent = "bob"};
    struct run run = {.name = "w", .inputs = "{}"};
    struct run_start start = {.task = &row, .run = &run};
    struct root_budget budget = {{100, 100}, NULL, {-1, -1}};
    struct op op = {.type = OP_RUN_START, .root_budget = &budget};
    run_define(c);
    run_start(c, "t-0");
    run.definition = run_row(c, "r-0")->definition;
    op.start = &start;
    assert_int_equal(case_op(c, op), LEDGER_OK);
    struct run_task task = {.task = &child, .limit = {500, -1}};
    struct step step = {.path = "a", .kind = "agent", .state = "running", .task = "t-a"};
    child.step = "a";
    struct run_decision decision = {
        .run = "r-1", .steps = &step, .step_count = 1, .tasks = &task, .task_count = 1};
    assert_int_equal(run_decide(c, decision), LEDGER_OK);
    assert_string_equal(run_said(c, "r-1", "step.ended", "failure_class"), "budget");
    assert_int_equal(case_task(c, "t-1")->children, 0);
    case_assert_clean(c);
}

/* ---- commands ---- */

static void commands_wait_for_the_runner(void **state)
{
    struct ledger_case *c = *state;
    run_define(c);
    run_start(c, "t-1");
    case_register(c, RUNNER_AGENT, "n1");
    for (int i = 0; i < 7; i++) {
        const char *name = arena_printf(&c->arena, "s%d", i);
        const char *id = arena_printf(&c->arena, "t-s%d", i);
        assert_int_equal(run_step_task(c, "r-1", name, id, RUNNER_AGENT), LEDGER_OK);
    }
    struct session *sessions;
    struct claim claim = {.agent = RUNNER_AGENT, .nonce = "n1", .max = 7, .sessions = &sessions};
    struct task *tasks;
    size_t count;
    assert_int_equal(
        ledger_claim(c->ledger, &claim, &c->arena, &tasks, &count, &c->outcome, &c->err), 0);
    assert_int_equal(count, 7);
    struct handoff handoff = {.status = "failed"};
    for (size_t i = 0; i < 7; i++) {
        struct op op = {.type = OP_FINISH, .task_id = tasks[i].id, .fence = tasks[i].fence};
        op.finish.handoff = &handoff;
        op.finish.failure_class = "failed";
        op.finish.failure_message = "exit 1";
        assert_int_equal(case_op(c, op), LEDGER_OK);
    }
    assert_string_equal(tasks[0].kind, "run");
    assert_string_equal(run_said(c, "r-1", "step.ended", "failure_message"), "exit 1");
    assert_int_equal(case_events(c, "system", "agent.breaker_opened"), 0);
    case_assert_clean(c);
}

/* A step's work that a person gives to another agent: only the new task's end counts. */
static void a_reassigned_step_goes_on(void **state)
{
    struct ledger_case *c = *state;
    struct task to = {.id = "t-b", .agent = "cyd"}, flow = {.id = "t-c", .agent = "cyd"};
    run_define(c);
    run_start(c, "t-1");
    case_register(c, "cyd", "n1");
    run_step_task(c, "r-1", "a", "t-a", "bob");
    struct op op = {.type = OP_REASSIGN, .task_id = "t-a", .reassign = {.task = &to}};
    assert_int_equal(case_op(c, op), LEDGER_OK);
    case_assert_state(c, "t-a", TASK_CANCELLED);
    assert_int_equal(case_events(c, "r-1", "step.ended"), 0);
    assert_string_equal(run_step(c, "r-1", "a", 0)->task, "t-b");
    case_finish(c, "t-b", case_claim_id(c, "cyd", "n1", "t-b"), "1");
    assert_string_equal(run_said(c, "r-1", "step.ended", "task"), "t-b");
    op = (struct op){.type = OP_REASSIGN, .task_id = "t-1", .reassign = {.task = &flow}};
    assert_int_equal(case_op(c, op), LEDGER_REFUSED);
    case_assert_clean(c);
}

static void lists_of_runs(void **state)
{
    struct ledger_case *c = *state;
    void *rows;
    size_t count;
    run_define(c);
    for (int i = 1; i <= 3; i++) {
        run_start(c, arena_printf(&c->arena, "t-%d", i));
        case_pass(c, 10);
    }
    run_finish(c, "r-2", RUN_DONE, NULL);
    ledger_query(c->ledger, LIST_RUNS, NULL, NULL, 0, 0, &c->arena, &rows, &count, &c->err);
    assert_int_equal(count, 3);
    assert_string_equal(((struct run *)rows)[0].id, "r-3");
    ledger_query(c->ledger, LIST_RUNS, NULL, NULL, ((struct run *)rows)[0].created_at, 0, &c->arena,
                 &rows, &count, &c->err);
    assert_int_equal(count, 2);
    ledger_query(c->ledger, LIST_RUNS, "w", RUN_DONE, 0, 0, &c->arena, &rows, &count, &c->err);
    assert_int_equal(count, 1);
    assert_string_equal(((struct run *)rows)[0].id, "r-2");
    ledger_query(c->ledger, LIST_RUNS, NULL, RUN_RUNNING, 0, 0, &c->arena, &rows, &count, &c->err);
    assert_int_equal(count, 2);
    ledger_query(c->ledger, LIST_RUNS_BY_PREFIX, "r-2", NULL, 0, 0, &c->arena, &rows, &count,
                 &c->err);
    assert_int_equal(count, 1);
    ledger_query(c->ledger, LIST_RUNS_DUE, NULL, NULL, INT64_MAX, 0, &c->arena, &rows, &count,
                 &c->err);
    assert_int_equal(count, 2);
}

/* Whoever goes from page to page sees each run once, however many began in one millisecond. */
static void pages_of_runs_skip_none(void **state)
{
    struct ledger_case *c = *state;
    void *rows;
    size_t count, seen = 0, pages = 0;
    int64_t cursor = 0;
    run_define(c);
    for (int i = 1; i <= 12; i++) {
        run_start(c, arena_printf(&c->arena, "t-%d", i));
        if (i == 2 || i == 9)
            case_pass(c, 10);
    }
    do {
        ledger_query(c->ledger, LIST_RUNS, NULL, NULL, cursor, 2, &c->arena, &rows, &count,
                     &c->err);
        if (count)
            cursor = ((struct run *)rows)[count - 1].created_at;
        seen += count;
    } while (count >= 2 && ++pages < 12);
    assert_int_equal(seen, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_run_is_a_task_that_waits),
        CASE(the_same_start_is_the_same_run),
        CASE(a_run_needs_its_definition),
        CASE(only_decisions_give_steps),
        CASE(pages_of_runs_skip_none),
        CASE(a_decision_gives_work),
        CASE(a_run_ends_as_decided),
        CASE(failed_and_rejected_runs_fail_their_task),
        CASE(of_two_decisions_one_counts),
        CASE(a_fact_that_nobody_saw_keeps_the_run_due),
        CASE(a_run_is_named_when_its_time_comes),
        CASE(large_facts_lie_in_blobs),
        CASE(steps_keep_their_times),
        CASE(refused_steps_are_facts),
        CASE(a_budget_that_is_too_small_is_a_fact),
        CASE(commands_wait_for_the_runner),
        CASE(a_reassigned_step_goes_on),
        CASE(lists_of_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
