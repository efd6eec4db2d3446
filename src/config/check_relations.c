/* Checks what spans several values of hq.yaml: references and clashes. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/check.h"

struct relations {
    const struct yaml_document *document;
    const struct config *config;
    struct findings *findings;
    struct arena *arena;
};

/* The folders and ports that must not meet, each with the words and the place for a finding. */
struct folder {
    const char *path, *words; /* words: of an agent's, behind them stands its id */
    const char *agent;        /* NULL: the company's */
    bool open;                /* tools reach into it: a workspace, the shared folder */
    const struct folder *meets;
};

static const char *agent_pointer(struct relations *all, const char *id, const char *rest)
{
    return arena_printf(all->arena, "/agents/%s%s", id, rest);
}

/* Of the agent's settings; of `defaults` where it is NULL. For findings only: most files have none,
 * and each process of a large company checks all of its agents. */
static const char *settings_pointer(struct relations *all, const char *id)
{
    return id ? agent_pointer(all, id, "") : "/defaults";
}

/* Where the agent's setting stands: with the agent, in `defaults`, or the agent's own key. */
static struct place setting_place(struct relations *all, const char *id, const char *rest)
{
    struct place at = yaml_place(all->document, agent_pointer(all, id, rest));
    if (!at.line)
        at = yaml_place(all->document, arena_printf(all->arena, "/defaults%s", rest));
    return at.line ? at : yaml_key_place(all->document, agent_pointer(all, id, ""));
}

static const char *const *model_names(struct relations *all)
{
    const char **names = arena_alloc(all->arena, (all->config->model_count + 1) * sizeof(*names));
    for (size_t i = 0; i < all->config->model_count; i++)
        names[i] = all->config->models[i].name;
    return names;
}

static const char *const *agent_names(struct relations *all)
{
    size_t count = 0, used = 0;
    for (size_t i = 0; i < all->config->agent_count; i++)
        for (const char *const *alias = all->config->agents[i].aliases; *alias; alias++)
            count++;
    count += all->config->agent_count;
    const char **names = arena_alloc(all->arena, (count + 1) * sizeof(*names));
    for (size_t i = 0; i < all->config->agent_count; i++) {
        names[used++] = all->config->agents[i].id;
        for (const char *const *alias = all->config->agents[i].aliases; *alias; alias++)
            names[used++] = *alias;
    }
    return names;
}

/* `key` says so in the settings of the agent. */
static void check_model(struct relations *all, const char *name, const char *model, const char *id,
                        const char *key)
{
    const char *slash = strchr(model, '/');
    if (!slash)
        return; /* its form has been refused */
    char *provider = arena_memdup(all->arena, model, (size_t)(slash - model));
    if (config_model(all->config, provider))
        return;
    finding_error(all->findings,
                  yaml_place(all->document,
                             arena_printf(all->arena, "%s/%s", settings_pointer(all, id), key)),
                  "%s: \"%s\" names no provider under models", name, provider);
    const char *near = str_nearest(provider, model_names(all));
    if (near)
        finding_hint(all->findings, "did you mean \"%s%s\"?", near, slash);
    else if (!all->config->model_count)
        finding_hint(all->findings, "add it: models: { %s: { api: … } }", provider);
}

/* The model of one agent; id NULL: of `defaults`. */
static void check_choice(struct relations *all, const char *id)
{
    const json_t *settings = json_object_get(all->document->root, id ? "agents" : "defaults");
    const json_t *model = json_object_get(id ? json_object_get(settings, id) : settings, "model");
    if (json_is_string(model)) {
        check_model(all, "model", json_string_value(model), id, "model");
        return;
    }
    const char *primary = json_string_value(json_object_get(model, "primary"));
    if (primary)
        check_model(all, "primary", primary, id, "model/primary");
    const json_t *fallbacks = json_object_get(model, "fallbacks");
    for (size_t i = 0; i < json_array_size(fallbacks); i++) {
        const char *text = json_string_value(json_array_get(fallbacks, i));
        const char *item = arena_printf(all->arena, "model/fallbacks/%zu", i);
        if (text)
            check_model(all, "fallbacks", text, id, item);
    }
}

static void check_models(struct relations *all)
{
    check_choice(all, NULL);
    for (size_t i = 0; i < all->config->agent_count; i++) {
        const struct config_agent *agent = &all->config->agents[i];
        check_choice(all, agent->id);
        if (agent->model ||
            setting_place(all, agent->id, "/model").line !=
                yaml_key_place(all->document, agent_pointer(all, agent->id, "")).line)
            continue;
        finding_error(all->findings,
                      yaml_key_place(all->document, agent_pointer(all, agent->id, "")),
                      "%s: this agent has no model", agent->id);
        finding_hint(all->findings, "set model here or in defaults, like model: provider/name");
    }
    for (size_t i = 0; i < all->config->model_count; i++) {
        const struct config_model *model = &all->config->models[i];
        const char *pointer = yaml_pointer(all->arena, "/models", model->name);
        if (!str_eq(model->api, "script") || model->file)
            continue;
        finding_error(all->findings, yaml_key_place(all->document, pointer),
                      "%s: file is missing: a script is read from one", model->name);
    }
}

static void check_known_agent(struct relations *all, const char *name, const char *id,
                              struct place at)
{
    if (config_agent(all->config, id))
        return;
    finding_error(all->findings, at, "%s: there is no agent \"%s\"", name, id);
    const char *near = str_nearest(id, agent_names(all));
    if (near)
        finding_hint(all->findings, "did you mean \"%s\"?", near);
}

/* The agents that `delegates` or `revisits` names, in `defaults` or with one agent. */
static void check_named_agents(struct relations *all, const char *id, const char *key,
                               const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text)
            continue;
        text += *text == '!';
        if (*text && strcmp(text, "*") != 0)
            check_known_agent(
                all, key, text,
                yaml_place(all->document, arena_printf(all->arena, "%s/%s/%zu",
                                                       settings_pointer(all, id), key, i)));
    }
}

static void check_deliver(struct relations *all, const char *id, const char *text)
{
    size_t prefix = strlen(WEBHOOK_PREFIX);
    if (!text || !str_starts(text, WEBHOOK_PREFIX) || config_destination(all->config, text))
        return;
    const char **names = arena_alloc(all->arena, (all->config->webhook_count + 1) * sizeof(*names));
    for (size_t i = 0; i < all->config->webhook_count; i++)
        names[i] = all->config->webhooks[i].name;
    const char *near = str_nearest(text + prefix, names);
    finding_error(all->findings,
                  yaml_place(all->document,
                             arena_printf(all->arena, "%s/deliver", settings_pointer(all, id))),
                  "deliver: there is no webhook \"%s\"", text + prefix);
    if (near)
        finding_hint(all->findings, "did you mean \"%s%s\"?", WEBHOOK_PREFIX, near);
    else
        finding_hint(all->findings, "add it: webhooks: { %s: { url: { file: … } } }",
                     text + prefix);
}

/* What one agent names; id NULL: `defaults`. */
static void check_settings(struct relations *all, const char *id, const json_t *settings)
{
    check_named_agents(all, id, "delegates", json_object_get(settings, "delegates"));
    check_named_agents(all, id, "revisits", json_object_get(settings, "revisits"));
    check_deliver(all, id, json_string_value(json_object_get(settings, "deliver")));
}

static void check_references(struct relations *all)
{
    const json_t *agents = json_object_get(all->document->root, "agents");
    const char *gatekeeper = all->config->shared_gatekeeper;
    struct place at = yaml_place(all->document, "/shared/gatekeeper");
    check_settings(all, NULL, json_object_get(all->document->root, "defaults"));
    for (size_t i = 0; i < all->config->agent_count; i++) {
        const char *id = all->config->agents[i].id;
        check_settings(all, id, json_object_get(agents, id));
    }
    if (gatekeeper)
        check_known_agent(all, "gatekeeper", gatekeeper, at);
    if (gatekeeper && !all->config->shared_dir) {
        finding_error(all->findings, at, "gatekeeper: there is no shared folder to keep");
        finding_hint(all->findings, "add it: shared: { dir: workspaces/shared, … }");
    }
}

/* An amount of USD is only held where every call has a price. */
static void check_priced(struct relations *all, const char *name, const char *pointer)
{
    struct place at = yaml_place(all->document, pointer);
    for (size_t i = 0; i < all->config->agent_count; i++) {
        const struct config_agent *agent = &all->config->agents[i];
        const char *slash = agent->model ? strchr(agent->model, '/') : NULL;
        const struct config_model *model =
            slash ? config_model(all->config, arena_memdup(all->arena, agent->model,
                                                           (size_t)(slash - agent->model)))
                  : NULL;
        if (!model || model->priced)
            continue;
        finding_error(all->findings, at,
                      "%s: agent %s thinks with %s, and provider %s has no price: this could not "
                      "be held",
                      name, agent->id, agent->model, model->name);
        finding_hint(all->findings, "add models.%s.price: { in: …, out: … } (0 where it is free)",
                     model->name);
    }
}

static void check_money(struct relations *all)
{
    if (all->config->budget_micro_usd >= 0)
        check_priced(all, "budget.usd", "/budget/usd");
    if (all->config->limit_micro_usd >= 0)
        check_priced(all, "limits.usd", "/limits/usd");
}

/* Whose word `alias` already is, among ids and the aliases before it; NULL when it is free. */
static const char *owner_before(struct relations *all, const char *alias, const char *const *stop)
{
    for (size_t i = 0; i < all->config->agent_count; i++)
        if (strcmp(all->config->agents[i].id, alias) == 0)
            return alias;
    for (size_t i = 0; i < all->config->agent_count; i++)
        for (const char *const *at = all->config->agents[i].aliases; *at; at++) {
            if (at == stop)
                return NULL;
            if (strcmp(*at, alias) == 0)
                return all->config->agents[i].id;
        }
    return NULL;
}

static void check_aliases(struct relations *all)
{
    for (size_t i = 0; i < all->config->agent_count; i++) {
        const struct config_agent *agent = &all->config->agents[i];
        for (size_t j = 0; agent->aliases[j]; j++) {
            const char *owner = owner_before(all, agent->aliases[j], &agent->aliases[j]);
            const char *rest = arena_printf(all->arena, "/aliases/%zu", j);
            if (owner)
                finding_error(all->findings,
                              yaml_place(all->document, agent_pointer(all, agent->id, rest)),
                              "aliases: \"%s\" already means agent %s", agent->aliases[j], owner);
        }
    }
}

/* The sentence about two agents whose ports meet, or NULL. N+3 is the agent's too. */
static const char *port_clash(struct relations *all, const struct config_agent *a,
                              const struct config_agent *b)
{
    if (a->port == b->port)
        return arena_printf(all->arena, "port: %d is also the port of %s", b->port, a->id);
    if (a->port + 3 == b->port)
        return arena_printf(all->arena, "port: %d is reserved by %s (its port %d + 3)", b->port,
                            a->id, a->port);
    if (b->port + 3 == a->port)
        return arena_printf(all->arena, "port: %d + 3 = %d is the port of %s", b->port, a->port,
                            a->id);
    return NULL;
}

static void check_hub_port(struct relations *all, const struct config_agent *agent)
{
    int hub = all->config->hub_port;
    struct place at = yaml_place(all->document, "/hub/listen");
    if (!hub || !agent->port)
        return;
    if (hub == agent->port)
        finding_error(all->findings, at, "listen: %d is the port of %s", hub, agent->id);
    else if (hub == agent->port + 3)
        finding_error(all->findings, at, "listen: %d is reserved by %s (its port %d + 3)", hub,
                      agent->id, agent->port);
}

static void report_port(struct relations *all, const struct config_agent *agent, const char *clash)
{
    struct place at = yaml_place(all->document, agent_pointer(all, agent->id, "/port"));
    bool given = at.line > 0;
    if (!given)
        at = yaml_key_place(all->document, agent_pointer(all, agent->id, ""));
    finding_error(all->findings, at, "%s%s", clash,
                  given ? "" : " (18800 + 4 × its place, as no port is given)");
    finding_hint(all->findings, "an agent takes N and N+3: keep ports 4 apart");
}

/* Each agent against the first one before it that it meets. Companies of thousands are loaded by
 * each of their processes: nothing here may look at all pairs. */
static void check_ports(struct relations *all)
{
    enum { PORTS = 65536, APART = 3 };
    const struct config_agent **owner = mem_zalloc((PORTS + 2 * APART) * sizeof(const void *));
    for (size_t i = 0; i < all->config->agent_count; i++) {
        const struct config_agent *agent = &all->config->agents[i], *first = NULL;
        check_hub_port(all, agent);
        if (!agent->port)
            continue;
        for (int at = agent->port; at <= agent->port + 2 * APART; at += APART)
            if (owner[at] && (!first || owner[at] < first))
                first = owner[at];
        if (first)
            report_port(all, agent, port_clash(all, first, agent));
        if (!owner[agent->port + APART])
            owner[agent->port + APART] = agent;
    }
    free(owner);
}

static void add_folder(struct folder *folders, size_t *count, struct folder folder)
{
    if (folder.path)
        folders[(*count)++] = folder;
}

static struct folder *list_folders(struct relations *all, size_t *count)
{
    const struct config *config = all->config;
    struct folder *folders =
        arena_alloc(all->arena, (config->agent_count * 2 + 3) * sizeof(*folders));
    *count = 0;
    add_folder(folders, count,
               (struct folder){config->state, "the state folder", NULL, false, NULL});
    add_folder(folders, count,
               (struct folder){config->secrets, "the folder of secrets", NULL, false, NULL});
    add_folder(folders, count,
               (struct folder){config->shared_dir, "the shared folder", NULL, true, NULL});
    for (size_t i = 0; i < config->agent_count; i++) {
        const struct config_agent *agent = &config->agents[i];
        add_folder(folders, count,
                   (struct folder){agent->instance, "the instance of ", agent->id, false, NULL});
        add_folder(folders, count,
                   (struct folder){agent->workspace, "the workspace of ", agent->id, true, NULL});
    }
    return folders;
}

static struct place folder_place(struct relations *all, const struct folder *folder)
{
    if (folder->agent)
        return setting_place(all, folder->agent, folder->open ? "/workspace" : "/instance");
    return folder->open ? yaml_place(all->document, "/shared/dir") : (struct place){0};
}

static void report_folders(struct relations *all, const struct folder *a, const struct folder *b)
{
    bool same = strcmp(a->path, b->path) == 0;
    finding_error(all->findings, folder_place(all, b), "%s%s and %s%s %s: \"%s\"%s%s%s", a->words,
                  a->agent ? a->agent : "", b->words, b->agent ? b->agent : "",
                  same ? "are the same folder" : "lie one in the other", b->path,
                  same ? "" : " and \"", same ? "" : a->path, same ? "" : "\"");
    if (a->open || b->open)
        finding_hint(all->findings, "tools reach into it: nothing else may lie there");
}

/* Notes that two folders meet: with the later of them, the first one that it meets is told. What
 * tools reach into meets no other folder; instances may lie in each other. */
static void note_meeting(struct folder *one, struct folder *other, bool same)
{
    struct folder *late = one < other ? other : one, *early = one < other ? one : other;
    if (late != early && (same || one->open || other->open) &&
        (!late->meets || early < late->meets))
        late->meets = early;
}

/* The folder against those with its path and with the paths above it. */
static void find_meetings(struct relations *all, const struct map *first, struct folder *folder)
{
    char *path = arena_strdup(all->arena, folder->path);
    struct folder *above = map_get(first, path);
    note_meeting(above, folder, true);
    for (char *slash; (slash = strrchr(path, '/')) && path[1];) {
        slash[slash == path] = '\0';
        above = map_get(first, path);
        if (above)
            note_meeting(above, folder, false);
    }
}

static void check_folders(struct relations *all)
{
    size_t count;
    struct map first = {0};
    struct folder *folders = list_folders(all, &count);
    for (size_t i = 0; i < count; i++)
        if (!map_get(&first, folders[i].path))
            map_put(&first, folders[i].path, &folders[i]);
    for (size_t i = 0; i < count; i++)
        find_meetings(all, &first, &folders[i]);
    for (size_t i = 0; i < count; i++)
        if (folders[i].meets)
            report_folders(all, folders[i].meets, &folders[i]);
    map_fini(&first);
}

/* One person at most sits at this machine; "owner" is whoever does, where nobody is named. */
static void check_people(struct relations *all)
{
    const char *local = NULL;
    for (size_t i = 0; i < all->config->person_count; i++) {
        const struct config_person *person = &all->config->people[i];
        const char *pointer = arena_printf(all->arena, "/people/%s/local", person->id);
        if (person->local && local)
            finding_error(all->findings, yaml_place(all->document, pointer),
                          "local: %s is the one at this machine already", local);
        local = person->local && !local ? person->id : local;
    }
    for (size_t i = 0; i < all->config->person_count && !local; i++) {
        if (!str_eq(all->config->people[i].id, CONFIG_OWNER))
            continue;
        finding_error(all->findings, yaml_key_place(all->document, "/people/" CONFIG_OWNER),
                      "people: \"" CONFIG_OWNER
                      "\" is whoever owns this folder, where nobody is local");
        finding_hint(all->findings, "write: " CONFIG_OWNER ": { local: true, … }");
    }
}

void check_relations(const struct yaml_document *document, const struct config *config,
                     struct findings *findings)
{
    struct relations all = {document, config, findings, findings->arena};
    check_models(&all);
    check_references(&all);
    check_money(&all);
    check_aliases(&all);
    check_ports(&all);
    check_folders(&all);
    check_people(&all);
}
