/* hq model test and hq agent test: one real completion of each model that is meant. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/company.h"
#include "cli/model_show.h"
#include "cli/output.h"
#include "cli/table.h"
#include "setup/proof.h"

enum { PATIENCE_MS = 60000, MOST = 256 };

/* The models to ask, each once. */
struct wanted {
    const char *references[MOST + 1];
    size_t count;
};

static void want(struct wanted *wanted, const char *reference)
{
    if (reference && wanted->count < MOST && !str_in(reference, wanted->references))
        wanted->references[wanted->count++] = reference;
}

static bool is_of(const char *model, const char *provider)
{
    size_t len = provider ? strlen(provider) : 0;
    return !provider || (strncmp(model, provider, len) == 0 && model[len] == '/');
}

/* What an agent thinks with; `provider` (NULL: any) narrows it. */
static void want_agent(struct wanted *wanted, const struct config_agent *agent,
                       const char *provider)
{
    if (agent->model && is_of(agent->model, provider))
        want(wanted, agent->model);
    for (const char *const *model = agent->fallbacks; model && *model; model++)
        if (is_of(*model, provider))
            want(wanted, *model);
}

static void want_all(struct wanted *wanted, const struct config *config, const char *provider)
{
    for (size_t i = 0; i < config->agent_count; i++)
        want_agent(wanted, &config->agents[i], provider);
}

static int refuse(const struct invocation *invocation, const struct config *config,
                  const char *word)
{
    struct err err = {0};
    const struct config_model *provider = config_model(config, word);
    if (provider) {
        err_set(&err, "no_model", "no agent uses provider \"%s\"", word);
        err_hint(&err, "name a model of it: hq model test %s/NAME", word);
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    const char **names = arena_alloc(
        invocation->arena, (config->model_count + config->agent_count + 1) * sizeof(*names));
    for (size_t i = 0; i < config->model_count; i++)
        names[i] = config->models[i].name;
    for (size_t i = 0; i < config->agent_count; i++)
        names[config->model_count + i] = config->agents[i].id;
    const char *near = str_nearest(word, names);
    err_set(&err, "unknown_model", "%s has no provider, model or agent \"%s\"", config->company,
            word);
    err_hint(&err, near ? "Did you mean %s?" : "hq model list shows them.", near);
    return output_fail(invocation, COMMAND_USAGE, &err);
}

/* "provider/model", a provider, an agent; nothing: all that agents use. */
static int choose(const struct invocation *invocation, const struct config *config,
                  const char *word, struct wanted *wanted)
{
    const char *slash = word ? strchr(word, '/') : NULL;
    const struct config_agent *agent = word ? config_agent(config, word) : NULL;
    if (slash) {
        const char *provider = arena_memdup(invocation->arena, word, (size_t)(slash - word));
        if (slash[1] && config_model(config, provider))
            want(wanted, word);
    } else if (!word || config_model(config, word)) {
        want_all(wanted, config, word);
    } else if (agent) {
        want_agent(wanted, agent, NULL);
    }
    return wanted->count || !word ? COMMAND_OK : refuse(invocation, config, word);
}

/* Asks one after another; a person sees each as it comes. */
static int test_all(const struct invocation *invocation, const struct config *config,
                    const struct wanted *wanted)
{
    int code = COMMAND_OK;
    json_t *items = json_array();
    log_init("hq", invocation->verbose ? LOG_INFO : LOG_ERROR);
    int64_t patience = invocation->timeout_ms >= 0 ? invocation->timeout_ms : PATIENCE_MS;
    for (size_t i = 0; i < wanted->count; i++) {
        struct proof proof;
        proof_run(config, wanted->references[i], patience, invocation->arena, &proof);
        json_array_append_new(items, model_proof_json(wanted->references[i], &proof));
        if (!invocation->json)
            model_proof_print(invocation, wanted->references[i], &proof, stdout);
        fflush(stdout);
        if (proof_is_about_credentials(&proof))
            code = COMMAND_CREDENTIAL;
        else if (proof.class != PROOF_OK && code == COMMAND_OK)
            code = COMMAND_FAILED;
    }
    if (invocation->json)
        output_json(json_pack("{s:b,s:O}", "ok", code == COMMAND_OK, "items", items));
    json_decref(items);
    return code;
}

static int test_run(const struct invocation *invocation)
{
    struct wanted wanted = {0};
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    int code = choose(invocation, config, invocation->args[0], &wanted);
    if (code == COMMAND_OK && !wanted.count)
        output_note(invocation, "no agent has a model to test");
    if (code == COMMAND_OK)
        code = test_all(invocation, config, &wanted);
    config_free(config);
    return code;
}

static int agent_test_run(const struct invocation *invocation)
{
    struct err err;
    struct wanted wanted = {0};
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    const struct config_agent *agent = config_agent(config, invocation->args[0]);
    int code = COMMAND_USAGE;
    if (!agent) {
        company_no_agent(config, invocation->args[0], invocation->arena, &err);
        output_fail(invocation, code, &err);
    } else {
        want_agent(&wanted, agent, NULL);
        code = test_all(invocation, config, &wanted);
    }
    config_free(config);
    return code;
}

const struct command command_model_test = {
    .name = "model test",
    .group = "SETUP",
    .usage = "[PROVIDER|PROVIDER/MODEL|AGENT]",
    .summary = "ask models for one real answer each",
    .details = "Without a name: every model that an agent uses. It costs what a few words cost. "
               "What fails\nsays what the provider said and what to do; exit 4 where it is the key "
               "or the account, else 1.\n--timeout DUR is for each model (60s).\n",
    .examples = "hq model test\nhq model test openai/gpt-5\nhq model test manager --json\n",
    .max_args = 1,
    .run = test_run,
};

const struct command command_agent_test = {
    .name = "agent test",
    .group = "SETUP",
    .usage = "AGENT",
    .summary = "ask the agent's model for one real answer",
    .details =
        "Its fallbacks, too. Says how long it took, tokens and cost; the agent itself is not "
        "woken.\nFor a question to the agent: hq ask AGENT TEXT.\n",
    .examples = "hq agent test manager\n",
    .min_args = 1,
    .max_args = 1,
    .run = agent_test_run,
};
