/* What ask_human makes of its arguments: an item for the inbox, or a sentence for the model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "config/config.h"
#include "tool/tool.h"

static const char *const leads[] = {"lead", NULL}, *const none[] = {NULL};
static const struct config_person people[] = {{"lea", none, true}, {"eve", leads, false}};
static struct config company;

static json_t *asked(const char *text, struct err *err)
{
    const struct tool_place place = {.task = "t-1", .agent = "manager", .config = &company};
    const struct tool *tool = tool_find("ask_human");
    json_t *arguments = json_parse(text, strlen(text), err), *body = NULL;
    assert_non_null(arguments);
    if (tool_check(tool, arguments, err) == 0)
        body = tool->ask(&place, arguments, err);
    json_decref(arguments);
    return body;
}

static void expect_body(const char *arguments, const char *expected)
{
    struct err err = {0};
    struct arena arena = {0};
    json_t *body = asked(arguments, &err);
    assert_string_equal(body ? json_print(&arena, body) : err.message, expected);
    json_decref(body);
    arena_fini(&arena);
}

static void expect_sentence(const char *arguments, const char *part)
{
    struct err err = {0};
    json_t *body = asked(arguments, &err);
    if (body || !strstr(err.message, part))
        fail_msg("%s: %s", arguments, body ? "accepted" : err.message);
}

static int with_people(void **state)
{
    company = (struct config){.people = people, .person_count = 2};
    return 0;
}

static void a_question_becomes_an_item(void **state)
{
    expect_body("{\"question\":\"Which?\\nSay.\"}",
                "{\"expires_ms\":86400000,\"kind\":\"question\",\"subject\":\"{\\\"agent\\\":"
                "\\\"manager\\\",\\\"show\\\":\\\"Which?\\\\nSay.\\\",\\\"task\\\":\\\"t-1\\\","
                "\\\"title\\\":\\\"Which?\\\"}\",\"title\":\"Which?\"}");
    struct err err = {0};
    json_t *body = asked("{\"question\":\"Which?\",\"context\":\"c\",\"options\":[\"a\",\"b\"],"
                         "\"to\":[\"person:eve\",\"role:lead\"],\"expires\":\"5m\"}",
                         &err);
    assert_int_equal(json_get_int(body, "expires_ms", 0), 300000);
    assert_int_equal(json_array_size(json_object_get(body, "deciders")), 2);
    assert_int_equal(json_array_size(json_object_get(body, "options")), 2);
    json_t *subject = json_loads(json_get_text(body, "subject", ""), 0, NULL);
    assert_string_equal(json_get_text(subject, "context", ""), "c");
    assert_true(json_equal(json_object_get(subject, "by"), json_object_get(body, "deciders")));
    assert_true(json_equal(json_object_get(subject, "options"), json_object_get(body, "options")));
    json_decref(subject);
    json_decref(body);
}

static void who_cannot_answer_is_not_asked(void **state)
{
    expect_sentence("{\"question\":\"?\",\"to\":\"person:max\"}",
                    "There is no person:max to ask; leave \"to\" out for anybody, or ask one of: "
                    "person:lea, person:eve.");
    expect_sentence("{\"question\":\"?\",\"to\":\"role:boss\"}", "There is no role:boss");
    expect_sentence("{\"question\":\"?\",\"to\":\"eve\"}", "There is no eve");
    expect_sentence("{\"question\":\"?\",\"to\":[\"role:lead\",3]}", "");
    company = (struct config){0};
    struct err err = {0};
    json_t *body = asked("{\"question\":\"?\",\"to\":[\"role:boss\",\"person:owner\"]}", &err);
    assert_non_null(body); /* the owner has every role */
    json_decref(body);
    expect_sentence("{\"question\":\"?\",\"to\":\"person:lea\"}", "person:owner");
}

static void what_makes_no_sense_is_a_sentence(void **state)
{
    expect_sentence("{}", "question");
    expect_sentence("{\"question\":\" \"}", "question is empty");
    expect_sentence("{\"question\":\"?\",\"options\":[\"a\",\" \"]}", "options");
    expect_sentence("{\"question\":\"?\",\"expires\":\"soon\"}", "expires must be");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_question_becomes_an_item, with_people),
        cmocka_unit_test_setup(who_cannot_answer_is_not_asked, with_people),
        cmocka_unit_test_setup(what_makes_no_sense_is_a_sentence, with_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
