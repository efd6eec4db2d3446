/* Random workflows and the worlds that answer them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "flow_random.h"

enum { MOST_STEPS = 24, MOST_FACTS = 20000, MOST_OPEN = 4096 };

/* splitmix64 (public domain, by Sebastiano Vigna) */
uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t random_below(uint64_t *state, uint64_t limit)
{
    return random_next(state) % limit;
}

/* ---- workflows ---- */

static size_t some_needs(uint64_t *dice, size_t step, size_t *needs)
{
    size_t count = 0, most = random_below(dice, 4);
    for (size_t i = 0; i < most && i < step; i++) {
        size_t need = random_below(dice, step), k = 0;
        while (k < count && needs[k] != need)
            k++;
        if (k == count)
            needs[count++] = need;
    }
    return count;
}

/* Somebody upstream, or -1. */
static int64_t some_upstream(const struct graph *graph, uint64_t *dice, size_t step)
{
    int64_t found = -1;
    for (size_t at = step; graph->steps[at].need_count && random_below(dice, 4) != 0;) {
        at = graph->steps[at].needs[random_below(dice, graph->steps[at].need_count)];
        found = (int64_t)at;
    }
    return found;
}

static void give_if(struct random_flow *flow, uint64_t *dice, size_t step)
{
    struct graph *graph = &flow->graph;
    struct flow_step *spec = &graph->steps[step];
    static const char *const texts[] = {NULL, "${{ false }}", "${{ true }}"};
    uint64_t pick = random_below(dice, 12);
    flow->ifs[step] = pick < 3                        ? (enum legal_if)pick
                      : pick == 3 && spec->need_count ? IF_FIRST_NEED_DONE
                                                      : IF_NONE;
    if (flow->ifs[step] == IF_FIRST_NEED_DONE)
        spec->condition =
            graph_expr(graph, arena_printf(&graph->arena, "${{ steps.%s.status == 'done' }}",
                                           graph->steps[spec->needs[0]].id));
    else if (flow->ifs[step] != IF_NONE)
        spec->condition = graph_expr(graph, texts[flow->ifs[step]]);
}

static void add_step(struct random_flow *flow, uint64_t *dice, size_t step, bool steady)
{
    static const enum flow_kind kinds[] = {FLOW_TASK, FLOW_TASK,    FLOW_TASK, FLOW_APPROVE,
                                           FLOW_RUN,  FLOW_APPROVE, FLOW_JOB,  FLOW_WORKFLOW,
                                           FLOW_WAIT, FLOW_EFFECT,  FLOW_WAIT};
    struct graph *graph = &flow->graph;
    size_t needs[8], count = some_needs(dice, step, needs);
    enum flow_kind kind = kinds[random_below(dice, sizeof(kinds) / sizeof(kinds[0]))];
    const char *id = arena_printf(&graph->arena, "s%zu", step);
    struct flow_step *spec = graph_step_at(graph, id, kind, needs, count);
    spec->retry.attempts = 1 + (int64_t)random_below(dice, 3);
    spec->retry.jitter = random_below(dice, 2);
    spec->continue_on_error = random_below(dice, 5) == 0;
    spec->timeout_ms = steady ? 0 : 20000;
    spec->approve.rounds = (int64_t)random_below(dice, 3);
    if (random_below(dice, 2))
        spec->approve.rerun = some_upstream(graph, dice, step);
    if (kind == FLOW_WAIT && random_below(dice, 2))
        spec->signal = random_below(dice, 2) ? "red" : "blue";
    else if (kind == FLOW_WAIT)
        spec->wait_ms = 1 + (int64_t)random_below(dice, 30000);
    give_if(flow, dice, step);
}

void random_flow_init(struct random_flow *flow, uint64_t seed, bool steady)
{
    uint64_t dice = seed;
    size_t count = 1 + random_below(&dice, MOST_STEPS);
    *flow = (struct random_flow){.seed = seed};
    graph_init(&flow->graph, MOST_STEPS + 1);
    flow->ifs = arena_alloc(&flow->graph.arena, (MOST_STEPS + 1) * sizeof(*flow->ifs));
    for (size_t i = 0; i < count; i++)
        add_step(flow, &dice, i, steady);
    flow->graph.flow.limit_live = random_below(&dice, 3) ? 0 : 1 + (int64_t)random_below(&dice, 4);
    if (random_below(&dice, 3) == 0) {
        struct flow_step *last = graph_step(&flow->graph, "on_failure", FLOW_TASK, "");
        flow->graph.flow.step_count--;
        flow->graph.flow.on_failure = last;
    }
    graph_seal(&flow->graph);
}

void random_flow_fini(struct random_flow *flow)
{
    graph_fini(&flow->graph);
}

/* ---- worlds ---- */

struct told {
    const char *type;
    json_t *body;
};

struct world {
    struct random_run *of;
    uint64_t dice;
    int64_t seq, now, upto, time_at;
    struct told open[MOST_OPEN]; /* answers on their way */
    size_t open_count;
    struct told last; /* told before: may come again */
};

static void fail(struct world *world, const char *why)
{
    if (!*world->of->problem)
        snprintf(world->of->problem, sizeof(world->of->problem), "%.300s", why);
}

static void record(struct world *world, const char *type, json_t *body)
{
    struct random_run *run = world->of;
    if (run->event_count == run->event_room) {
        run->event_room = run->event_room ? run->event_room * 2 : 64;
        run->events = mem_realloc(run->events, run->event_room * sizeof(*run->events));
    }
    run->events[run->event_count++] =
        (struct sim_event){.seq = ++world->seq, .at = world->now, .type = type, .body = body};
}

/* A steady world throws the same for a step whatever happened before. */
static uint64_t throw(struct world * world, const char *step, const char *what, uint64_t limit)
{
    if (!world->of->steady)
        return random_below(&world->dice, limit);
    uint64_t dice = world->of->flow->seed;
    for (const char *c = step; *c; c++)
        dice = dice * 31 + (unsigned char)*c;
    for (const char *c = what; *c; c++)
        dice = dice * 37 + (unsigned char)*c;
    return random_below(&dice, limit);
}

static json_t *body_of(const json_t *action)
{
    json_t *body = json_object();
    static const char *const kept[] = {"step", "round", "try"};
    for (size_t i = 0; i < 3; i++)
        if (json_object_get(action, kept[i]))
            json_object_set(body, kept[i], json_object_get(action, kept[i]));
    return body;
}

static bool try_is_good(struct world *world, const json_t *action)
{
    const char *step = json_get_text(action, "step", "");
    uint64_t luck = throw(world, step, "luck", 10);
    return luck > 3 || (luck > 1 && json_get_int(action, "try", 1) > 1);
}

static void set_outcome(struct world *world, const json_t *action, json_t *body)
{
    static const char *const classes[] = {"failed",  "timeout",  "refused", "crashed",
                                          "blocked", "rejected", "budget",  "unreachable"};
    const char *step = json_get_text(action, "step", "");
    uint64_t how = throw(world, step, "how", 10);
    bool good = try_is_good(world, action);
    json_set_text(body, "state",
                  good      ? "done"
                  : how < 8 ? "failed"
                  : how < 9 ? "timed_out"
                            : "cancelled");
    json_set_text(body, "output", good ? step : NULL);
    json_set_text(body, "failure_class", good || how >= 8 ? NULL : classes[how]);
}

static void set_decision(struct world *world, const json_t *action, json_t *body)
{
    static const char *const finals[] = {"approved", "approved", "approved",
                                         "approved", "rejected", "expired"};
    const char *step = json_get_text(action, "step", "");
    bool changes = json_object_get(action, "rerun") && throw(world, step, "changes", 2);
    json_set_text(body, "decision",
                  changes ? "changes_requested" : finals[throw(world, step, "decision", 6)]);
    json_set_text(body, "feedback", changes ? "once more" : NULL);
}

static struct told answer_to(struct world *world, const json_t *action)
{
    static const char *const settled[] = {"confirmed", "confirmed", "confirmed", "dead", "unknown"};
    const char *what = json_get_text(action, "do", "");
    const char *step = json_get_text(action, "step", "");
    json_t *body = body_of(action);
    if (str_eq(what, "approve")) {
        set_decision(world, action, body);
        return (struct told){"approval.decided", body};
    }
    if (str_eq(what, "effect")) {
        json_set_text(body, "state", settled[throw(world, step, "settled", 5)]);
        return (struct told){"effect.settled", body};
    }
    if (str_eq(what, "wait")) {
        json_set_text(body, "name", json_get_text(action, "signal", ""));
        return (struct told){"signal.received", body};
    }
    if (str_eq(what, "job")) {
        bool cancelled = throw(world, step, "job", 10) == 0;
        json_set_text(body, "status",
                      cancelled                    ? "cancelled"
                      : try_is_good(world, action) ? "completed"
                                                   : "failed");
        return (struct told){"job.ended", body};
    }
    set_outcome(world, action, body);
    return (struct told){"step.ended", body};
}

static void drop_answers(struct world *world, const char *step)
{
    for (size_t i = 0; i < world->open_count; i++)
        if (str_eq(json_get_text(world->open[i].body, "step", ""), step) &&
            (world->of->steady || random_below(&world->dice, 2))) {
            json_decref(world->open[i].body);
            world->open[i--] = world->open[--world->open_count];
        }
}

static void carry_out(struct world *world, const json_t *action)
{
    static const char *const starts[] = {"task",   "run", "workflow", "approve",
                                         "effect", "job", "wait",     NULL};
    const char *what = json_get_text(action, "do", "");
    if (str_eq(what, "cancel"))
        drop_answers(world, json_get_text(action, "step", ""));
    bool has_answer =
        str_in(what, starts) && (!str_eq(what, "wait") || json_object_get(action, "signal"));
    if (has_answer && world->open_count < MOST_OPEN)
        world->open[world->open_count++] = answer_to(world, action);
}

static void decide(struct world *world)
{
    bool more = true;
    for (int64_t n = 0; more && !*world->of->problem; n++) {
        json_t *actions = flow_run_decide(world->of->run, &more);
        size_t i;
        json_t *action;
        legal_decision(&world->of->legal, actions);
        json_array_foreach (actions, i, action)
            carry_out(world, action);
        if (!json_array_size(actions) && random_below(&world->dice, 2)) {
            json_decref(actions);
            continue;
        }
        json_t *body = json_pack("{s:I, s:s, s:o}", "upto", (json_int_t)world->upto, "hash",
                                 flow_run_hash(world->of->run), "actions", actions);
        if (world->time_at)
            json_object_set_new(body, "time_at", json_integer(world->time_at));
        world->time_at = 0;
        record(world, "run.decided", body);
    }
    world->time_at = 0;
    fail(world, world->of->legal.problem);
}

static void tell(struct world *world, struct told told)
{
    struct err err = {0};
    world->now += (int64_t)random_below(&world->dice, 3000);
    legal_fact(&world->of->legal, told.type, told.body, world->now);
    record(world, told.type, told.body);
    world->upto = world->seq;
    struct flow_fact fact = {world->seq, world->now, told.type, told.body};
    if (flow_run_tell(world->of->run, &fact, &err) < 0)
        fail(world, err.message);
    world->last = told;
}

static void tell_time(struct world *world, int64_t at)
{
    struct flow_fact fact = {.seq = world->seq, .at = at, .type = "time.passed"};
    world->now = world->time_at = at;
    legal_fact(&world->of->legal, "time.passed", NULL, at);
    flow_run_tell(world->of->run, &fact, NULL);
}

static void tell_some(struct world *world)
{
    size_t count = 1 + random_below(&world->dice, world->of->batch);
    for (size_t i = 0; i < count && world->open_count && !*world->of->problem; i++) {
        size_t at = random_below(&world->dice, world->open_count);
        struct told told = world->open[at];
        world->open[at] = world->open[--world->open_count];
        tell(world, told);
        if (!world->of->steady && random_below(&world->dice, 8) == 0)
            tell(world, (struct told){world->last.type, json_incref(world->last.body)});
        if (!world->of->steady && random_below(&world->dice, 16) == 0)
            tell(world, (struct told){"signal.received", json_pack("{s:s}", "name", "red")});
    }
}

static void go_on(struct world *world)
{
    int64_t wake = flow_run_wake_at(world->of->run);
    bool has_time = wake && (!world->open_count || random_below(&world->dice, 4) == 0);
    if (!wake && !world->open_count) {
        fail(world, "stuck: nothing is open and the run has not ended");
        return;
    }
    if (world->open_count && (!has_time || random_below(&world->dice, 2)))
        tell_some(world);
    wake = flow_run_wake_at(world->of->run);
    if (has_time && wake)
        tell_time(world, wake > world->now ? wake : world->now);
    decide(world);
}

void random_run_go(struct random_run *run)
{
    struct world world = {.of = run, .dice = run->order, .now = 1000000};
    run->run = flow_run_open(&run->flow->graph.flow, "r-random");
    legal_init(&run->legal, &run->flow->graph.flow, run->flow->ifs);
    tell(&world, (struct told){"run.started", json_pack("{s:{}}", "inputs")});
    decide(&world);
    while (!run->legal.over && !*run->problem && run->event_count < MOST_FACTS)
        go_on(&world);
    if (run->event_count >= MOST_FACTS)
        fail(&world, "it does not come to an end");
    while (world.open_count && !*run->problem) /* what comes too late does no harm */
        tell_some(&world);
    decide(&world);
    while (world.open_count)
        json_decref(world.open[--world.open_count].body);
}

void random_run_fini(struct random_run *run)
{
    for (size_t i = 0; i < run->event_count; i++)
        json_decref(run->events[i].body);
    free(run->events);
    legal_fini(&run->legal);
    flow_run_close(run->run);
}
