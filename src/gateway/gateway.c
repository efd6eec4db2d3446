/* Puts one agent's process together: hub client, models, worker, and the HTTP door. */
#include <stdlib.h>
#include <string.h>

#include "agent/projector.h"
#include "agent/prompt.h"
#include "agent/runtime.h"
#include "agent/turn.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "client/hub_client.h"
#include "client/worker.h"
#include "config/config.h"
#include "config/secret.h"
#include "gateway/gateway.h"
#include "gateway/hooks.h"
#include "gateway/program_links.h"
#include "gateway/retired.h"
#include "gateway/shared_files.h"
#include "model/model.h"
#include "net/auth_throttle.h"
#include "net/exposition.h"
#include "net/fetch.h"
#include "sys/lock.h"
#include "tool/tool.h"

enum { GATEWAY_HANDLERS = 16 };

struct gateway {
    struct arena arena;
    struct agent_runtime runtime;
    struct fetch *fetch;
    struct hooks hooks;
    struct worker *worker;
    struct retired *retired;
    struct http_server *server;
    char nonce[33];
};

static bool is_hook(const struct gateway *gateway, const struct http_request *request)
{
    const char *path = gateway->hooks.path;
    size_t len = strlen(path);
    return str_starts(request->path, path) &&
           (request->path[len] == '\0' || request->path[len] == '/');
}

static enum http_verdict gate(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    struct gateway *gateway = ctx;
    return is_hook(gateway, request) ? hooks_gate(&gateway->hooks, request, response) : HTTP_PASS;
}

static enum http_verdict otherwise(void *ctx, struct http_request *request,
                                   struct http_response *response)
{
    struct gateway *gateway = ctx;
    if (is_hook(gateway, request))
        return hooks_handle(&gateway->hooks, request, response);
    return http_text(response, 404, "Not Found");
}

static enum http_verdict too_large(void *ctx, struct http_request *request,
                                   struct http_response *response)
{
    struct gateway *gateway = ctx;
    return hooks_too_large(&gateway->hooks, request, response);
}

static enum http_verdict healthz(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    return http_text(response, 200, "ok\n");
}

static enum http_verdict readyz(void *ctx, struct http_request *request,
                                struct http_response *response)
{
    struct gateway *gateway = ctx;
    bool ready = worker_wait_registered(gateway->worker, 0);
    return http_text(response, ready ? 200 : 503, ready ? "ok\n" : "not registered with the hub\n");
}

static enum http_verdict metrics(void *ctx, struct http_request *request,
                                 struct http_response *response)
{
    struct gateway *gateway = ctx;
    struct buf out = {0};
    const char *labels[] = {"agent", gateway->runtime.agent->id, NULL};
    exposition_family(&out, "hq_turns_running", "gauge", "Turns that run now.");
    exposition_int(&out, "hq_turns_running", labels, worker_running(gateway->worker));
    exposition_family(&out, "hq_turns_total", "counter", "Turns that this process has run.");
    exposition_int(&out, "hq_turns_total", labels, (int64_t)worker_turns_done(gateway->worker));
    exposition_family(&out, "hq_gateway_ready", "gauge", "1 where it is registered with the hub.");
    exposition_int(&out, "hq_gateway_ready", labels, worker_wait_registered(gateway->worker, 0));
    exposition_family(&out, "hq_gateway_parked_requests", "gauge",
                      "Requests that wait without a thread.");
    exposition_int(&out, "hq_gateway_parked_requests", labels,
                   (int64_t)http_parked(request->server));
    exposition_family(&out, "hq_gateway_pss_bytes", "gauge", "Memory, shared pages divided (PSS).");
    exposition_int(&out, "hq_gateway_pss_bytes", labels, process_pss_kb() * 1024);
    response->status = 200;
    response->content_type = EXPOSITION_TYPE;
    response->body = arena_memdup(&request->arena, buf_text(&out), out.len);
    response->body_len = out.len;
    buf_fini(&out);
    return HTTP_ANSWER;
}

static const struct http_route routes[] = {
    {"GET", "/healthz", healthz},
    {"GET", "/readyz", readyz},
    {"GET", "/metrics", metrics},
    {NULL, NULL, NULL},
};

static int open_tokens(struct gateway *gateway, const struct config *config, struct err *err)
{
    struct arena *arena = &gateway->arena;
    const char *id = gateway->runtime.agent->id;
    char *own = secret_read(config, arena_printf(arena, "%s.token", id), arena, err);
    if (!own)
        return -1;
    gateway->hooks.token =
        secret_read(config, arena_printf(arena, "%s.hooks.token", id), arena, err);
    if (!gateway->hooks.token)
        return -1;
    gateway->runtime.hub = hub_client_open(gateway->fetch, config->state, own);
    return 0;
}

/* Makes what is missing of the agent's own folders; a file in their place is an error now, not in
 * the middle of a turn. */
static int make_folders(struct gateway *gateway, struct err *err)
{
    struct arena *arena = &gateway->arena;
    const struct config_agent *agent = gateway->runtime.agent;
    const char *const folders[] = {agent->workspace,
                                   arena_printf(arena, "%s/agents/main/sessions", agent->instance)};
    for (size_t i = 0; i < 2; i++)
        if (folder_make(folders[i], err) < 0)
            return -1;
    if (program_links_make(gateway->runtime.bin_dir, err) < 0)
        return -1;
    return shared_files_make(gateway->runtime.config, agent, err);
}

static int listen_on_port(struct gateway *gateway, struct err *err)
{
    struct http_config config = {
        .name = gateway->runtime.agent->id,
        .address = "127.0.0.1",
        .port = gateway->runtime.agent->port,
        .unix_fd = -1,
        .routes = routes,
        .ctx = gateway,
        .gate = gate,
        .otherwise = otherwise,
        .too_large = too_large,
        .body_limit = LIMIT_HOOK_BODY,
        .handlers = GATEWAY_HANDLERS,
    };
    gateway->server = http_server_open(&config, err);
    return gateway->server ? 0 : -1;
}

static json_t *card_of(const struct config_agent *agent)
{
    json_t *capabilities = json_array(), *tools = json_array();
    for (size_t i = 0; agent->capabilities[i]; i++)
        json_array_append_new(capabilities, json_string(agent->capabilities[i]));
    for (size_t i = 0; agent->tools_allow[i]; i++)
        json_array_append_new(tools, json_string(agent->tools_allow[i]));
    return json_pack("{s:s?,s:s?,s:o,s:o}", "name", agent->name, "model", agent->model,
                     "capabilities", capabilities, "tools", tools);
}

static void run_turn(void *ctx, const json_t *claimed, struct turn_control *control)
{
    const struct gateway *gateway = ctx;
    turn_run(&gateway->runtime, claimed, control);
}

static json_t *flush_transcripts(void *ctx)
{
    const struct gateway *gateway = ctx;
    return projector_flush(gateway->runtime.projector);
}

static void catch_up(void *ctx)
{
    const struct gateway *gateway = ctx;
    turn_catch_up_all(&gateway->runtime);
}

static struct worker *open_worker(struct gateway *gateway)
{
    const struct config_agent *agent = gateway->runtime.agent;
    return worker_open(&(struct worker_config){
        .hub = gateway->runtime.hub,
        .agent = agent->id,
        .nonce = gateway->nonce,
        .port = agent->port,
        .max = (int)agent->turns,
        .card = card_of(agent),
        .run = run_turn,
        .begin = catch_up,
        .flush = flush_transcripts,
        .ctx = gateway,
    });
}

struct gateway *gateway_open(const struct config *config, const struct config_agent *agent,
                             struct err *err)
{
    struct gateway *gateway = mem_zalloc(sizeof(*gateway));
    rand_hex(gateway->nonce, 32);
    gateway->fetch = fetch_open();
    gateway->runtime = (struct agent_runtime){
        .config = config,
        .agent = agent,
        .nonce = gateway->nonce,
        .lock_dir = arena_printf(&gateway->arena, "%s/run", config->state),
        .bin_dir = arena_printf(&gateway->arena, "%s/bin", config->state),
        .prompts = prompt_store_open(),
        .projector = projector_open(agent),
        .tools = tool_catalogue(agent->tools_allow),
        .models = models_open(config, gateway->fetch),
    };
    gateway->runtime.tools_bytes = json_dumpb(gateway->runtime.tools, NULL, 0, JSON_COMPACT);
    gateway->hooks.path = config->hooks_path;
    gateway->hooks.agent = agent->id;
    gateway->hooks.throttle = auth_throttle_open();
    if (make_folders(gateway, err) < 0 || open_tokens(gateway, config, err) < 0)
        goto fail;
    gateway->hooks.hub = gateway->runtime.hub;
    gateway->worker = open_worker(gateway);
    if (listen_on_port(gateway, err) < 0)
        goto fail;
    return gateway;
fail:
    gateway_close(gateway);
    return NULL;
}

int gateway_start(struct gateway *gateway, struct err *err)
{
    const struct agent_runtime *runtime = &gateway->runtime;
    if (worker_start(gateway->worker, err) < 0)
        return -1;
    gateway->retired = retired_open(&(struct retired_config){
        .hub = runtime->hub,
        .projector = runtime->projector,
        .agent = runtime->agent->id,
        .keep_ms = runtime->config->retention_ms,
    });
    return 0;
}

struct worker *gateway_worker(struct gateway *gateway)
{
    return gateway->worker;
}

int gateway_port(const struct gateway *gateway)
{
    return http_server_port(gateway->server);
}

const char *gateway_nonce(const struct gateway *gateway)
{
    return gateway->nonce;
}

void gateway_close(struct gateway *gateway)
{
    if (gateway->server)
        http_server_close(gateway->server, 2000);
    retired_close(gateway->retired);
    worker_close(gateway->worker);
    models_close(gateway->runtime.models);
    projector_close(gateway->runtime.projector);
    prompt_store_close(gateway->runtime.prompts);
    json_decref(gateway->runtime.tools);
    hub_client_close(gateway->runtime.hub);
    fetch_close(gateway->fetch);
    auth_throttle_close(gateway->hooks.throttle);
    arena_fini(&gateway->arena);
    free(gateway);
}
