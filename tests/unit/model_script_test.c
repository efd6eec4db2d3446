/* The script model: rules, placeholders, faults, and what is refused when a file is loaded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "model/model.h"
#include "model/script.h"
#include "model/script_rules.h"

static const char *const rules =
    "rules:\n"
    "  - when: { user: '/read ([a-z.\\/]+)( twice)?/i', step: 0 }\n"
    "    think: \"a file: {{1}}\"\n"
    "    say: \"I look into {{1}}{{2}}.\"\n"
    "    call:\n"
    "      - { tool: read, with: { path: \"{{1}}\", deep: [ { for: \"{{ model }}\" }, 7 ] } }\n"
    "      - { tool: now }\n"
    "  - when: { tool: read, failed: true }\n"
    "    say: \"no: {{tool_result}}\"\n"
    "  - when: { tool: [read, exec], contains: beta }\n"
    "    say: \"it says {{last_line}}\"\n"
    "    usage: { in: 120, out: 7 }\n"
    "  - when: { model: webster, system: 'you ARE' }\n"
    "    say: web\n"
    "  - when: { user: streams }\n"
    "    say: \"äöü🙂äöü🙂\"\n"
    "    stream: 5\n"
    "  - when: { user: waits }\n"
    "    delay: 60s\n"
    "    say: late\n"
    "  - when: { user: stutters }\n"
    "    say: abcdef\n"
    "    stream: 3\n"
    "    pause: 60s\n"
    "  - when: { user: heals }\n"
    "    fault: { kind: unreachable, times: 2 }\n"
    "    say: healed\n"
    "  - when: { user: dies }\n"
    "    fault: { kind: cut, times: 1 }\n"
    "    say: abcdef\n"
    "  - when: { user: busy }\n"
    "    fault: { kind: retry_later, after: 3s, times: 1 }\n"
    "    say: free\n"
    "  - when: { user: 'wrong:auth' }\n"
    "    fault: auth\n"
    "  - when: { user: 'wrong:long' }\n"
    "    fault: too_long\n"
    "  - when: { user: 'wrong:refused' }\n"
    "    fault: refused\n"
    "  - when: { user: 'wrong:malformed' }\n"
    "    fault: { kind: malformed }\n"
    "  - say: \"{{{{{{user}}}} on {{model}}: {{last_line}}\"\n";

struct stage {
    char path[64];
    struct config_model config;
    struct model *model;
    struct buf heard;
    int pieces;
    struct fetch_cancel *cancel;
    json_t *messages;
    struct model_answer answer;
    int64_t retry_after_ms, deadline;
    struct err err;
    const char *name, *system;
    struct arena arena;
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    struct stage *stage = mem_zalloc(sizeof(*stage));
    snprintf(stage->path, sizeof(stage->path), "/tmp/hq-script-%d.yaml", (int)getpid());
    write_file(stage->path, rules);
    stage->config = (struct config_model){.name = "demo", .api = "script", .file = stage->path};
    stage->model = script_open(&stage->config, NULL, &stage->err);
    if (!stage->model)
        fail_msg("%s", stage->err.message);
    stage->messages = json_array();
    stage->name = "manager";
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    stage->model->ops->close(stage->model);
    json_decref(stage->messages);
    json_decref(stage->answer.message);
    buf_fini(&stage->heard);
    arena_fini(&stage->arena);
    unlink(stage->path);
    free(stage);
    return 0;
}

static void hear(void *ctx, const char *text, size_t len)
{
    struct stage *stage = ctx;
    buf_put(&stage->heard, text, len);
    stage->pieces++;
}

static enum model_outcome complete(struct stage *stage)
{
    struct model_request request = {.model = stage->name,
                                    .system = stage->system,
                                    .messages = stage->messages,
                                    .deadline_boot_ms = stage->deadline,
                                    .on_text = hear,
                                    .ctx = stage};
    json_decref(stage->answer.message);
    buf_clear(&stage->heard);
    stage->pieces = 0;
    return model_complete(stage->model, &request, &stage->answer, &stage->retry_after_ms,
                          &stage->err);
}

static enum model_outcome say(struct stage *stage, const char *text)
{
    json_array_append_new(stage->messages, json_pack("{s:s, s:s}", "role", "user", "text", text));
    return complete(stage);
}

static void add_answer(struct stage *stage)
{
    json_t *message = json_deep_copy(stage->answer.message);
    json_object_set_new(message, "role", json_string("assistant"));
    json_array_append_new(stage->messages, message);
}

static void add_result(struct stage *stage, const char *tool, const char *text, bool failed)
{
    json_array_append_new(stage->messages,
                          json_pack("{s:s, s:s, s:s, s:s, s:b}", "role", "tool", "call_id", "c",
                                    "name", tool, "text", text, "is_error", failed));
}

static const char *text_of(const struct stage *stage)
{
    return json_get_text(stage->answer.message, "text", "(null)");
}

static void test_tool_loop(void **state)
{
    struct stage *stage = *state;
    struct arena arena = {0};
    assert_int_equal(say(stage, "Please READ notes.txt now"), MODEL_OK);
    assert_string_equal(json_print(&arena, stage->answer.message),
                        "{\"stop\":\"tool_use\",\"text\":\"I look into "
                        "notes.txt.\",\"thinking\":\"a file: notes.txt\","
                        "\"tool_calls\":[{\"arguments\":{\"deep\":[{\"for\":\"manager\"},7],"
                        "\"path\":\"notes.txt\"},"
                        "\"id\":\"call_1_0\",\"name\":\"read\"},{\"arguments\":{},\"id\":\"call_1_"
                        "1\",\"name\":\"now\"}]}");
    assert_true(stage->answer.usage.estimated);
    assert_true(stage->answer.usage.in > 0 && stage->answer.usage.out > 0);
    add_answer(stage);
    add_result(stage, "read", "alpha\n  beta 2\n\n", false);
    assert_int_equal(complete(stage), MODEL_OK);
    assert_string_equal(text_of(stage), "it says   beta 2");
    assert_string_equal(json_get_text(stage->answer.message, "stop", ""), "stop");
    assert_int_equal(stage->answer.usage.in, 120);
    assert_int_equal(stage->answer.usage.out, 7);
    assert_false(stage->answer.usage.estimated);
    arena_fini(&arena);
}

static void test_result_belongs_to_its_message(void **state)
{
    struct stage *stage = *state;
    say(stage, "read a.txt");
    add_answer(stage);
    add_result(stage, "read", "No such file", true);
    assert_int_equal(complete(stage), MODEL_OK);
    assert_string_equal(text_of(stage), "no: No such file");
    add_answer(stage);
    assert_int_equal(say(stage, "first\nthank you \n"), MODEL_OK);
    assert_string_equal(text_of(stage), "{{first\nthank you \n}} on manager: thank you");
    add_answer(stage);
    assert_int_equal(say(stage, "read b.txt"), MODEL_OK); /* step 0 again */
    assert_string_equal(text_of(stage), "I look into b.txt.");
}

static void test_model_and_system(void **state)
{
    struct stage *stage = *state;
    stage->name = "webster";
    say(stage, "hello");
    assert_string_equal(text_of(stage), "{{hello}} on webster: hello");
    stage->system = "Know that You are Webster.";
    complete(stage);
    assert_string_equal(text_of(stage), "web");
}

static void test_pieces_keep_characters_whole(void **state)
{
    struct stage *stage = *state;
    assert_int_equal(say(stage, "streams"), MODEL_OK);
    assert_string_equal(buf_text(&stage->heard), "äöü🙂äöü🙂");
    assert_in_range(stage->pieces, 4, 6);
}

static void test_cancel_and_deadline(void **state)
{
    struct stage *stage = *state;
    stage->deadline = 1; /* long ago */
    assert_int_equal(say(stage, "waits"), MODEL_UNREACHABLE);
    assert_string_equal(stage->err.code, "model_timeout");
    /* A busy machine may reach the first deadlines before the first piece. */
    for (int64_t ms = 300; ms <= 20000 && stage->heard.len == 0; ms *= 4) {
        stage->deadline = time_boot_ms() + ms;
        assert_int_equal(say(stage, "stutters"), MODEL_UNREACHABLE);
    }
    assert_string_equal(buf_text(&stage->heard), "ab");
}

static void test_faults(void **state)
{
    struct stage *stage = *state;
    assert_int_equal(say(stage, "heals"), MODEL_OK); /* the third try */
    assert_string_equal(text_of(stage), "healed");
    assert_int_equal(say(stage, "dies"), MODEL_UNREACHABLE);
    assert_string_equal(buf_text(&stage->heard), "abc"); /* heard, so not tried again */
    assert_null(stage->answer.message);
    assert_int_equal(complete(stage), MODEL_OK);
    assert_int_equal(say(stage, "busy"), MODEL_RETRY_LATER);
    assert_int_equal(stage->retry_after_ms, 3000);
    assert_int_equal(complete(stage), MODEL_OK);
    assert_int_equal(say(stage, "wrong:auth"), MODEL_AUTH);
    assert_int_equal(say(stage, "wrong:long"), MODEL_TOO_LONG);
    assert_int_equal(say(stage, "wrong:refused"), MODEL_REFUSED);
    assert_int_equal(say(stage, "wrong:malformed"), MODEL_MALFORMED);
}

static const struct mistake {
    const char *text, *at, *want;
} mistakes[] = {
    {"", "0:0", "must be a mapping"},
    {"rules: []\n", "1:1", "at least one rule"},
    {"rules:\n  - say: a\n  - say: b\n", "2:5", "no \"when\""},
    {"rules:\n  - when: { user: a }\n    say: b\n", "2:5", "the last rule has a \"when\""},
    {"rules:\n  - think: a\n", "2:5", "answers nothing"},
    {"rules:\n  - sya: a\n    say: b\n", "2:5", "unknown key \"sya\""},
    {"rules:\n  - when: { usr: a }\n    say: b\n  - say: c\n", "2:13", "unknown key \"usr\""},
    {"rules:\n  - when: { user: '/(/' }\n    say: b\n  - say: c\n", "2:19", "regular expression"},
    {"rules:\n  - when: { user: '/((a{255}){255}){255}/' }\n    say: b\n  - say: c\n", "2:19",
     "smaller"},
    {"rules:\n  - when: { user: '/a{1,99999999999999999999}/' }\n    say: b\n  - say: c\n", "2:19",
     "smaller"},
    {"rules:\n  - say: 42\n", "2:10", "must be text"},
    {"rules:\n  - say: \"{{usr}}\"\n", "2:10", "{{usr}} is no placeholder"},
    {"rules:\n  - say: \"{{1}}\"\n", "2:10", "needs a regular expression"},
    {"rules:\n  - say: \"{{user\"\n", "2:10", "no }}"},
    {"rules:\n  - say: a\n    call: [ { with: {} } ]\n", "3:13", "\"tool\" is missing"},
    {"rules:\n  - call: [ { tool: x, with: { a: [ \"{{b}}\" ] } } ]\n", "2:37", "no placeholder"},
    {"rules:\n  - say: a\n    delay: 3\n", "3:12", "duration"},
    {"rules:\n  - say: a\n    stream: -1\n", "3:13", "whole number"},
    {"rules:\n  - say: a\n    fault: lazy\n", "3:12", "retry_later, unreachable"},
    {"rules:\n  - fault: { kind: retry_later }\n", "2:12", "needs \"after\""},
    {"rules:\n  - fault: { kind: cut, after: 3s }\n", "2:12", "belongs to retry_later"},
    {"rules:\n  - &a\n    say: a\n", "2:5", "anchors"},
    {"rules:\n  - say: \"a\n", "2:12", "YAML"},
    {"rules:\n  - say: a\npace: -1\n", "3:7", "from 0 to 100"},
    {"rules:\n  - say: a\nalso: []\n", "3:7", "a list of 1 to 8"},
    {"rules: []\nalso: a.yaml\n", "1:1", "at least one rule"},
    {"rules:\n  - say: a\nalso: a.yaml\n", "2:5", "no \"when\""},
};

static void test_mistakes_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        const struct mistake *mistake = &mistakes[i];
        struct arena arena = {0};
        struct findings findings;
        findings_init(&findings, &arena);
        assert_null(
            script_rules_read(mistake->text, strlen(mistake->text), SCRIPT_WHOLE, &findings));
        assert_true(findings.errors > 0);
        const struct finding *first = &findings.items[0];
        const char *at = arena_printf(&arena, "%d:%d", first->line, first->column);
        if (!strstr(first->message, mistake->want) || !str_eq(at, mistake->at))
            fail_msg("%s gives %s: %s", mistake->text, at, first->message);
        arena_fini(&arena);
    }
}

static void test_open_says_where(void **state)
{
    struct stage *stage = *state;
    struct err err;
    char path[80];
    snprintf(path, sizeof(path), "%s.broken", stage->path);
    write_file(path, "rules:\n  - say: 1\n  - say: 2\n");
    struct config_model config = {.name = "demo", .api = "script", .file = path};
    assert_null(script_open(&config, NULL, &err));
    assert_non_null(strstr(err.message, ".broken:2:"));
    assert_non_null(strstr(err.hint, "more mistakes"));
    unlink(path);
    assert_null(script_open(&config, NULL, &err));
    assert_string_equal(err.code, "no_script");
    config.file = NULL;
    assert_null(script_open(&config, NULL, &err));
    assert_non_null(strstr(err.hint, "models.demo.file"));
}

/* One script in three files: rules of the first come first; a rule that only fails steps aside. */
static void test_files_that_follow(void **state)
{
    struct stage *stage = *state;
    char middle[80], last[80];
    snprintf(middle, sizeof(middle), "%s.middle", stage->path);
    snprintf(last, sizeof(last), "%s.last", stage->path);
    stage->model->ops->close(stage->model);
    write_file(stage->path, arena_printf(&stage->arena,
                                         "pace: 0\nalso: [%s, %s]\nrules:\n"
                                         "  - when: { user: limited }\n"
                                         "    fault: { kind: retry_later, after: 3s, times: 1 }\n",
                                         strrchr(middle, '/') + 1, strrchr(last, '/') + 1));
    write_file(middle, "rules:\n  - when: { user: limited }\n    delay: 60s\n    say: middle\n");
    write_file(last, "rules:\n  - say: last\n");
    stage->model = script_open(&stage->config, NULL, &stage->err);
    if (!stage->model)
        fail_msg("%s", stage->err.message);
    assert_int_equal(say(stage, "limited"), MODEL_RETRY_LATER);
    assert_int_equal(complete(stage), MODEL_OK);
    assert_string_equal(text_of(stage), "middle");
    assert_int_equal(say(stage, "else"), MODEL_OK);
    assert_string_equal(text_of(stage), "last");
    write_file(middle, "also: x.yaml\nrules:\n  - when: { user: limited }\n    say: middle\n");
    assert_null(script_open(&stage->config, NULL, &stage->err));
    assert_non_null(strstr(stage->err.message, ".middle:1:7: also: belongs"));
    unlink(middle);
    assert_null(script_open(&stage->config, NULL, &stage->err));
    assert_non_null(strstr(stage->err.message, ".middle"));
    unlink(last);
}

/* The scripts that the repository ships load. */
static void test_examples_load(void **state)
{
    (void)state;
    static const char *const names[] = {"atomizer/scripts/company", "atomizer/scripts/demo",
                                        "mario/scripts/mario"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[4096];
        struct err err = {0};
        snprintf(path, sizeof(path), "%s/examples/%s.yaml", getenv("HQ_SOURCE"), names[i]);
        struct config_model config = {.name = "demo", .api = "script", .file = path};
        struct model *model = script_open(&config, NULL, &err);
        if (!model)
            fail_msg("%s %s", err.message, err.hint);
        model->ops->close(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tool_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_result_belongs_to_its_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_model_and_system, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pieces_keep_characters_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_and_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_faults, set_up, tear_down),
        cmocka_unit_test(test_mistakes_are_named),
        cmocka_unit_test_setup_teardown(test_open_says_where, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_that_follow, set_up, tear_down),
        cmocka_unit_test(test_examples_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
