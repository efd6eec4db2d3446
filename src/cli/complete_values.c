/* Values for the shell to offer: from the table, the company's file, and the hub where one is up.
 */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/cells.h"
#include "cli/company.h"
#include "cli/complete.h"
#include "cli/operator.h"
#include "cli/task_text.h"
#include "config/config.h"
#include "config/keys.h"
#include "flow/bundle.h"

enum { DESCRIPTION_COLUMNS = 60 };

static bool is_plain(const char *name)
{
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("-_.:/*", *name))
            return false;
    return true;
}

void candidates_add(struct candidates *candidates, const char *name, const char *description)
{
    if (!*name || !is_plain(name) || !str_starts(name, candidates->word))
        return;
    buf_printf(&candidates->out, "%s\t", name);
    cell_put(&candidates->out, description ? description : "", DESCRIPTION_COLUMNS, true);
    cell_end_line(&candidates->out);
}

/* ---- from the company's file ---- */

static void add_agents(struct candidates *candidates, const struct config *config)
{
    for (size_t i = 0; i < config->agent_count; i++)
        candidates_add(candidates, config->agents[i].id, config->agents[i].name);
}

static void add_people(struct candidates *candidates, const struct config *config)
{
    for (size_t i = 0; i < config->person_count; i++)
        candidates_add(candidates, config->people[i].id, NULL);
}

/* DIR/name.yaml or DIR/name/workflow.yaml. */
static void add_workflows(struct candidates *candidates, const struct config *config,
                          struct arena *arena)
{
    const char *const *paths;
    size_t count = flow_list(config->workflows, arena, &paths);
    for (size_t i = 0; i < count; i++) {
        char *name = arena_strdup(arena, paths[i] + strlen(config->workflows) + 1);
        name[strcspn(name, "/")] = '\0';
        if (str_ends(name, ".yaml"))
            name[strlen(name) - strlen(".yaml")] = '\0';
        candidates_add(candidates, name, NULL);
    }
}

static void add_key(void *ctx, const char *path, const struct config_key *key)
{
    if (!strchr(path, '*'))
        candidates_add(ctx, path, key->doc);
}

/* ---- from the hub ---- */

static const struct source {
    const char *meaning, *family, *path, *about, *state;
} sources[] = {
    {"ID", "inbox", "/v1/inbox", "title", NULL},
    {"ID", "task", "/v1/tasks?limit=50", "agent", "state"},
    {"TASK", NULL, "/v1/tasks?limit=50", "agent", "state"},
    {"RUN", NULL, "/v1/runs?limit=50", "name", "state"},
    {"JOB", NULL, "/v1/jobs?limit=50", "step", "state"},
};

/* Ids of tasks and runs as commands show them; whole where more of one was typed already. */
static void add_items(struct candidates *candidates, const json_t *answer,
                      const struct source *source, struct arena *arena)
{
    const json_t *item;
    size_t i;
    json_array_foreach (json_object_get(answer, "items"), i, item) {
        const char *id = json_get_text(item, "id", "");
        bool is_short = id[0] && strchr("tr", id[0]) && strlen(candidates->word) <= 10;
        const char *state = source->state ? json_get_text(item, source->state, "") : "";
        candidates_add(candidates, is_short ? task_short_id(id, arena) : id,
                       arena_printf(arena, "%s%s%s", json_get_text(item, source->about, ""),
                                    *state ? ", " : "", state));
    }
}

static void ask_hub(struct candidates *candidates, const struct invocation *line,
                    const struct source *source)
{
    struct operator_line hub;
    if (operator_open(line, &hub) != COMMAND_OK)
        return;
    json_t *answer = operator_look(&hub, source->path);
    add_items(candidates, answer, source, line->arena);
    json_decref(answer);
    operator_close(&hub);
}

static bool add_from_hub(struct candidates *candidates, const struct invocation *line,
                         const char *meaning)
{
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        const struct source *source = &sources[i];
        if (!str_eq(source->meaning, meaning) ||
            (source->family && !str_starts(line->command->name, source->family)))
            continue;
        ask_hub(candidates, line, source);
        return true;
    }
    return false;
}

static void add_from_file(struct candidates *candidates, const struct invocation *line,
                          const char *meaning)
{
    struct config *config = company_open(line);
    if (!config)
        return;
    if (str_eq(meaning, "AGENT"))
        add_agents(candidates, config);
    else if (str_eq(meaning, "PERSON"))
        add_people(candidates, config);
    else
        add_workflows(candidates, config, line->arena);
    config_free(config);
}

void candidates_add_values(struct candidates *candidates, const struct invocation *line,
                           const char *meaning)
{
    bool is_flow = str_starts(line->command->name, "flow ");
    if (str_starts(meaning, "FILE"))
        buf_puts(&candidates->out, ":files\n");
    else if (str_eq(meaning, "DIR"))
        buf_puts(&candidates->out, ":dirs\n");
    else if (str_eq(meaning, "KEY") && str_starts(line->command->name, "config "))
        config_key_walk(add_key, candidates);
    else if (str_in(meaning, (const char *[]){"AGENT", "PERSON", NULL}) ||
             (str_eq(meaning, "NAME") && is_flow))
        add_from_file(candidates, line, meaning);
    else if (islower((unsigned char)*meaning))
        candidates_add(candidates, meaning, NULL);
    else
        add_from_hub(candidates, line, meaning);
}

void candidates_add_listed(struct candidates *candidates, const char *help, struct arena *arena)
{
    const char *colon = strchr(help, ':');
    if (strchr(help, ';')) /* "json: …; text: …" explains each */
        return;
    char *text = arena_strdup(arena, colon ? colon + 1 : help), *rest;
    for (char *open = text; (open = strchr(open, '('));)
        memset(open, ' ', strcspn(open, ")") + (strchr(open, ')') ? 1 : 0));
    for (char *word = strtok_r(text, " ,", &rest); word; word = strtok_r(NULL, " ,", &rest))
        if (!str_eq(word, "or"))
            candidates_add(candidates, word, NULL);
}
