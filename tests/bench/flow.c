/* How many steps a second the interpreter decides, without a ledger: a chain and a fan of 10,000
 * steps, a run of 100,000 events, and a replay of it; and what a parked run weighs. usage:
 * bench_flow */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "flow/interpret.h"
#include "flow/simulate.h"

enum { STEPS = 10000, ROUNDS = 10, PARKED = 10000 };

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Steps in a row, or all behind the first one. */
static struct flow *make_flow(struct arena *arena, size_t count, bool is_chain)
{
    struct flow *flow = arena_alloc(arena, sizeof(*flow));
    struct flow_step *steps = arena_alloc(arena, count * sizeof(*steps));
    size_t *index = arena_alloc(arena, count * sizeof(*index));
    for (size_t i = 0; i < count; i++) {
        index[i] = i;
        steps[i] = (struct flow_step){.id = arena_printf(arena, "step-%zu", i),
                                      .agent = "worker",
                                      .needs = is_chain && i ? &index[i - 1] : index,
                                      .need_count = i > 0,
                                      .feeds = &index[i + 1 < count ? i + 1 : 0],
                                      .feed_count = i + 1 < count,
                                      .retry = {.attempts = ROUNDS},
                                      .micro_usd = -1,
                                      .tokens = -1,
                                      .wait_ms = -1,
                                      .approve = {.rerun = -1}};
        if (!is_chain)
            steps[i].feed_count = i ? 0 : count - 1;
    }
    *flow = (struct flow){.name = "bench", .steps = steps, .step_count = count};
    return flow;
}

struct world {
    struct flow_run *run;
    int64_t fails; /* tries that fail before one is good */
    json_t **open; /* actions to answer, first come first served */
    size_t head, tail;
    struct sim_event *events; /* NULL: nothing is kept */
    size_t event_count;
};

static void keep(struct world *world, const char *type, json_t *body)
{
    if (world->events) {
        size_t seq = ++world->event_count;
        world->events[seq - 1] =
            (struct sim_event){.seq = (int64_t)seq, .at = 1000, .type = type, .body = body};
    } else {
        json_decref(body);
    }
}

static void decide(struct world *world)
{
    for (bool more = true; more;) {
        size_t i;
        json_t *action, *actions = flow_run_decide(world->run, &more);
        json_array_foreach (actions, i, action)
            if (strcmp(json_get_text(action, "do", ""), "task") == 0)
                world->open[world->tail++] = json_incref(action);
        keep(world, "run.decided",
             json_pack("{s:I, s:s, s:o}", "upto", (json_int_t)world->event_count, "hash",
                       flow_run_hash(world->run), "actions", actions));
    }
}

static void tell(struct world *world, const char *type, json_t *body)
{
    struct flow_fact fact = {.seq = 1, .at = 1000, .type = type, .body = body};
    if (flow_run_tell(world->run, &fact, NULL) < 0)
        abort();
    keep(world, type, body);
    decide(world);
}

static json_t *answer(struct world *world, const json_t *action)
{
    bool fails = json_get_int(action, "try", 0) <= world->fails;
    json_t *body = json_pack("{s:O, s:O, s:O, s:s}", "step", json_object_get(action, "step"),
                             "round", json_object_get(action, "round"), "try",
                             json_object_get(action, "try"), "state", fails ? "failed" : "done");
    if (!fails)
        json_object_set_new(body, "output", json_pack("{s:s}", "text", "a result of some words"));
    return body;
}

/* Runs it to its end; ms. */
static double drive(struct world *world, const struct flow *flow)
{
    double start = cpu_ms();
    world->run = flow_run_open(flow, "r-bench");
    tell(world, "run.started", json_pack("{s:{}}", "inputs"));
    while (world->head < world->tail) {
        json_t *action = world->open[world->head++];
        tell(world, "step.ended", answer(world, action));
        json_decref(action);
    }
    if (strcmp(flow_run_state(world->run), "done") != 0)
        abort();
    return cpu_ms() - start;
}

static void bench(const char *name, bool is_chain)
{
    struct arena arena = {0};
    struct world world = {.open = malloc(STEPS * sizeof(json_t *))};
    double ms = drive(&world, make_flow(&arena, STEPS, is_chain));
    printf("%-34s %8.0f steps/s  (%.0f ms, %zu KB of state)\n", name, STEPS / ms * 1e3, ms,
           flow_run_bytes(world.run) / 1024);
    flow_run_close(world.run);
    free(world.open);
    arena_fini(&arena);
}

/* 10,000 steps of five tries: 50,000 facts and as many decisions. */
static void bench_long_run(void)
{
    enum { TRIES = 5, EVENTS = STEPS * (TRIES + 1) * 3 };
    struct arena arena = {0};
    struct err err = {0};
    int64_t decisions, at;
    struct world world = {.open = malloc(EVENTS * sizeof(json_t *)),
                          .fails = TRIES - 1,
                          .events = malloc(EVENTS * sizeof(struct sim_event))};
    const struct flow *flow = make_flow(&arena, STEPS, true);
    double ms = drive(&world, flow), start = cpu_ms();
    printf("%-34s %8.0f events/s (%zu events, %.0f ms)\n", "a long run, tries that fail",
           (double)world.event_count / ms * 1e3, world.event_count, ms);
    struct flow_run *again = flow_run_open(flow, "r-bench");
    if (sim_replay(again, world.events, world.event_count, &decisions, &at, &err) < 0)
        abort();
    ms = cpu_ms() - start;
    printf("%-34s %8.0f events/s (%.0f ms)\n", "its replay", (double)world.event_count / ms * 1e3,
           ms);
    flow_run_close(again);
    flow_run_close(world.run);
    while (world.event_count)
        json_decref(world.events[--world.event_count].body);
    free(world.events);
    free(world.open);
    arena_fini(&arena);
}

static void bench_parked(void)
{
    struct arena arena = {0};
    struct flow *flow = make_flow(&arena, 10, true);
    struct flow_run **runs = malloc(PARKED * sizeof(*runs));
    json_t *body = json_pack("{s:{s:s}}", "inputs", "part", "M1");
    struct flow_fact fact = {.seq = 1, .at = 1000, .type = "run.started", .body = body};
    bool more;
    ((struct flow_step *)flow->steps)[0].kind = FLOW_APPROVE;
    size_t before = mallinfo2().uordblks;
    for (size_t i = 0; i < PARKED; i++) {
        runs[i] = flow_run_open(flow, "r-bench");
        flow_run_tell(runs[i], &fact, NULL);
        json_decref(flow_run_decide(runs[i], &more));
    }
    printf("%-34s %8.1f KB each (flow_run_bytes says %.1f)\n", "parked runs of 10 steps, in memory",
           (double)(mallinfo2().uordblks - before) / PARKED / 1024,
           (double)flow_run_bytes(runs[0]) / 1024);
    for (size_t i = 0; i < PARKED; i++)
        flow_run_close(runs[i]);
    json_decref(body);
    free(runs);
    arena_fini(&arena);
}

int main(void)
{
    bench("a chain of 10,000 steps", true);
    bench("a fan of 10,000 steps", false);
    bench_long_run();
    bench_parked();
    return 0;
}
