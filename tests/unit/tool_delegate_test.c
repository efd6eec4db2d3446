/* What the tools that ask other agents make of their arguments: an operation, or a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "config/config.h"
#include "tool/tool.h"

static struct config_agent agents[2] = {{.id = "manager"}, {.id = "webster"}};
static const char *const aliases[] = {"web", NULL}, *const none[] = {NULL};
static struct config company = {.agents = agents, .agent_count = 2};

static int open_company(void **state)
{
    for (size_t i = 0; i < 2; i++)
        agents[i].aliases = agents[i].capabilities = agents[i].delegates = agents[i].revisits =
            none;
    agents[1].aliases = aliases;
    return 0;
}

/* The body that the hook makes, or NULL with err. */
static json_t *asked(const char *name, const char *text, struct err *err)
{
    const struct tool_place place = {.task = "t-1",
                                     .step = 2,
                                     .idx = 1,
                                     .agent = "manager",
                                     .session = "main",
                                     .config = &company};
    const struct tool *tool = tool_find(name);
    json_t *arguments = json_parse(text, strlen(text), err), *body = NULL;
    assert_non_null(arguments);
    if (tool_check(tool, arguments, err) == 0)
        body = tool->delegate(&place, arguments, err);
    json_decref(arguments);
    return body;
}

static void expect_body(const char *name, const char *arguments, const char *expected)
{
    struct err err = {0};
    struct arena arena = {0};
    json_t *body = asked(name, arguments, &err);
    assert_string_equal(body ? json_print(&arena, body) : err.message, expected);
    json_decref(body);
    arena_fini(&arena);
}

static void expect_sentence(const char *name, const char *arguments, const char *part)
{
    struct err err = {0};
    json_t *body = asked(name, arguments, &err);
    assert_null(body);
    if (!strstr(err.message, part))
        fail_msg("%s: %s", arguments, err.message);
}

static void delegate_says_all_that_was_asked(void **state)
{
    expect_body("delegate", "{\"agent\":\"webster\",\"instruction\":\"do\"}",
                "{\"agent\":\"webster\",\"instruction\":\"do\",\"mode\":\"sync\"}");
    expect_body(
        "delegate",
        "{\"capability\":\"websites\",\"instruction\":\"do\",\"mode\":\"async\",\"deadline\":"
        "\"5m\",\"patience\":90,\"deliver\":\"webhook:team\",\"budget_usd\":0.25,\"tools\":["
        "\"read\"],\"data\":[\"a\",{\"b\":1}],\"session\":\"s\",\"result_schema\":{}}",
        "{\"budget\":{\"micro_usd\":250000},\"capability\":\"websites\",\"data\":[\"a\",{\"b\":1}],"
        "\"deadline_ms\":300000,\"deliver\":{\"channel\":\"webhook\",\"to\":\"team\"},"
        "\"instruction\":\"do\",\"mode\":\"async\",\"patience_ms\":90000,\"result_schema\":{},"
        "\"session\":\"s\",\"tools\":[\"read\"]}");
    expect_body("delegate",
                "{\"agent\":\"w\",\"instruction\":\"x\",\"deadline\":\"30\",\"deliver\":false}",
                "{\"agent\":\"w\",\"deadline_ms\":30000,\"instruction\":\"x\",\"mode\":\"sync\"}");
}

static void delegate_refuses_nonsense_in_words(void **state)
{
    expect_sentence("delegate", "{\"agent\":\"w\"}", "needs the parameter instruction");
    expect_sentence("delegate", "{\"agent\":\"w\",\"instruction\":\" \\n\"}",
                    "instruction is empty");
    expect_sentence("delegate", "{\"instruction\":\"x\"}", "either an agent or a capability");
    expect_sentence("delegate", "{\"agent\":\"w\",\"capability\":\"c\",\"instruction\":\"x\"}",
                    "either an agent or a capability");
    expect_sentence("delegate", "{\"agent\":\"w\",\"instruction\":\"x\",\"mode\":\"later\"}",
                    "must be one of: sync, async");
    expect_sentence("delegate", "{\"agent\":\"w\",\"instruction\":\"x\",\"deadline\":-5}",
                    "deadline must be");
    expect_sentence("delegate", "{\"agent\":\"w\",\"instruction\":\"x\",\"deadline\":0}",
                    "deadline must be");
    expect_sentence("delegate", "{\"agent\":\"w\",\"instruction\":\"x\",\"deadline\":1e300}",
                    "deadline must be");
    expect_sentence("delegate", "{\"agent\":\"w\",\"instruction\":\"x\",\"patience\":\"soon\"}",
                    "patience must be");
    expect_sentence("delegate", "{\"agent\":\"w\",\"instruction\":\"x\",\"budget_usd\":-1}",
                    "budget_usd must be");
    expect_sentence("delegate", "{\"agent\":\"w\",\"instruction\":\"x\",\"data\":\"text\"}",
                    "data must be an array, not a string");
    expect_sentence("delegate", "{\"agent\":\"w\",\"instruction\":\"x\",\"data\":[\"a\",7]}",
                    "data[1] must be a string or an object, not an integer");
    expect_sentence("delegate", "{\"agent\":\"w\",\"instruction\":\"x\",\"deadline\":[]}",
                    "must be a number or a string, not a list");
}

static void an_instruction_has_a_limit(void **state)
{
    struct err err = {0};
    const struct tool_place place = {.task = "t-1", .agent = "manager", .config = &company};
    char *text = mem_alloc(LIMIT_INSTRUCTION + 2);
    memset(text, 'x', LIMIT_INSTRUCTION + 1);
    text[LIMIT_INSTRUCTION + 1] = '\0';
    json_t *arguments = json_pack("{s:s,s:s}", "agent", "w", "instruction", text);
    assert_null(tool_find("delegate")->delegate(&place, arguments, &err));
    assert_non_null(strstr(err.message, "at most"));
    json_decref(arguments);
    free(text);
}

static void sessions_are_asked_as_openclaw_names_them(void **state)
{
    expect_body(
        "sessions_send", "{\"sessionKey\":\"agent:web:hook:1\",\"message\":\"hi\"}",
        "{\"agent\":\"webster\",\"instruction\":\"hi\",\"mode\":\"sync\",\"patience_ms\":30000,"
        "\"session\":\"hook:1\"}");
    expect_body(
        "sessions_send",
        "{\"sessionKey\":\"agent:main:x\",\"message\":\"hi\",\"timeoutSeconds\":0}",
        "{\"agent\":\"manager\",\"instruction\":\"hi\",\"mode\":\"async\",\"session\":\"x\"}");
    expect_body(
        "sessions_send", "{\"label\":\"A b/c\",\"agentId\":\"webster\",\"message\":\"hi\"}",
        "{\"agent\":\"webster\",\"instruction\":\"hi\",\"mode\":\"sync\",\"patience_ms\":30000,"
        "\"session\":\"subagent:A-b-c\"}");
    expect_sentence("sessions_send", "{\"message\":\"hi\"}", "Name the session");
    expect_sentence("sessions_send",
                    "{\"sessionKey\":\"x\",\"message\":\"hi\",\"timeoutSeconds\":-1}",
                    "timeoutSeconds must be 0");
    expect_body(
        "sessions_spawn",
        "{\"task\":\"go\",\"label\":\"corner\",\"timeoutSeconds\":60,\"model\":\"a/"
        "b\",\"thinking\":"
        "\"low\",\"cleanup\":\"keep\"}",
        "{\"agent\":\"manager\",\"deadline_ms\":60000,\"instruction\":\"go\",\"mode\":\"async\","
        "\"model\":\"a/"
        "b\",\"name\":\"corner\",\"session\":\"subagent:corner\",\"thinking\":\"low\"}");
}

/* The session is the call's, so that the same call again is the same session. */
static void a_spawn_without_label_has_its_own_session(void **state)
{
    struct err err;
    json_t *one = asked("sessions_spawn", "{\"task\":\"go\"}", &err);
    json_t *two = asked("sessions_spawn", "{\"task\":\"go\"}", &err);
    json_t *call =
        json_pack("{s:s,s:i,s:i,s:{},s:{s:s,s:s,s:s}}", "task", "t-1", "step", 2, "idx", 1,
                  "request", "response", "task", "t-2", "agent", "manager", "state", "queued");
    json_t *answer = tool_find("sessions_spawn")->answer(call);
    const char *key = json_get_text(one, "session", "");
    assert_int_equal(strlen(key), strlen("subagent:") + 26);
    assert_string_equal(key, json_get_text(two, "session", ""));
    assert_non_null(strstr(json_get_text(answer, "childSessionKey", ""), key));
    json_decref(answer);
    json_decref(call);
    json_decref(two);
    json_decref(one);
}

static void one_word_allows_the_family(void **state)
{
    const char *word[] = {"delegate", NULL}, *name[] = {"task_wait", NULL};
    assert_true(tool_is_allowed(tool_find("delegate"), word));
    assert_true(tool_is_allowed(tool_find("task_cancel"), word));
    assert_true(tool_is_allowed(tool_find("agents_list"), word));
    assert_false(tool_is_allowed(tool_find("sessions_send"), word));
    assert_false(tool_is_allowed(tool_find("exec"), word));
    assert_true(tool_is_allowed(tool_find("task_wait"), name));
    assert_false(tool_is_allowed(tool_find("delegate"), name));
    assert_false(tool_is_allowed(NULL, word));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delegate_says_all_that_was_asked),
        cmocka_unit_test(delegate_refuses_nonsense_in_words),
        cmocka_unit_test(an_instruction_has_a_limit),
        cmocka_unit_test(sessions_are_asked_as_openclaw_names_them),
        cmocka_unit_test(a_spawn_without_label_has_its_own_session),
        cmocka_unit_test(one_word_allows_the_family),
    };
    return cmocka_run_group_tests(tests, open_company, NULL);
}
