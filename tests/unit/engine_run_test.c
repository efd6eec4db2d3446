/* Runs from their start to their end: every kind of step, over a ledger in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/str.h"
#include "engine_case.h"

static void steps_run_in_the_order_of_their_needs(void **state)
{
    struct engine_case *c = *state;
    const char *run =
        start_run(c,
                  bundle_of(c, "name: two\n"
                               "inputs: { part: { type: string } }\n"
                               "steps:\n"
                               "  a: { agent: alpha, task: \"Look at ${{ inputs.part }}\" }\n"
                               "  b:\n"
                               "    needs: [a]\n"
                               "    agent: beta\n"
                               "    task: Check it\n"
                               "    with: { found: \"${{ steps.a.output }}\" }\n"),
                  "{\"part\": \"M1\"}", "k1");
    struct task *first = claim_task(c, "alpha");
    assert_string_equal(first->instruction, "Look at M1");
    assert_string_equal(first->kind, "step");
    assert_string_equal(first->run, run);
    assert_string_equal(first->step, "a");
    assert_null(claim_now(c, "beta"));
    finish_task(c, first, "{\"mass\": 3}");
    struct task *second = claim_task(c, "beta");
    json_t *data = json_loads(second->data, 0, NULL);
    assert_string_equal(json_get_text(json_array_get(data, 0), "name", ""), "found");
    assert_non_null(json_object_get(json_array_get(data, 0), "json"));
    json_decref(data);
    finish_task(c, second, "\"good\"");
    const struct run *row = await_run(c, run, NULL);
    assert_string_equal(row->state, RUN_DONE);
    assert_string_equal(row->output, "\"good\"");
    assert_string_equal(step_row(c, run, "a")->state, "done");
    assert_int_equal(count_events(c, run, "run.decided"), row->decided);
    struct task *flow = arena_alloc(&c->arena, sizeof(*flow));
    flow->id = row->task;
    assert_int_equal(ledger_get(c->ledger, &task_record, flow, &c->arena, &c->err), 0);
    assert_string_equal(flow->state, TASK_DONE);
}

static void a_gate_waits_and_what_is_decided_goes_on(void **state)
{
    struct engine_case *c = *state;
    const char *run =
        start_run(c,
                  bundle_of(c, "name: gated\n"
                               "steps:\n"
                               "  gate: { approve: { show: \"Is it good?\" } }\n"
                               "  after: { needs: [gate], agent: alpha, task: Go on }\n"),
                  NULL, "k1");
    const struct run *row = await_run(c, run, RUN_WAITING);
    const struct step *gate = step_row(c, run, "gate");
    assert_string_equal(row->waiting,
                        arena_printf(&c->arena, "approval %s (gate)", gate->approval));
    struct approval approval = {.id = gate->approval};
    assert_int_equal(ledger_get(c->ledger, &approval_record, &approval, &c->arena, &c->err), 0);
    assert_string_equal(approval.preview, "Is it good?");
    assert_string_equal(approval.requester, "operator");
    assert_true(approval.expires_at > approval.created_at);
    assert_null(claim_now(c, "alpha"));
    assert_int_equal(decide_step(c, run, "gate", "approved", NULL), LEDGER_OK);
    do_task(c, "alpha", "\"done\"");
    assert_string_equal(await_run(c, run, NULL)->state, RUN_DONE);
}

static void a_rejection_rejects_the_run(void **state)
{
    struct engine_case *c = *state;
    const char *run =
        start_run(c,
                  bundle_of(c, "name: gated\n"
                               "steps:\n"
                               "  gate: { approve: { show: x } }\n"
                               "  after: { needs: [gate], agent: alpha, task: Go on }\n"),
                  NULL, "k1");
    assert_int_equal(decide_step(c, run, "gate", "rejected", "no"), LEDGER_OK);
    assert_string_equal(await_run(c, run, NULL)->state, RUN_REJECTED);
    assert_string_equal(step_row(c, run, "after")->state, "not_run");
    assert_null(claim_now(c, "alpha"));
}

static void changes_that_are_requested_run_the_step_again(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(c,
                                bundle_of(c, "name: rounds\n"
                                             "steps:\n"
                                             "  draft: { agent: alpha, task: Write }\n"
                                             "  gate: { needs: [draft], approve: { show: \"${{ "
                                             "steps.draft.output }}\", rerun: draft } }\n"),
                                NULL, "k1");
    do_task(c, "alpha", "\"first\"");
    assert_int_equal(decide_step(c, run, "gate", "changes_requested", "shorter"), LEDGER_OK);
    struct task *again = claim_task(c, "alpha");
    assert_int_equal(again->step_round, 1);
    assert_non_null(strstr(again->data, "shorter"));
    finish_task(c, again, "\"second\"");
    for (struct step *gate = step_row(c, run, "gate"); gate->round == 0;)
        gate = await_step(c, run, "gate", "waiting");
    assert_int_equal(decide_step(c, run, "gate", "approved", NULL), LEDGER_OK);
    assert_string_equal(await_run(c, run, NULL)->state, RUN_DONE);
    assert_string_equal(step_row(c, run, "draft")->output, "\"second\"");
}

static void a_failed_try_is_tried_again(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(
        c,
        bundle_of(c, "name: again\n"
                     "steps:\n"
                     "  a: { agent: alpha, task: Do, retry: { attempts: 2, initial: 1ms } }\n"),
        NULL, "k1");
    fail_task(c, claim_task(c, "alpha"), "failed");
    struct task *second = claim_task(c, "alpha");
    assert_int_equal(second->step_try, 2);
    fail_task(c, second, "failed");
    const struct run *row = await_run(c, run, NULL);
    assert_string_equal(row->state, RUN_FAILED);
    assert_string_equal(row->failure_step, "a");
    assert_int_equal(step_row(c, run, "a")->tries, 2);
}

static void commands_go_to_the_runner(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(
        c,
        bundle_of(c,
                  "name: cmd\n"
                  "steps:\n"
                  "  mesh: { run: \"make mesh\", with: { SIZE: 3 }, input: text, timeout: 5m }\n"),
        NULL, "k1");
    struct task *task = claim_task(c, RUNNER_AGENT);
    assert_string_equal(task->kind, "run");
    assert_string_equal(task->instruction, "make mesh");
    json_t *data = json_loads(task->data, 0, NULL);
    const json_t *part = json_array_get(data, 0);
    assert_string_equal(json_get_text(json_object_get(part, "env"), "SIZE", ""), "3");
    assert_string_equal(json_get_text(part, "stdin", ""), "text");
    assert_int_equal(json_get_int(part, "timeout_ms", 0), 300000);
    assert_string_equal(json_get_text(part, "definition", ""), run_row(c, run)->definition);
    json_decref(data);
    assert_int_equal(task->max_tries, 1);
    finish_task(c, task, "\"ok\"");
    assert_string_equal(await_run(c, run, NULL)->output, "\"ok\"");
}

static void a_sub_workflow_is_a_run_of_its_own(void **state)
{
    struct engine_case *c = *state;
    const char *bundle =
        bundle_of_two(c,
                      "name: top\n"
                      "steps:\n"
                      "  sub: { workflow: other, with: { n: 3 } }\n",
                      "other.yaml",
                      "name: other\n"
                      "inputs: { n: { type: number } }\n"
                      "steps:\n"
                      "  a: { agent: alpha, task: Do }\n"
                      "output: { n: \"${{ inputs.n }}\", a: \"${{ steps.a.output }}\" }\n");
    const char *run = start_run(c, bundle, NULL, "k1");
    const char *child = await_step(c, run, "sub", "running")->child_run;
    struct task *task = claim_task(c, "alpha");
    assert_string_equal(task->run, child);
    finish_task(c, task, "7");
    const struct run *row = await_run(c, run, NULL);
    assert_string_equal(row->state, RUN_DONE);
    assert_string_equal(row->output, "{\"a\":7,\"n\":3}");
    const struct run *below = run_row(c, child);
    assert_string_equal(below->parent_run, run);
    assert_string_equal(below->definition, row->definition);
    assert_string_equal(below->state, RUN_DONE);
}

static void effects_go_into_the_outbox(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(
        c,
        bundle_of(c, "name: post\n"
                     "steps:\n"
                     "  post: { effect: message, with: { to: \"webhook:team\", text: hello } }\n"),
        NULL, "k1");
    struct effect effect = {.id = await_step(c, run, "post", "running")->effect};
    assert_int_equal(ledger_get(c->ledger, &effect_record, &effect, &c->arena, &c->err), 0);
    assert_string_equal(effect.state, EFFECT_INTENDED);
    assert_string_equal(effect.destination, "webhook:team");
    assert_non_null(strstr(effect.body, "\"text\":\"hello\""));
    struct effect to = {.id = effect.id, .state = EFFECT_IN_FLIGHT};
    assert_int_equal(apply_one(c, (struct op){.type = OP_EFFECT_STATE, .effect = &to}), LEDGER_OK);
    to = (struct effect){
        .id = effect.id, .state = EFFECT_CONFIRMED, .fence = 1, .receiver_id = "m1"};
    assert_int_equal(apply_one(c, (struct op){.type = OP_EFFECT_STATE, .effect = &to}), LEDGER_OK);
    assert_string_equal(await_run(c, run, NULL)->state, RUN_DONE);
}

static void timers_and_signals_are_waited_for(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(c,
                                bundle_of(c, "name: patient\n"
                                             "steps:\n"
                                             "  nap: { wait: { for: 20ms } }\n"
                                             "  go: { needs: [nap], wait: { signal: go } }\n"),
                                NULL, "k1");
    await_step(c, run, "go", "waiting");
    assert_string_equal(await_run(c, run, RUN_WAITING)->waiting, "signal go (go)");
    struct signal_op signal = {.run = run, .name = "go", .payload = "{\"n\":1}"};
    assert_int_equal(apply_one(c, (struct op){.type = OP_SIGNAL, .signal = &signal}), LEDGER_OK);
    const struct run *row = await_run(c, run, NULL);
    assert_string_equal(row->state, RUN_DONE);
    assert_string_equal(row->output, "{\"n\":1}");
}

static void jobs_are_written_down_and_their_end_goes_on(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(c,
                                bundle_of(c, "name: batch\n"
                                             "steps:\n"
                                             "  opt: { job: { name: mesh, script: run.py, args: "
                                             "[\"--n\", \"3\"], type: optimization } }\n"),
                                NULL, "k1");
    struct job job = {.id = await_step(c, run, "opt", "waiting")->job};
    assert_int_equal(ledger_get(c->ledger, &job_record, &job, &c->arena, &c->err), 0);
    assert_true(str_starts(job.id, "job-20"));
    assert_non_null(strstr(job.id, "-mesh-"));
    assert_non_null(strstr(job.spec, "\"script\":\"run.py\""));
    assert_non_null(strstr(job.spec, "\"args\":[\"--n\",\"3\"]"));
    struct job to = {.id = job.id, .state = JOB_COMPLETED, .result = "{\"best\":1}"};
    assert_int_equal(apply_one(c, (struct op){.type = OP_JOB_STATE, .job = &to}), LEDGER_OK);
    assert_string_equal(await_run(c, run, NULL)->output, "{\"best\":1}");
}

static void a_capability_is_routed_and_the_choice_is_kept(void **state)
{
    struct engine_case *c = *state;
    const char *bundle = bundle_of(c, "name: cap\n"
                                      "steps:\n"
                                      "  a: { capability: research, task: Find }\n");
    const char *run = start_run(c, bundle, NULL, "k1");
    struct task *task = claim_task(c, "webster");
    assert_int_equal(count_events(c, task->id, "task.routed"), 1);
    finish_task(c, task, "1");
    await_run(c, run, RUN_DONE);
    atomic_store(&c->nobody_can, true);
    const struct run *second = await_run(c, start_run(c, bundle, NULL, "k2"), NULL);
    assert_string_equal(second->state, RUN_FAILED);
    assert_string_equal(second->failure_class, "refused");
    assert_non_null(strstr(second->failure_message, "nobody can do research"));
}

static void a_cancelled_run_stops_what_it_started(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(c,
                                bundle_of(c, "name: stop\n"
                                             "steps:\n"
                                             "  a: { agent: alpha, task: Do }\n"
                                             "  gate: { approve: { show: x } }\n"),
                                NULL, "k1");
    const char *task = await_step(c, run, "a", "running")->task;
    struct approval approval = {.id = await_step(c, run, "gate", "waiting")->approval};
    struct op op = {
        .type = OP_CANCEL, .task_id = run_row(c, run)->task, .cancel = {.reason = "cancelled"}};
    assert_int_equal(apply_one(c, op), LEDGER_OK);
    assert_string_equal(await_run(c, run, NULL)->state, RUN_CANCELLED);
    struct task below = {.id = task};
    assert_int_equal(ledger_get(c->ledger, &task_record, &below, &c->arena, &c->err), 0);
    assert_string_equal(below.state, TASK_CANCELLED);
    assert_int_equal(ledger_get(c->ledger, &approval_record, &approval, &c->arena, &c->err), 0);
    assert_string_equal(approval.state, APPROVAL_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(steps_run_in_the_order_of_their_needs),
        ENGINE_TEST(a_gate_waits_and_what_is_decided_goes_on),
        ENGINE_TEST(a_rejection_rejects_the_run),
        ENGINE_TEST(changes_that_are_requested_run_the_step_again),
        ENGINE_TEST(a_failed_try_is_tried_again),
        ENGINE_TEST(commands_go_to_the_runner),
        ENGINE_TEST(a_sub_workflow_is_a_run_of_its_own),
        ENGINE_TEST(effects_go_into_the_outbox),
        ENGINE_TEST(timers_and_signals_are_waited_for),
        ENGINE_TEST(jobs_are_written_down_and_their_end_goes_on),
        ENGINE_TEST(a_capability_is_routed_and_the_choice_is_kept),
        ENGINE_TEST(a_cancelled_run_stops_what_it_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
