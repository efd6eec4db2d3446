/* Size is no limit: a graph of 10,000 steps, a stream of 100,000 facts, taken up again in the
 * middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "engine_case.h"

#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, engine_setup_on_disk, engine_teardown)

enum {
    LAYERS = 100,
    WIDTH = 100, /* 10,000 steps */
    FACTS = 100000,
};

/* Layers of short waits; each step needs three of the layer before. */
static const char *layers_text(struct engine_case *c)
{
    struct buf yaml = {0};
    buf_puts(&yaml, "name: layers\nsteps:\n");
    for (int layer = 0; layer < LAYERS; layer++)
        for (int i = 0; i < WIDTH; i++) {
            buf_printf(&yaml, "  s%d-%d: { ", layer, i);
            if (layer)
                buf_printf(&yaml, "needs: [s%d-%d, s%d-%d, s%d-%d], ", layer - 1, i, layer - 1,
                           (i + 1) % WIDTH, layer - 1, (i + 7) % WIDTH);
            buf_puts(&yaml, "wait: { for: 1ms } }\n");
        }
    buf_puts(&yaml, "output: all of them\n");
    const char *text = bundle_of(c, buf_text(&yaml));
    buf_fini(&yaml);
    return text;
}

static size_t count_steps(struct engine_case *c, const char *run, const char *state)
{
    struct step *steps;
    size_t count, found = 0;
    assert_int_equal(ledger_query(c->ledger, LIST_STEPS, run, NULL, 0, 20000, &c->arena,
                                  (void **)&steps, &count, &c->err),
                     0);
    for (size_t i = 0; i < count; i++)
        found += str_eq(steps[i].state, state);
    return found;
}

static void a_graph_of_ten_thousand_steps_runs_to_its_end(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(c, layers_text(c), "{}", "layers");
    assert_non_null(run);
    engine_case_restart(c);
    assert_string_equal(await_run(c, run, NULL)->state, RUN_DONE);
    assert_int_equal(count_steps(c, run, "done"), LAYERS * WIDTH);
}

static void send_signals(struct engine_case *c, const char *run, const char *name, size_t count)
{
    struct op ops[LIMIT_BATCH_OPS];
    struct signal_op signal = {.run = run, .name = name, .payload = "{\"n\":1}"};
    while (count) {
        size_t many = count < LIMIT_BATCH_OPS ? count : LIMIT_BATCH_OPS;
        for (size_t i = 0; i < many; i++)
            ops[i] = (struct op){.type = OP_SIGNAL, .signal = &signal};
        struct batch batch = {.actor = "operator", .ops = ops, .count = many};
        assert_int_equal(ledger_apply(c->ledger, &batch, &c->outcome, &c->err), 0);
        assert_int_equal(c->outcome.status, LEDGER_OK);
        count -= many;
    }
}

static void a_run_of_a_hundred_thousand_events_is_taken_up_again(void **state)
{
    struct engine_case *c = *state;
    const char *run = start_run(c,
                                bundle_of(c, "name: long\nsteps:\n"
                                             "  first: { wait: { signal: go } }\n"
                                             "  last: { needs: [first], wait: { signal: end } }\n"),
                                "{}", "long");
    assert_non_null(run);
    await_waiting(c, run, "signal go");
    send_signals(c, run, "noise", FACTS / 2);
    engine_case_restart(c);
    send_signals(c, run, "noise", FACTS / 2);
    send_signals(c, run, "go", 1);
    await_waiting(c, run, "signal end");
    engine_case_restart(c);
    send_signals(c, run, "end", 1);
    assert_string_equal(await_run(c, run, NULL)->state, RUN_DONE);
    assert_true(run_row(c, run)->facts > FACTS);
}

/* Twenty steps in each of ten files, all of them calling the next: 20^10 tasks if it were counted
 * one by one. */
static void workflows_in_workflows_start_at_once(void **state)
{
    enum { FILES = 10, CALLS = 20 };
    struct engine_case *c = *state;
    json_t *files = json_object();
    for (int i = 0; i < FILES; i++) {
        struct buf yaml = {0};
        const char *call = arena_printf(&c->arena, "{ workflow: f%d }", i + 1);
        buf_printf(&yaml, "name: f%d\nsteps:\n", i);
        for (int k = 0; k < CALLS; k++)
            buf_printf(&yaml, "  s%d: %s\n", k, i + 1 < FILES ? call : "{ wait: { for: 1d } }");
        json_object_set_new(files, arena_printf(&c->arena, "f%d.yaml", i),
                            json_string(buf_text(&yaml)));
        buf_fini(&yaml);
    }
    json_t *bundle =
        json_pack("{s:i,s:s,s:o,s:{}}", "v", 1, "entry", "f0", "files", files, "blobs");
    const char *text = json_print(&c->arena, bundle);
    json_decref(bundle);
    assert_non_null(start_run(c, text, "{}", "deep"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(workflows_in_workflows_start_at_once),
        ON_DISK(a_graph_of_ten_thousand_steps_runs_to_its_end),
        ON_DISK(a_run_of_a_hundred_thousand_events_is_taken_up_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
