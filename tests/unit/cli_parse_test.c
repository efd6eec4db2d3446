/* The command line's parser: flags anywhere, families, values, and what one could have meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "cli/command.h"

static const struct command_option logs_options[] = {
    {"follow", 'f', NULL, "follow"}, {"lines", 'n', "N", "lines"}, {"since", 0, "DUR", "age"}, {0}};
static const struct command status = {.name = "status", .usage = ""};
static const struct command logs = {
    .name = "logs", .usage = "[AGENT…]", .options = logs_options, .max_args = 8};
static const struct command ask = {
    .name = "ask", .usage = "AGENT TEXT|-", .min_args = 2, .max_args = 2};
static const struct command task_list = {.name = "task list", .usage = ""};
static const struct command task_show = {
    .name = "task show", .usage = "ID", .min_args = 1, .max_args = 1};
static const struct command *const table[] = {&status, &logs, &ask, &task_list, &task_show, NULL};

static struct arena arena;
static struct invocation got;
static struct err err;

static int parse(const char *const *words)
{
    int count = 0;
    while (words[count])
        count++;
    arena_fini(&arena);
    got = (struct invocation){.arena = &arena};
    err = (struct err){0};
    return command_parse(table, count, (char *const *)words, &got, &err);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void global_flags_stand_anywhere(void **state)
{
    assert_int_equal(PARSE("-C", "/x", "logs", "--json", "manager", "-q", "--timeout=2s"), 0);
    assert_ptr_equal(got.command, &logs);
    assert_string_equal(got.dir, "/x");
    assert_true(got.json && got.quiet && !got.verbose);
    assert_int_equal(got.timeout_ms, 2000);
    assert_int_equal(got.arg_count, 1);
    assert_string_equal(got.args[0], "manager");
    assert_null(got.args[1]);
    assert_int_equal(PARSE("status"), 0);
    assert_int_equal(got.timeout_ms, -1);
    assert_true(!got.no_input && !got.yes);
    assert_int_equal(PARSE("status", "-yq", "--no-input"), 0);
    assert_true(got.no_input && got.yes && got.quiet);
}

static void options_take_values_in_every_form(void **state)
{
    int64_t n;
    assert_int_equal(PARSE("logs", "-fn5"), 0);
    assert_true(invocation_has(&got, "follow"));
    assert_int_equal(invocation_number(&got, "lines", 20, &n, &err), 0);
    assert_int_equal(n, 5);
    assert_int_equal(PARSE("logs", "-n", "7", "a"), 0);
    assert_string_equal(invocation_value(&got, "lines"), "7");
    assert_int_equal(PARSE("logs", "--lines=8"), 0);
    assert_string_equal(invocation_value(&got, "lines"), "8");
    assert_false(invocation_has(&got, "follow"));
    assert_int_equal(invocation_duration(&got, "since", 99, &n, &err), 0);
    assert_int_equal(n, 99);
}

static void wrong_values_are_shown(void **state)
{
    int64_t n;
    assert_int_equal(PARSE("logs", "-n", "many"), 0);
    assert_int_equal(invocation_number(&got, "lines", 20, &n, &err), -1);
    assert_string_equal(err.message, "--lines: \"many\" is not a number from 0 to 1000000");
    assert_int_equal(PARSE("status", "--timeout", "5"), -1);
    assert_string_equal(err.message, "--timeout: \"5\" is not a duration");
    assert_int_equal(PARSE("status", "--color", "blue"), -1);
    assert_int_equal(PARSE("logs", "-n"), -1);
    assert_string_equal(err.message, "--lines needs a value (N)");
    assert_int_equal(PARSE("logs", "--follow=yes"), -1);
    assert_string_equal(err.message, "--follow takes no value");
}

static void families_have_two_words(void **state)
{
    assert_int_equal(PARSE("task", "-v", "show", "t-1"), 0);
    assert_ptr_equal(got.command, &task_show);
    assert_string_equal(got.args[0], "t-1");
    assert_int_equal(PARSE("task"), -1);
    assert_string_equal(err.message, "hq task needs to know what to do: list, show");
    assert_int_equal(PARSE("task", "lits"), -1);
    assert_string_equal(err.message, "unknown command \"task lits\"");
    assert_string_equal(err.hint, "Did you mean \"hq task list\"?");
}

static void the_nearest_word_is_suggested(void **state)
{
    assert_int_equal(PARSE("statsu"), -1);
    assert_string_equal(err.code, "usage");
    assert_string_equal(err.message, "unknown command \"statsu\"");
    assert_string_equal(err.hint, "Did you mean \"hq status\"?");
    assert_int_equal(PARSE("logs", "--folow"), -1);
    assert_string_equal(err.message, "logs: unknown option \"--folow\"");
    assert_string_equal(err.hint, "Did you mean \"--follow\"?");
    assert_int_equal(PARSE("status", "--jsn"), -1);
    assert_string_equal(err.hint, "Did you mean \"--json\"?");
    assert_int_equal(PARSE("logs", "-x"), -1);
    assert_string_equal(err.message, "logs: unknown option \"-x\"");
    assert_int_equal(PARSE("zzzzzz"), -1);
    assert_string_equal(err.hint, "See: hq help");
}

static void arguments_are_counted(void **state)
{
    assert_int_equal(PARSE("ask", "manager"), -1);
    assert_string_equal(err.message, "hq ask needs AGENT TEXT|-");
    assert_int_equal(PARSE("ask", "manager", "two", "three"), -1);
    assert_string_equal(err.message, "hq ask: \"three\" is one argument too many");
    assert_int_equal(PARSE("ask", "manager", "-"), 0);
    assert_string_equal(got.args[1], "-");
    assert_int_equal(PARSE("ask", "--", "manager", "--json"), 0);
    assert_string_equal(got.args[1], "--json");
    assert_false(got.json);
    assert_int_equal(PARSE("ask", "-h"), 0);
    assert_true(got.help);
    assert_int_equal(PARSE("task", "--help"), 0);
    assert_string_equal(got.args[0], "task");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(global_flags_stand_anywhere),
        cmocka_unit_test(options_take_values_in_every_form),
        cmocka_unit_test(wrong_values_are_shown),
        cmocka_unit_test(families_have_two_words),
        cmocka_unit_test(the_nearest_word_is_suggested),
        cmocka_unit_test(arguments_are_counted),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&arena);
    return failed;
}
