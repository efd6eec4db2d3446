/* Final words: which are results, which go back once, and when a task is malformed; from records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/entries.h"
#include "agent/fold.h"
#include "agent/verdict.h"
#include "base/arena.h"
#include "base/json.h"

#define OBJECT "{\"type\":\"object\",\"required\":[\"n\"],\"properties\":{\"n\":{\"type\":\"integer\"}}}"

static const struct word {
    const char *schema, *text, *result; /* NULL result: it does not fit */
    const char *finding;
} words[] = {
    {NULL, "any text", "\"any text\"", NULL},
    {NULL, "{\"n\":1}", "\"{\\\"n\\\":1}\"", NULL},
    {"{\"type\":\"string\"}", "{\"n\":1}", "\"{\\\"n\\\":1}\"", NULL},
    {OBJECT, " {\"n\":1}\n", "{\"n\":1}", NULL},
    {OBJECT, "```json\n{\"n\":1}\n```", "{\"n\":1}", NULL},
    {OBJECT, "```\n{\"n\":1}\n```\n", "{\"n\":1}", NULL},
    {OBJECT, "{\"n\":\"1\"}", NULL, "/n: must be of type integer, not \"1\""},
    {OBJECT, "{}", NULL, "the member \"n\" is missing"},
    {OBJECT, "Here it is: {\"n\":1}", NULL, "must be of type object, not \"Here it is"},
    {OBJECT, "", NULL, "must be of type object, not \"\""},
    {OBJECT, "```", NULL, "must be of type object, not \"```\""},
    {"{\"type\":\"integer\"}", "42", "42", NULL},
};

static void plain_answers_give_results(void **state)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        struct arena arena = {0};
        const char *finding;
        json_t *schema = words[i].schema ? json_loads(words[i].schema, 0, NULL) : NULL;
        json_t *answer = json_pack("{s:s,s:s}", "text", words[i].text, "stop", "stop");
        json_t *result = verdict_answer(schema, answer, &arena, &finding);
        if (words[i].result)
            assert_string_equal(result ? json_print(&arena, result) : finding, words[i].result);
        else if (result || !strstr(finding, words[i].finding))
            fail_msg("%s: %s", words[i].text, finding ? finding : "fits");
        json_decref(result);
        json_decref(answer);
        json_decref(schema);
        arena_fini(&arena);
    }
}

static void a_refused_answer_is_not_looked_at(void **state)
{
    struct arena arena = {0};
    const char *finding;
    json_t *schema = json_loads(OBJECT, 0, NULL);
    json_t *answer = json_pack("{s:s,s:s}", "text", "no", "stop", "refused");
    json_t *result = verdict_answer(schema, answer, &arena, &finding);
    assert_non_null(result);
    json_decref(result);
    json_decref(answer);
    json_decref(schema);
    arena_fini(&arena);
}

static void only_reports_with_a_result_are_held_to_it(void **state)
{
    struct arena arena = {0};
    json_t *schema = json_loads(OBJECT, 0, NULL);
    json_t *handoff = json_pack("{s:s,s:{s:i}}", "status", "complete", "result", "n", 1);
    assert_null(verdict_report(schema, handoff, &arena));
    json_object_set_new(handoff, "result", json_null());
    assert_non_null(verdict_report(schema, handoff, &arena));
    assert_null(verdict_report(NULL, handoff, &arena));
    json_object_set_new(handoff, "status", json_string("blocked"));
    assert_null(verdict_report(schema, handoff, &arena));
    json_decref(handoff);
    json_decref(schema);
    arena_fini(&arena);
}

/* One record: a letter each. p: plain misfit, j: plain JSON that fits, c: an answer with two tool calls;
 * then the tools: r: report accepted, b: report refused, u: report unknown, o: another tool. */
static json_t *records(const char *letters)
{
    json_t *calls = json_array();
    int step = -1, idx = 0;
    for (const char *c = letters; *c; c++) {
        if (strchr("pjc", *c)) {
            idx = 0;
            step++;
            const char *text = *c == 'p' ? "no JSON" : *c == 'j' ? "{\"n\":1}" : "I call.";
            json_t *answer = json_pack("{s:s,s:s}", "text", text, "stop", "stop");
            if (*c == 'c')
                json_object_set_new(answer, "tool_calls", json_pack("[{},{}]"));
            json_array_append_new(
                calls, json_pack("{s:i,s:i,s:s,s:s,s:s,s:o}", "step", step, "idx", 0, "kind", "model",
                                 "name", "demo/m", "state", "recorded", "response", answer));
        } else {
            json_array_append_new(
                calls,
                json_pack("{s:i,s:i,s:s,s:s,s:s,s:{s:s},s:b}", "step", step, "idx", ++idx, "kind",
                          "tool", "name", *c == 'o' ? "read" : "report", "state",
                          *c == 'u' ? "unknown" : "recorded", "response", "text", "t", "is_error",
                          *c == 'b' || *c == 'u'));
        }
    }
    return calls;
}

static void the_second_misfit_ends_it(void **state)
{
    static const struct {
        const char *letters;
        enum fold_what what;
        int step;
        bool report;
    } cases[] = {
        {"j", FOLD_FINISH, 0, false},
        {"p", FOLD_ASK_MODEL, 1, false},
        {"pj", FOLD_FINISH, 1, false},
        {"pp", FOLD_MALFORMED, 1, false},
        {"cro", FOLD_FINISH, 0, true},
        {"cbo", FOLD_ASK_MODEL, 1, false},
        {"cbr", FOLD_FINISH, 0, true},
        {"cbb", FOLD_ASK_MODEL, 1, false}, /* one answer, one chance */
        {"cuo", FOLD_ASK_MODEL, 1, false}, /* the runtime's fault */
        {"cuocuocuo", FOLD_ASK_MODEL, 3, false},
        {"cbop", FOLD_MALFORMED, 1, false},
        {"pcbo", FOLD_MALFORMED, 1, false},
        {"pcoocoo", FOLD_ASK_MODEL, 3, false},
        {"pcoocro", FOLD_FINISH, 2, true},
        {"cbocoocbo", FOLD_MALFORMED, 2, false},
        {"cbocoocro", FOLD_FINISH, 2, true},
    };
    json_t *schema = json_loads(OBJECT, 0, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct fold_next next;
        json_t *calls = records(cases[i].letters);
        fold_next(calls, schema, &next);
        if (next.what != cases[i].what || next.step != cases[i].step ||
            (next.report != NULL) != cases[i].report)
            fail_msg("%s: what %d step %d", cases[i].letters, next.what, (int)next.step);
        json_decref(calls);
    }
    json_decref(schema);
}

static void without_a_schema_any_text_will_do(void **state)
{
    struct fold_next next;
    json_t *calls = records("p");
    fold_next(calls, NULL, &next);
    assert_int_equal(next.what, FOLD_FINISH);
    json_decref(calls);
}

static void the_model_is_told_why(void **state)
{
    json_t *schema = json_loads(OBJECT, 0, NULL), *messages = json_array();
    json_t *calls = records("pcoo");
    fold_messages(calls, schema, messages);
    assert_int_equal(json_array_size(messages), 5);
    const json_t *told = json_array_get(messages, 1);
    assert_string_equal(json_get_text(told, "role", ""), "user");
    assert_non_null(strstr(json_get_text(told, "text", ""), "[hq] The result does not fit"));
    assert_non_null(strstr(json_get_text(told, "text", ""), "must be of type object"));
    json_decref(messages);
    /* And whoever reads the transcript later. */
    json_t *item = json_pack("{s:{s:s,s:s,s:O},s:O}", "task", "id", "t-1", "state", "done",
                             "result_schema", schema, "calls", calls);
    json_t *entries = entries_of_turn(item);
    assert_int_equal(json_array_size(entries), 6);
    const json_t *entry = json_object_get(json_array_get(entries, 2), "message");
    assert_string_equal(json_get_text(entry, "role", ""), "user");
    json_decref(entries);
    json_decref(item);
    json_decref(calls);
    json_decref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_answers_give_results),
        cmocka_unit_test(a_refused_answer_is_not_looked_at),
        cmocka_unit_test(only_reports_with_a_result_are_held_to_it),
        cmocka_unit_test(the_second_misfit_ends_it),
        cmocka_unit_test(without_a_schema_any_text_will_do),
        cmocka_unit_test(the_model_is_told_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
