/* What one step can take and cost, all of its tries together. */
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/config.h"
#include "flow/graph_picture.h"
#include "flow/plan_step.h"

int64_t plan_add(int64_t a, int64_t b)
{
    int64_t sum;
    if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum))
        return -1;
    return sum;
}

int64_t plan_times(int64_t a, int64_t times)
{
    int64_t product;
    if (times == 0)
        return 0;
    if (a < 0 || times < 0 || __builtin_mul_overflow(a, times, &product))
        return -1;
    return product;
}

int64_t plan_least(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

/* ---- time ---- */

/* All pauses between tries, jitter counted at its most. */
static int64_t pauses_of(const struct flow_retry *retry)
{
    const double jitter = retry->jitter ? 1.2 : 1, most = 1e15;
    double pause = (double)retry->initial_ms, sum = 0;
    for (int64_t i = 1; i < retry->attempts && sum < most; i++) {
        double capped = retry->max_ms > 0 ? fmin(pause, (double)retry->max_ms) : pause;
        sum += capped * jitter;
        pause *= retry->factor > 0 ? retry->factor : 1;
    }
    return sum < most ? (int64_t)ceil(sum) : -1;
}

static int64_t wall_of(const struct flow_step *step, const struct plan *sub)
{
    int64_t once = step->timeout_ms > 0 ? step->timeout_ms : -1;
    switch (step->kind) {
    case FLOW_APPROVE:
        return step->approve.expires_ms > 0 ? step->approve.expires_ms : -1;
    case FLOW_EFFECT:
        return -1;
    case FLOW_WAIT:
        return step->signal ? once : step->wait_ms;
    case FLOW_WORKFLOW:
        once = sub ? plan_least(once, sub->path_ms) : once;
        break;
    default:
        break;
    }
    return plan_add(plan_times(once, step->retry.attempts), pauses_of(&step->retry));
}

/* ---- cost ---- */

static bool model_is_free(const struct config *config, const char *model)
{
    struct arena arena = {0};
    const char *slash = model ? strchr(model, '/') : NULL;
    const char *name = slash ? arena_memdup(&arena, model, (size_t)(slash - model)) : model;
    const struct config_model *found = name ? config_model(config, name) : NULL;
    bool is_free = found && found->priced && found->price_in == 0 && found->price_out == 0 &&
                   found->price_cached == 0;
    arena_fini(&arena);
    return is_free;
}

static bool agent_is_free(const struct config *config, const struct config_agent *agent)
{
    if (!model_is_free(config, agent->model))
        return false;
    for (const char *const *next = agent->fallbacks; next && *next; next++)
        if (!model_is_free(config, *next))
            return false;
    return true;
}

static bool has_capability(const struct config_agent *agent, const char *capability)
{
    return capability && agent->capabilities && str_in(capability, agent->capabilities);
}

/* Marks whom the marked may ask, until nobody is added. */
static void spread(const struct config *config, bool *marked)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < config->agent_count; i++)
            for (size_t k = 0; marked[i] && k < config->agent_count; k++)
                if (!marked[k] && config_agent_may_delegate(&config->agents[i], &config->agents[k]))
                    marked[k] = more = true;
    }
}

/* True where every model that the step can reach, by delegation too, costs nothing. */
static bool is_free(const struct flow_step *step, const struct config *config)
{
    struct arena arena = {0};
    bool free_all = true, any = false;
    bool *marked = arena_alloc(&arena, config->agent_count + 1);
    for (size_t i = 0; i < config->agent_count; i++) {
        const struct config_agent *agent = &config->agents[i];
        marked[i] = step->agent ? agent == config_agent(config, step->agent)
                                : has_capability(agent, step->capability);
        any = any || marked[i];
    }
    spread(config, marked);
    for (size_t i = 0; i < config->agent_count; i++)
        free_all = free_all && (!marked[i] || agent_is_free(config, &config->agents[i]));
    arena_fini(&arena);
    return any && free_all;
}

static void cost_of_task(const struct flow_step *step, const struct config *config,
                         struct plan_step *out)
{
    out->tokens = plan_times(step->tokens, out->tries);
    if (config && is_free(step, config)) {
        out->micro_usd = 0;
        out->note = "its models cost nothing";
    } else if (step->micro_usd >= 0) {
        out->micro_usd = plan_times(step->micro_usd, out->tries);
        out->note = "by its budget";
    } else {
        out->note = "no budget of its own";
    }
}

static void cost_of(const struct flow_step *step, const struct plan *sub,
                    const struct config *config, struct plan_step *out)
{
    if (step->kind == FLOW_TASK) {
        cost_of_task(step, config, out);
    } else if (step->kind == FLOW_WORKFLOW) {
        out->micro_usd = sub ? plan_times(sub->micro_usd, out->tries) : -1;
        out->tokens = sub ? plan_times(sub->tokens, out->tries) : -1;
    } else {
        out->micro_usd = out->tokens = 0; /* no model is asked */
    }
}

static const char *note_of(const struct flow_step *step, const struct plan_step *out)
{
    if (step->kind == FLOW_EFFECT)
        return str_eq(step->on_unknown, "ask") || !step->on_unknown
                   ? "until it is delivered, or a person decides"
                   : "until it is delivered or given up";
    if (step->kind == FLOW_WAIT && step->wait_until)
        return "until a time that is known then";
    if (step->kind == FLOW_APPROVE && out->wall_ms >= 0)
        return "until it expires";
    return out->note;
}

void plan_step_make(const struct flow_step *step, const struct plan *sub,
                    const struct config *config, struct arena *arena, struct plan_step *out)
{
    struct buf who = {0};
    graph_put_who(&who, step);
    *out = (struct plan_step){.id = step->id, .rounds = 1, .micro_usd = -1, .tokens = -1};
    out->who = arena_memdup(arena, buf_text(&who), who.len);
    out->tries = step->retry.attempts > 1 ? step->retry.attempts : 1;
    out->wall_ms = wall_of(step, sub);
    cost_of(step, sub, config, out);
    out->note = note_of(step, out);
    buf_fini(&who);
}
