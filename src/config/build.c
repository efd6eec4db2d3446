/* Builds struct config: a setting comes from the agent, else from `defaults`, else from the table.
 */
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/build.h"
#include "config/keys.h"
#include "config/values.h"

struct build {
    struct config *config;
    struct arena *arena;
    const struct yaml_document *document;
    const json_t *root, *defaults;
    json_t *fallbacks; /* path of a key → its default, read once; null: it has none */
    struct arena scratch;
    struct {
        const json_t *value;
        const void *made;
    } shared[16]; /* what agents have from `defaults` or the table: built once for all of them */
    size_t shared_count;
};

static const char *const no_texts[] = {NULL};

/* Returns the value at a dotted path, or NULL where there is none or null. */
static const json_t *dig(const json_t *from, const char *path)
{
    while (from && *path) {
        size_t len = strcspn(path, ".");
        char name[64];
        if (len >= sizeof(name))
            return NULL;
        memcpy(name, path, len);
        name[len] = '\0';
        from = json_object_get(from, name);
        path += len + (path[len] == '.');
    }
    return json_is_null(from) ? NULL : from;
}

/* The default of a key of the table, read as the YAML that it is. */
static const json_t *fallback_of(struct build *build, const char *path)
{
    json_t *known = json_object_get(build->fallbacks, path);
    if (known)
        return json_is_null(known) ? NULL : known;
    const struct config_key *key = config_key_find(path);
    if (!key || !key->fallback) {
        json_object_set_new(build->fallbacks, path, json_null());
        return NULL;
    }
    struct findings none;
    findings_init(&none, &build->scratch);
    struct yaml_document *read =
        yaml_read(key->fallback, strlen(key->fallback), &build->scratch, &none);
    json_object_set(build->fallbacks, path, read->root);
    yaml_close(read);
    return json_object_get(build->fallbacks, path);
}

static const json_t *setting(struct build *build, const char *path)
{
    const json_t *value = dig(build->root, path);
    return value ? value : fallback_of(build, path);
}

/* `path` is the table's: "agents.*.turns". */
static const json_t *agent_own(const json_t *agent, const char *path)
{
    return dig(agent, path + sizeof("agents.*.") - 1);
}

static const json_t *agent_setting(struct build *build, const json_t *agent, const char *path)
{
    const json_t *value = agent_own(agent, path);
    if (!value)
        value = agent_own(build->defaults, path);
    return value ? value : fallback_of(build, path);
}

static const char *text_of(struct build *build, const json_t *value)
{
    return arena_strdup(build->arena, json_string_value(value));
}

static const char *const *texts_of(struct build *build, const json_t *value)
{
    size_t count = json_array_size(value), used = 0;
    if (!count)
        return no_texts;
    const char **texts = arena_alloc(build->arena, (count + 1) * sizeof(*texts));
    for (size_t i = 0; i < count; i++)
        if (json_is_string(json_array_get(value, i)))
            texts[used++] = text_of(build, json_array_get(value, i));
    return texts;
}

static const void **shared_place(struct build *build, const json_t *value)
{
    const size_t room = sizeof(build->shared) / sizeof(build->shared[0]);
    for (size_t i = 0; i < build->shared_count; i++)
        if (build->shared[i].value == value)
            return &build->shared[i].made;
    if (build->shared_count == room)
        return NULL;
    build->shared[build->shared_count].value = value;
    return &build->shared[build->shared_count++].made;
}

/* An agent's setting as text or texts. Thousands of agents have what `defaults` says. */
static const char *agent_text(struct build *build, const json_t *agent, const char *path)
{
    const json_t *value = agent_setting(build, agent, path);
    const void **place = value && !agent_own(agent, path) ? shared_place(build, value) : NULL;
    if (!place)
        return text_of(build, value);
    if (!*place)
        *place = text_of(build, value);
    return *place;
}

static const char *const *agent_texts(struct build *build, const json_t *agent, const char *path)
{
    const json_t *value = agent_setting(build, agent, path);
    const void **place = value && !agent_own(agent, path) ? shared_place(build, value) : NULL;
    if (!place)
        return texts_of(build, value);
    if (!*place)
        *place = texts_of(build, value);
    return *place;
}

static int64_t int_of(const json_t *value, const char *path)
{
    int64_t number = 0;
    value_to_int(value, config_key_find(path), &number);
    return number;
}

static int64_t ms_of(const json_t *value, const char *path)
{
    int64_t ms = 0;
    value_duration(value, config_key_find(path), &ms);
    return ms;
}

static const char *path_of(struct build *build, const json_t *value, const char *agent)
{
    const char *text = json_string_value(value);
    return text ? config_path(build->config->dir, text, agent, build->arena) : NULL;
}

static struct config_secret secret_of(struct build *build, const json_t *value, const char *pointer)
{
    return (struct config_secret){.env = text_of(build, dig(value, "env")),
                                  .file = path_of(build, dig(value, "file"), NULL),
                                  .at = yaml_key_place(build->document, pointer)};
}

static void build_price(struct config_model *model, const json_t *price)
{
    if (!json_is_object(price))
        return;
    model->priced = value_usd(json_object_get(price, "in"), &model->price_in) &&
                    value_usd(json_object_get(price, "out"), &model->price_out);
    model->price_cached = model->price_in;
    value_usd(json_object_get(price, "cached"), &model->price_cached);
}

static void build_model(struct build *build, struct config_model *model, const char *name,
                        const json_t *value)
{
    const json_t *key = dig(value, "api_key");
    const json_t *tokens = dig(value, "max_tokens"), *timeout = dig(value, "timeout");
    model->name = arena_strdup(build->arena, name);
    model->api = text_of(build, dig(value, "api"));
    model->base_url = text_of(build, dig(value, "base_url"));
    model->file = path_of(build, dig(value, "file"), NULL);
    model->api_key = secret_of(build, key, arena_printf(build->arena, "/models/%s/api_key", name));
    build_price(model, dig(value, "price"));
    model->max_tokens =
        int_of(tokens ? tokens : fallback_of(build, "models.*.max_tokens"), "models.*.max_tokens");
    model->concurrent = int_of(dig(value, "concurrent"), "models.*.concurrent");
    model->per_minute = int_of(dig(value, "per_minute"), "models.*.per_minute");
    model->timeout_ms =
        ms_of(timeout ? timeout : fallback_of(build, "models.*.timeout"), "models.*.timeout");
}

static void build_models(struct build *build)
{
    json_t *models = json_object_get(build->root, "models"), *value;
    const char *name;
    struct config_model *items =
        arena_alloc(build->arena, (json_object_size(models) + 1) * sizeof(*items));
    build->config->models = items;
    json_object_foreach (models, name, value)
        build_model(build, &items[build->config->model_count++], name, value);
}

static void build_webhooks(struct build *build)
{
    json_t *webhooks = json_object_get(build->root, "webhooks"), *value;
    const char *name;
    struct config_webhook *items =
        arena_alloc(build->arena, (json_object_size(webhooks) + 1) * sizeof(*items));
    build->config->webhooks = items;
    json_object_foreach (webhooks, name, value) {
        const json_t *form = dig(value, "form"), *rate = dig(value, "per_minute");
        const json_t *unknown = dig(value, "on_unknown");
        const char *pointer = arena_printf(build->arena, "/webhooks/%s/url", name);
        items[build->config->webhook_count++] = (struct config_webhook){
            .name = arena_strdup(build->arena, name),
            .url = secret_of(build, dig(value, "url"), pointer),
            .form = text_of(build, form ? form : fallback_of(build, "webhooks.*.form")),
            .per_minute = int_of(rate ? rate : fallback_of(build, "webhooks.*.per_minute"),
                                 "webhooks.*.per_minute"),
            .on_unknown =
                text_of(build, unknown ? unknown : fallback_of(build, "webhooks.*.on_unknown")),
        };
    }
}

static void build_telemetry(struct build *build)
{
    const json_t *map = json_object_get(build->root, "telemetry");
    struct config_telemetry *telemetry = &build->config->telemetry;
    json_t *headers = json_object_get(map, "headers"), *value;
    const char *name;
    struct config_header *items =
        arena_alloc(build->arena, (json_object_size(headers) + 1) * sizeof(*items));
    telemetry->otlp = text_of(build, dig(map, "otlp"));
    telemetry->content = str_eq(text_of(build, dig(map, "content")), "on");
    telemetry->headers = items;
    json_object_foreach (headers, name, value)
        items[telemetry->header_count++] = (struct config_header){
            .name = arena_strdup(build->arena, name),
            .value =
                secret_of(build, value, arena_printf(build->arena, "/telemetry/headers/%s", name))};
}

/* The model is taken as a whole: an agent with a primary of its own has its own fallbacks. */
static void build_choice(struct build *build, struct config_agent *agent, const json_t *value)
{
    const json_t *model = dig(value, "model");
    if (!model)
        model = dig(build->defaults, "model");
    bool plain = json_is_string(model);
    agent->model = text_of(build, plain ? model : dig(model, "primary"));
    agent->fallbacks = texts_of(build, plain ? NULL : dig(model, "fallbacks"));
}

static void build_heartbeat(struct build *build, struct config_agent *agent, const json_t *value)
{
    agent->heartbeat_every_ms =
        ms_of(agent_setting(build, value, "agents.*.heartbeat.every"), "agents.*.heartbeat.every");
    agent->heartbeat_target = agent_text(build, value, "agents.*.heartbeat.target");
}

static void build_agent(struct build *build, struct config_agent *agent, const char *id,
                        const json_t *value)
{
    enum { FIRST_PORT = 18800, PORTS_APART = 4 }; /* the seed's shape: N and N+3 are an agent's */
    const json_t *name = dig(value, "name"), *port = dig(value, "port");
    int64_t number = FIRST_PORT + PORTS_APART * (int64_t)(build->config->agent_count - 1);
    agent->id = arena_strdup(build->arena, id);
    agent->name = json_is_string(name) ? text_of(build, name) : agent->id;
    if (port)
        number = json_integer_value(port);
    agent->port = number >= 1 && number <= 65535 ? (int)number : 0;
    agent->aliases = texts_of(build, dig(value, "aliases"));
    agent->capabilities = texts_of(build, dig(value, "capabilities"));
    agent->delegates = agent_texts(build, value, "agents.*.delegates");
    agent->revisits = agent_texts(build, value, "agents.*.revisits");
    agent->deliver = agent_text(build, value, "agents.*.deliver");
    build_choice(build, agent, value);
    agent->workspace = path_of(build, agent_setting(build, value, "agents.*.workspace"), id);
    agent->instance = path_of(build, agent_setting(build, value, "agents.*.instance"), id);
    agent->tools_allow = agent_texts(build, value, "agents.*.tools.allow");
    agent->exec_network = json_is_true(agent_setting(build, value, "agents.*.tools.exec.network"));
    agent->exec_timeout_ms = ms_of(agent_setting(build, value, "agents.*.tools.exec.timeout"),
                                   "agents.*.tools.exec.timeout");
    agent->exec_on_unknown = agent_text(build, value, "agents.*.tools.exec.on_unknown");
    agent->turns = int_of(agent_setting(build, value, "agents.*.turns"), "agents.*.turns");
    build_heartbeat(build, agent, value);
}

/* Puts ids in the place of aliases, "!" kept: from here on one agent has one word. */
static void resolve_aliases(struct build *build, const char *const *list)
{
    for (const char **text = (const char **)list; *text; text++) {
        bool denies = **text == '!';
        const struct config_agent *agent = config_agent(build->config, *text + denies);
        if (agent)
            *text = denies ? arena_printf(build->arena, "!%s", agent->id) : agent->id;
    }
}

static void build_agents(struct build *build)
{
    json_t *agents = json_object_get(build->root, "agents"), *value;
    const char *id;
    struct config_agent *items =
        arena_alloc(build->arena, (json_object_size(agents) + 1) * sizeof(*items));
    build->config->agents = items;
    json_object_foreach (agents, id, value)
        build_agent(build, &items[build->config->agent_count++], id, value);
    for (size_t i = 0; i < build->config->agent_count; i++) {
        resolve_aliases(build, items[i].delegates);
        resolve_aliases(build, items[i].revisits);
    }
}

static void build_people(struct build *build)
{
    json_t *people = json_object_get(build->root, "people"), *value;
    const char *id;
    struct config_person *items =
        arena_alloc(build->arena, (json_object_size(people) + 1) * sizeof(*items));
    build->config->people = items;
    json_object_foreach (people, id, value)
        items[build->config->person_count++] = (struct config_person){
            .id = arena_strdup(build->arena, id),
            .roles = texts_of(build, dig(value, "roles")),
            .local = json_is_true(dig(value, "local")),
        };
}

static void build_company(struct build *build)
{
    struct config *config = build->config;
    const char *company = json_string_value(dig(build->root, "company"));
    const char *folder = strrchr(config->dir, '/');
    const char *ledger = json_string_value(setting(build, "ledger"));
    const char *listen = json_string_value(dig(build->root, "hub.listen"));
    const char *route = json_string_value(setting(build, "hooks.path"));
    struct listen address = {"127.0.0.1", 0};
    config->company = arena_strdup(build->arena, company               ? company
                                                 : folder && folder[1] ? folder + 1
                                                                       : "company");
    config->ledger = arena_strdup(build->arena, ledger);
    if (listen)
        value_listen(listen, build->arena, &address);
    config->hub_address = address.host;
    config->hub_port = address.port;
    config->hooks_path = route ? value_route(route, build->arena) : NULL;
}

/* After the agents: the gatekeeper may be named by an alias. */
static void build_shared(struct build *build)
{
    struct config *config = build->config;
    const char *gatekeeper = text_of(build, dig(build->root, "shared.gatekeeper"));
    const struct config_agent *agent = config_agent(config, gatekeeper);
    config->shared_dir = path_of(build, dig(build->root, "shared.dir"), NULL);
    config->shared_gatekeeper = agent ? agent->id : gatekeeper;
}

/* A runner is kept where workflows may want one, unless the file says yes or no. */
static void build_workflows(struct build *build)
{
    struct config *config = build->config;
    const json_t *runner = dig(build->root, "runner");
    const json_t *enabled = json_is_object(runner) ? dig(runner, "enabled") : runner;
    const json_t *timeout = json_is_object(runner) ? dig(runner, "timeout") : NULL;
    config->workflows = path_of(build, setting(build, "workflows"), NULL);
    config->retention_ms = ms_of(setting(build, "retention"), "retention");
    config->jobs = path_of(build, dig(build->root, "jobs"), NULL);
    config->runner = json_is_boolean(enabled)
                         ? json_is_true(enabled)
                         : config->workflows && access(config->workflows, F_OK) == 0;
    config->runner_timeout_ms =
        ms_of(timeout ? timeout : fallback_of(build, "runner.timeout"), "runner.timeout");
}

static void build_logs(struct build *build)
{
    struct config_logs *logs = &build->config->logs;
    logs->json = str_eq(text_of(build, setting(build, "logs.format")), "json");
    logs->keep = int_of(setting(build, "logs.keep"), "logs.keep");
    logs->age_ms = ms_of(setting(build, "logs.age"), "logs.age");
    if (!value_bytes(setting(build, "logs.size"), config_key_find("logs.size"), &logs->size))
        value_bytes(fallback_of(build, "logs.size"), config_key_find("logs.size"), &logs->size);
}

static void build_limits(struct build *build)
{
    struct config *config = build->config;
    const json_t *tokens = dig(build->root, "limits.tokens");
    config->limit_depth = int_of(setting(build, "limits.depth"), "limits.depth");
    config->limit_tasks = int_of(setting(build, "limits.tasks"), "limits.tasks");
    config->limit_live = int_of(setting(build, "limits.live"), "limits.live");
    config->limit_fan_out = int_of(setting(build, "limits.fan_out"), "limits.fan_out");
    config->limit_wall_ms = ms_of(setting(build, "limits.wall"), "limits.wall");
    config->limit_tokens = tokens ? int_of(tokens, "limits.tokens") : -1;
    config->limit_micro_usd = config->budget_micro_usd = -1;
    value_usd(dig(build->root, "limits.usd"), &config->limit_micro_usd);
    value_usd(dig(build->root, "budget.usd"), &config->budget_micro_usd);
    config->budget_per = text_of(build, setting(build, "budget.per"));
}

void config_build(struct config *config, const struct yaml_document *document)
{
    struct build build = {.config = config,
                          .arena = &config->arena,
                          .document = document,
                          .root = document->root,
                          .defaults = json_object_get(document->root, "defaults"),
                          .fallbacks = json_object()};
    build_company(&build);
    build_limits(&build);
    build_models(&build);
    build_webhooks(&build);
    build_telemetry(&build);
    build_agents(&build);
    build_shared(&build);
    build_people(&build);
    build_workflows(&build);
    build_logs(&build);
    json_decref(build.fallbacks);
    arena_fini(&build.scratch);
}

static void put_replaced(struct buf *out, const char *text, const char *agent)
{
    static const char mark[] = "{agent}";
    for (const char *at; agent && (at = strstr(text, mark)); text = at + strlen(mark)) {
        buf_put(out, text, (size_t)(at - text));
        buf_puts(out, agent);
    }
    buf_puts(out, text);
}

/* Takes "." and ".." and double slashes out of an absolute path, in place. */
static void normalise(char *path)
{
    char *out = path;
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t len = strcspn(at, "/");
        if (len == 2 && memcmp(at, "..", 2) == 0) {
            while (out > path && *--out != '/')
                continue;
        } else if (len && !(len == 1 && *at == '.')) {
            *out++ = '/';
            memmove(out, at, len);
            out += len;
        }
        at += len;
    }
    if (out == path)
        *out++ = '/';
    *out = '\0';
}

char *config_path(const char *dir, const char *text, const char *agent, struct arena *arena)
{
    struct buf path = {0};
    if (*text != '/') {
        buf_puts(&path, dir);
        buf_putc(&path, '/');
    }
    put_replaced(&path, text, agent);
    char *absolute = arena_strdup(arena, buf_text(&path));
    buf_fini(&path);
    normalise(absolute);
    return absolute;
}
