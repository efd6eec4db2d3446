/* Turns the config back into the shape of the file, and tells where one value of it came from. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "base/str.h"
#include "config/explain.h"
#include "config/keys.h"

static json_t *texts_json(const char *const *texts)
{
    json_t *array = json_array();
    for (; *texts; texts++)
        json_array_append_new(array, json_string(*texts));
    return array;
}

/* A duration as one would write it: the largest unit that divides it. */
static json_t *duration_json(int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;
    while (ms % units[i].ms)
        i++;
    return json_sprintf("%lld%s", (long long)(ms / units[i].ms), units[i].unit);
}

static json_t *bytes_json(int64_t bytes)
{
    static const struct {
        int64_t bytes;
        const char *unit;
    } units[] = {{1000000000, "GB"}, {1000000, "MB"}, {1000, "kB"}, {1, "B"}};
    size_t i = 0;
    while (bytes % units[i].bytes)
        i++;
    return json_sprintf("%lld%s", (long long)(bytes / units[i].bytes), units[i].unit);
}

static json_t *usd_json(int64_t micro)
{
    return micro % 1000000 ? json_real((double)micro / 1e6) : json_integer(micro / 1000000);
}

/* Where a secret lies, never what it is. */
static json_t *secret_json(const struct config_secret *secret)
{
    json_t *object = json_object();
    json_set_text(object, "env", secret->env);
    json_set_text(object, "file", secret->file);
    return object;
}

static json_t *telemetry_json(const struct config *config)
{
    const struct config_telemetry *telemetry = &config->telemetry;
    json_t *root = json_object(), *headers = json_object();
    if (telemetry->otlp) {
        for (size_t i = 0; i < telemetry->header_count; i++)
            json_object_set_new(headers, telemetry->headers[i].name,
                                secret_json(&telemetry->headers[i].value));
        json_set_text(root, "otlp", telemetry->otlp);
        json_set_text(root, "content", telemetry->content ? "on" : "off");
        json_object_set(root, "headers", headers);
    }
    json_decref(headers);
    return root;
}

static json_t *webhooks_json(const struct config *config)
{
    json_t *webhooks = json_object();
    for (size_t i = 0; i < config->webhook_count; i++) {
        const struct config_webhook *webhook = &config->webhooks[i];
        json_object_set_new(webhooks, webhook->name,
                            json_pack("{s:o,s:s,s:I,s:s}", "url", secret_json(&webhook->url),
                                      "form", webhook->form, "per_minute",
                                      (json_int_t)webhook->per_minute, "on_unknown",
                                      webhook->on_unknown));
    }
    return webhooks;
}

static json_t *budget_json(const struct config *config)
{
    json_t *budget = json_object();
    if (config->budget_micro_usd >= 0)
        json_object_set_new(budget, "usd", usd_json(config->budget_micro_usd));
    json_set_text(budget, "per", config->budget_per);
    return budget;
}

static json_t *model_json(const struct config_model *model)
{
    json_t *object = json_object();
    json_set_text(object, "api", model->api);
    json_set_text(object, "base_url", model->base_url);
    json_set_text(object, "file", model->file);
    if (model->api_key.env || model->api_key.file)
        json_object_set_new(object, "api_key", secret_json(&model->api_key));
    if (model->priced)
        json_object_set_new(object, "price",
                            json_pack("{s:o,s:o,s:o}", "in", usd_json(model->price_in), "out",
                                      usd_json(model->price_out), "cached",
                                      usd_json(model->price_cached)));
    json_object_set_new(object, "max_tokens", json_integer(model->max_tokens));
    if (model->concurrent)
        json_object_set_new(object, "concurrent", json_integer(model->concurrent));
    if (model->per_minute)
        json_object_set_new(object, "per_minute", json_integer(model->per_minute));
    json_object_set_new(object, "timeout", duration_json(model->timeout_ms));
    return object;
}

static json_t *tools_json(const struct config_agent *agent)
{
    json_t *exec = json_object(), *tools = json_object();
    json_object_set_new(exec, "network", json_boolean(agent->exec_network));
    json_object_set_new(exec, "timeout", duration_json(agent->exec_timeout_ms));
    json_set_text(exec, "on_unknown", agent->exec_on_unknown);
    json_object_set_new(tools, "allow", texts_json(agent->tools_allow));
    json_object_set_new(tools, "exec", exec);
    return tools;
}

static json_t *agent_json(const struct config_agent *agent)
{
    json_t *object = json_object(), *model = json_object(), *heartbeat = json_object();
    json_set_text(object, "name", agent->name);
    json_object_set_new(object, "port", json_integer(agent->port));
    json_object_set_new(object, "aliases", texts_json(agent->aliases));
    json_object_set_new(object, "capabilities", texts_json(agent->capabilities));
    json_set_text(model, "primary", agent->model);
    json_object_set_new(model, "fallbacks", texts_json(agent->fallbacks));
    json_object_set_new(object, "model", model);
    json_set_text(object, "workspace", agent->workspace);
    json_set_text(object, "instance", agent->instance);
    json_object_set_new(object, "tools", tools_json(agent));
    json_object_set_new(object, "turns", json_integer(agent->turns));
    json_object_set_new(object, "delegates", texts_json(agent->delegates));
    json_object_set_new(object, "revisits", texts_json(agent->revisits));
    json_set_text(object, "deliver", agent->deliver);
    if (agent->heartbeat_every_ms)
        json_object_set_new(heartbeat, "every", duration_json(agent->heartbeat_every_ms));
    json_set_text(heartbeat, "target", agent->heartbeat_target);
    json_object_set_new(object, "heartbeat", heartbeat);
    return object;
}

static json_t *limits_json(const struct config *config)
{
    json_t *limits = json_object();
    json_object_set_new(limits, "depth", json_integer(config->limit_depth));
    json_object_set_new(limits, "tasks", json_integer(config->limit_tasks));
    json_object_set_new(limits, "live", json_integer(config->limit_live));
    json_object_set_new(limits, "fan_out", json_integer(config->limit_fan_out));
    json_object_set_new(limits, "wall", duration_json(config->limit_wall_ms));
    if (config->limit_micro_usd >= 0)
        json_object_set_new(limits, "usd", usd_json(config->limit_micro_usd));
    if (config->limit_tokens >= 0)
        json_object_set_new(limits, "tokens", json_integer(config->limit_tokens));
    return limits;
}

static json_t *logs_json(const struct config *config)
{
    const struct config_logs *logs = &config->logs;
    return json_pack("{s:s,s:o,s:I,s:o}", "format", logs->json ? "json" : "text", "size",
                     bytes_json(logs->size), "keep", (json_int_t)logs->keep,
                     "age", duration_json(logs->age_ms));
}

static json_t *people_json(const struct config *config)
{
    json_t *people = json_object();
    for (size_t i = 0; i < config->person_count; i++) {
        json_t *person = json_object();
        json_object_set_new(person, "roles", texts_json(config->people[i].roles));
        json_object_set_new(person, "local", json_boolean(config->people[i].local));
        json_object_set_new(people, config->people[i].id, person);
    }
    return people;
}

static json_t *company_json(const struct config *config)
{
    json_t *root = json_object(), *hub = json_object(), *shared = json_object();
    bool is_six = strchr(config->hub_address, ':') != NULL;
    json_set_text(root, "dir", config->dir);
    json_set_text(root, "state", config->state);
    json_set_text(root, "company", config->company);
    json_set_text(root, "ledger", config->ledger);
    if (config->hub_port)
        json_object_set_new(
            hub, "listen",
            json_sprintf(is_six ? "[%s]:%d" : "%s:%d", config->hub_address, config->hub_port));
    json_object_set_new(root, "hub", hub);
    json_set_text(shared, "dir", config->shared_dir);
    json_set_text(shared, "gatekeeper", config->shared_gatekeeper);
    json_object_set_new(root, "shared", shared);
    json_object_set_new(root, "hooks", json_pack("{s:s}", "path", config->hooks_path));
    json_object_set_new(root, "limits", limits_json(config));
    json_object_set_new(root, "budget", budget_json(config));
    json_object_set_new(root, "logs", logs_json(config));
    json_object_set_new(root, "webhooks", webhooks_json(config));
    json_object_set_new(root, "people", people_json(config));
    json_object_set_new(root, "telemetry", telemetry_json(config));
    json_set_text(root, "workflows", config->workflows);
    json_set_text(root, "jobs", config->jobs);
    json_object_set_new(root, "retention",
                        config->retention_ms < 0 ? json_string("forever")
                                                 : duration_json(config->retention_ms));
    json_object_set_new(root, "runner",
                        json_pack("{s:b,s:o}", "enabled", config->runner, "timeout",
                                  duration_json(config->runner_timeout_ms)));
    return root;
}

json_t *config_effective(const struct config *config)
{
    json_t *root = company_json(config), *models = json_object(), *agents = json_object();
    for (size_t i = 0; i < config->model_count; i++)
        json_object_set_new(models, config->models[i].name, model_json(&config->models[i]));
    for (size_t i = 0; i < config->agent_count; i++)
        json_object_set_new(agents, config->agents[i].id, agent_json(&config->agents[i]));
    json_object_set_new(root, "models", models);
    json_object_set_new(root, "agents", agents);
    return root;
}

struct lookup {
    const struct config *config;
    const struct yaml_document *document;
    struct arena *arena;
    struct explanation *out;
};

/* Follows a dotted path; *rest is what could not be followed ("" where all was). */
static const json_t *follow(const json_t *value, const char *path, const char **rest)
{
    while (*path) {
        size_t len = strcspn(path, ".");
        const json_t *child = json_object_getn(value, path, len);
        if (!child || json_is_null(child))
            break;
        value = child;
        path += len + (path[len] == '.');
    }
    *rest = path;
    return value;
}

static char *pointer_of(struct arena *arena, const char *path)
{
    char *pointer = arena_printf(arena, "/%s", path);
    for (char *at = pointer; *at; at++)
        if (*at == '.')
            *at = '/';
    return pointer;
}

/* True where the file says the value: at its path, or as the plain form of a map above it. */
static bool said_in_file(struct lookup *look, const char *path, struct place *at)
{
    const char *rest;
    const json_t *value = follow(look->document->root, path, &rest);
    if (*rest && (json_is_object(value) || json_is_array(value)))
        return false;
    char *said = arena_memdup(look->arena, path, strlen(path) - strlen(rest));
    size_t len = strlen(said);
    if (len && *rest)
        said[len - 1] = '\0';
    *at = yaml_place(look->document, pointer_of(look->arena, said));
    return at->line > 0;
}

/* "agents.x.model…" is taken as a whole: an agent that has one takes nothing from `defaults`. */
static const char *defaults_path(struct lookup *look, const char *path)
{
    const char *rest = strchr(path + strlen("agents."), '.');
    struct place at;
    if (!rest || !rest[1])
        return NULL;
    if (str_starts(rest, ".model.") &&
        said_in_file(look, arena_memdup(look->arena, path, (size_t)(rest + 6 - path)), &at))
        return NULL;
    return arena_printf(look->arena, "defaults%s", rest);
}

static void find_origin(struct lookup *look, const char *path)
{
    const char *defaults = str_starts(path, "agents.") ? defaults_path(look, path) : NULL;
    look->out->from = "file";
    if (said_in_file(look, path, &look->out->at))
        return;
    if (defaults && said_in_file(look, defaults, &look->out->at)) {
        look->out->detail = defaults;
        return;
    }
    look->out->from = "default";
    look->out->at = (struct place){0};
}

static void find_state_origin(struct explanation *out, const char *flag)
{
    const char *env = getenv("HQ_STATE");
    out->from = flag ? "flag" : str_is_empty(env) ? "default" : "environment";
    out->detail = flag ? "--state" : str_is_empty(env) ? NULL : "HQ_STATE";
    out->doc = "The folder of everything that lasts: ledger, blobs, socket, logs.";
    out->wants = "a path";
}

static void find_dir_origin(struct explanation *out)
{
    const char *env = getenv("HQ_DIR");
    out->from = str_is_empty(env) ? "file" : "environment";
    out->detail = str_is_empty(env) ? NULL : "HQ_DIR";
    out->doc = "The company's folder: where hq.yaml lies.";
    out->wants = "a path";
}

/* "agents.technical.port" → "agents.tech-lead.port". */
static const char *with_id(const struct config *config, const char *key, struct arena *arena)
{
    if (!str_starts(key, "agents."))
        return key;
    const char *name = key + strlen("agents."), *rest = name + strcspn(name, ".");
    const struct config_agent *agent =
        config_agent(config, arena_memdup(arena, name, (size_t)(rest - name)));
    return agent ? arena_printf(arena, "agents.%s%s", agent->id, rest) : key;
}

struct names {
    const char *texts[128];
    size_t count;
    struct arena *arena;
};

static void collect_name(void *ctx, const char *path, const struct config_key *key)
{
    struct names *names = ctx;
    if (names->count + 1 < sizeof(names->texts) / sizeof(names->texts[0]))
        names->texts[names->count++] = arena_strdup(names->arena, path);
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* The key that was meant: near as a whole, else the first whose last part is near. */
static const char *nearest_key(const char *key, struct arena *arena)
{
    struct names names = {.arena = arena}, parts = {0};
    config_key_walk(collect_name, &names);
    const char *near = str_nearest(key, names.texts);
    if (near)
        return near;
    for (size_t i = 0; i < names.count; i++)
        parts.texts[i] = last_part(names.texts[i]);
    const char *part = str_nearest(last_part(key), parts.texts);
    bool for_agents = str_starts(key, "agents.") || !strchr(key, '.');
    for (size_t i = 0; part && i < names.count; i++) {
        if (!str_eq(part, parts.texts[i]))
            continue;
        near = near ? near : names.texts[i];
        if (for_agents && str_starts(names.texts[i], "agents.*."))
            return names.texts[i];
    }
    return near;
}

static int refuse_key(const struct config *config, const char *key, struct arena *arena,
                      struct err *err)
{
    const char *near = nearest_key(key, arena);
    err_set(err, "unknown_key", "hq.yaml has no key \"%s\"", key);
    if (near && config->agent_count && str_starts(near, "agents.*"))
        near = arena_printf(arena, "agents.%s%s", config->agents[0].id, near + 8);
    if (near)
        err_hint(err, "did you mean %s?", near);
    else
        err_hint(err, "`hq config explain` lists all keys");
    return -1;
}

int config_explain(const struct config *config, const struct yaml_document *document,
                   const char *state_flag, const char *key, struct arena *arena,
                   struct explanation *out, struct err *err)
{
    struct lookup look = {config, document, arena, out};
    const char *path = with_id(config, key, arena), *rest;
    const struct config_key *entry = config_key_find(path);
    bool outside = str_eq(key, "dir") || str_eq(key, "state");
    *out = (struct explanation){.key = path};
    if (!outside && (!entry || !*path || strchr(path, '*')))
        return refuse_key(config, key, arena, err);
    json_t *effective = config_effective(config);
    const json_t *value = follow(effective, path, &rest);
    if (*rest) /* not in force: what the file says, or nothing */
        value = follow(document->root, path, &rest);
    out->value = *rest ? NULL : json_incref((json_t *)value);
    json_decref(effective);
    if (outside) {
        str_eq(key, "state") ? find_state_origin(out, state_flag) : find_dir_origin(out);
        return 0;
    }
    find_origin(&look, path);
    out->doc = entry->doc;
    out->wants =
        entry->kind == KEY_NAMED && strchr(path, '.') ? "a map" : config_key_wants(entry, arena);
    out->later = config_key_is_later(path);
    if (!out->value && entry->fallback && str_eq(out->from, "default"))
        out->value = json_string(entry->fallback);
    return 0;
}
