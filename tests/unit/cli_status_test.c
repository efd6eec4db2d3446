/* The status table: its lines, its widths, its words in every state, with and without UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/status_text.h"

static json_t *agent(const char *text)
{
    json_t *value = json_parse(text, strlen(text), NULL);
    assert_non_null(value);
    return value;
}

static json_t *census_of(json_t *agents)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:{s:i}, s:{s:i, s:b}, s:o}", "company", "atomizer",
                     "state", "running", "up_ms", (json_int_t)273600000, "pss_kb",
                     (json_int_t)21504, "inbox", (json_int_t)0, "supervisor", "pid", 1, "hub",
                     "pid", 2, "answers", 1, "agents", agents);
}

static int widest(const char *text)
{
    int most = 0, columns = 0;
    for (; *text; text++) {
        columns = *text == '\n' ? 0 : columns + (((unsigned char)*text & 0xc0) != 0x80);
        most = columns > most ? columns : most;
    }
    return most;
}

static char *print(json_t *census, int columns, bool utf8, bool color)
{
    struct buf out = {0};
    struct status_look look = {.color = color, .utf8 = utf8, .columns = columns};
    status_print(census, &look, &out);
    json_decref(census);
    return buf_take(&out);
}

static json_t *example(void)
{
    json_t *agents = json_array();
    json_array_append_new(
        agents,
        agent("{\"id\":\"manager\",\"state\":\"working\",\"model\":\"a/opus-4.6\",\"task\":{"
              "\"id\":\"t-7f4abcdefg\",\"title\":\"thermal study\",\"age_ms\":130000}}"));
    json_array_append_new(
        agents, agent("{\"id\":\"optimizer\",\"state\":\"waiting\",\"waiting_for\":\"auditor "
                      "(t-80c1)\",\"waiting_on\":\"auditor\",\"model\":\"a/sonnet-4.5\",\"task\":{"
                      "\"id\":\"t-80bdxxxxxx\",\"title\":\"sweep\",\"age_ms\":840000}}"));
    json_array_append_new(
        agents, agent("{\"id\":\"auditor\",\"state\":\"waiting\",\"waiting_for\":\"you (g-7K2M)\","
                      "\"waiting_on\":\"you\",\"model\":\"g/gemini-2.5-pro\",\"task\":{\"id\":"
                      "\"t-80c1xxxxxx\",\"title\":\"review FEA\",\"age_ms\":540000}}"));
    json_array_append_new(
        agents, agent("{\"id\":\"study-builder\",\"state\":\"down\",\"supervised\":\"held\","
                      "\"restarts\":4,\"reason\":\"exit 1, died 5× in 60 s\",\"task\":null}"));
    json_array_append_new(agents, agent("{\"id\":\"secretary\",\"state\":\"idle\",\"task\":null}"));
    json_array_append_new(agents, agent("{\"id\":\"webster\",\"state\":\"idle\",\"task\":null}"));
    return census_of(agents);
}

static void the_table_is_as_designed(void **state)
{
    char *text = print(example(), 80, true, false);
    assert_string_equal(
        text, "atomizer · up 3d 4h · 6 agents · 21 MB\n"
              "  AGENT         STATE                     MODEL        TASK              FOR\n"
              "● manager       working                   opus-4.6     t-7f4abc thermal… 2m10s\n"
              "◧ optimizer     waiting: auditor (t-80c1) sonnet-4.5   t-80bdxx sweep    14m00s\n"
              "◧ auditor       waiting: you (g-7K2M)     gemini-2.5-… t-80c1xx review … 9m00s\n"
              "▲ study-builder down, held, restarted 4×: exit 1, died…  → hq logs study-builder\n"
              "○ secretary, webster  idle\n"
              "wait chain: optimizer → auditor → you\n");
    free(text);
}

static void ascii_and_colour_are_chosen(void **state)
{
    char *text = print(example(), 80, false, false);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c >= 0x80)
            assert_non_null(strstr(text, "died 5×")); /* a reason keeps its own letters */
    assert_non_null(strstr(text, "* manager"));
    assert_non_null(strstr(text, "! study-builder"));
    assert_non_null(strstr(text, "o secretary"));
    free(text);
    text = print(example(), 80, true, true);
    assert_non_null(strstr(text, "\033[32m●\033[0m manager"));
    free(text);
}

static void no_line_is_too_wide(void **state)
{
    for (int columns = 40; columns <= 200; columns += 7) {
        char *text = print(example(), columns, true, false);
        if (widest(text) > columns)
            fail_msg("%d columns in %d:\n%s", widest(text), columns, text);
        free(text);
    }
}

static void troubles_are_named(void **state)
{
    json_t *census = census_of(json_array());
    json_object_set_new(census, "supervisor", json_pack("{s:n}", "pid"));
    json_object_set_new(census, "hub", json_pack("{s:n, s:s}", "pid", "reason", "exit 1"));
    json_object_set_new(census, "state", json_string("degraded"));
    json_object_set_new(census, "config_changed", json_true());
    json_object_set_new(census, "inbox", json_integer(2));
    char *text = print(census, 80, true, false);
    assert_non_null(strstr(text, "· degraded ·"));
    assert_non_null(strstr(text, "config changed"));
    assert_non_null(strstr(text, "2 need you → hq inbox"));
    assert_non_null(strstr(text, "the hub is down: exit 1"));
    assert_non_null(strstr(text, "no supervisor"));
    free(text);
}

static void a_hub_that_refuses_is_named_with_its_reason(void **state)
{
    json_t *census = example();
    json_object_set_new(census, "up_ms", json_integer(0));
    json_object_set_new(census, "hub",
                        json_pack("{s:i, s:b, s:s}", "pid", 2, "answers", 0, "reason",
                                  "the token is missing or wrong"));
    char *text = print(census, 100, true, false);
    assert_non_null(strstr(text, "does not answer: the token is missing or wrong"));
    assert_null(strstr(text, "up 0"));
    free(text);
}

static void texts_from_outside_cannot_move_the_cursor(void **state)
{
    json_t *agents = json_array();
    json_array_append_new(agents,
                          agent("{\"id\":\"a\",\"state\":\"working\",\"model\":\"m\",\"task\":{"
                                "\"id\":\"t-1\",\"title\":\"x\\u001b[2Jy\\nz\",\"age_ms\":1}}"));
    char *text = print(census_of(agents), 80, true, false);
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text, "x [2Jy z"));
    free(text);
}

static json_t *with(json_t *census, const char *key, const char *text)
{
    json_object_set_new(census, key, agent(text));
    return census;
}

static void chains_budget_and_breaker_are_told(void **state)
{
    json_t *agents = json_array();
    json_array_append_new(agents,
                          agent("{\"id\":\"webster\",\"state\":\"idle\",\"task\":null,"
                                "\"breaker\":{\"failures\":5,\"until\":\"2099-01-01T14:05:00Z\"}}"));
    json_array_append_new(agents,
                          agent("{\"id\":\"auditor\",\"state\":\"idle\",\"task\":null,"
                                "\"breaker\":{\"failures\":1,\"until\":\"2001-01-01T14:05:00Z\"}}"));
    json_t *census = with(census_of(agents), "budget",
                          "{\"usd\":{\"limit\":20000000,\"spent\":3120000,\"per\":\"day\"}}");
    with(census, "chains",
         "[{\"agents\":[\"optimizer\",\"auditor\"],\"ends\":\"approval\",\"cycle\":false},"
         "{\"agents\":[\"manager\",\"webster\"],\"ends\":\"agent\",\"cycle\":false},"
         "{\"agents\":[\"a\",\"b\",\"a\"],\"ends\":\"cycle\",\"cycle\":true}]");
    char *text = print(census, 80, true, false);
    assert_string_equal(text, "atomizer · up 3d 4h · 2 agents · 21 MB · $3.12 of $20 today\n"
                              "  AGENT   STATE\n"
                              "‖ webster held: 5 failures, until 14:05\n"
                              "○ auditor  idle\n"
                              "wait chain: optimizer → auditor → you\n"
                              "wait circle ↻: a → b → a\n");
    free(text);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_as_designed),
        cmocka_unit_test(ascii_and_colour_are_chosen),
        cmocka_unit_test(no_line_is_too_wide),
        cmocka_unit_test(troubles_are_named),
        cmocka_unit_test(a_hub_that_refuses_is_named_with_its_reason),
        cmocka_unit_test(chains_budget_and_breaker_are_told),
        cmocka_unit_test(texts_from_outside_cannot_move_the_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
