/* hq agent list and hq agent show: who is in the company, from its file; what they do, from the
 * hub. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/company.h"
#include "cli/inside.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "config/config.h"

static json_t *words(const char *const *list)
{
    json_t *array = json_array();
    for (size_t i = 0; list && list[i]; i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}

static json_t *describe(const struct config_agent *agent)
{
    return json_pack("{s:s,s:s?,s:i,s:s?,s:o,s:o,s:o,s:o,s:s?,s:s?}", "id", agent->id, "name",
                     agent->name, "port", agent->port, "model", agent->model, "aliases",
                     words(agent->aliases), "capabilities", words(agent->capabilities), "delegates",
                     words(agent->delegates), "tools", words(agent->tools_allow), "workspace",
                     agent->workspace, "instance", agent->instance);
}

static void print_head(void)
{
    printf("%-16s %-16s %5s  %s\n", "AGENT", "NAME", "PORT", "MODEL");
}

/* Inside an agent's exec there is no hq.yaml: the hub says. */
static int list_inside(const struct invocation *invocation)
{
    struct operator_line line;
    json_t *answer = NULL;
    size_t i;
    const json_t *item;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = operator_call(&line, "GET", "/v1/agents", NULL, 0, &answer);
    const json_t *items = json_object_get(answer, "items");
    if (code == COMMAND_OK && invocation->json)
        code = output_json(json_pack("{s:O}", "items", items));
    else if (code == COMMAND_OK)
        print_head();
    json_array_foreach (invocation->json ? NULL : items, i, item)
        printf("%-16s %-16s %5d  %s\n", json_get_text(item, "id", ""),
               json_get_text(item, "name", ""), (int)json_get_int(item, "port", 0),
               json_get_text(item, "model", ""));
    json_decref(answer);
    operator_close(&line);
    return code;
}

static int list_run(const struct invocation *invocation)
{
    if (inside_task())
        return list_inside(invocation);
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    json_t *items = json_array();
    int code = COMMAND_OK;
    if (!invocation->json)
        print_head();
    for (size_t i = 0; i < config->agent_count; i++) {
        const struct config_agent *agent = &config->agents[i];
        json_array_append_new(items, describe(agent));
        if (!invocation->json)
            printf("%-16s %-16s %5d  %s\n", agent->id, agent->name ? agent->name : "", agent->port,
                   agent->model ? agent->model : "");
    }
    if (invocation->json)
        code = output_json(json_pack("{s:O}", "items", items));
    json_decref(items);
    config_free(config);
    return code;
}

static void print_words(const char *name, const json_t *list)
{
    size_t i;
    const json_t *word;
    printf("%-13s", name);
    json_array_foreach (list, i, word)
        printf(" %s", json_string_value(word));
    puts("");
}

static int show_run(const struct invocation *invocation)
{
    struct err err;
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    const struct config_agent *agent = config_agent(config, invocation->args[0]);
    int code = COMMAND_OK;
    if (!agent) {
        company_no_agent(config, invocation->args[0], invocation->arena, &err);
        code = output_fail(invocation, COMMAND_USAGE, &err);
    } else if (invocation->json) {
        code = output_json(json_pack("{s:o}", "agent", describe(agent)));
    } else {
        json_t *card = describe(agent);
        static const char *const texts[] = {"id", "name", "model", "workspace", "instance"};
        for (size_t i = 0; i < 5; i++)
            printf("%-13s %s\n", texts[i], json_get_text(card, texts[i], ""));
        printf("%-13s %d\n", "port", agent->port);
        print_words("aliases", json_object_get(card, "aliases"));
        print_words("capabilities", json_object_get(card, "capabilities"));
        print_words("delegates", json_object_get(card, "delegates"));
        print_words("tools", json_object_get(card, "tools"));
        json_decref(card);
    }
    config_free(config);
    return code;
}

const struct command command_agent_list = {
    .name = "agent list",
    .group = "SETUP",
    .usage = "",
    .summary = "who is in the company",
    .examples = "hq agent list\n",
    .run = list_run,
    .reads = true,
    .in_task = true,
};

const struct command command_agent_show = {
    .name = "agent show",
    .group = "SETUP",
    .usage = "AGENT",
    .summary = "one agent: model, port, folders, rights",
    .examples = "hq agent show auditor\n",
    .min_args = 1,
    .max_args = 1,
    .run = show_run,
    .reads = true,
};
