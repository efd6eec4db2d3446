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
    fold_next(calls, &next);
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
    fold_messages(calls, messages);
    assert_int_equal(json_array_size(messages), 0);
    json_t *second = fold_find(calls, 0, 2);
    json_object_set_new(second, "state", json_string("recorded"));
    json_object_set_new(second, "response", json_pack("{s:s}", "text", "second"));
    fold_messages(calls, messages);
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
        cmocka_unit_test(an_unknown_model_call_is_asked_again),
        cmocka_unit_test(the_model_sees_whole_steps_only),
        cmocka_unit_test(usage_adds_up_and_unpriced_stays_unpriced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
