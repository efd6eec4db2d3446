/* hq flow test: runs the tests of workflows, without a company. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "cli/output.h"
#include "cli/table.h"
#include "flow/test_file.h"

static const struct command_option test_options[] = {
    {"seed", 0, "N", "another order of what happens at the same time (0: that of the file)"},
    {0},
};

struct tally {
    const struct invocation *invocation;
    int64_t seed;
    size_t passed, failed, wrong;
    json_t *tests, *findings; /* for --json */
};

static void add_findings(struct tally *tally, const struct flow_report *report)
{
    struct buf text = {0};
    config_print_findings(report->path, report->items, report->count, &text);
    if (tally->invocation->json && report->count)
        json_array_append_new(tally->findings, json_text(text.bytes, text.len));
    else
        fputs(buf_text(&text), stderr);
    buf_fini(&text);
}

static void print_result(const struct tally *tally, const struct flow_test_result *result)
{
    char took[TIME_TEXT];
    time_print_duration(result->took_ms, took);
    if (!result->failure_count && tally->invocation->quiet)
        return;
    printf("%-4s %s (%s, %s)\n", result->failure_count ? "FAIL" : "ok", result->name, result->state,
           took);
    for (size_t i = 0; i < result->failure_count; i++)
        printf("     %s\n", result->failures[i]);
}

static void add_result(struct tally *tally, const char *path, const struct flow_test_result *result)
{
    json_t *failures = json_array();
    for (size_t i = 0; i < result->failure_count; i++)
        json_array_append_new(failures,
                              json_text(result->failures[i], strlen(result->failures[i])));
    json_t *item = json_pack("{s:b, s:I, s:I, s:o}", "passed", !result->failure_count, "took_ms",
                             (json_int_t)result->took_ms, "events", (json_int_t)result->events,
                             "failures", failures);
    json_set_text(item, "file", path);
    json_set_text(item, "name", result->name);
    json_set_text(item, "state", result->state);
    json_set_text(item, "hash", result->hash);
    json_array_append_new(tally->tests, item);
}

static void run_tests(struct tally *tally, const struct flow_tests *tests)
{
    for (size_t i = 0; i < flow_tests_count(tests); i++) {
        struct flow_test_result result;
        struct arena arena = {0};
        flow_tests_run(tests, i, (uint64_t)tally->seed, &arena, &result);
        tally->passed += !result.failure_count;
        tally->failed += result.failure_count > 0;
        if (tally->invocation->json)
            add_result(tally, flow_tests_path(tests), &result);
        else
            print_result(tally, &result);
        arena_fini(&arena);
    }
}

static void test_file(struct tally *tally, const char *path)
{
    struct flow_tests *tests = flow_tests_read(path);
    const struct flow_report *reports;
    size_t count = flow_tests_reports(tests, &reports);
    for (size_t i = 0; i < count; i++)
        add_findings(tally, &reports[i]);
    if (flow_tests_errors(tests))
        tally->wrong++;
    else
        run_tests(tally, tests);
    flow_tests_close(tests);
}

static int finish(struct tally *tally)
{
    int code = tally->wrong ? COMMAND_USAGE : tally->failed ? COMMAND_FAILED : COMMAND_OK;
    if (tally->invocation->json) {
        int printed =
            output_json(json_pack("{s:b, s:I, s:I, s:o, s:o}", "ok", code == COMMAND_OK, "passed",
                                  (json_int_t)tally->passed, "failed", (json_int_t)tally->failed,
                                  "tests", tally->tests, "findings", tally->findings));
        return printed != COMMAND_OK ? printed : code;
    }
    if (tally->wrong)
        output_note(tally->invocation, "%zu file%s wrong: nothing of %s was run", tally->wrong,
                    tally->wrong == 1 ? " is" : "s are", tally->wrong == 1 ? "it" : "them");
    printf("%zu passed, %zu failed\n", tally->passed, tally->failed);
    return code;
}

static int test_run(const struct invocation *invocation)
{
    struct tally tally = {.invocation = invocation};
    struct err err;
    if (invocation_number(invocation, "seed", 0, &tally.seed, &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    tally.tests = invocation->json ? json_array() : NULL;
    tally.findings = invocation->json ? json_array() : NULL;
    for (size_t i = 0; i < invocation->arg_count; i++)
        test_file(&tally, invocation->args[i]);
    return finish(&tally);
}

const struct command command_flow_test = {
    .name = "flow test",
    .group = "WORK",
    .usage = "FILE...",
    .summary = "a workflow's tests: canned answers, no waits",
    .details =
        "FILE is NAME.test.yaml, or the workflow that it stands beside. Nothing needs to run, "
        "nobody is\n"
        "asked, a week of approvals takes milliseconds. The last line counts: \"3 passed, 0 "
        "failed\".\n"
        "Exit 1 where one failed, 2 where a file is wrong. The format: docs/workflows.md.",
    .examples = "hq flow test workflows/*.test.yaml\n",
    .options = test_options,
    .min_args = 1,
    .max_args = 1000,
    .run = test_run,
    .reads = true,
};
