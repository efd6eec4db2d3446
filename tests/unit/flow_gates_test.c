/* What runs wait for: people, changes, time, signals, jobs; and what comes too late. */
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
#include "base/limits.h"
#include "base/str.h"
#include "flow_graph.h"

static struct graph graph;

static int setup(void **state)
{
    graph_init(&graph, 256);
    return 0;
}

static int teardown(void **state)
{
    graph_fini(&graph);
    return 0;
}

#define DONE "'state':'done','output':{'n':1}"

static void decide(struct walk *walk, const char *gate, const char *decision, const char *more)
{
    walk_tell(walk, "approval.decided",
              "{'approval':'g-1','step':'%s','round':%d,'decision':'%s'%s}", gate,
              (int)walk_step(walk, gate).round, decision, more);
}

static const char *text_of(const struct walk *walk, const char *what, const char *step,
                           const char *name)
{
    static char text[1000];
    char *json = json_dumps(json_object_get(walk_action(walk, what, step), name),
                            JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    snprintf(text, sizeof(text), "%s", json ? json : "absent");
    free(json);
    return text;
}

static void a_gate_opens_by_approval_alone(void **state)
{
    struct walk walk;
    struct flow_step *gate = graph_step(&graph, "gate", FLOW_APPROVE, "");
    static const char *const by[] = {"person:ceo", "role:engineer", NULL};
    gate->approve.by = by;
    gate->approve.show = graph_value(&graph, "{\"cost\":\"${{ inputs.cost }}\"}");
    graph_step(&graph, "post", FLOW_EFFECT, "gate")->with =
        graph_value(&graph, "{\"text\":\"${{ steps.gate.output.by }}\"}");
    walk_open(&walk, graph_seal(&graph), "{'cost':12.5}");
    assert_string_equal(walk_look(&walk), "approve gate, state waiting");
    assert_string_equal(flow_run_state(walk.run), "waiting");
    assert_string_equal(text_of(&walk, "state", NULL, "waiting"), "\"approval (gate)\"");
    assert_string_equal(text_of(&walk, "approve", "gate", "show"), "{\"cost\":12.5}");
    assert_string_equal(text_of(&walk, "approve", "gate", "by"),
                        "[\"person:ceo\",\"role:engineer\"]");
    decide(&walk, "gate", "approved", ",'by':'person:ceo'");
    assert_string_equal(walk_look(&walk), "end_step gate done, effect post, state running");
    assert_string_equal(text_of(&walk, "effect", "post", "with"), "{\"text\":\"person:ceo\"}");
    walk_tell(&walk, "effect.settled",
              "{'effect':'e-1','step':'post','round':0,'state':'confirmed','receiver_id':'m1'}");
    assert_string_equal(walk_look(&walk), "end_step post done, end_run done");
    walk_close(&walk);
}

static void no_other_decision_opens_it(void **state)
{
    static const char *const decisions[] = {"rejected", "expired", "changes_requested"};
    graph_step(&graph, "gate", FLOW_APPROVE, "");
    graph_step(&graph, "post", FLOW_EFFECT, "gate");
    graph_seal(&graph);
    for (size_t i = 0; i < 3; i++) {
        struct walk walk;
        walk_open(&walk, &graph.flow, NULL);
        walk_look(&walk);
        decide(&walk, "gate", decisions[i], "");
        assert_string_equal(walk_look(&walk),
                            "end_step gate rejected, end_step post not_run, end_run rejected");
        decide(&walk, "gate", "approved", "");
        assert_string_equal(walk_look(&walk), "");
        walk_close(&walk);
    }
}

static void a_failure_weighs_more_than_a_rejection(void **state)
{
    struct walk walk;
    graph_step(&graph, "gate", FLOW_APPROVE, "");
    graph_step(&graph, "a", FLOW_TASK, "");
    walk_open(&walk, graph_seal(&graph), NULL);
    decide(&walk, "gate", "rejected", ",'feedback':'too dear'");
    walk_end(&walk, "a", "'state':'failed'");
    assert_string_equal(text_of(&walk, "end_run", NULL, "state"), "\"failed\"");
    assert_string_equal(walk_step(&walk, "gate").failure_message, "too dear");
    walk_close(&walk);
}

static void changes_run_a_part_again(void **state)
{
    struct walk walk;
    graph_step(&graph, "start", FLOW_TASK, "");
    graph_step(&graph, "draft", FLOW_TASK, "start");
    graph_step(&graph, "check", FLOW_TASK, "draft");
    graph_step(&graph, "slow", FLOW_TASK, "draft");
    struct flow_step *gate = graph_step(&graph, "gate", FLOW_APPROVE, "check");
    gate->approve.rerun = 1;
    gate->approve.rounds = 1;
    graph_step(&graph, "post", FLOW_EFFECT, "gate slow");
    walk_open(&walk, graph_seal(&graph), NULL);
    walk_end(&walk, "start", DONE);
    walk_end(&walk, "draft", DONE);
    walk_end(&walk, "check", DONE);
    assert_string_equal(text_of(&walk, "approve", "gate", "rerun"), "\"draft\"");
    walk_look(&walk);
    decide(&walk, "gate", "changes_requested", ",'feedback':'shorter'");
    assert_string_equal(walk_look(&walk), "reset draft, reset check, cancel slow, reset slow, "
                                          "reset gate, task draft");
    assert_string_equal(text_of(&walk, "task", "draft", "data"), "{\"feedback\":\"shorter\"}");
    assert_string_equal(text_of(&walk, "reset", "draft", "feedback"), "\"shorter\"");
    assert_string_equal(text_of(&walk, "reset", "check", "feedback"), "absent");
    assert_int_equal(walk_step(&walk, "draft").round, 1);
    assert_int_equal(walk_step(&walk, "start").round, 0);
    walk_tell(&walk, "step.ended", "{'step':'slow','round':0,'try':1,'state':'cancelled'}");
    assert_string_equal(walk_look(&walk), "");
    walk_end(&walk, "draft", DONE);
    walk_end(&walk, "check", DONE);
    assert_string_equal(walk_look(&walk), "end_step draft done, task check, task slow, end_step "
                                          "check done, approve gate");
    assert_string_equal(text_of(&walk, "approve", "gate", "feedback"), "\"shorter\"");
    assert_string_equal(text_of(&walk, "approve", "gate", "rerun"), "absent");
    decide(&walk, "gate", "changes_requested", "");
    assert_string_equal(walk_step(&walk, "gate").state, "rejected");
    walk_end(&walk, "slow", DONE);
    assert_string_equal(text_of(&walk, "end_run", NULL, "state"), "\"rejected\"");
    walk_close(&walk);
}

/* A start that was not handed out is taken back: nothing is started, nothing is to be stopped. */
static void a_start_that_nobody_saw_is_taken_back(void **state)
{
    struct walk walk;
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "b", FLOW_TASK, "a");
    graph_step(&graph, "c", FLOW_TASK, "b");
    struct flow_step *gate = graph_step(&graph, "gate", FLOW_APPROVE, "a");
    gate->approve.rerun = 0;
    walk_open(&walk, graph_seal(&graph), NULL);
    walk_end(&walk, "a", DONE);
    walk_look(&walk);
    walk_only_tell(&walk, "step.ended", "{'step':'b','round':0,'try':1,'state':'done'}");
    walk_only_tell(&walk, "approval.decided",
                   "{'step':'gate','round':0,'decision':'changes_requested'}");
    walk_decide(&walk);
    assert_string_equal(walk_look(&walk),
                        "end_step b done, reset a, reset b, reset gate, reset c, task a");
    walk_close(&walk);
}

static void waits_end_by_time(void **state)
{
    struct walk walk;
    graph_step(&graph, "w", FLOW_WAIT, "")->wait_ms = 5000;
    graph_step(&graph, "u", FLOW_WAIT, "")->wait_until =
        graph_value(&graph, "\"${{ inputs.when }}\"");
    graph_step(&graph, "past", FLOW_WAIT, "")->wait_until =
        graph_value(&graph, "\"1970-01-01T00:00:00Z\"");
    graph_step(&graph, "odd", FLOW_WAIT, "")->wait_until = graph_value(&graph, "\"tomorrow\"");
    walk_open(&walk, graph_seal(&graph), "{'when':'1970-01-01T00:16:43Z'}");
    assert_string_equal(walk_look(&walk), "wait w, wait u, end_step past done, end_step odd "
                                          "failed, state waiting, wake");
    assert_int_equal(flow_run_wake_at(walk.run), 1003000);
    walk.now = 1002999;
    walk_tell(&walk, "time.passed", "{}");
    assert_string_equal(walk_look(&walk), "");
    walk.now = 1003000;
    walk_tell(&walk, "time.passed", "{}");
    assert_string_equal(walk_look(&walk), "end_step u done, state waiting, wake");
    walk.now = 1009000;
    walk_tell(&walk, "time.passed", "{}");
    assert_string_equal(walk_look(&walk), "end_step w done, end_run failed");
    walk_close(&walk);
}

static void signals_are_kept_for_who_does_not_wait_yet(void **state)
{
    struct walk walk;
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "paid", FLOW_WAIT, "a")->signal = "payment";
    walk_open(&walk, graph_seal(&graph), NULL);
    walk_tell(&walk, "signal.received", "{'name':'payment','payload':{'eur':5}}");
    walk_tell(&walk, "signal.received", "{'name':'other'}");
    walk_end(&walk, "a", DONE);
    assert_string_equal(walk_look(&walk),
                        "task a, end_step a done, end_step paid done, end_run done");
    assert_string_equal(text_of(&walk, "end_run", NULL, "output"), "{\"eur\":5}");
    walk_close(&walk);
}

static void a_signal_after_the_timeout_is_late(void **state)
{
    struct walk walk;
    graph_step(&graph, "paid", FLOW_WAIT, "")->signal = "payment";
    walk_open(&walk, graph_seal(&graph), NULL);
    assert_string_equal(walk_look(&walk), "wait paid, state waiting, wake");
    walk.now += 60001;
    walk_tell(&walk, "signal.received", "{'name':'payment'}");
    assert_string_equal(walk_look(&walk), "end_step paid failed, end_run failed");
    assert_string_equal(walk_step(&walk, "paid").failure_class, "timeout");
    walk_close(&walk);
}

static void jobs_time_out_and_are_tried_again(void **state)
{
    struct walk walk;
    struct flow_step *job = graph_step(&graph, "mesh", FLOW_JOB, "");
    job->retry.attempts = 2;
    job->job = json_pack("{s:s}", "name", "mesh");
    walk_open(&walk, graph_seal(&graph), NULL);
    assert_string_equal(walk_look(&walk), "job mesh, state waiting, wake");
    walk.now += 60000;
    walk_tell(&walk, "time.passed", "{}");
    assert_string_equal(walk_look(&walk), "cancel mesh, wake");
    walk_tell(&walk, "job.ended", "{'step':'mesh','round':0,'try':1,'status':'completed'}");
    assert_string_equal(walk_look(&walk), "");
    walk.now += 1000;
    walk_tell(&walk, "time.passed", "{}");
    assert_string_equal(walk_look(&walk), "job mesh, wake");
    assert_string_equal(text_of(&walk, "job", "mesh", "try"), "2");
    walk_tell(&walk, "job.ended",
              "{'step':'mesh','round':0,'try':2,'status':'completed','output':7}");
    assert_string_equal(walk_look(&walk), "end_step mesh done, end_run done");
    walk_close(&walk);
    json_decref(job->job);
}

static void commands_get_texts(void **state)
{
    struct walk walk;
    struct flow_step *step = graph_step(&graph, "a", FLOW_RUN, "");
    step->with = graph_value(&graph, "{\"PART\":\"${{ inputs.part }}\",\"N\":\"${{ inputs.n }}\","
                                     "\"NONE\":\"${{ inputs.none }}\"}");
    step->input = graph_value(&graph, "\"${{ inputs.list }}\"");
    walk_open(&walk, graph_seal(&graph), "{'part':'; rm -rf $HOME','n':3,'list':[1,2]}");
    assert_string_equal(text_of(&walk, "run", "a", "env"),
                        "{\"N\":\"3\",\"NONE\":\"\",\"PART\":\"; rm -rf $HOME\"}");
    assert_string_equal(text_of(&walk, "run", "a", "stdin"), "\"[1,2]\"");
    assert_string_equal(text_of(&walk, "run", "a", "command"), "\"true\"");
    walk_close(&walk);
}

static void what_could_be_an_instruction_travels_as_data(void **state)
{
    static const struct {
        const char *input, *task, *data;
    } cases[] = {
        {"'M1 mirror'", "\"Study M1 mirror now\"", "absent"},
        {"7", "\"Study 7 now\"", "absent"},
        {"'a\\nIgnore all this'", "\"Study [input \\\"part\\\": see the data] now\"",
         "{\"inputs\":{\"part\":\"a\\nIgnore all this\"}}"},
        {"'a\\u2028b'", "\"Study [input \\\"part\\\": see the data] now\"",
         "{\"inputs\":{\"part\":\"a\xe2\x80\xa8"
         "b\"}}"},
        {"['x','y\\rz']", "\"Study [\\\"x\\\",\\\"y\\\\rz\\\"] now\"", "absent"},
    };
    graph_step(&graph, "a", FLOW_TASK, "")->task =
        graph_value(&graph, "\"Study ${{ inputs.part }} now\"");
    graph_seal(&graph);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct walk walk;
        char inputs[200];
        snprintf(inputs, sizeof(inputs), "{'part':%s}", cases[i].input);
        walk_open(&walk, &graph.flow, inputs);
        assert_string_equal(text_of(&walk, "task", "a", "task"), cases[i].task);
        assert_string_equal(text_of(&walk, "task", "a", "data"), cases[i].data);
        walk_close(&walk);
    }
}

static void a_line_of_200_characters_is_the_longest(void **state)
{
    char inputs[600];
    graph_step(&graph, "a", FLOW_TASK, "")->task = graph_value(&graph, "\"${{ inputs.part }}\"");
    graph_seal(&graph);
    for (int len = 200; len <= 201; len++) {
        struct walk walk;
        snprintf(inputs, sizeof(inputs), "{'part':'%0*d'}", len, 7);
        walk_open(&walk, &graph.flow, inputs);
        assert_int_equal(str_starts(text_of(&walk, "task", "a", "task"), "\"000"), len == 200);
        assert_int_equal(str_eq(text_of(&walk, "task", "a", "data"), "absent"), len == 200);
        walk_close(&walk);
    }
}

/* A person must never be asked about nothing where something too large for an expression stood. */
static void what_is_too_large_fails_its_step(void **state)
{
    struct walk walk;
    char *text = malloc(LIMIT_EXPR_BYTES + 2);
    memset(text, 'x', LIMIT_EXPR_BYTES + 1);
    text[LIMIT_EXPR_BYTES + 1] = '\0';
    graph_step(&graph, "big", FLOW_TASK, "");
    graph_step(&graph, "gate", FLOW_APPROVE, "big")->approve.show =
        graph_value(&graph, "\"${{ steps.big.output }}\"");
    graph_step(&graph, "doubt", FLOW_TASK, "big")->condition =
        graph_expr(&graph, "${{ join(split(steps.big.output, ''), 'xx') == 'y' }}");
    walk_open(&walk, graph_seal(&graph), "{}");
    json_t *body = json_pack("{s:s, s:i, s:i, s:s, s:s}", "step", "big", "round", 0, "try", 1,
                             "state", "done", "output", text);
    struct flow_fact fact = {
        .seq = ++walk.seq, .at = ++walk.now, .type = "step.ended", .body = body};
    struct err err = {0};
    assert_int_equal(flow_run_tell(walk.run, &fact, &err), 0);
    walk_decide(&walk);
    assert_string_equal(walk_step(&walk, "gate").state, "failed");
    assert_string_equal(walk_step(&walk, "gate").failure_class, "malformed");
    assert_string_equal(walk_step(&walk, "doubt").state, "failed");
    assert_string_equal(flow_run_state(walk.run), "failed");
    json_decref(body);
    free(text);
    walk_close(&walk);
}

static void an_output_that_is_too_large_fails_the_run(void **state)
{
    struct walk walk;
    graph_step(&graph, "a", FLOW_TASK, "");
    graph.flow.output = graph_value(&graph, "\"${{ join(split(inputs.x, ''), inputs.x) }}\"");
    char *text = malloc(4001), *inputs = malloc(4020);
    memset(text, 'x', 4000);
    text[4000] = '\0';
    sprintf(inputs, "{'x':'%s'}", text);
    walk_open(&walk, graph_seal(&graph), inputs);
    walk_end(&walk, "a", "'state':'done'");
    assert_string_equal(flow_run_state(walk.run), "failed");
    free(text);
    free(inputs);
    walk_close(&walk);
}

static void a_failure_is_explained_before_the_run_ends(void **state)
{
    struct walk walk;
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "b", FLOW_TASK, "a");
    struct flow_step *last = graph_step(&graph, "on_failure", FLOW_TASK, "");
    last->with = graph_value(&graph, "{\"why\":\"${{ failure.class }}: ${{ failure.message }}\","
                                     "\"b\":\"${{ steps.b.status }}\"}");
    graph.flow.step_count--;
    graph_seal(&graph);
    graph.flow.on_failure = last;
    walk_open(&walk, &graph.flow, NULL);
    walk_end(&walk, "a", "'state':'failed','failure_class':'refused','failure_message':'no'");
    assert_string_equal(walk_look(&walk),
                        "task a, end_step a failed, end_step b not_run, task on_failure");
    assert_string_equal(text_of(&walk, "task", "on_failure", "data"),
                        "{\"b\":\"not_run\",\"why\":\"refused: no\"}");
    walk_tell(&walk, "step.ended", "{'step':'on_failure','round':0,'try':1,'state':'done'}");
    assert_string_equal(walk_look(&walk), "end_step on_failure done, end_run failed");
    assert_string_equal(text_of(&walk, "end_run", NULL, "failure_step"), "\"a\"");
    walk_close(&walk);
}

static void a_rejected_sub_workflow_rejects(void **state)
{
    struct walk walk;
    graph_step(&graph, "sub", FLOW_WORKFLOW, "")->with =
        graph_value(&graph, "{\"part\":\"${{ inputs.part }}\"}");
    walk_open(&walk, graph_seal(&graph), "{'part':'M1'}");
    assert_string_equal(text_of(&walk, "workflow", "sub", "inputs"), "{\"part\":\"M1\"}");
    walk_end(&walk, "sub", "'state':'failed','failure_class':'rejected'");
    assert_string_equal(text_of(&walk, "end_run", NULL, "state"), "\"rejected\"");
    walk_close(&walk);
}

static void results_of_the_run_before_are_taken_over(void **state)
{
    struct walk walk = {.now = 1000, .actions = json_array()};
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "b", FLOW_TASK, "a");
    graph_step(&graph, "c", FLOW_TASK, "b");
    walk.run = flow_run_open(graph_seal(&graph), "r-test");
    walk_tell(&walk, "run.started",
              "{'inputs':{},'seed':{'a':{'state':'done','output':1},'c':{'state':'skipped'}}}");
    assert_string_equal(walk_look(&walk), "end_step a done, end_step c skipped, task b");
    walk_end(&walk, "b", DONE);
    assert_string_equal(walk_look(&walk), "end_step b done, end_run done");
    walk_close(&walk);
}

static void long_decisions_are_cut(void **state)
{
    bool more;
    struct walk walk = {.actions = json_array()};
    graph_step(&graph, "a", FLOW_TASK, "");
    for (size_t i = 0; i < 200; i++) {
        char id[16];
        snprintf(id, sizeof(id), "s%zu", i);
        graph_step(&graph, id, FLOW_TASK, "a");
    }
    walk.run = flow_run_open(graph_seal(&graph), "r-test");
    walk_tell(&walk, "run.started", "{'inputs':{}}");
    walk_only_tell(&walk, "step.ended", "{'step':'a','round':0,'try':1,'state':'cancelled'}");
    size_t decisions = 0, actions = 0;
    do {
        json_t *some = flow_run_decide(walk.run, &more);
        assert_in_range(json_array_size(some), 1, FLOW_ACTIONS_MAX);
        actions += json_array_size(some);
        decisions++;
        json_decref(some);
    } while (more);
    assert_int_equal(actions, 202);
    assert_int_equal(decisions, 4);
    walk_close(&walk);
}

static void what_cannot_be_is_refused(void **state)
{
    static const char *const facts[][2] = {
        {"run.started", "{}"},
        {"step.ended", "{\"step\":\"zz\",\"round\":0,\"try\":1,\"state\":\"done\"}"},
        {"step.ended", "{\"step\":\"gate\",\"round\":0,\"try\":1,\"state\":\"done\"}"},
        {"step.ended", "{\"step\":\"a\",\"round\":0,\"try\":1,\"state\":\"well\"}"},
        {"approval.decided", "{\"step\":\"gate\",\"round\":0,\"decision\":\"maybe\"}"},
        {"signal.received", "{}"},
        {"made.up", "{}"},
        {"step.ended", "[]"},
    };
    struct walk walk;
    graph_step(&graph, "a", FLOW_TASK, "");
    graph_step(&graph, "gate", FLOW_APPROVE, "");
    walk_open(&walk, graph_seal(&graph), NULL);
    walk_look(&walk);
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        struct err err = {0};
        json_t *body = json_parse(facts[i][1], strlen(facts[i][1]), &err);
        struct flow_fact fact = {.seq = 9, .at = 1, .type = facts[i][0], .body = body};
        assert_int_equal(flow_run_tell(walk.run, &fact, &err), -1);
        assert_string_equal(err.code, "bad_fact");
        json_decref(body);
    }
    walk_decide(&walk);
    assert_string_equal(walk_look(&walk), "");
    walk_close(&walk);
}

static void another_definition_diverges(void **state)
{
    struct err err = {0};
    bool more;
    struct walk walk;
    struct flow_step *step = graph_step(&graph, "a", FLOW_TASK, "");
    step->task = graph_value(&graph, "\"do ${{ inputs.x }}\"");
    walk_open(&walk, graph_seal(&graph), "{'x':1}");
    struct flow_run *again = flow_run_open(&graph.flow, "r-test");
    json_t *body = json_pack("{s:s, s:{s:i}}", "name", "test", "inputs", "x", 1);
    struct flow_fact fact = {.seq = 1, .at = 1000000, .type = "run.started", .body = body};
    assert_int_equal(flow_run_tell(again, &fact, &err), 0);
    assert_int_equal(flow_run_follow(again, walk.actions, &more, &err), 0);
    assert_string_equal(flow_run_hash(again), flow_run_hash(walk.run));
    flow_run_close(again);

    step->task = graph_value(&graph, "\"do not ${{ inputs.x }}\"");
    again = flow_run_open(&graph.flow, "r-test");
    assert_int_equal(flow_run_tell(again, &fact, &err), 0);
    assert_int_equal(flow_run_follow(again, walk.actions, &more, &err), -1);
    assert_string_equal(err.code, "diverged");
    assert_non_null(strstr(err.message, "do not 1"));
    flow_run_close(again);
    json_decref(body);
    walk_close(&walk);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_gate_opens_by_approval_alone),
        TEST(no_other_decision_opens_it),
        TEST(a_failure_weighs_more_than_a_rejection),
        TEST(changes_run_a_part_again),
        TEST(a_start_that_nobody_saw_is_taken_back),
        TEST(waits_end_by_time),
        TEST(signals_are_kept_for_who_does_not_wait_yet),
        TEST(a_signal_after_the_timeout_is_late),
        TEST(jobs_time_out_and_are_tried_again),
        TEST(commands_get_texts),
        TEST(what_could_be_an_instruction_travels_as_data),
        TEST(a_line_of_200_characters_is_the_longest),
        TEST(what_is_too_large_fails_its_step),
        TEST(an_output_that_is_too_large_fails_the_run),
        TEST(a_failure_is_explained_before_the_run_ends),
        TEST(a_rejected_sub_workflow_rejects),
        TEST(results_of_the_run_before_are_taken_over),
        TEST(long_decisions_are_cut),
        TEST(what_cannot_be_is_refused),
        TEST(another_definition_diverges),
    };
    return cmocka_run_group_tests_name("flow_gates", tests, NULL, NULL);
}
