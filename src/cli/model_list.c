/* hq model list: the providers of hq.yaml, with their keys, prices and limits, and who uses them.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/cells.h"
#include "cli/company.h"
#include "cli/figures.h"
#include "cli/output.h"
#include "cli/table.h"
#include "config/secret.h"

static bool is_of(const char *model, const struct config_model *provider)
{
    size_t len = strlen(provider->name);
    return model && strncmp(model, provider->name, len) == 0 && model[len] == '/';
}

static bool agent_uses(const struct config_agent *agent, const struct config_model *provider)
{
    bool uses = is_of(agent->model, provider);
    for (const char *const *model = agent->fallbacks; !uses && model && *model; model++)
        uses = is_of(*model, provider);
    return uses;
}

/* "needed" no key, "ok", or "missing". */
static const char *key_state(const struct config_model *provider)
{
    struct arena scratch = {0};
    struct err err;
    if (!provider->api_key.env && !provider->api_key.file)
        return "none";
    char *key = secret_resolve(&provider->api_key, &scratch, &err);
    const char *state = key ? "ok" : "missing";
    if (key)
        explicit_bzero(key, strlen(key));
    arena_fini(&scratch);
    return state;
}

static json_t *users_json(const struct config *config, const struct config_model *provider)
{
    json_t *users = json_array();
    for (size_t i = 0; i < config->agent_count; i++)
        if (agent_uses(&config->agents[i], provider))
            json_array_append_new(users, json_string(config->agents[i].id));
    return users;
}

static void set_count(json_t *item, const char *name, int64_t value)
{
    json_object_set_new(item, name, value > 0 ? json_integer((json_int_t)value) : json_null());
}

static json_t *price_json(const struct config_model *provider)
{
    if (!provider->priced)
        return json_null();
    return json_pack("{s:f,s:f,s:f}", "in", (double)provider->price_in / 1e6, "out",
                     (double)provider->price_out / 1e6, "cached",
                     (double)provider->price_cached / 1e6);
}

static json_t *provider_json(const struct config *config, const struct config_model *provider)
{
    json_t *item = json_pack("{s:s,s:s,s:s,s:o,s:o}", "name", provider->name, "api", provider->api,
                             "key", key_state(provider), "price", price_json(provider), "agents",
                             users_json(config, provider));
    json_set_text(item, "base_url", provider->base_url);
    json_set_text(item, "file", provider->file);
    json_set_text(item, "key_env", provider->api_key.env);
    json_set_text(item, "key_file", provider->api_key.file);
    set_count(item, "concurrent", provider->concurrent);
    set_count(item, "per_minute", provider->per_minute);
    set_count(item, "max_tokens", provider->max_tokens);
    set_count(item, "timeout_ms", provider->timeout_ms);
    return item;
}

static const char *price_text(const struct config_model *provider, struct arena *arena)
{
    if (!provider->priced)
        return "unpriced";
    if (!provider->price_in && !provider->price_out)
        return "free";
    return arena_printf(arena, "$%g/$%g", (double)provider->price_in / 1e6,
                        (double)provider->price_out / 1e6);
}

static const char *limits_text(const struct config_model *provider, struct arena *arena)
{
    if (provider->concurrent && provider->per_minute)
        return arena_printf(arena, "%lld, %lld/min", (long long)provider->concurrent,
                            (long long)provider->per_minute);
    if (provider->concurrent)
        return arena_printf(arena, "%lld at once", (long long)provider->concurrent);
    if (provider->per_minute)
        return arena_printf(arena, "%lld/min", (long long)provider->per_minute);
    return "-";
}

static const char *users_text(const struct config *config, const struct config_model *provider,
                              struct arena *arena)
{
    const char *text = "";
    for (size_t i = 0; i < config->agent_count; i++)
        if (agent_uses(&config->agents[i], provider))
            text = arena_printf(arena, "%s%s%s", text, *text ? ", " : "", config->agents[i].id);
    return *text ? text : "nobody";
}

static void put_row(struct buf *out, const struct config *config,
                    const struct config_model *provider, struct arena *arena)
{
    const struct {
        const char *text;
        int columns;
    } cells[] = {{provider->name, 14},
                 {provider->api, 12},
                 {key_state(provider), 8},
                 {price_text(provider, arena), 10},
                 {limits_text(provider, arena), 11},
                 {users_text(config, provider, arena), 20}};
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        if (i)
            buf_putc(out, ' ');
        cell_put(out, cells[i].text, cells[i].columns, output_is_utf8());
    }
    cell_end_line(out);
}

static int list_run(const struct invocation *invocation)
{
    struct buf out = {0};
    int code = COMMAND_OK;
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    if (invocation->json) {
        json_t *items = json_array();
        for (size_t i = 0; i < config->model_count; i++)
            json_array_append_new(items, provider_json(config, &config->models[i]));
        code = output_json(json_pack("{s:o}", "items", items));
    } else {
        buf_printf(&out, "%-14s %-12s %-8s %-10s %-11s %s\n", "PROVIDER", "API", "KEY", "IN/OUT",
                   "LIMITS", "AGENTS");
        for (size_t i = 0; i < config->model_count; i++)
            put_row(&out, config, &config->models[i], invocation->arena);
        fputs(buf_text(&out), stdout);
        buf_fini(&out);
    }
    config_free(config);
    return code;
}

const struct command command_model_list = {
    .name = "model list",
    .group = "SETUP",
    .usage = "",
    .summary = "providers of models: key, price, limits, who uses them",
    .details = "Prices are USD per million tokens, read and written. KEY says whether it is there; "
               "whether the\nprovider takes it: hq model test.\n",
    .examples = "hq model list\nhq model list --json\n",
    .run = list_run,
    .reads = true,
    .is_default = true,
};
