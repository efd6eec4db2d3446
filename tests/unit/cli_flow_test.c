/* What a run's answer means for people: exit codes, who is waited for, a step in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/json.h"
#include "cli/flow_look.h"

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    assert_non_null(value);
    return value;
}

static void test_exit_codes(void **state)
{
    static const struct {
        const char *state;
        int code, ended;
    } cases[] = {{"done", 0, 1},      {"failed", 1, 1},  {"rejected", 5, 1}, {"cancelled", 1, 1},
                 {"timed_out", 1, 1}, {"running", 1, 0}, {"waiting", 1, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *run = json_pack("{s:s}", "state", cases[i].state);
        assert_int_equal(flow_has_ended(run), cases[i].ended);
        if (cases[i].ended)
            assert_int_equal(flow_exit_code(run), cases[i].code);
        json_decref(run);
    }
}

static void test_who_is_waited_for(void **state)
{
    static const struct {
        const char *run;
        int people;
        const char *gate;
    } cases[] = {
        {"{\"state\":\"waiting\",\"steps\":{\"a\":{\"state\":\"waiting\"}},"
         "\"approvals\":[{\"id\":\"g-1\",\"state\":\"pending\"}]}",
         1, "g-1"},
        /* A timer is open beside the gate. */
        {"{\"state\":\"waiting\",\"steps\":{\"a\":{\"state\":\"waiting\"},\"b\":{\"state\":"
         "\"waiting\"}},\"approvals\":[{\"id\":\"g-1\",\"state\":\"pending\"}]}",
         0, "g-1"},
        {"{\"state\":\"running\",\"steps\":{\"a\":{\"state\":\"running\"}},\"approvals\":[]}", 0,
         NULL},
        /* The first round's gate is over. */
        {"{\"state\":\"waiting\",\"steps\":{\"a\":{\"state\":\"waiting\"}},\"approvals\":[{"
         "\"id\":\"g-1\",\"state\":\"changes_requested\"},{\"id\":\"g-2\",\"state\":\"pending\"}]}",
         1, "g-2"},
        {"{\"state\":\"waiting\",\"steps\":{\"a\":{\"state\":\"waiting\"}}}", 0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *run = parse(cases[i].run);
        const json_t *gate = flow_gate(run);
        assert_int_equal(flow_waits_for_people(run), cases[i].people);
        if (cases[i].gate)
            assert_string_equal(json_get_text(gate, "id", ""), cases[i].gate);
        else
            assert_null(gate);
        json_decref(run);
    }
}

static void test_a_step_in_words(void **state)
{
    static const char *const cases[][2] = {
        {"{\"state\":\"pending\"}", ""},
        {"{\"state\":\"running\",\"tries\":1}", "works"},
        {"{\"state\":\"running\",\"tries\":2,\"round\":1}", "works, try 2, round 2"},
        {"{\"state\":\"waiting\",\"reason\":\"approval g-7\"}", "waits for approval g-7"},
        {"{\"state\":\"skipped\",\"reason\":\"its if is false\"}", "skipped: its if is false"},
        {"{\"state\":\"failed\",\"failure\":{\"class\":\"timeout\",\"message\":\"no answer\"}}",
         "failed: no answer (timeout)"},
        {"{\"state\":\"rejected\",\"failure\":{\"class\":\"rejected\",\"message\":\"not yet\"}}",
         "rejected: not yet"},
    };
    struct arena arena = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *step = parse(cases[i][0]);
        assert_string_equal(flow_step_words(step, &arena), cases[i][1]);
        json_decref(step);
    }
    assert_string_equal(flow_sign("waiting", false), "~");
    assert_string_equal(flow_sign("what is that", true), "·");
    arena_fini(&arena);
}

static void test_how_long(void **state)
{
    (void)state;
    json_t *step = parse("{\"started_at\":\"2026-11-22T15:04:05.000Z\",\"finished_at\":"
                         "\"2026-11-22T15:04:07.500Z\"}");
    assert_int_equal(flow_step_ms(step), 2500);
    json_object_del(step, "started_at");
    assert_int_equal(flow_step_ms(step), -1);
    json_decref(step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_who_is_waited_for),
        cmocka_unit_test(test_a_step_in_words),
        cmocka_unit_test(test_how_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
