/* What comes next follows from the records alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/fold.h"
#include "base/json.h"

static json_t *model(int step, const char *state, const char *response)
{
    json_t *call = json_pack("{s:i,s:i,s:s,s:s,s:s}", "step", step, "idx", 0, "kind", "model", "name",
                             "demo/m", "state", state);
    if (response)
        json_object_set_new(call, "response", json_loads(response, 0, NULL));
    return call;
}

static json_t *tool(int step, int idx, const char *state, const char *text)
{
    json_t *call = json_pack("{s:i,s:i,s:s,s:s,s:s,s:s}", "step", step, "idx", idx, "kind", "tool",
                             "name", "read", "call_id", "c1", "state", state);
    if (text)
        json_object_set_new(call, "response", json_pack("{s:s}", "text", text));
    return call;
}

static const char two_calls[] =
    "{\"text\":null,\"tool_calls\":[{\"id\":\"c1\",\"name\":\"read\",\"arguments\":{}},"
    "{\"id\":\"c2\",\"name\":\"exec\",\"arguments\":{}}],\"stop\":\"tool_use\"}";

static void expect(const json_t *calls, enum fold_what what, int step, int idx, bool intended)
{
    struct fold_next next;
    fold_next(calls, NULL, &next);
    assert_int_equal(next.what, what);
    assert_int_equal(next.step, step);
    assert_int_equal(next.idx, idx);
    assert_int_equal(next.intended, intended);
}

static void every_prefix_of_a_turn_says_what_is_next(void **state)
{
    json_t *calls = json_array();
    expect(calls, FOLD_ASK_MODEL, 0, 0, false);
    json_array_append_new(calls, model(0, "intended", NULL));
    expect(calls, FOLD_ASK_MODEL, 0, 0, true);
    json_array_clear(calls);
    json_array_append_new(calls, model(0, "recorded", two_calls));
    expect(calls, FOLD_RUN_TOOL, 0, 1, false);
    json_array_append_new(calls, tool(0, 1, "intended", NULL));
    expect(calls, FOLD_RUN_TOOL, 0, 1, true);
    json_array_append_new(calls, tool(0, 2, "intended", NULL));
    json_object_set_new(fold_find(calls, 0, 1), "state", json_string("recorded"));
    expect(calls, FOLD_RUN_TOOL, 0, 2, true);
    json_object_set_new(fold_find(calls, 0, 2), "state", json_string("unknown"));
    expect(calls, FOLD_ASK_MODEL, 1, 0, false);
    json_array_append_new(calls, model(1, "recorded", "{\"text\":\"done\",\"stop\":\"stop\"}"));
    expect(calls, FOLD_FINISH, 1, 0, false);
    json_decref(calls);
}

enum { KINDS = 7, CALLS_MAX = 4 };
static const char *const kinds[KINDS] = {"absent",   "intended", "waiting", "recorded",
                                         "unknown", "report",   "report that was sent back"};

/* The record that a digit stands for, NULL for an absent one. */
static json_t *call_of(int idx, int kind)
{
    if (kind == 0)
        return NULL;
    json_t *call = tool(0, idx, kind < 5 ? kinds[kind] : "recorded", kind > 2 ? "text" : NULL);
    if (kind >= 5)
        json_object_set_new(call, "name", json_string("report"));
    if (kind == 6)
        json_object_set_new(call, "is_error", json_true());
    return call;
}

/* Said again in other words: the first that may run, else wait, else finish or go on. */
static void expect_mixture(const json_t *calls, const int *mixture, int count)
{
    struct fold_next next;
    int run = 0, waits = 0, report = 0;
    for (int i = count; i >= 1; i--) {
        run = mixture[i] <= 1 ? i : run;
        waits += mixture[i] == 2;
        report = mixture[i] == 5 ? i : report;
    }
    fold_next(calls, NULL, &next);
    if (run > 0) {
        assert_int_equal(next.what, FOLD_RUN_TOOL);
        assert_int_equal(next.idx, run);
        assert_ptr_equal(next.call, fold_find(calls, 0, run));
    } else if (waits > 0) {
        assert_int_equal(next.what, FOLD_WAIT);
        assert_int_equal(next.step, 0);
    } else if (report > 0) {
        assert_int_equal(next.what, FOLD_FINISH);
        assert_ptr_equal(next.report, fold_find(calls, 0, report));
    } else {
        assert_int_equal(next.what, FOLD_ASK_MODEL);
        assert_int_equal(next.step, 1);
    }
    json_t *messages = json_array();
    fold_messages(calls, NULL, messages);
    assert_int_equal(json_array_size(messages), run || waits ? 0 : count + 1);
    json_decref(messages);
}

static void every_mixture_of_calls_says_what_is_next(void **state)
{
    for (int count = 1; count <= CALLS_MAX; count++) {
        int mixture[CALLS_MAX + 1] = {0}, total = 1;
        for (int i = 0; i < count; i++)
            total *= KINDS;
        for (int number = 0; number < total; number++) {
            json_t *wanted = json_array(), *calls = json_array();
            for (int i = 1, rest = number; i <= count; i++, rest /= KINDS) {
                mixture[i] = rest % KINDS;
                json_array_append_new(wanted, json_pack("{s:s}", "name", "x"));
            }
            json_t *answer = model(0, "recorded", NULL);
            json_object_set_new(answer, "response", json_pack("{s:o}", "tool_calls", wanted));
            json_array_append_new(calls, answer);
            for (int i = 1; i <= count; i++)
                if (mixture[i] != 0)
                    json_array_append_new(calls, call_of(i, mixture[i]));
            expect_mixture(calls, mixture, count);
            json_decref(calls);
        }
    }
}

static void calls_left_out_are_told(void **state)
{
    json_t *calls = json_array(), *messages = json_array();
    json_array_append_new(calls, model(0, "recorded", two_calls));
    json_object_set_new(json_object_get(fold_find(calls, 0, 0), "response"), "calls_left_out",
                        json_integer(936));
    json_array_append_new(calls, tool(0, 1, "recorded", "first"));
    json_array_append_new(calls, tool(0, 2, "recorded", "second"));
    fold_messages(calls, NULL, messages);
    assert_int_equal(json_array_size(messages), 4);
    assert_non_null(strstr(json_get_text(json_array_get(messages, 3), "text", ""), "936 more"));
    json_decref(messages);
    json_decref(calls);
}

static void an_unknown_model_call_is_asked_again(void **state)
{
    json_t *calls = json_array();
    json_array_append_new(calls, model(0, "unknown", NULL));
    expect(calls, FOLD_ASK_MODEL, 0, 0, true);
    json_decref(calls);
}

static void the_model_sees_whole_steps_only(void **state)
{
    json_t *calls = json_array(), *messages = json_array();
    json_array_append_new(calls, model(0, "recorded", two_calls));
    json_array_append_new(calls, tool(0, 1, "recorded", "first"));
    json_array_append_new(calls, tool(0, 2, "intended", NULL));
    fold_messages(calls, NULL, messages);
    assert_int_equal(json_array_size(messages), 0);
    json_t *second = fold_find(calls, 0, 2);
    json_object_set_new(second, "state", json_string("recorded"));
    json_object_set_new(second, "response", json_pack("{s:s}", "text", "second"));
    fold_messages(calls, NULL, messages);
    assert_int_equal(json_array_size(messages), 3);
    assert_string_equal(json_get_text(json_array_get(messages, 0), "role", ""), "assistant");
    assert_string_equal(json_get_text(json_array_get(messages, 1), "text", ""), "first");
    assert_string_equal(json_get_text(json_array_get(messages, 2), "text", ""), "second");
    json_decref(messages);
    json_decref(calls);
}

static void usage_adds_up_and_unpriced_stays_unpriced(void **state)
{
    json_t *calls = json_array();
    json_t *one = model(0, "recorded", two_calls), *two = model(1, "recorded", two_calls);
    json_object_set_new(one, "tokens_in", json_integer(10));
    json_object_set_new(one, "cost_micro_usd", json_integer(5));
    json_object_set_new(two, "tokens_in", json_integer(20));
    json_object_set_new(two, "cost_micro_usd", json_integer(7));
    json_array_append_new(calls, one);
    json_array_append_new(calls, two);
    json_t *usage = fold_usage(calls);
    assert_int_equal(json_get_int(usage, "tokens_in", 0), 30);
    assert_int_equal(json_get_int(usage, "cost_micro_usd", 0), 12);
    assert_int_equal(json_get_int(usage, "model_calls", 0), 2);
    json_decref(usage);
    json_object_set_new(two, "cost_micro_usd", json_integer(-1));
    usage = fold_usage(calls);
    assert_true(json_is_null(json_object_get(usage, "cost_micro_usd")));
    json_decref(usage);
    json_decref(calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_of_a_turn_says_what_is_next),
        cmocka_unit_test(every_mixture_of_calls_says_what_is_next),
        cmocka_unit_test(calls_left_out_are_told),
        cmocka_unit_test(an_unknown_model_call_is_asked_again),
        cmocka_unit_test(the_model_sees_whole_steps_only),
        cmocka_unit_test(usage_adds_up_and_unpriced_stays_unpriced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
