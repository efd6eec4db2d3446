/* The worst case of workflows: tries and pauses, parallel branches, rounds, sub-workflows, budgets,
 * and what is said not to be bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "config/config.h"
#include "flow/bundle.h"
#include "flow/plan.h"

enum { MINUTE = 60000, HOUR = 60 * MINUTE };
static const int64_t DAY = INT64_C(24) * HOUR;

static struct arena arena;

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct flow_bundle *bundle_of(const char *main, const char *other)
{
    struct err err = {0};
    json_t *text = json_pack("{s:i,s:s,s:{s:s},s:{}}", "v", 1, "entry", "main", "files",
                             "main.yaml", main, "blobs");
    if (other)
        json_object_set_new(json_object_get(text, "files"), "other.yaml", json_string(other));
    char *bytes = json_dumps(text, JSON_SORT_KEYS | JSON_COMPACT);
    struct flow_bundle *bundle = flow_bundle_parse(bytes, strlen(bytes), NULL, &err);
    if (!bundle)
        fail_msg("%s", err.message);
    const struct flow_report *reports;
    size_t count = flow_bundle_reports(bundle, &reports);
    for (size_t i = 0; i < count; i++)
        if (reports[i].errors)
            fail_msg("%s:%d: %s", reports[i].path, reports[i].items[0].line,
                     reports[i].items[0].message);
    free(bytes);
    json_decref(text);
    return bundle;
}

static struct plan plan_with(const char *main, const char *other, const struct config *config,
                             const char *inputs)
{
    struct plan plan;
    struct flow_bundle *bundle = bundle_of(main, other);
    json_t *given = inputs ? json_parse(inputs, strlen(inputs), NULL) : NULL;
    struct plan_about about = {bundle, config, given};
    plan_make(&about, &arena, &plan);
    for (size_t i = 0; i < plan.count; i++)
        plan.steps[i].id = arena_strdup(&arena, plan.steps[i].id);
    json_decref(given);
    flow_bundle_close(bundle);
    return plan;
}

static struct plan plan_of(const char *yaml)
{
    return plan_with(yaml, NULL, NULL, NULL);
}

static void test_tries_and_pauses(void **state)
{
    (void)state;
    struct plan plan =
        plan_of("name: x\nsteps:\n  a:\n    agent: w\n    task: t\n    timeout: 10m\n"
                "    retry: { attempts: 4, initial: 10s, factor: 3, max: 60s, jitter: false }\n"
                "    budget: { usd: 0.5, tokens: 1000 }\n");
    assert_int_equal(plan.steps[0].tries, 4);
    assert_int_equal(plan.steps[0].wall_ms, 4 * 10 * MINUTE + (10 + 30 + 60) * 1000);
    assert_int_equal(plan.steps[0].micro_usd, 2000000);
    assert_int_equal(plan.steps[0].tokens, 4000);
    assert_int_equal(plan.wall_ms, plan.steps[0].wall_ms);
    assert_string_equal(plan.wall_by, "its longest path");
    assert_int_equal(plan.micro_usd, 2000000);
    assert_string_equal(plan.usd_by, "the sum of its steps");
    assert_false(plan.bounded_by_budget);
    assert_string_equal(plan.longest, "a");
}

static void test_jitter(void **state)
{
    (void)state;
    struct plan plan = plan_of(
        "name: x\nsteps:\n  a: { run: 'true', timeout: 1m, retry: { attempts: 2, initial: 10s, "
        "jitter: true } }\n");
    assert_int_equal(plan.steps[0].wall_ms, 2 * MINUTE + 12000);
    assert_int_equal(plan.steps[0].micro_usd, 0);
}

#define GRAPH                                                                                      \
    "name: x\n%s"                                                                                  \
    "steps:\n"                                                                                     \
    "  a: { run: 'true', timeout: 10m }\n"                                                         \
    "  b: { run: 'true', timeout: 30m, needs: [a] }\n"                                             \
    "  c: { run: 'true', timeout: 20m, needs: [a] }\n"                                             \
    "  d: { approve: { show: x, expires: 2d%s }, needs: [b, c] }\n"                                \
    "  e: { run: 'true', timeout: 5m, needs: [d] }\n"

static void test_longest_path(void **state)
{
    (void)state;
    struct plan plan = plan_of(arena_printf(&arena, GRAPH, "", ""));
    assert_int_equal(plan.wall_ms, 45 * MINUTE + 2 * DAY);
    assert_string_equal(plan.longest, "a → b → d → e");
    assert_int_equal(plan.layers, 4);
    plan = plan_of(arena_printf(&arena, GRAPH, "budget: { wall: 1d }\n", ""));
    assert_int_equal(plan.wall_ms, DAY);
    assert_string_equal(plan.wall_by, "budget.wall");
    assert_int_equal(plan.path_ms, 45 * MINUTE + 2 * DAY);
    assert_true(plan.bounded_by_budget);
}

/* Where one after another works, parallel branches take their sum. */
static void test_queueing(void **state)
{
    (void)state;
    struct plan plan = plan_of(arena_printf(&arena, GRAPH, "limits: { live: 1 }\n", ""));
    assert_true(plan.path_ms >= 65 * MINUTE + 2 * DAY);
}

static void test_rounds(void **state)
{
    (void)state;
    struct plan plan = plan_of(arena_printf(&arena, GRAPH, "", ", rerun: b, rounds: 2"));
    assert_int_equal(plan.steps[0].rounds, 1);
    assert_int_equal(plan.steps[1].rounds, 3);
    assert_int_equal(plan.steps[2].rounds, 1);
    assert_int_equal(plan.steps[3].rounds, 3);
    assert_int_equal(plan.steps[4].rounds, 3);
    assert_int_equal(plan.path_ms, 45 * MINUTE + 2 * DAY + 2 * (40 * MINUTE + 2 * DAY));
}

static void test_not_bounded(void **state)
{
    (void)state;
    struct plan plan =
        plan_of("name: x\nsteps:\n  a: { agent: w, task: t }\n"
                "  b: { effect: webhook, needs: [a], with: { to: 'webhook:x', text: y } }\n");
    assert_int_equal(plan.micro_usd, -1);
    assert_null(plan.usd_by);
    assert_null(plan.tokens_by);
    assert_int_equal(plan.steps[0].micro_usd, -1);
    assert_int_equal(plan.steps[1].wall_ms, -1);
    assert_int_equal(plan.steps[1].micro_usd, 0);
    assert_int_equal(plan.path_ms, -1);
    assert_int_equal(plan.wall_ms, 31 * DAY);
    assert_string_equal(plan.longest, "a → b");
    plan =
        plan_of("name: x\nbudget: { usd: 3, tokens: 10k }\nsteps: { a: { agent: w, task: t } }\n");
    assert_int_equal(plan.micro_usd, 3000000);
    assert_string_equal(plan.usd_by, "budget.usd");
    assert_int_equal(plan.tokens, 10000);
}

static void test_company(void **state)
{
    (void)state;
    const char *const none[] = {NULL}, *const to_paid[] = {"paid", NULL};
    const struct config_model models[] = {{.name = "local", .priced = true},
                                          {.name = "dear", .priced = true, .price_out = 15}};
    struct config_agent agents[] = {
        {.id = "w",
         .model = "local/m",
         .aliases = none,
         .delegates = none,
         .fallbacks = none,
         .capabilities = none},
        {.id = "paid",
         .model = "dear/m",
         .aliases = none,
         .delegates = none,
         .fallbacks = none,
         .capabilities = none},
    };
    struct config config = {.agents = agents,
                            .agent_count = 2,
                            .models = models,
                            .model_count = 2,
                            .limit_micro_usd = 7000000,
                            .limit_tokens = -1};
    const char *yaml = "name: x\nsteps: { a: { agent: w, task: t } }\n";
    struct plan plan = plan_with(yaml, NULL, &config, NULL);
    assert_int_equal(plan.micro_usd, 0);
    agents[0].delegates = to_paid;
    plan = plan_with(yaml, NULL, &config, NULL);
    assert_int_equal(plan.steps[0].micro_usd, -1);
    assert_int_equal(plan.micro_usd, 7000000);
    assert_string_equal(plan.usd_by, "the company's limits.usd");
}

static void test_sub_workflow(void **state)
{
    (void)state;
    struct plan plan = plan_with(
        "name: x\nsteps:\n  a: { workflow: other }\n  b: { workflow: other, timeout: 10m }\n",
        "name: other\nsteps:\n  i: { agent: w, task: t, timeout: 20m, retry: { attempts: 1 }, "
        "budget: { usd: 1 } }\n  k: { agent: w, needs: [i], task: t, timeout: 30m, retry: { "
        "attempts: 1 }, budget: { usd: 1 } }\n",
        NULL, NULL);
    assert_int_equal(plan.steps[0].wall_ms, 50 * MINUTE);
    assert_int_equal(plan.steps[1].wall_ms, 10 * MINUTE);
    assert_int_equal(plan.micro_usd, 4000000);
}

static void test_inputs(void **state)
{
    (void)state;
    const char *yaml = "name: x\ninputs: { deep: { type: boolean, default: true } }\nsteps:\n"
                       "  a: { run: 'true', timeout: 10m }\n"
                       "  b: { run: 'true', timeout: 1h, needs: [a], if: '${{ inputs.deep }}' }\n";
    assert_int_equal(plan_with(yaml, NULL, NULL, NULL).wall_ms, 70 * MINUTE);
    assert_int_equal(plan_with(yaml, NULL, NULL, "{\"deep\":true}").wall_ms, 70 * MINUTE);
    struct plan plan = plan_with(yaml, NULL, NULL, "{\"deep\":false}");
    assert_int_equal(plan.wall_ms, 10 * MINUTE);
    assert_true(plan.steps[1].is_left_out);
}

/* Numbers that do not fit become "not bounded", not nonsense. */
static void test_overflow(void **state)
{
    (void)state;
    struct plan plan = plan_of("name: x\nsteps:\n  a: { agent: w, task: t, budget: { tokens: "
                               "1000000000000 }, retry: { attempts: 10 }, timeout: 31d }\n");
    assert_int_equal(plan.steps[0].tokens, INT64_C(10000000000000));
    assert_true(plan.path_ms > 310 * DAY);
    assert_int_equal(plan.wall_ms, 31 * DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tries_and_pauses), cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_longest_path),     cmocka_unit_test(test_queueing),
        cmocka_unit_test(test_rounds),           cmocka_unit_test(test_not_bounded),
        cmocka_unit_test(test_company),          cmocka_unit_test(test_sub_workflow),
        cmocka_unit_test(test_inputs),           cmocka_unit_test(test_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
