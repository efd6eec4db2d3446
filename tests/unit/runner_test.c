/* What a task of the runner may ask for, the run's folder, and what a command's end comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "runner/command.h"
#include "runner/folder.h"
#include "runner/outcome.h"
#include "wire/task.h"

static struct arena arena;
static struct err err;

static int begin(void **state)
{
    arena = (struct arena){0};
    err = (struct err){0};
    return 0;
}

static int end(void **state)
{
    arena_fini(&arena);
    return 0;
}

/* Reads the command of a task with this data; takes the reference. */
static int read_data(json_t *data, struct command *command)
{
    struct task task = {.id = "t-1"};
    task.data = json_print(&arena, data);
    json_decref(data);
    return command_read(&task, &arena, command, &err);
}

static int read_variable(const char *name, json_t *value)
{
    struct command command;
    json_t *env = json_object();
    json_object_set_new(env, name, value);
    return read_data(json_pack("[{s:s,s:o}]", "command", "true", "env", env), &command);
}

static void a_command_is_read(void **state)
{
    struct command command;
    assert_int_equal(
        read_data(json_pack("[{s:s,s:{s:s},s:s,s:s,s:s,s:i,s:s}]", "command", "echo \"$A\"", "env",
                            "A", "x=1\n$(y)", "stdin", "in", "format", "json", "on_unknown", "fail",
                            "timeout_ms", 7, "definition", "abc"),
                  &command),
        0);
    assert_string_equal(command.text, "echo \"$A\"");
    assert_string_equal(command.env[0], "A=x=1\n$(y)");
    assert_null(command.env[1]);
    assert_string_equal(command.input, "in");
    assert_string_equal(command.definition, "abc");
    assert_true(command.is_json);
    assert_int_equal(command.on_unknown, UNKNOWN_FAIL);
    assert_int_equal(command.timeout_ms, 7);
    assert_int_equal(read_data(json_pack("[{s:s}]", "command", "true"), &command), 0);
    assert_null(command.env[0]);
    assert_null(command.input);
    assert_int_equal(command.on_unknown, UNKNOWN_ASK);
    assert_int_equal(read_data(json_pack("[{s:s}]", "command", " "), &command), -1);
    assert_int_equal(read_data(json_pack("[]"), &command), -1);
}

static void no_value_becomes_more_than_a_value(void **state)
{
    static const char *const bad[] = {"",
                                      "A=B",
                                      "1A",
                                      "A B",
                                      "A-B",
                                      "a\nB",
                                      "PATH",
                                      "Path",
                                      "HOME",
                                      "LD_PRELOAD",
                                      "ld_x",
                                      "DYLD_INSERT",
                                      "HQ_TASK_FD",
                                      "BASH_ENV",
                                      "BASH_FUNC",
                                      "ENV",
                                      "IFS",
                                      "PS4",
                                      "PYTHONPATH",
                                      "PYTHONSTARTUP",
                                      "NODE_OPTIONS",
                                      "PERL5LIB",
                                      "RUBYOPT",
                                      "GIT_SSH_COMMAND",
                                      "GLIBC_TUNABLES",
                                      "A\xc3\xa4"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (read_variable(bad[i], json_string("x")) != -1)
            fail_msg("%s is taken", bad[i]);
        assert_string_equal(err.code, "refused");
    }
    assert_int_equal(read_variable("REPORT_2", json_string("'\"`$(touch x)`;&|\\\n")), 0);
    assert_int_equal(read_variable("A", json_integer(3)), -1);
    assert_int_equal(read_variable("A", json_stringn("a\0b", 3)), -1);
}

static json_t *many(size_t len)
{
    char *text = arena_alloc(&arena, len + 1);
    memset(text, 'x', len);
    return json_stringn(text, len);
}

static void sizes_are_bounded(void **state)
{
    struct command command;
    assert_int_equal(read_variable("A", many(131069)), 0);
    assert_int_equal(read_variable("A", many(131070)), -1);
    json_t *env = json_object();
    for (int i = 0; i < 9; i++)
        json_object_set_new(env, arena_printf(&arena, "A%d", i), many(120000));
    assert_int_equal(read_data(json_pack("[{s:s,s:o}]", "command", "true", "env", env), &command),
                     -1);
    assert_int_equal(
        read_data(json_pack("[{s:s,s:o}]", "command", "true", "stdin", many(LIMIT_COMMAND_INPUT)),
                  &command),
        0);
    assert_int_equal(read_data(json_pack("[{s:s,s:o}]", "command", "true", "stdin",
                                         many(LIMIT_COMMAND_INPUT + 1)),
                               &command),
                     -1);
    assert_int_equal(read_data(json_pack("[{s:o}]", "command", many(131072)), &command), -1);
}

/* ---- the folder ---- */

static char top[64];

static int begin_folder(void **state)
{
    snprintf(top, sizeof(top), "/tmp/hq-runner-test-XXXXXX");
    assert_non_null(mkdtemp(top));
    return begin(state);
}

static int end_folder(void **state)
{
    folder_remove(top, &err);
    assert_int_equal(access(top, F_OK), -1);
    return end(state);
}

static int give(void *ctx, const char *sha256, struct buf *out, struct err *why)
{
    if (!ctx)
        return err_set(why, "not_found", "there is no such blob");
    buf_puts(out, ctx);
    return 0;
}

static int make(const char *run, json_t *bundle, void *blob)
{
    char *path = run_folder_path(top, run, &arena, &err);
    int rc = path ? run_folder_make(path, bundle, give, blob, &err) : -1;
    json_decref(bundle);
    return rc;
}

static json_t *blob_of(const char *text)
{
    char hex[HASH_HEX];
    hash_hex(text, strlen(text), hex);
    return json_pack("{s:s,s:i,s:b}", "sha256", hex, "size", (int)strlen(text), "executable", 1);
}

static json_t *bundle_with(const char *name, const char *text)
{
    return json_pack("{s:i,s:{s:s},s:{s:o}}", "v", 1, "files", name, text, "blobs", "tools/x.py",
                     blob_of("print()"));
}

static void the_folder_is_the_bundle(void **state)
{
    struct stat info;
    const char *path = run_folder_path(top, "r-abc", &arena, &err);
    assert_int_equal(make("r-abc", bundle_with("a/flow.yaml", "steps"), "print()"), 0);
    assert_int_equal(stat(arena_printf(&arena, "%s/tools/x.py", path), &info), 0);
    assert_true(info.st_mode & 0100);
    assert_int_equal(stat(arena_printf(&arena, "%s/a/flow.yaml", path), &info), 0);
    assert_int_equal(info.st_size, 5);
    assert_int_equal(info.st_mode & 07777, 0600);
    /* the second to come changes nothing, and leaves nothing */
    assert_int_equal(truncate(arena_printf(&arena, "%s/a/flow.yaml", path), 1), 0);
    assert_int_equal(make("r-abc", bundle_with("a/flow.yaml", "steps"), "print()"), 0);
    assert_int_equal(stat(arena_printf(&arena, "%s/a/flow.yaml", path), &info), 0);
    assert_int_equal(info.st_size, 1);
    assert_int_equal(stat(arena_printf(&arena, "%s/runs", top), &info), 0);
    assert_int_equal(info.st_nlink, 3); /* . .. and r-abc */
}

static void nothing_leads_out_of_the_folder(void **state)
{
    static const char *const bad[] = {"../x", "/x", "a/../../x", "a//x", "a/./x",
                                      "..",   ".",  "",          "a/"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (make("r-abc", bundle_with(bad[i], "x"), "print()") != -1)
            fail_msg("\"%s\" is taken", bad[i]);
    assert_int_equal(make("../abc", bundle_with("a", "x"), "print()"), -1);
    assert_int_equal(make("r-../abc", bundle_with("a", "x"), "print()"), -1);
    assert_int_equal(make("r-abc", bundle_with("a", "x"), "print(2)"), -1);
    assert_string_equal(err.code, "corrupt");
    assert_int_equal(make("r-abc", bundle_with("a", "x"), NULL), -1);
    assert_false(run_folder_is_there(run_folder_path(top, "r-abc", &arena, &err)));
}

static void what_a_dead_one_left_is_removed(void **state)
{
    char *half = arena_printf(&arena, "%s/runs/.r-abc.0123/deep/er", top);
    assert_int_equal(folder_make(half, &err), 0);
    assert_int_equal(symlink("/etc", arena_printf(&arena, "%s/etc", half)), 0);
    assert_int_equal(chmod(half, 0), 0);
    run_folder_clean(top);
    assert_int_equal(access(arena_printf(&arena, "%s/runs/.r-abc.0123", top), F_OK), -1);
    assert_int_equal(access("/etc/passwd", F_OK), 0);
}

/* ---- outcomes ---- */

static struct outcome_of_command judge(struct guard_report report, bool is_json, json_t *schema)
{
    struct command command = {.text = "x", .is_json = is_json, .timeout_ms = 2000};
    report.errors = report.errors ? report.errors : "";
    struct outcome_of_command outcome = outcome_judge(&command, schema, &report, &arena);
    json_decref(schema);
    json_decref(outcome.response);
    return outcome;
}

static void must_fail(struct outcome_of_command outcome, const char *class, const char *word)
{
    assert_null(outcome.result);
    assert_string_equal(outcome.failure_class, class);
    if (!strstr(outcome.failure_message, word))
        fail_msg("\"%s\" does not say %s", outcome.failure_message, word);
}

static void output_becomes_the_result(void **state)
{
    struct outcome_of_command outcome =
        judge((struct guard_report){.end = GUARD_EXITED, .output = "two\nlines\n\n"}, false, NULL);
    assert_string_equal(json_string_value(outcome.result), "two\nlines\n");
    json_decref(outcome.result);
    outcome = judge((struct guard_report){.end = GUARD_EXITED, .output = " {\"a\": 1}\n"}, true,
                    json_pack("{s:s}", "type", "object"));
    assert_int_equal(json_get_int(outcome.result, "a", 0), 1);
    json_decref(outcome.result);
}

static void what_does_not_fit_is_malformed(void **state)
{
    struct guard_report report = {.end = GUARD_EXITED, .output = "not json"};
    must_fail(judge(report, true, NULL), "malformed", "not json");
    report.output = "[1]";
    must_fail(judge(report, true, json_pack("{s:s}", "type", "object")), "malformed", "schema");
    must_fail(judge(report, false, json_pack("{s:s}", "type", "object")), "malformed", "schema");
    report.output = "";
    must_fail(judge(report, true, NULL), "malformed", "(nothing)");
    report.dropped = 5;
    must_fail(judge(report, false, NULL), "malformed", "half an output");
}

static void bad_ends_fail_with_the_last_words(void **state)
{
    char lines[4000] = "";
    for (int i = 0; i < 100; i++)
        snprintf(lines + strlen(lines), 30, "line %d \xc3\xa4\xc3\xa4\xc3\xa4\n", i);
    struct guard_report report = {
        .end = GUARD_EXITED, .code = 3, .output = "out\n", .errors = lines};
    struct outcome_of_command outcome = judge(report, false, NULL);
    must_fail(outcome, "failed", "exit code 3: line 90");
    assert_null(strstr(outcome.failure_message, "line 89"));
    must_fail(outcome, "failed", "line 99");
    report.errors = "";
    must_fail(judge(report, true, NULL), "failed", "exit code 3: out");
    memset(lines, 'x', 3999);
    report.errors = lines;
    assert_true(strlen(judge(report, true, NULL).failure_message) < 700);
    report.end = GUARD_TIMEOUT;
    must_fail(judge(report, false, NULL), "timeout", "2");
    report.end = GUARD_REFUSED;
    report.message = "no namespaces";
    must_fail(judge(report, false, NULL), "refused", "no namespaces");
    report.end = GUARD_CANCELLED;
    must_fail(judge(report, false, NULL), "cancelled", "cancelled");
    report.end = GUARD_SIGNALLED;
    report.code = 9;
    must_fail(judge(report, false, NULL), "failed", "signal 9");
}

#define PLAIN(test) cmocka_unit_test_setup_teardown(test, begin, end)
#define FOLDER(test) cmocka_unit_test_setup_teardown(test, begin_folder, end_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(a_command_is_read),
        PLAIN(no_value_becomes_more_than_a_value),
        PLAIN(sizes_are_bounded),
        FOLDER(the_folder_is_the_bundle),
        FOLDER(nothing_leads_out_of_the_folder),
        FOLDER(what_a_dead_one_left_is_removed),
        PLAIN(output_becomes_the_result),
        PLAIN(what_does_not_fit_is_malformed),
        PLAIN(bad_ends_fail_with_the_last_words),
    };
    return cmocka_run_group_tests_name("runner", tests, NULL, NULL);
}
