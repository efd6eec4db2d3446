/* exec on the real hq: results, refusals, cancellation. What the sandbox holds back is in
 * sys_guard_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/time.h"
#include "program.h"
#include "sys/guard.h"
#include "sys/guard_switch.h"
#include "tool/tool.h"

static char top[64], workspace[80], locks[80];
static struct tool_place place;
static struct arena arena;
static const char *why_not;

static int place_open(void **state)
{
    snprintf(top, sizeof(top), "/tmp/hq-exec-XXXXXX");
    if (!mkdtemp(top))
        return -1;
    snprintf(workspace, sizeof(workspace), "%s/workspace", top);
    snprintf(locks, sizeof(locks), "%s/run", top);
    mkdir(workspace, 0755);
    mkdir(locks, 0755);
    place = (struct tool_place){.task = "t-1",
                                .workspace = workspace,
                                .lock_dir = locks,
                                .exec_timeout_ms = 20000,
                                .cancel = guard_switch_open()};
    return 0;
}

static int place_close(void **state)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -rf %s", top);
    arena_fini(&arena);
    guard_switch_close(place.cancel);
    return system(command);
}

/* Runs exec; *exit_code -1 where there is none. */
static struct tool_result run(const char *text, int64_t *exit_code)
{
    struct tool_result result = {0};
    struct err err;
    const struct tool *tool = tool_find("bash");
    json_t *arguments = json_parse(text, strlen(text), &err);
    if (tool_check(tool, arguments, &err) < 0 ||
        tool->run(&place, arguments, &arena, &result, &err) < 0)
        fail_msg("%s", err.message);
    *exit_code = json_get_int(result.details, "exitCode", -1);
    json_decref(result.details);
    json_decref(arguments);
    return result;
}

static void needs_a_sandbox(void)
{
    if (!why_not)
        return;
    print_message("# SKIP: commands cannot be confined here: %s\n", why_not);
    skip();
}

static void results_are_told(void **state)
{
    int64_t code;
    needs_a_sandbox();
    struct tool_result result = run("{\"command\":\"echo out; echo err >&2\"}", &code);
    assert_string_equal(result.text, "out\nerr\n");
    assert_false(result.is_error);
    assert_int_equal(code, 0);
    result = run("{\"command\":\"printf x; exit 3\"}", &code);
    assert_string_equal(result.text, "x\n\nCommand exited with code 3");
    assert_true(result.is_error);
    assert_int_equal(code, 3);
    result = run("{\"command\":\"true\"}", &code);
    assert_string_equal(result.text, "(no output)");
    result = run("{\"command\":\"printf 'a\\\\377\\\\000b'\"}", &code);
    assert_string_equal(result.text, "a\xef\xbf\xbd\xef\xbf\xbd"
                                     "b");
    result = run("{\"command\":\"kill -9 $$\"}", &code);
    assert_non_null(strstr(result.text, "ended by signal 9"));
    assert_int_equal(rmdir(locks), 0); /* no lock file stays */
    mkdir(locks, 0755);
}

static void folder_and_environment(void **state)
{
    int64_t code;
    needs_a_sandbox();
    struct tool_result result = run("{\"command\":\"mkdir a; echo $HOME > home\"}", &code);
    result = run("{\"command\":\"pwd; echo $A; ls $TMPDIR\",\"workdir\":\"a\","
                 "\"env\":{\"A\":\"b c\"}}",
                 &code);
    assert_string_equal(result.text, arena_printf(&arena, "%s/a\nb c\n", workspace));
    result = run("{\"command\":\"pwd\",\"workdir\":\"/usr\"}", &code);
    assert_non_null(strstr(result.text, "outside the workspace"));
    result = run("{\"command\":\"pwd\",\"workdir\":\"..\"}", &code);
    assert_non_null(strstr(result.text, "leads out"));
    result = run("{\"command\":\"pwd\",\"workdir\":\"nowhere\"}", &code);
    assert_true(result.is_error);
}

static void loader_variables_are_refused(void **state)
{
    static const char *const names[] = {"PATH",         "LD_PRELOAD", "ld_library_path",
                                        "NODE_OPTIONS", "BASH_ENV",   "ENV",
                                        "IFS",          "DYLD_X",     "SSLKEYLOGFILE"};
    int64_t code;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct tool_result result = run(
            arena_printf(&arena, "{\"command\":\"true\",\"env\":{\"%s\":\"x\"}}", names[i]), &code);
        assert_true(result.is_error);
        assert_non_null(strstr(result.text, "may not be set"));
    }
}

static void what_is_missing_is_said(void **state)
{
    int64_t code;
    assert_non_null(
        strstr(run("{\"command\":\"true\",\"background\":true}", &code).text, "not supported yet"));
    assert_non_null(
        strstr(run("{\"command\":\"true\",\"pty\":true}", &code).text, "not supported yet"));
}

static void a_long_output_loses_its_middle(void **state)
{
    int64_t code;
    needs_a_sandbox();
    struct tool_result result =
        run("{\"command\":\"echo first; head -c 100000000 /dev/zero | tr '\\\\0' x; echo; "
            "echo last\"}",
            &code);
    assert_int_equal(code, 0);
    assert_true(strlen(result.text) < 200200);
    assert_int_equal(strncmp(result.text, "first\nxxx", 9), 0);
    assert_non_null(strstr(result.text, "xxx\nlast\n"));
    assert_non_null(strstr(result.text, "[... 99800012 bytes dropped here ...]"));
}

static void time_runs_out(void **state)
{
    int64_t code;
    needs_a_sandbox();
    struct tool_result result = {.text = ""};
    /* A busy machine may reach the first deadlines before the command's first word. */
    int seconds = 1;
    for (; seconds <= 9 && !str_starts(result.text, "hi\n"); seconds *= 3)
        result =
            run(arena_printf(&arena, "{\"command\":\"echo hi; sleep 60\",\"timeout\":%d}", seconds),
                &code);
    assert_string_equal(
        result.text,
        arena_printf(&arena, "hi\n\nCommand timed out after %d.0s and was killed", seconds / 3));
}

static void *cancel_when_started(void *unused)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/started", workspace);
    int64_t deadline = time_boot_ms() + 15000;
    while (access(path, F_OK) != 0 && time_boot_ms() < deadline)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    guard_switch_off(place.cancel);
    return NULL;
}

static void a_cancelled_turn_ends_its_command(void **state)
{
    int64_t code;
    pthread_t thread;
    needs_a_sandbox();
    assert_int_equal(thread_start(&thread, "cancel", cancel_when_started, NULL), 0);
    struct tool_result result = run("{\"command\":\"touch started; sleep 18; touch late\"}", &code);
    pthread_join(thread, NULL);
    assert_string_equal(result.text, "Command was cancelled and killed");
    assert_int_equal(access(arena_printf(&arena, "%s/late", workspace), F_OK), -1);
    result = run("{\"command\":\"true\"}", &code);
    assert_non_null(strstr(result.text, "was not run"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_are_told, place_open, place_close),
        cmocka_unit_test_setup_teardown(folder_and_environment, place_open, place_close),
        cmocka_unit_test_setup_teardown(loader_variables_are_refused, place_open, place_close),
        cmocka_unit_test_setup_teardown(what_is_missing_is_said, place_open, place_close),
        cmocka_unit_test_setup_teardown(a_long_output_loses_its_middle, place_open, place_close),
        cmocka_unit_test_setup_teardown(time_runs_out, place_open, place_close),
        cmocka_unit_test_setup_teardown(a_cancelled_turn_ends_its_command, place_open, place_close),
    };
    struct arena probe = {0};
    program_set();
    guard_available(&probe, &why_not);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&probe);
    return rc;
}
