/* What the caller chose reaches the body of the request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "model/openai_request.h"

static void thinking_becomes_reasoning_effort(void **state)
{
    static const char *const levels[][2] = {{"off", "minimal"}, {"low", "low"}, {"high", "high"},
                                            {"xhigh", "high"},  {"much", NULL}, {NULL, NULL}};
    struct err err;
    struct openai_dialect dialect = {.provider = "local", .max_tokens = 100};
    json_t *messages = json_pack("[{s:s,s:s}]", "role", "user", "text", "x");
    for (size_t i = 0; i < 6; i++) {
        struct model_request request = {
            .model = "m", .messages = messages, .thinking = levels[i][0]};
        json_t *body = openai_request(&request, &dialect, &err);
        const char *effort = json_get_text(body, "reasoning_effort", NULL);
        if (levels[i][1])
            assert_string_equal(effort, levels[i][1]);
        else
            assert_null(effort);
        json_decref(body);
    }
    json_decref(messages);
}

/* Servers look at the last message, and some refuse a system message there. */
static void a_note_joins_the_message_before_it(void **state)
{
    struct err err;
    struct openai_dialect dialect = {.provider = "local", .max_tokens = 100};
    json_t *messages =
        json_pack("[{s:s,s:s},{s:s,s:s,s:s},{s:s,s:s},{s:s,s:s}]", "role", "user", "text", "x",
                  "role", "tool", "call_id", "c1", "text", "result", "role", "system", "text", "one",
                  "role", "system", "text", "two");
    struct model_request request = {.model = "m", .system = "s", .messages = messages};
    json_t *body = openai_request(&request, &dialect, &err);
    const json_t *sent = json_object_get(body, "messages");
    assert_int_equal(json_array_size(sent), 3);
    assert_string_equal(json_get_text(json_array_get(sent, 2), "tool_call_id", ""), "c1");
    assert_string_equal(json_get_text(json_array_get(sent, 2), "content", ""), "result\n\none\n\ntwo");
    json_decref(body);
    json_decref(messages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thinking_becomes_reasoning_effort),
        cmocka_unit_test(a_note_joins_the_message_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
