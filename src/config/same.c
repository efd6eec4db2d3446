/* Whether two readings of hq.yaml are the same to one process: a reload restarts only whom they
 * differ for. What a gateway or the runner begins to read of the file has to be compared here. */
#include <string.h>

#include "base/str.h"
#include "config/config.h"

static bool texts_equal(const char *const *a, const char *const *b)
{
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

static bool secrets_equal(const struct config_secret *a, const struct config_secret *b)
{
    return str_eq(a->env, b->env) && str_eq(a->file, b->file);
}

static bool agents_equal(const struct config_agent *a, const struct config_agent *b)
{
    return str_eq(a->id, b->id) && str_eq(a->name, b->name) && a->port == b->port &&
           texts_equal(a->aliases, b->aliases) && texts_equal(a->capabilities, b->capabilities) &&
           texts_equal(a->delegates, b->delegates) && texts_equal(a->revisits, b->revisits) &&
           str_eq(a->deliver, b->deliver) && str_eq(a->model, b->model) &&
           texts_equal(a->fallbacks, b->fallbacks) && str_eq(a->workspace, b->workspace) &&
           str_eq(a->instance, b->instance) && texts_equal(a->tools_allow, b->tools_allow) &&
           a->exec_network == b->exec_network && a->exec_timeout_ms == b->exec_timeout_ms &&
           str_eq(a->exec_on_unknown, b->exec_on_unknown) && a->turns == b->turns &&
           a->heartbeat_every_ms == b->heartbeat_every_ms &&
           str_eq(a->heartbeat_target, b->heartbeat_target);
}

static bool models_equal(const struct config *was, const struct config *now)
{
    for (size_t i = 0; i < was->model_count && i < now->model_count; i++) {
        const struct config_model *a = &was->models[i], *b = &now->models[i];
        if (!str_eq(a->name, b->name) || !str_eq(a->api, b->api) ||
            !str_eq(a->base_url, b->base_url) || !str_eq(a->file, b->file) ||
            !secrets_equal(&a->api_key, &b->api_key) || a->priced != b->priced ||
            a->price_in != b->price_in || a->price_out != b->price_out ||
            a->price_cached != b->price_cached || a->max_tokens != b->max_tokens ||
            a->timeout_ms != b->timeout_ms || a->concurrent != b->concurrent ||
            a->per_minute != b->per_minute)
            return false;
    }
    return was->model_count == now->model_count;
}

/* What an answer may be delivered to. */
static bool webhooks_equal(const struct config *was, const struct config *now)
{
    for (size_t i = 0; i < was->webhook_count && i < now->webhook_count; i++) {
        const struct config_webhook *a = &was->webhooks[i], *b = &now->webhooks[i];
        if (!str_eq(a->name, b->name) || !secrets_equal(&a->url, &b->url) ||
            !str_eq(a->form, b->form) || !str_eq(a->on_unknown, b->on_unknown))
            return false;
    }
    return was->webhook_count == now->webhook_count;
}

/* Who may be asked for a decision. */
static bool people_equal(const struct config *was, const struct config *now)
{
    for (size_t i = 0; i < was->person_count && i < now->person_count; i++) {
        const struct config_person *a = &was->people[i], *b = &now->people[i];
        if (!str_eq(a->id, b->id) || !texts_equal(a->roles, b->roles) || a->local != b->local)
            return false;
    }
    return was->person_count == now->person_count;
}

static bool logs_equal(const struct config_logs *a, const struct config_logs *b)
{
    return a->json == b->json && a->size == b->size && a->keep == b->keep && a->age_ms == b->age_ms;
}

/* What a prompt says of the agents that may be asked. */
static bool teams_equal(const struct config *was, const struct config_agent *before,
                        const struct config *now, const struct config_agent *after)
{
    const struct config_agent *a, *b;
    size_t at = 0, at_now = 0;
    do {
        a = config_next_colleague(was, before, &at);
        b = config_next_colleague(now, after, &at_now);
        if (a && b &&
            (!str_eq(a->id, b->id) || !str_eq(a->name, b->name) ||
             !texts_equal(a->aliases, b->aliases) ||
             !texts_equal(a->capabilities, b->capabilities)))
            return false;
    } while (a && b);
    return !a && !b;
}

bool config_gateway_equal(const struct config *was, const struct config *now, const char *agent)
{
    const struct config_agent *before = config_agent(was, agent), *after = config_agent(now, agent);
    return before && after && agents_equal(before, after) && teams_equal(was, before, now, after) &&
           str_eq(was->company, now->company) && str_eq(was->hooks_path, now->hooks_path) &&
           str_eq(was->shared_dir, now->shared_dir) &&
           str_eq(was->shared_gatekeeper, now->shared_gatekeeper) &&
           was->limit_depth == now->limit_depth && was->retention_ms == now->retention_ms &&
           logs_equal(&was->logs, &now->logs) && models_equal(was, now) &&
           webhooks_equal(was, now) && people_equal(was, now);
}

bool config_runner_equal(const struct config *was, const struct config *now)
{
    return was->runner == now->runner && was->runner_timeout_ms == now->runner_timeout_ms &&
           str_eq(was->company, now->company) && logs_equal(&was->logs, &now->logs);
}
