/* Reads test files, runs their tests, compares what came with what was expected. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "flow/expr_tree.h"
#include "flow/interpret.h"
#include "flow/simulate.h"
#include "flow/test_state.h"

enum { EVENTS_MAX = 200000, SHOWN = 300 };

/* 2026-01-01T00:00:00Z: tests are the same on every day */
#define STARTED_AT INT64_C(1767225600000)

/* ---- reading ---- */

static const char *beside(struct flow_tests *tests, const char *name)
{
    const char *slash = strrchr(tests->path, '/');
    if (*name == '/' || !slash)
        return arena_strdup(&tests->arena, name);
    return arena_printf(&tests->arena, "%.*s/%s", (int)(slash - tests->path), tests->path, name);
}

/* trade.yaml ↔ trade.test.yaml */
static const char *with_ending(struct arena *arena, const char *path, const char *from,
                               const char *to)
{
    size_t len = strlen(path) - strlen(from);
    return arena_printf(arena, "%.*s%s", (int)len, path, to);
}

static void file_error(struct flow_tests *tests, const char *message, const char *hint)
{
    finding_error(&tests->findings, (struct place){0}, "%s", message);
    if (hint && *hint)
        finding_hint(&tests->findings, "%s", hint);
}

static const struct config *read_company(struct flow_tests *tests, const char *name)
{
    struct finding *found;
    size_t count;
    const char *path = beside(tests, name);
    const struct config *config = config_load(path, NULL, &tests->arena, &found, &count);
    if (!config)
        file_error(tests, arena_printf(&tests->arena, "company: %s cannot be read", path),
                   arena_printf(&tests->arena, "hq config validate %s", path));
    return config;
}

static void read_workflow(struct flow_tests *tests)
{
    const json_t *root = tests->document->root;
    const char *name = json_get_text(root, "workflow", NULL);
    const char *company = json_get_text(root, "company", NULL);
    const char *path =
        name ? beside(tests, name) : with_ending(&tests->arena, tests->path, ".test.yaml", ".yaml");
    const struct config *config = company ? read_company(tests, company) : NULL;
    tests->bundle = flow_bundle_read(path, config);
    config_free((struct config *)config);
}

static int read_bytes(const char *path, struct buf *out)
{
    struct stat info;
    size_t got = 1;
    FILE *file = fopen(path, "re");
    int rc = file && fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode) ? 0 : -1;
    while (rc == 0 && got && out->len <= LIMIT_CONFIG_BYTES) {
        got = fread(buf_room(out, 65536), 1, 65536, file);
        buf_grow(out, got);
    }
    if (file)
        fclose(file);
    return rc;
}

static void read_file(struct flow_tests *tests)
{
    struct buf text = {0};
    if (!str_ends(tests->path, ".test.yaml")) {
        file_error(tests, "tests of a workflow stand in a file called NAME.test.yaml", NULL);
    } else if (read_bytes(tests->path, &text) < 0) {
        file_error(tests, "cannot be read: there is no such file", NULL);
    } else {
        tests->document = yaml_read(text.bytes, text.len, &tests->arena, &tests->findings);
        if (!tests->findings.errors) {
            read_workflow(tests);
            flow_tests_check(tests);
        }
    }
    buf_fini(&text);
}

struct flow_tests *flow_tests_read(const char *path)
{
    struct flow_tests *tests = mem_zalloc(sizeof(*tests));
    tests->path = arena_strdup(&tests->arena, path);
    if (str_ends(path, ".yaml") && !str_ends(path, ".test.yaml"))
        tests->path = with_ending(&tests->arena, path, ".yaml", ".test.yaml");
    findings_init(&tests->findings, &tests->arena);
    read_file(tests);
    findings_sort(&tests->findings);
    const struct flow_report *others = NULL;
    size_t count = tests->bundle ? flow_bundle_reports(tests->bundle, &others) : 0;
    tests->reports = arena_alloc(&tests->arena, (count + 1) * sizeof(*tests->reports));
    tests->reports[0] = (struct flow_report){tests->path, tests->findings.items,
                                             tests->findings.count, tests->findings.errors};
    for (size_t i = 0; i < count; i++)
        tests->reports[i + 1] = others[i];
    tests->report_count = count + 1;
    tests->errors =
        tests->findings.errors + (tests->bundle ? flow_bundle_errors(tests->bundle) : 0);
    return tests;
}

void flow_tests_close(struct flow_tests *tests)
{
    if (!tests)
        return;
    yaml_close(tests->document);
    flow_bundle_close(tests->bundle);
    arena_fini(&tests->arena);
    free(tests);
}

size_t flow_tests_reports(const struct flow_tests *tests, const struct flow_report **reports)
{
    *reports = tests->reports;
    return tests->report_count;
}

size_t flow_tests_errors(const struct flow_tests *tests)
{
    return tests->errors;
}

size_t flow_tests_count(const struct flow_tests *tests)
{
    return json_array_size(tests->items);
}

const char *flow_tests_path(const struct flow_tests *tests)
{
    return tests->path;
}

/* ---- comparing ---- */

struct comparison {
    struct arena *arena;
    struct sim_result *result;
    const char **failures;
    size_t count, room;
};

static void differ(struct comparison *comparison, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void differ(struct comparison *comparison, const char *format, ...)
{
    va_list args;
    if (comparison->count == comparison->room)
        return;
    va_start(args, format);
    comparison->failures[comparison->count++] = arena_vprintf(comparison->arena, format, args);
    va_end(args);
}

static const char *shown(struct comparison *comparison, const json_t *value)
{
    char *text = value ? json_print(comparison->arena, value) : NULL;
    size_t len = text ? strlen(text) : 0;
    if (len <= SHOWN)
        return text ? text : "nothing";
    return arena_printf(comparison->arena, "%.*s…", (int)str_utf8_cut(text, len, SHOWN), text);
}

static void compare_value(struct comparison *comparison, const char *what, const json_t *expected,
                          const json_t *seen)
{
    json_t *null = json_null();
    if (expected && !expr_equal(expected, seen ? seen : null))
        differ(comparison, "%s: expected %s, saw %s", what, shown(comparison, expected),
               shown(comparison, seen));
}

static void compare_text(struct comparison *comparison, const char *what, const char *expected,
                         const char *seen)
{
    if (expected && !str_eq(expected, seen))
        differ(comparison, "%s: expected %s, saw %s", what, expected, seen ? seen : "none");
}

/* The end_run of the run: how it failed. */
static const json_t *end_of(const struct sim_result *result)
{
    for (size_t i = result->event_count; i-- > 0;) {
        const json_t *actions = json_object_get(result->events[i].body, "actions");
        for (size_t k = json_array_size(actions); k-- > 0;)
            if (str_eq(json_get_text(json_array_get(actions, k), "do", ""), "end_run"))
                return json_array_get(actions, k);
    }
    return NULL;
}

static void compare_state(struct comparison *comparison, const json_t *expect)
{
    const char *expected = json_get_text(expect, "state", expect ? NULL : "done");
    const json_t *end = end_of(comparison->result);
    const char *class = json_get_text(end, "failure_class", NULL);
    if (!expected || str_eq(expected, comparison->result->state))
        return;
    if (class)
        differ(comparison, "state: expected %s, saw %s (%s: %s: %s)", expected,
               comparison->result->state, json_get_text(end, "failure_step", ""), class,
               json_get_text(end, "failure_message", ""));
    else
        differ(comparison, "state: expected %s, saw %s", expected, comparison->result->state);
}

static void compare_failure(struct comparison *comparison, const json_t *expect)
{
    const json_t *end = end_of(comparison->result);
    const char *message = json_get_text(expect, "message", NULL);
    const char *seen = json_get_text(end, "failure_message", "");
    compare_text(comparison, "failure.step", json_get_text(expect, "step", NULL),
                 json_get_text(end, "failure_step", NULL));
    compare_text(comparison, "failure.class", json_get_text(expect, "class", NULL),
                 json_get_text(end, "failure_class", NULL));
    if (message && !strstr(seen, message))
        differ(comparison, "failure.message: expected something with \"%s\", saw \"%s\"", message,
               seen);
}

static bool look_at_step(const struct comparison *comparison, const char *path,
                         struct flow_step_view *view)
{
    const char *slash = strrchr(path, '/'), *id = slash ? slash + 1 : path;
    const char *of = slash ? arena_memdup(comparison->arena, path, (size_t)(slash - path)) : "";
    const struct flow *flow;
    const struct flow_run *run = sim_find(comparison->result, of, &flow);
    *view = (struct flow_step_view){.state = "pending"};
    if (!run)
        return false;
    int64_t at = flow_step_index(flow, id);
    flow_run_step(run, at >= 0 ? (size_t)at : flow->step_count, view);
    return true;
}

static void compare_step(struct comparison *comparison, const char *path, const json_t *expected)
{
    struct flow_step_view view;
    struct arena *arena = comparison->arena;
    const char *what = arena_printf(arena, "steps.%s", path);
    const char *state = json_is_string(expected) ? json_string_value(expected)
                                                 : json_get_text(expected, "state", NULL);
    look_at_step(comparison, path, &view);
    const char *why = view.failure_message ? view.failure_message : view.reason;
    if (state && !str_eq(state, view.state))
        differ(comparison, "%s: expected %s, saw %s%s%s%s", what, state, view.state,
               why ? " (" : "", why ? why : "", why ? ")" : "");
    compare_value(comparison, arena_printf(arena, "%s.output", what),
                  json_object_get(expected, "output"), view.output);
    compare_text(comparison, arena_printf(arena, "%s.failure", what),
                 json_get_text(expected, "failure", NULL), view.failure_class);
    if (json_get_int(expected, "tries", view.tries) != view.tries)
        differ(comparison, "%s.tries: expected %d, saw %d", what,
               (int)json_get_int(expected, "tries", 0), (int)view.tries);
    if (json_get_int(expected, "round", view.round) != view.round)
        differ(comparison, "%s.round: expected %d, saw %d", what,
               (int)json_get_int(expected, "round", 0), (int)view.round);
}

static void compare_time(struct comparison *comparison, const json_t *expect)
{
    const char *min = json_get_text(expect, "min", NULL), *max = json_get_text(expect, "max", NULL);
    int64_t ms;
    char took[TIME_TEXT];
    time_print_duration(comparison->result->took_ms, took);
    if (min && time_parse_duration(min, &ms) && comparison->result->took_ms < ms)
        differ(comparison, "after: expected at least %s, took %s", min, took);
    if (max && time_parse_duration(max, &ms) && comparison->result->took_ms > ms)
        differ(comparison, "after: expected at most %s, took %s", max, took);
}

static void compare(struct comparison *comparison, const json_t *expect)
{
    const char *path;
    json_t *expected;
    compare_state(comparison, expect);
    compare_failure(comparison, json_object_get(expect, "failure"));
    compare_value(comparison, "output", json_object_get(expect, "output"),
                  comparison->result->output);
    json_object_foreach (json_object_get(expect, "steps"), path, expected)
        compare_step(comparison, path, expected);
    compare_time(comparison, json_object_get(expect, "after"));
    compare_text(comparison, "hash", json_get_text(expect, "hash", NULL), comparison->result->hash);
}

/* What was recorded replays to the same decisions: held in every test. */
static void check_replay(struct comparison *comparison, const struct flow *flow)
{
    struct err err = {0};
    int64_t decisions, at;
    struct flow_run *again = flow_run_open(flow, "r-simulated");
    if (sim_replay(again, comparison->result->events, comparison->result->event_count, &decisions,
                   &at, &err) < 0)
        differ(comparison, "replay: event %d: %s", (int)at, err.message);
    flow_run_close(again);
}

void flow_tests_run(const struct flow_tests *tests, size_t index, uint64_t seed,
                    struct arena *arena, struct flow_test_result *result)
{
    enum { FAILURES = 100 };
    const json_t *item = json_array_get(tests->items, index);
    struct map asked = {0};
    struct test_answers answers = {.steps = json_object_get(item, "steps"),
                                   .fallback = json_object_get(item, "default"),
                                   .asked = &asked};
    struct sim_world world = {.answer = flow_test_answer,
                              .ctx = &answers,
                              .seed = seed,
                              .started_at = STARTED_AT,
                              .max_events = EVENTS_MAX};
    struct sim_result run;
    struct err err = {0};
    struct comparison comparison = {.arena = arena,
                                    .result = &run,
                                    .failures = arena_alloc(arena, FAILURES * sizeof(char *)),
                                    .room = FAILURES};
    int rc =
        sim_run(tests->bundle, NULL, json_object_get(item, "inputs"), &world, arena, &run, &err);
    if (rc < 0)
        differ(&comparison, "%s%s%s", err.message, *err.hint ? "; " : "", err.hint);
    else
        compare(&comparison, json_object_get(item, "expect"));
    if (rc == 0)
        check_replay(&comparison, flow_bundle_entry(tests->bundle));
    *result = (struct flow_test_result){
        .name = arena_strdup(arena, json_get_text(item, "name", "")),
        .state = run.state ? arena_strdup(arena, run.state) : "",
        .hash = run.hash ? run.hash : "",
        .failures = comparison.failures,
        .failure_count = comparison.count,
        .took_ms = run.took_ms,
        .events = run.event_count,
    };
    sim_free(&run);
    map_fini(&asked);
}
