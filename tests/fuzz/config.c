/* Any bytes as a company's hq.yaml, loaded as every command loads it: a config that answers every
 * question, the same each time, or findings, at least one of them an error and each at a place. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "config/config.h"
#include "config/explain.h"
#include "folder.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *effective(const struct config *config)
{
    json_t *json = config_effective(config);
    char *text = json_dumps(json, JSON_SORT_KEYS);
    json_decref(json);
    return text;
}

static void ask(const struct config *config)
{
    PROPERTY(config->company && config->agents, "a config has a company and agents");
    for (size_t i = 0; i < config->agent_count; i++) {
        const struct config_agent *agent = &config->agents[i];
        PROPERTY(config_agent(config, agent->id) == agent, "an id finds its agent");
        PROPERTY(config_gateway_equal(config, config, agent->id), "a file is the same to all as itself");
        PROPERTY(config_may_delegate(config, agent->id, agent->id), "an agent may ask itself");
        for (size_t k = 0; agent->aliases[k]; k++)
            PROPERTY(config_agent(config, agent->aliases[k]) == agent, "an alias finds its agent");
        PROPERTY(!agent->deliver || config_destination(config, agent->deliver), "a destination is there");
        PROPERTY(agent->port > 0 && agent->port < 65536, "a port is a port");
    }
    PROPERTY(config_runner_equal(config, config), "and to the runner");
    for (size_t i = 0; i < config->person_count; i++)
        PROPERTY(config_person(config, config->people[i].id) == &config->people[i], "an id finds its person");
}

static struct config *load(const char *path, struct arena *arena)
{
    struct finding *findings = NULL;
    struct buf text = {0};
    size_t count = 0, errors = 0;
    struct config *config = config_load(path, NULL, arena, &findings, &count);
    for (size_t i = 0; i < count; i++)
        errors += findings[i].is_error;
    PROPERTY((config == NULL) == (errors > 0), "a config, or an error that says why not");
    config_print_findings(path, findings, count, &text);
    PROPERTY(str_is_utf8(buf_text(&text), text.len), "findings are text");
    buf_fini(&text);
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    const char *path = arena_strdup(&arena, fuzz_file("hq.yaml", data, size));
    struct config *config = load(path, &arena), *again = load(path, &arena);
    PROPERTY(!config == !again, "the same file is loaded again");
    if (config) {
        char *first = effective(config), *second = effective(again);
        ask(config);
        PROPERTY(str_eq(first, second) && str_eq(config->hash, again->hash), "the same file says the same");
        free(first);
        free(second);
        config_free(config);
        config_free(again);
    }
    arena_fini(&arena);
    return 0;
}
