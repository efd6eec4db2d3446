/* The interpreter's rules, one by one, on workflows made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "flow_graph.h"

static struct graph graph;

static int setup(void **state)
{
    graph_init(&graph, 64);
    return 0;
}

static int teardown(void **state)
{
    graph_fini(&graph);
    return 0;
}

#define DONE "'state':'done','output':{'n':1}"
#define FAILED "'state':'failed','failure_class':'refused','failure_message':'no'"

static void a_chain_runs_step_by_step(void **state)
{
    struct walk walk;
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "b", FLOW_TASK, "a");
    walk_open(&walk, graph_seal(&graph), NULL);
    assert_string_equal(walk_look(&walk), "task a");
    assert_string_equal(flow_run_state(walk.run), "running");
    walk_end(&walk, "a", DONE);
    assert_string_equal(walk_look(&walk), "end_step a done, task b");
    walk_end(&walk, "b", "'state':'done','output':'fine'");
    assert_string_equal(walk_look(&walk), "end_step b done, end_run done");
    assert_string_equal(json_string_value(flow_run_output(walk.run)), "fine");
    walk_close(&walk);
}

static void what_failed_lets_nothing_begin(void **state)
{
    struct walk walk;
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "side", FLOW_TASK, "");
    graph_step(&graph, "gate", FLOW_APPROVE, "a");
    graph_step(&graph, "post", FLOW_EFFECT, "gate");
    walk_open(&walk, graph_seal(&graph), NULL);
    assert_string_equal(walk_look(&walk), "task a, task side");
    walk_end(&walk, "a", FAILED);
    assert_string_equal(walk_look(&walk),
                        "end_step a failed, end_step gate not_run, end_step post not_run");
    assert_string_equal(walk_step(&walk, "gate").reason, "needs a, which failed");
    assert_string_equal(walk_step(&walk, "post").reason, "needs gate, which was not run");
    walk_end(&walk, "side", DONE);
    assert_string_equal(walk_look(&walk), "end_step side done, end_run failed");
    const json_t *end = walk_action(&walk, "end_run", NULL);
    assert_string_equal(json_get_text(end, "failure_class", ""), "refused");
    assert_string_equal(json_get_text(end, "failure_step", ""), "a");
    assert_null(json_object_get(end, "output"));
    walk_close(&walk);
}

static void continue_on_error_satisfies_and_forgives(void **state)
{
    struct walk walk;
    graph_step(&graph, "a", FLOW_TASK, "")->continue_on_error = true;
    graph_step(&graph, "b", FLOW_TASK, "a");
    walk_open(&walk, graph_seal(&graph), NULL);
    walk_end(&walk, "a", FAILED);
    walk_end(&walk, "b", DONE);
    assert_string_equal(walk_look(&walk),
                        "task a, end_step a failed, task b, end_step b done, end_run done");
    walk_close(&walk);
}

static void a_cancelled_step_is_not_forgiven(void **state)
{
    struct walk walk;
    graph_step(&graph, "a", FLOW_TASK, "")->continue_on_error = true;
    graph_step(&graph, "b", FLOW_TASK, "a");
    walk_open(&walk, graph_seal(&graph), NULL);
    walk_end(&walk, "a", "'state':'cancelled'");
    assert_string_equal(walk_look(&walk),
                        "task a, end_step a cancelled, end_step b not_run, end_run failed");
    assert_string_equal(json_get_text(walk_action(&walk, "end_run", NULL), "failure_class", ""),
                        "cancelled");
    walk_close(&walk);
}

static void a_false_if_skips_and_satisfies(void **state)
{
    struct walk walk;
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "fix", FLOW_TASK, "a")->condition =
        graph_expr(&graph, "${{ steps.a.output.n > 1 }}");
    graph_step(&graph, "b", FLOW_TASK, "fix")->condition =
        graph_expr(&graph, "${{ steps.fix.status == 'skipped' }}");
    walk_open(&walk, graph_seal(&graph), NULL);
    walk_end(&walk, "a", DONE);
    assert_string_equal(walk_look(&walk), "task a, end_step a done, end_step fix skipped, task b");
    walk_close(&walk);
}

static void a_false_if_behind_a_failure_is_not_run(void **state)
{
    struct walk walk;
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "b", FLOW_TASK, "a")->condition = graph_expr(&graph, "${{ false }}");
    graph_step(&graph, "c", FLOW_TASK, "b");
    walk_open(&walk, graph_seal(&graph), NULL);
    walk_end(&walk, "a", FAILED);
    assert_string_equal(walk_step(&walk, "b").state, "not_run");
    assert_string_equal(walk_step(&walk, "c").state, "not_run");
    walk_close(&walk);
}

static void tries_are_repeated_after_their_pause(void **state)
{
    struct walk walk;
    struct flow_step *step = graph_step(&graph, "a", FLOW_TASK, "");
    step->retry.attempts = 3;
    walk_open(&walk, graph_seal(&graph), NULL);
    walk_end(&walk, "a", "'state':'failed','failure_class':'crashed'");
    assert_string_equal(walk_look(&walk), "task a, task a");
    assert_int_equal(json_get_int(walk_action(&walk, "task", "a"), "delay_ms", 0), 1000);
    assert_int_equal(json_get_int(walk_action(&walk, "task", "a"), "try", 0), 2);
    walk_end(&walk, "a", "'state':'timed_out'");
    assert_int_equal(json_get_int(walk_action(&walk, "task", "a"), "delay_ms", 0), 2000);
    walk_tell(&walk, "step.ended", "{'step':'a','round':0,'try':2,'state':'done'}");
    assert_string_equal(walk_look(&walk), "task a");
    walk_end(&walk, "a", "'state':'failed','failure_class':'malformed','failure_message':'m'");
    assert_string_equal(walk_look(&walk), "end_step a failed, end_run failed");
    assert_string_equal(walk_step(&walk, "a").failure_class, "malformed");
    walk_close(&walk);
}

static void jitter_is_the_same_on_every_replay(void **state)
{
    struct walk walk;
    int64_t pauses[2];
    struct flow_step *step = graph_step(&graph, "a", FLOW_TASK, "");
    step->retry = (struct flow_retry){
        .attempts = 2, .initial_ms = 100000, .max_ms = 100000, .factor = 2, .jitter = true};
    graph_seal(&graph);
    for (size_t i = 0; i < 2; i++) {
        walk_open(&walk, &graph.flow, NULL);
        walk_end(&walk, "a", "'state':'timed_out'");
        pauses[i] = json_get_int(walk_action(&walk, "task", "a"), "delay_ms", 0);
        walk_close(&walk);
    }
    assert_int_equal(pauses[0], pauses[1]);
    assert_in_range(pauses[0], 80000, 120000);
}

static void refusals_are_not_tried_again(void **state)
{
    static const char *const classes[] = {"refused", "budget", "loop", "blocked"};
    graph_step(&graph, "a", FLOW_TASK, "")->retry.attempts = 5;
    graph_seal(&graph);
    for (size_t i = 0; i < 4; i++) {
        struct walk walk;
        char rest[80];
        snprintf(rest, sizeof(rest), "'state':'failed','failure_class':'%s'", classes[i]);
        walk_open(&walk, &graph.flow, NULL);
        walk_end(&walk, "a", rest);
        assert_string_equal(walk_look(&walk), "task a, end_step a failed, end_run failed");
        walk_close(&walk);
    }
}

static void live_holds_steps_back_in_the_order_of_the_file(void **state)
{
    struct walk walk;
    graph.flow.limit_live = 2;
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "b", FLOW_RUN, "");
    graph_step(&graph, "c", FLOW_TASK, "");
    graph_step(&graph, "gate", FLOW_APPROVE, "");
    graph_step(&graph, "d", FLOW_TASK, "");
    walk_open(&walk, graph_seal(&graph), NULL);
    assert_string_equal(walk_look(&walk), "approve gate, task a, run b");
    walk_end(&walk, "b", DONE);
    assert_string_equal(walk_look(&walk), "end_step b done, task c");
    walk_end(&walk, "a", DONE);
    assert_string_equal(walk_look(&walk), "end_step a done, task d");
    walk_close(&walk);
}

static void results_of_commands_are_held_to_the_schema(void **state)
{
    struct walk walk;
    struct err err = {0};
    const char *schema = "{\"type\":\"object\",\"required\":[\"cost\"]}";
    struct flow_step *step = graph_step(&graph, "a", FLOW_RUN, "");
    step->schema = json_parse(schema, strlen(schema), &err);
    walk_open(&walk, graph_seal(&graph), NULL);
    walk_end(&walk, "a", DONE);
    assert_string_equal(walk_look(&walk), "run a, end_step a failed, end_run failed");
    assert_string_equal(walk_step(&walk, "a").failure_class, "malformed");
    assert_non_null(strstr(walk_step(&walk, "a").failure_message, "cost"));
    walk_close(&walk);
    json_decref(step->schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_chain_runs_step_by_step, setup, teardown),
        cmocka_unit_test_setup_teardown(what_failed_lets_nothing_begin, setup, teardown),
        cmocka_unit_test_setup_teardown(continue_on_error_satisfies_and_forgives, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_step_is_not_forgiven, setup, teardown),
        cmocka_unit_test_setup_teardown(a_false_if_skips_and_satisfies, setup, teardown),
        cmocka_unit_test_setup_teardown(a_false_if_behind_a_failure_is_not_run, setup, teardown),
        cmocka_unit_test_setup_teardown(tries_are_repeated_after_their_pause, setup, teardown),
        cmocka_unit_test_setup_teardown(jitter_is_the_same_on_every_replay, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_are_not_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(live_holds_steps_back_in_the_order_of_the_file, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(results_of_commands_are_held_to_the_schema, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("flow_interpret", tests, NULL, NULL);
}
