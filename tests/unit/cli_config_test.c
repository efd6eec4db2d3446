/* hq config, as a script meets it: exit codes, JSON, what goes where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/arena.h"
#include "base/json.h"
#include "folder_fixture.h"

static char output[65536];

/* Runs `hq <words>` in the folder; its standard output is in `output`. Returns the exit code. */
static int hq(const char *words)
{
    FILE *pipe = popen(
        arena_printf(&arena, "cd '%s' && '%s' %s 2>err", dir, getenv("HQ_BINARY"), words), "r");
    assert_non_null(pipe);
    output[fread(output, 1, sizeof(output) - 1, pipe)] = '\0';
    return WEXITSTATUS(pclose(pipe));
}

static json_t *hq_json(const char *words, int code)
{
    assert_int_equal(hq(words), code);
    json_t *document = json_loads(output, 0, NULL);
    if (!document)
        fail_msg("hq %s: no JSON: %s", words, output);
    return document;
}

static void put_file(const char *text)
{
    FILE *file = fopen(arena_printf(&arena, "%s/hq.yaml", dir), "w");
    fputs(text, file);
    fclose(file);
}

static const char good[] =
    "models: {m: {api: openai-chat}}\ndefaults: {model: m/x}\nagents: {a: }\n";

static void a_good_file_is_good(void **state)
{
    put_file(good);
    assert_int_equal(hq("config validate"), 0);
    assert_string_equal(output, "hq.yaml: good: 1 agent, 1 provider of models, 0 warnings\n");
    assert_int_equal(hq("config path"), 0);
    assert_string_equal(output, arena_printf(&arena, "%s/hq.yaml\n", dir));
    json_t *document = hq_json("config validate --json", 0);
    assert_true(json_get_bool(document, "ok", false));
    assert_int_equal(json_get_int(document, "schema_version", 0), 1);
    assert_int_equal(json_array_size(json_object_get(document, "findings")), 0);
    json_decref(document);
}

static void errors_exit_2(void **state)
{
    put_file("agents: {a: {port: x}}\n");
    assert_int_equal(hq("config validate"), 2);
    assert_non_null(strstr(output, "hq.yaml:1:20: port: \"x\" is not a port (1–65535)\n"));
    json_t *document = hq_json("config validate --json", 2);
    assert_false(json_get_bool(document, "ok", true));
    json_t *second = json_array_get(json_object_get(document, "findings"), 1);
    assert_string_equal(json_get_text(second, "level", ""), "error");
    assert_int_equal(json_get_int(second, "column", 0), 20);
    json_decref(document);
    assert_int_equal(hq("config explain agents.a.port"), 2);
    assert_string_equal(output, "");
    assert_int_equal(hq("config validate none.yaml"), 2);
    assert_int_equal(hq("-C /nowhere-at-all config path"), 2);
    document = hq_json("-C /nowhere-at-all config path --json", 2);
    assert_string_equal(json_get_text(json_object_get(document, "error"), "code", ""), "no_config");
    json_decref(document);
}

static void explain_names_value_and_origin(void **state)
{
    put_file(good);
    assert_int_equal(hq("config explain agents.a.model.primary"), 0);
    assert_non_null(
        strstr(output, "agents.a.model.primary = m/x\n  from   hq.yaml:2:19 (defaults."));
    json_t *document = hq_json("config explain agents.a.port --json", 0);
    assert_int_equal(json_get_int(document, "value", 0), 18800);
    assert_string_equal(json_get_text(document, "from", ""), "default");
    json_decref(document);
    document = hq_json("config explain agents.a.prt --json", 2);
    assert_string_equal(json_get_text(json_object_get(document, "error"), "hint", ""),
                        "did you mean agents.a.port?");
    json_decref(document);
    document = hq_json("config explain --json", 0);
    assert_true(json_array_size(json_object_get(document, "items")) > 60);
    json_decref(document);
    document = hq_json("config schema", 0);
    assert_string_equal(json_get_text(document, "title", ""), "hq.yaml");
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(a_good_file_is_good),
        FOLDER_TEST(errors_exit_2),
        FOLDER_TEST(explain_names_value_and_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
