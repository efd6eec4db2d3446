/* Runs that are taken up again, tried again, refused at their start, or cannot be followed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "engine_case.h"
#include "ledger/store.h"

static const char three[] = "name: three\n"
                            "inputs: { n: { type: number, default: 2 } }\n"
                            "steps:\n"
                            "  a: { agent: alpha, task: One }\n"
                            "  b: { needs: [a], agent: beta, task: Two }\n"
                            "  c: { needs: [b], agent: alpha, task: Three }\n";

static void a_run_goes_on_behind_a_restart(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(c, bundle_of(c, three), NULL, "k1");
    do_task(c, "alpha", "1");
    await_step(c, run, "b", "running");
    engine_case_restart(c);
    do_task(c, "beta", "2");
    await_step(c, run, "c", "running");
    engine_case_restart(c);
    do_task(c, "alpha", "3");
    const struct run *row = await_run(c, run, NULL);
    assert_string_equal(row->state, RUN_DONE);
    assert_int_equal(count_events(c, run, "run.decided"), row->decided);
}

static void facts_that_came_while_nobody_looked_are_looked_at(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(c, bundle_of(c, three), NULL, "k1");
    struct task *task = claim_task(c, "alpha");
    engine_case_stop(c);
    finish_task(c, task, "1");
    assert_true(run_row(c, run)->facts > run_row(c, run)->upto);
    engine_case_go_on(c);
    do_task(c, "beta", "2");
    do_task(c, "alpha", "3");
    assert_string_equal(await_run(c, run, NULL)->state, RUN_DONE);
}

static void the_same_key_is_the_same_run(void **state)
{
    struct engine_case *c = *state;
    const char *bundle = bundle_of(c, three);
    const char *first = start_run(c, bundle, NULL, "k1"), *other = start_run(c, bundle, NULL, "k2");
    assert_int_equal(c->outcome.status, LEDGER_OK);
    const char *again = start_run(c, bundle, NULL, "k1");
    assert_int_equal(c->outcome.status, LEDGER_DUP);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    json_t *inputs = json_pack("{s:i}", "n", 3);
    struct engine_start start = {.bundle = bundle, .inputs = inputs, .key = "k1"};
    assert_null(start_with(c, start));
    assert_string_equal(c->outcome.code, "key_reused");
    json_decref(inputs);
}

static void what_cannot_be_started_is_refused_with_reasons(void **state)
{
    struct engine_case *c = *state;
    struct engine_start start = {.key = "k",
                                 .bundle =
                                     bundle_of(c, "name: bad\n"
                                                  "steps:\n"
                                                  "  a: { agent: nobody, task: x }\n"
                                                  "  b: { needs: [z], agent: alpha, task: x }\n")};
    assert_null(start_with(c, start));
    assert_string_equal(c->err.code, "bad_workflow");
    assert_int_equal(json_array_size(c->findings), 2);
    assert_true(str_starts(json_string_value(json_array_get(c->findings, 0)), "t.yaml:3:"));
    json_t *inputs = json_pack("{s:s}", "n", "many");
    start = (struct engine_start){.key = "k", .bundle = bundle_of(c, three), .inputs = inputs};
    assert_null(start_with(c, start));
    assert_string_equal(c->err.code, "bad_input");
    json_decref(inputs);
    start = (struct engine_start){.key = "k", .bundle = "{\"v\":1}"};
    assert_null(start_with(c, start));
    assert_string_equal(c->err.code, "bad_workflow");
    start = (struct engine_start){.key = "k", .retry_of = "r-none"};
    assert_null(start_with(c, start));
    assert_string_equal(c->err.code, "no_run");
}

static void what_is_done_is_taken_over_when_a_run_is_tried_again(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(c, bundle_of(c, three), NULL, "k1");
    do_task(c, "alpha", "1");
    struct engine_start start = {.key = "k2", .retry_of = run};
    assert_null(start_with(c, start));
    assert_string_equal(c->err.code, "still_open");
    fail_task(c, claim_task(c, "beta"), "refused");
    assert_string_equal(await_run(c, run, NULL)->state, RUN_FAILED);
    const char *second = start_with(c, start);
    assert_non_null(second);
    assert_string_equal(run_row(c, second)->retry_of, run);
    do_task(c, "beta", "2");
    do_task(c, "alpha", "3");
    assert_string_equal(await_run(c, second, NULL)->state, RUN_DONE);
    start = (struct engine_start){
        .key = "k3", .retry_of = second, .retry_step = "b", .downstream = true};
    const char *third = start_with(c, start);
    do_task(c, "beta", "4");
    do_task(c, "alpha", "5");
    assert_string_equal(await_run(c, third, NULL)->output, "5");
    start = (struct engine_start){.key = "k4", .retry_of = third, .retry_step = "b"};
    const char *fourth = start_with(c, start);
    do_task(c, "beta", "6");
    assert_string_equal(await_run(c, fourth, NULL)->output, "5");
    start.retry_step = "nothing";
    assert_null(start_with(c, start));
    assert_string_equal(c->err.code, "no_step");
}

static void a_run_that_cannot_be_followed_is_marked_and_can_be_cancelled(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(c, bundle_of(c, three), NULL, "k1");
    await_step(c, run, "a", "running");
    engine_case_stop(c);
    const struct run *was = run_row(c, run);
    struct run_decision wrong = {
        .run = run,
        .expect = was->decided,
        .upto = was->upto,
        .hash = "x",
        .row = {.id = run, .state = RUN_RUNNING},
        .body = "{\"n\":2,\"upto\":1,\"hash\":\"x\",\"actions\":[{\"do\":\"end_run\"}]}"};
    assert_int_equal(apply_one(c, (struct op){.type = OP_RUN_DECIDE, .decision = &wrong}),
                     LEDGER_OK);
    engine_case_go_on(c);
    do_task(c, "alpha", "1");
    const struct run *row = await_waiting(c, run, "cannot be followed: ");
    assert_int_equal(row->ready_at, 0);
    assert_int_equal(count_events(c, run, "run.stuck"), 1);
    assert_null(claim_now(c, "beta"));
    struct op op = {.type = OP_CANCEL, .task_id = row->task, .cancel = {.reason = "cancelled"}};
    assert_int_equal(apply_one(c, op), LEDGER_OK);
    assert_string_equal(await_run(c, run, NULL)->state, RUN_CANCELLED);
}

static void a_decision_of_somebody_else_is_followed(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(c,
                                bundle_of(c, "name: quiet\n"
                                             "steps:\n"
                                             "  go: { wait: { signal: go } }\n"),
                                NULL, "k1");
    const struct run *row = await_run(c, run, RUN_WAITING);
    struct run_decision empty = {
        .run = run,
        .expect = row->decided,
        .upto = row->upto,
        .hash = row->hash,
        .row = {.id = run, .state = RUN_WAITING, .waiting = row->waiting},
        .body = arena_printf(&c->arena, "{\"n\":%lld,\"upto\":%lld,\"hash\":\"%s\",\"actions\":[]}",
                             (long long)row->decided + 1, (long long)row->upto, row->hash)};
    assert_int_equal(apply_one(c, (struct op){.type = OP_RUN_DECIDE, .decision = &empty}),
                     LEDGER_OK);
    struct signal_op signal = {.run = run, .name = "go"};
    assert_int_equal(apply_one(c, (struct op){.type = OP_SIGNAL, .signal = &signal}), LEDGER_OK);
    assert_string_equal(await_run(c, run, NULL)->state, RUN_DONE);
}

static void a_full_disk_is_waited_out(void **state)
{
    struct engine_case *c = *state;
    const char *first = start_run(c, bundle_of(c, three), NULL, "k1");
    const char *second = start_run(c, bundle_of(c, three), NULL, "k2");
    struct task *one = claim_task(c, "alpha"), *two = claim_task(c, "alpha");
    engine_case_stop(c);
    finish_task(c, one, "1");
    finish_task(c, two, "1");
    store_mem_fail(c->store, FAULT_COMMIT_FULL, 1);
    engine_case_go_on(c);
    await_step(c, first, "b", "running"); /* reads alone: the fault is the engine's */
    await_step(c, second, "b", "running");
    for (int i = 0; i < 2; i++) {
        do_task(c, "beta", "2");
        do_task(c, "alpha", "3");
    }
    assert_string_equal(await_run(c, first, NULL)->state, RUN_DONE);
    assert_string_equal(await_run(c, second, NULL)->state, RUN_DONE);
}

static void many_runs_at_once_come_to_their_end(void **state)
{
    enum { RUNS = 60 };
    struct engine_case *c = *state;
    const char *bundle = bundle_of(c, three), *runs[RUNS];
    for (size_t i = 0; i < RUNS; i++)
        runs[i] = start_run(c, bundle, NULL, arena_printf(&c->arena, "k%zu", i));
    for (size_t i = 0; i < RUNS; i++) /* so that all first steps stand before any third one */
        await_step(c, runs[i], "a", "running");
    for (size_t i = 0; i < RUNS; i++) {
        do_task(c, "alpha", "1");
        do_task(c, "beta", "2");
    }
    for (size_t i = 0; i < RUNS; i++)
        do_task(c, "alpha", "3");
    for (size_t i = 0; i < RUNS; i++)
        assert_string_equal(await_run(c, runs[i], NULL)->state, RUN_DONE);
}

static void a_graph_wider_than_a_decision_runs(void **state)
{
    enum { WIDE = 200 };
    struct engine_case *c = *state;
    struct buf yaml = {0};
    buf_puts(&yaml, "name: wide\nlimits: { live: 256 }\nsteps:\n");
    for (int i = 0; i < WIDE; i++)
        buf_printf(&yaml, "  s%d: { agent: alpha, task: Do }\n", i);
    const char *run = start_run(c, bundle_of(c, buf_text(&yaml)), NULL, "k1");
    await_step(c, run, arena_printf(&c->arena, "s%d", WIDE - 1), "running");
    for (int i = 0; i < WIDE; i++)
        do_task(c, "alpha", "1");
    assert_string_equal(await_run(c, run, NULL)->state, RUN_DONE);
    buf_fini(&yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(a_run_goes_on_behind_a_restart),
        ENGINE_TEST(facts_that_came_while_nobody_looked_are_looked_at),
        ENGINE_TEST(the_same_key_is_the_same_run),
        ENGINE_TEST(what_cannot_be_started_is_refused_with_reasons),
        ENGINE_TEST(what_is_done_is_taken_over_when_a_run_is_tried_again),
        ENGINE_TEST(a_run_that_cannot_be_followed_is_marked_and_can_be_cancelled),
        ENGINE_TEST(a_decision_of_somebody_else_is_followed),
        ENGINE_TEST(a_full_disk_is_waited_out),
        ENGINE_TEST(many_runs_at_once_come_to_their_end),
        ENGINE_TEST(a_graph_wider_than_a_decision_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
