/* Thousands of random workflows: every order of completions gives a legal run, the same facts give
 * the same states however they are told, and any prefix replays to the same decisions.
 * HQ_FLOW_SEEDS says how many, HQ_FLOW_SEED where to begin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "flow_random.h"

static uint64_t number(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : fallback;
}

static void replay_prefixes(const struct random_run *run, uint64_t seed)
{
    uint64_t dice = seed;
    for (int i = 0; i < 3; i++) {
        size_t len = i ? 1 + random_below(&dice, run->event_count) : run->event_count;
        int64_t decisions, at, recorded = 0;
        const char *hash = "";
        struct err err = {0};
        struct flow_run *again = flow_run_open(&run->flow->graph.flow, "r-random");
        if (sim_replay(again, run->events, len, &decisions, &at, &err) < 0)
            fail_msg("seed %llu: event %d: %s", (unsigned long long)seed, (int)at, err.message);
        for (size_t k = 0; k < len; k++) {
            if (!str_eq(run->events[k].type, "run.decided"))
                continue;
            hash = json_get_text(run->events[k].body, "hash", "");
            recorded++;
        }
        assert_int_equal(decisions, recorded);
        assert_string_equal(flow_run_hash(again), hash);
        flow_run_close(again);
    }
}

static void any_order_is_legal(void **state)
{
    uint64_t first = number("HQ_FLOW_SEED", 1), count = number("HQ_FLOW_SEEDS", 2000);
    size_t ends[3] = {0}, rounds = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct random_flow flow;
        random_flow_init(&flow, seed, false);
        struct random_run run = {.flow = &flow, .order = seed * 7, .batch = 1 + seed % 5};
        random_run_go(&run);
        if (*run.problem)
            fail_msg("seed %llu: %s", (unsigned long long)seed, run.problem);
        const char *end = flow_run_state(run.run);
        assert_string_equal(end, run.legal.end);
        ends[str_eq(end, "done") ? 0 : str_eq(end, "failed") ? 1 : 2]++;
        for (size_t i = 0; i < flow.graph.flow.step_count; i++)
            rounds += (size_t)run.legal.steps[i].round;
        replay_prefixes(&run, seed);
        random_run_fini(&run);
        random_flow_fini(&flow);
    }
    print_message("# %llu runs: %zu done, %zu failed, %zu rejected, %zu steps run again\n",
                  (unsigned long long)count, ends[0], ends[1], ends[2], rounds);
    if (count >= 1000) { /* the dice do reach everything */
        assert_true(ends[0] > count / 50 && ends[1] > count / 50 && ends[2] > count / 50);
        assert_true(rounds > count / 10);
    }
}

/* All that may be compared between two orders, as a text. */
static char *end_state(const struct random_run *run)
{
    json_t *all = json_object();
    json_set_text(all, "run", flow_run_state(run->run));
    if (flow_run_output(run->run))
        json_object_set(all, "output", (json_t *)flow_run_output(run->run));
    for (size_t i = 0; i < run->flow->graph.flow.step_count; i++) {
        struct flow_step_view view;
        flow_run_step(run->run, i, &view);
        json_object_set_new(all, view.id,
                            json_pack("[s, s?, O?]", view.state, view.failure_class, view.output));
    }
    char *text = json_dumps(all, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(all);
    return text;
}

static void the_order_does_not_matter_to_the_end(void **state)
{
    uint64_t first = number("HQ_FLOW_SEED", 1), count = number("HQ_FLOW_SEEDS", 2000) / 4;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct random_flow flow;
        char *ends[4];
        random_flow_init(&flow, seed, true);
        for (uint64_t k = 0; k < 4; k++) {
            struct random_run run = {
                .flow = &flow, .order = seed * 11 + k, .steady = true, .batch = k ? 1 + k * k : 1};
            random_run_go(&run);
            if (*run.problem)
                fail_msg("seed %llu/%d: %s", (unsigned long long)seed, (int)k, run.problem);
            ends[k] = end_state(&run);
            if (!str_eq(ends[k], ends[0]))
                fail_msg("seed %llu: order %d comes to\n%s\norder 0 to\n%s",
                         (unsigned long long)seed, (int)k, ends[k], ends[0]);
            random_run_fini(&run);
        }
        for (size_t k = 0; k < 4; k++)
            free(ends[k]);
        random_flow_fini(&flow);
    }
}

/* The facts of a recorded run, told again in other portions. (Without timeouts: these run from the
 * decision.) */
static void retell(const struct random_run *run, uint64_t seed, char **end)
{
    uint64_t dice = seed;
    bool more = true;
    struct random_run again = {.flow = run->flow};
    again.run = flow_run_open(&run->flow->graph.flow, "r-random");
    for (size_t i = 0; i < run->event_count; i++) {
        const struct sim_event *event = &run->events[i];
        struct flow_fact fact = {event->seq, event->at, event->type, event->body};
        int64_t time_at = json_get_int(event->body, "time_at", 0);
        if (flow_is_fact(event->type))
            flow_run_tell(again.run, &fact, NULL);
        else if (time_at)
            flow_run_tell(again.run, &(struct flow_fact){.at = time_at, .type = "time.passed"},
                          NULL);
        for (more = true; more && random_below(&dice, 3) == 0;)
            json_decref(flow_run_decide(again.run, &more));
    }
    for (more = true; more;)
        json_decref(flow_run_decide(again.run, &more));
    *end = end_state(&again);
    flow_run_close(again.run);
}

static void portions_do_not_matter(void **state)
{
    uint64_t first = number("HQ_FLOW_SEED", 1), count = number("HQ_FLOW_SEEDS", 2000) / 4;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct random_flow flow;
        char *retold;
        random_flow_init(&flow, seed, true);
        struct random_run run = {.flow = &flow, .order = seed * 13, .batch = 1 + seed % 3};
        random_run_go(&run);
        if (*run.problem)
            fail_msg("seed %llu: %s", (unsigned long long)seed, run.problem);
        char *end = end_state(&run);
        for (uint64_t k = 0; k < 3; k++) {
            retell(&run, seed + k, &retold);
            assert_string_equal(retold, end);
            free(retold);
        }
        free(end);
        random_run_fini(&run);
        random_flow_fini(&flow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_is_legal),
        cmocka_unit_test(the_order_does_not_matter_to_the_end),
        cmocka_unit_test(portions_do_not_matter),
    };
    return cmocka_run_group_tests_name("flow_random", tests, NULL, NULL);
}
