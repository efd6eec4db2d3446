/* The bounds of a whole workflow: the longest path, what rounds of changes repeat, sums, and what
 * the budgets of the workflow and of the company cut off. */
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/str.h"
#include "config/config.h"
#include "flow/expr.h"
#include "flow/graph_picture.h"
#include "flow/plan_step.h"

struct planner {
    const struct plan_about *about;
    struct arena *arena;
    struct map made; /* path of a workflow → its struct plan */
};

/* One workflow while it is looked at. */
struct outlook {
    struct planner *planner;
    const struct flow *flow;
    struct plan *plan;
    size_t *order;   /* indexes, needs before those who need them */
    int64_t *end_ms; /* of each step, without repetitions; -1: not bounded */
    size_t *before;  /* whom it waits for longest, as index + 1 */
};

static const struct plan *plan_of(struct planner *planner, const struct flow *flow,
                                  const json_t *inputs);

/* ---- which steps run ---- */

static void look_for_others(void *ctx, const char *const *path, size_t count, struct place at)
{
    (void)count, (void)at;
    if (!str_eq(path[0], "inputs"))
        *(bool *)ctx = true;
}

static const json_t *get_inputs(void *ctx, const char *root, const char *name)
{
    (void)name;
    return str_eq(root, "inputs") ? ctx : NULL;
}

/* Where the inputs alone decide that it does not run. */
static bool is_left_out(const struct flow_step *step, const json_t *inputs)
{
    bool others = false;
    const struct expr_scope scope = {.get = get_inputs, .ctx = (void *)inputs};
    if (!step->condition || !inputs)
        return false;
    expr_references(step->condition, look_for_others, &others);
    if (others)
        return false;
    json_t *value = expr_eval(step->condition, &scope);
    bool is_true = expr_is_true(value);
    json_decref(value);
    return !is_true;
}

/* ---- rounds ---- */

static void mark_below(const struct flow *flow, size_t from, bool *marked, size_t *stack)
{
    size_t count = 0;
    memset(marked, 0, flow->step_count);
    marked[from] = true;
    stack[count++] = from;
    while (count > 0) {
        const struct flow_step *step = &flow->steps[stack[--count]];
        for (size_t i = 0; i < step->feed_count; i++) {
            if (marked[step->feeds[i]])
                continue;
            marked[step->feeds[i]] = true;
            stack[count++] = step->feeds[i];
        }
    }
}

/* Every gate may send back its part as often as it has rounds. */
static void count_rounds(struct outlook *outlook)
{
    const struct flow *flow = outlook->flow;
    bool *marked = arena_alloc(outlook->planner->arena, flow->step_count + 1);
    size_t *stack = arena_alloc(outlook->planner->arena, (flow->step_count + 1) * sizeof(*stack));
    for (size_t i = 0; i < flow->step_count; i++) {
        const struct flow_step *gate = &flow->steps[i];
        if (gate->kind != FLOW_APPROVE || gate->approve.rerun < 0 ||
            outlook->plan->steps[i].is_left_out)
            continue;
        mark_below(flow, (size_t)gate->approve.rerun, marked, stack);
        for (size_t n = 0; n < flow->step_count; n++)
            if (marked[n])
                outlook->plan->steps[n].rounds += gate->approve.rounds;
    }
}

/* ---- steps ---- */

static void make_steps(struct outlook *outlook, const json_t *inputs)
{
    struct planner *planner = outlook->planner;
    const struct flow *flow = outlook->flow;
    struct plan *plan = outlook->plan;
    plan->count = flow->step_count;
    plan->steps = arena_alloc(planner->arena, (plan->count + 1) * sizeof(*plan->steps));
    for (size_t i = 0; i < plan->count; i++) {
        const struct flow_step *step = &flow->steps[i];
        const struct flow *below = step->kind == FLOW_WORKFLOW
                                       ? flow_bundle_find(planner->about->bundle, step->workflow)
                                       : NULL;
        plan_step_make(step, below ? plan_of(planner, below, NULL) : NULL, planner->about->config,
                       planner->arena, &plan->steps[i]);
        if (!is_left_out(step, inputs))
            continue;
        plan->steps[i].is_left_out = true;
        plan->steps[i].wall_ms = plan->steps[i].micro_usd = plan->steps[i].tokens = 0;
        plan->steps[i].note = "left out: its if is false with these inputs";
    }
    count_rounds(outlook);
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_step *step = &plan->steps[i];
        step->micro_usd = plan_times(step->micro_usd, step->rounds);
        step->tokens = plan_times(step->tokens, step->rounds);
    }
}

/* ---- time ---- */

static bool is_longer(int64_t a, int64_t b)
{
    return b >= 0 && (a < 0 || a > b);
}

static void find_ends(struct outlook *outlook)
{
    const struct flow *flow = outlook->flow;
    size_t *layer = graph_layers_of(flow, outlook->planner->arena, &outlook->plan->layers);
    size_t *next =
        arena_alloc(outlook->planner->arena, (outlook->plan->layers + 2) * sizeof(*next));
    outlook->order = arena_alloc(outlook->planner->arena, (flow->step_count + 1) * sizeof(size_t));
    for (size_t i = 0; i < flow->step_count; i++)
        next[layer[i] + 1]++;
    for (size_t i = 1; i <= outlook->plan->layers; i++)
        next[i] += next[i - 1];
    for (size_t i = 0; i < flow->step_count; i++)
        outlook->order[next[layer[i]]++] = i;
    for (size_t i = 0; i < flow->step_count; i++) {
        size_t at = outlook->order[i];
        const struct flow_step *step = &flow->steps[at];
        int64_t start = 0;
        for (size_t n = 0; n < step->need_count; n++) {
            int64_t end = outlook->end_ms[step->needs[n]];
            if (outlook->before[at] && !is_longer(end, start))
                continue;
            start = end;
            outlook->before[at] = step->needs[n] + 1;
        }
        outlook->end_ms[at] = plan_add(start, outlook->plan->steps[at].wall_ms);
    }
}

/* The last of the longest path, as index + 1. */
static size_t longest_end(const struct outlook *outlook)
{
    size_t last = 0;
    for (size_t i = 0; i < outlook->flow->step_count; i++)
        if (!last || is_longer(outlook->end_ms[i], outlook->end_ms[last - 1]))
            last = i + 1;
    return last;
}

/* "cte → review → gate"; of a long one, its ends. */
static const char *path_text(const struct outlook *outlook, size_t last)
{
    enum { SHOWN = 12 };
    struct buf text = {0};
    size_t count = 0, *way = outlook->order; /* has room; its order is not needed any more */
    for (size_t at = last; at; at = outlook->before[at - 1])
        way[count++] = at - 1;
    for (size_t i = 0; i < count; i++) {
        bool is_hidden = count > SHOWN && i >= SHOWN / 2 && i < count - SHOWN / 2;
        if (is_hidden && i > SHOWN / 2)
            continue;
        buf_puts(&text, i ? " → " : "");
        if (is_hidden)
            buf_printf(&text, "… %zu more …", count - SHOWN);
        else
            graph_put_clean(&text, outlook->flow->steps[way[count - 1 - i]].id);
    }
    const char *copy = arena_memdup(outlook->planner->arena, buf_text(&text), text.len);
    buf_fini(&text);
    return copy;
}

static bool is_live(enum flow_kind kind)
{
    return kind == FLOW_TASK || kind == FLOW_RUN || kind == FLOW_WORKFLOW;
}

/* Steps that have to wait for their turn: where fewer may be at work at once than there are, all of
 * them together, shared by those that may (Graham's bound). */
static int64_t queueing_of(const struct outlook *outlook)
{
    int64_t sum = 0, count = 0, live = outlook->flow->limit_live;
    live = live > 0 ? live : LIMIT_FLOW_LIVE;
    for (size_t i = 0; i < outlook->flow->step_count; i++) {
        if (!is_live(outlook->flow->steps[i].kind))
            continue;
        sum = plan_add(sum, outlook->plan->steps[i].wall_ms);
        count++;
    }
    return count > live ? (sum < 0 ? -1 : sum / live) : 0;
}

/* After changes were requested at a gate, everything up to it may take as long as it did before. */
static int64_t repetitions_of(const struct outlook *outlook)
{
    int64_t sum = 0;
    for (size_t i = 0; i < outlook->flow->step_count; i++) {
        const struct flow_step *gate = &outlook->flow->steps[i];
        if (gate->kind == FLOW_APPROVE && gate->approve.rerun >= 0 &&
            !outlook->plan->steps[i].is_left_out)
            sum = plan_add(sum, plan_times(outlook->end_ms[i], gate->approve.rounds));
    }
    return sum;
}

static void bound_time(struct outlook *outlook)
{
    struct plan *plan = outlook->plan;
    size_t last;
    find_ends(outlook);
    last = longest_end(outlook);
    plan->path_ms = last ? outlook->end_ms[last - 1] : 0;
    plan->path_ms = plan_add(plan->path_ms, queueing_of(outlook));
    plan->path_ms = plan_add(plan->path_ms, repetitions_of(outlook));
    if (outlook->flow->on_failure) {
        struct plan_step failure;
        plan_step_make(outlook->flow->on_failure, NULL, NULL, outlook->planner->arena, &failure);
        plan->path_ms = plan_add(plan->path_ms, failure.wall_ms);
    }
    plan->longest = path_text(outlook, last);
}

/* ---- sums and budgets ---- */

static void sum_up(struct outlook *outlook)
{
    struct plan *plan = outlook->plan;
    for (size_t i = 0; i < plan->count; i++) {
        plan->micro_usd = plan_add(plan->micro_usd, plan->steps[i].micro_usd);
        plan->tokens = plan_add(plan->tokens, plan->steps[i].tokens);
    }
    if (outlook->flow->on_failure) {
        struct plan_step failure;
        plan_step_make(outlook->flow->on_failure, NULL, outlook->planner->about->config,
                       outlook->planner->arena, &failure);
        plan->micro_usd = plan_add(plan->micro_usd, failure.micro_usd);
        plan->tokens = plan_add(plan->tokens, failure.tokens);
    }
    plan->usd_by = plan->micro_usd >= 0 ? "the sum of its steps" : NULL;
    plan->tokens_by = plan->tokens >= 0 ? "the sum of its steps" : NULL;
}

static void cut(int64_t *bound, const char **by, int64_t limit, const char *name)
{
    if (limit < 0 || (*bound >= 0 && *bound <= limit))
        return;
    *bound = limit;
    *by = name;
}

static void cut_by_budgets(struct plan *plan, const struct flow *flow, const struct config *config)
{
    static const char sum[] = "the sum of its steps";
    plan->wall_ms = plan->path_ms;
    plan->wall_by = "its longest path";
    if (flow->wall_ms > 0)
        cut(&plan->wall_ms, &plan->wall_by, flow->wall_ms, "budget.wall");
    else
        cut(&plan->wall_ms, &plan->wall_by, FLOW_WALL_MS, "the time of a run without budget.wall");
    cut(&plan->micro_usd, &plan->usd_by, flow->micro_usd, "budget.usd");
    cut(&plan->tokens, &plan->tokens_by, flow->tokens, "budget.tokens");
    if (config) {
        cut(&plan->micro_usd, &plan->usd_by, config->limit_micro_usd, "the company's limits.usd");
        cut(&plan->tokens, &plan->tokens_by, config->limit_tokens, "the company's limits.tokens");
    }
    plan->bounded_by_budget = !str_eq(plan->wall_by, "its longest path") ||
                              (plan->usd_by && !str_eq(plan->usd_by, sum)) ||
                              (plan->tokens_by && !str_eq(plan->tokens_by, sum));
}

static const struct plan *plan_of(struct planner *planner, const struct flow *flow,
                                  const json_t *inputs)
{
    struct plan *plan = map_get(&planner->made, flow->path);
    if (plan)
        return plan;
    plan = arena_alloc(planner->arena, sizeof(*plan));
    map_put(&planner->made, flow->path, plan);
    struct outlook outlook = {.planner = planner, .flow = flow, .plan = plan};
    size_t room = flow->step_count + 1;
    outlook.end_ms = arena_alloc(planner->arena, room * sizeof(*outlook.end_ms));
    outlook.before = arena_alloc(planner->arena, room * sizeof(*outlook.before));
    make_steps(&outlook, inputs);
    bound_time(&outlook);
    sum_up(&outlook);
    return plan;
}

void plan_make(const struct plan_about *about, struct arena *arena, struct plan *plan)
{
    struct planner planner = {.about = about, .arena = arena};
    const struct flow *flow = flow_bundle_entry(about->bundle);
    *plan = *plan_of(&planner, flow, about->inputs);
    cut_by_budgets(plan, flow, about->config);
    map_fini(&planner.made);
}
