/* The loop of a simulation: the answer that comes first, or the timer that is due before it, told
 * to the run that it is for, until the first run is over. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "flow/simulate_state.h"

/* splitmix64 (public domain, by Sebastiano Vigna) */
static uint64_t shuffled(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + n * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static bool comes_before(const struct sim_pending *a, const struct sim_pending *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

void sim_later(struct sim *sim, struct sim_pending pending)
{
    if (sim->pending_count == sim->pending_room) {
        sim->pending_room = sim->pending_room ? sim->pending_room * 2 : 64;
        sim->pending = mem_realloc(sim->pending, sim->pending_room * sizeof(*sim->pending));
    }
    uint64_t n = sim->pended++;
    pending.order = sim->world->seed ? shuffled(sim->world->seed, n) : n;
    size_t at = sim->pending_count++;
    for (; at > 0 && comes_before(&pending, &sim->pending[(at - 1) / 2]); at = (at - 1) / 2)
        sim->pending[at] = sim->pending[(at - 1) / 2];
    sim->pending[at] = pending;
}

static struct sim_pending take_first(struct sim *sim)
{
    struct sim_pending first = sim->pending[0], last = sim->pending[--sim->pending_count];
    size_t at = 0, child;
    while ((child = at * 2 + 1) < sim->pending_count) {
        if (child + 1 < sim->pending_count &&
            comes_before(&sim->pending[child + 1], &sim->pending[child]))
            child++;
        if (!comes_before(&sim->pending[child], &last))
            break;
        sim->pending[at] = sim->pending[child];
        at = child;
    }
    sim->pending[at] = last;
    return first;
}

/* ---- runs ---- */

static void record(struct sim_flow *of, const char *type, json_t *body)
{
    if (of->event_count == of->event_room) {
        of->event_room = of->event_room ? of->event_room * 2 : 64;
        of->events = mem_realloc(of->events, of->event_room * sizeof(*of->events));
    }
    of->events[of->event_count] = (struct sim_event){
        .seq = (int64_t)of->event_count + 1, .at = of->sim->now, .type = type, .body = body};
    of->event_count++;
    of->sim->events++;
}

static int decide(struct sim_flow *of, int64_t upto, int64_t time_at, struct err *err)
{
    bool more = true;
    int rc = 0;
    while (more && rc == 0) {
        size_t i;
        json_t *action, *actions = flow_run_decide(of->run, &more);
        json_t *body =
            json_pack("{s:I, s:I, s:s, s:O}", "n", (json_int_t)++of->decisions, "upto",
                      (json_int_t)upto, "hash", flow_run_hash(of->run), "actions", actions);
        if (time_at)
            json_object_set_new(body, "time_at", json_integer(time_at));
        time_at = 0;
        record(of, "run.decided", body);
        json_array_foreach (actions, i, action)
            if (rc == 0)
                rc = sim_carry_out(of, action, err);
        json_decref(actions);
    }
    return rc;
}

int sim_tell(struct sim_flow *of, const char *type, json_t *body, struct err *err)
{
    record(of, type, body);
    struct flow_fact fact = {(int64_t)of->event_count, of->sim->now, type, body};
    if (flow_run_tell(of->run, &fact, err) < 0)
        return -1;
    return decide(of, fact.seq, 0, err);
}

static int64_t last_fact(const struct sim_flow *of)
{
    for (size_t i = of->event_count; i-- > 0;)
        if (flow_is_fact(of->events[i].type))
            return of->events[i].seq;
    return 0;
}

static int tell_time(struct sim_flow *of, struct err *err)
{
    struct flow_fact fact = {.at = of->sim->now, .type = "time.passed"};
    if (flow_run_tell(of->run, &fact, err) < 0)
        return -1;
    return decide(of, last_fact(of), of->sim->now, err);
}

struct sim_flow *sim_open(struct sim *sim, const struct flow *flow, const char *path)
{
    struct sim_flow *of = mem_zalloc(sizeof(*of));
    of->sim = sim;
    of->flow = flow;
    of->path = arena_strdup(sim->arena, path);
    of->run = flow_run_open(flow, *path ? path : "r-simulated");
    of->wall_at = flow->wall_ms > 0 ? sim->now + flow->wall_ms : 0;
    of->next = sim->flows;
    sim->flows = of;
    return of;
}

int sim_start(struct sim_flow *of, const json_t *inputs, struct err *err)
{
    json_t *body = json_pack("{s:s, s:s, s:O, s:s}", "name", of->flow->name, "entry",
                             of->flow->path ? of->flow->path : "", "inputs", inputs, "by", "test");
    return sim_tell(of, "run.started", body, err);
}

/* ---- time ---- */

/* The run whose timer or end of time comes first; NULL: none has one. */
static struct sim_flow *first_due(const struct sim *sim, int64_t *due)
{
    struct sim_flow *first = NULL;
    for (struct sim_flow *of = sim->flows; of; of = of->next) {
        int64_t at = of->is_closed ? 0 : flow_run_wake_at(of->run);
        if (!of->is_closed && of->wall_at && (!at || of->wall_at < at))
            at = of->wall_at;
        if (at && (!first || at < *due)) {
            first = of;
            *due = at;
        }
    }
    return first;
}

static int answer(struct sim *sim, struct err *err)
{
    struct sim_pending first = take_first(sim);
    if (first.of->is_closed || *first.cancelled) {
        json_decref(first.body);
        return 0;
    }
    if (first.due > sim->now)
        sim->now = first.due;
    return first.type ? sim_tell(first.of, first.type, first.body, err)
                      : sim_start_child(first.of, first.body, err);
}

static int time_passes(struct sim_flow *of, int64_t due, struct err *err)
{
    struct sim *sim = of->sim;
    if (due > sim->now)
        sim->now = due;
    if (of->wall_at && of->wall_at <= sim->now)
        return sim_out_of_time(of, err);
    return tell_time(of, err);
}

static int stuck(const struct sim *sim, struct err *err)
{
    struct flow_step_view view;
    const struct sim_flow *of = sim->first;
    for (size_t i = 0; i < of->flow->step_count; i++) {
        flow_run_step(of->run, i, &view);
        if (str_eq(view.state, "running") || str_eq(view.state, "waiting"))
            return err_set(err, "stuck", "nothing happens any more: step \"%s\" is %s for ever",
                           view.id, view.state);
    }
    return err_set(err, "stuck", "nothing happens any more, and the run has not ended");
}

static int go_on(struct sim *sim, struct err *err)
{
    int64_t due = 0;
    struct sim_flow *timed = first_due(sim, &due);
    if (!sim->pending_count && !timed)
        return stuck(sim, err);
    if (sim->pending_count && (!timed || sim->pending[0].due <= due))
        return answer(sim, err);
    return time_passes(timed, due, err);
}

static void sim_fini(struct sim *sim)
{
    while (sim->pending_count)
        json_decref(sim->pending[--sim->pending_count].body);
    free(sim->pending);
    while (sim->flows) {
        struct sim_flow *of = sim->flows;
        sim->flows = of->next;
        for (size_t i = 0; i < of->event_count; i++)
            json_decref(of->events[i].body);
        free(of->events);
        flow_run_close(of->run);
        map_fini(&of->open);
        json_decref(of->asked);
        free(of);
    }
}

static void give_result(struct sim *sim, struct arena *arena, struct sim_result *result)
{
    struct sim_flow *of = sim->first;
    *result = (struct sim_result){
        .state = of->state ? of->state : flow_run_state(of->run),
        .hash = arena_strdup(arena, flow_run_hash(of->run)),
        .output = (json_t *)flow_run_output(of->run),
        .events = of->events,
        .event_count = of->event_count,
        .took_ms = sim->now - sim->world->started_at,
        .run = of->run,
        .sim = sim,
    };
}

int sim_run(const struct flow_bundle *bundle, const char *entry, const json_t *inputs,
            const struct sim_world *world, struct arena *arena, struct sim_result *result,
            struct err *err)
{
    struct sim *sim = mem_zalloc(sizeof(*sim));
    const struct flow *flow = entry ? flow_bundle_find(bundle, entry) : flow_bundle_entry(bundle);
    int rc = 0;
    *sim = (struct sim){.bundle = bundle, .world = world, .arena = arena, .now = world->started_at};
    *result = (struct sim_result){.sim = sim};
    if (!flow)
        return err_set(err, "no_workflow", "there is no workflow \"%s\" without errors",
                       entry ? entry : "");
    json_t *checked = flow_inputs(flow, inputs, false, err);
    if (!checked)
        return -1;
    sim->first = sim_open(sim, flow, "");
    rc = sim_start(sim->first, checked, err);
    json_decref(checked);
    while (rc == 0 && !sim->first->is_closed) {
        if (sim->events > world->max_events)
            rc = err_set(err, "stuck", "the run has not ended after %lld events",
                         (long long)sim->events);
        else
            rc = go_on(sim, err);
    }
    give_result(sim, arena, result);
    return rc;
}

void sim_free(struct sim_result *result)
{
    if (result->sim)
        sim_fini(result->sim);
    free(result->sim);
    *result = (struct sim_result){0};
}

const struct flow_run *sim_find(const struct sim_result *result, const char *path,
                                const struct flow **flow)
{
    for (const struct sim_flow *of = result->sim->flows; of; of = of->next) {
        *flow = of->flow;
        if (str_eq(of->path, path))
            return of->run;
    }
    return NULL;
}
