/* hq init: makes a company's folder, with a model that has been asked once before it is written
 * down. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/init.h"
#include "cli/model_show.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/secret_value.h"
#include "cli/table.h"
#include "config/build.h"
#include "config/values.h"
#include "setup/presets.h"
#include "setup/secret_file.h"

enum { PATIENCE_MS = 60000, COMPANY_NAME_MOST = 64 };

static const struct command_option init_options[] = {
    {"template", 0, "NAME", "atomizer, trio (default), solo or blank"},
    {"provider", 0, "NAME", "whose model: openai, ollama … or a name of yours; script: offline"},
    {"model", 0, "ID", "the model's own name, as its provider writes it"},
    {"base-url", 0, "URL", "where the server is, mostly ending in /v1"},
    {"api-key-env", 0, "VAR", "the environment variable that holds the key"},
    {"api-key-stdin", 0, NULL, "the key comes on standard input, into secrets/"},
    {"no-model-test", 0, NULL, "write the model down without asking it anything"},
    {"boot", 0, NULL, "it shall start with the machine: the next step is the service"},
    {"dry-run", 0, NULL, "say what would be written, and write nothing"},
    {0},
};

static int fail(const struct init *init, int code, const struct err *err)
{
    return output_fail(init->invocation, code, err);
}

static int interrupted(const struct init *init)
{
    output_note(init->invocation, "\nnothing was written");
    return COMMAND_INTERRUPTED;
}

/* ---- the folder ---- */

/* The name that a folder gives its company: its last part, as far as that is a line of text. */
static const char *company_name(const char *path, struct arena *arena)
{
    const char *name = strrchr(path, '/') + 1;
    size_t keep = str_utf8_cut(name, strlen(name), COMPANY_NAME_MOST);
    return *name ? arena_memdup(arena, name, keep) : "company";
}

static int settle_folder(struct init *init, struct err *err)
{
    struct arena *arena = init->invocation->arena;
    struct stat info;
    char *cwd = getcwd(NULL, 0), *real = realpath(init->dir, NULL);
    if (!str_is_utf8(init->dir, strlen(init->dir)) || value_has_control(init->dir) || !*init->dir) {
        err_set(err, "bad_folder", "the folder's name must be one line of text");
    } else {
        init->path =
            real ? arena_strdup(arena, real) : config_path(cwd ? cwd : "/", init->dir, NULL, arena);
        if (stat(init->path, &info) == 0 && !S_ISDIR(info.st_mode))
            err_set(err, "bad_folder", "%s is there and is not a folder", init->path);
    }
    free(cwd);
    free(real);
    if (*err->code)
        return -1;
    init->is_company = access(arena_printf(arena, "%s/hq.yaml", init->path), F_OK) == 0;
    init->choice.company = company_name(init->path, arena);
    return 0;
}

static int settle_template(struct init *init, struct err *err)
{
    const char *name = invocation_value(init->invocation, "template");
    const char *names[8] = {0};
    if (!name && (init->choice.template || init->is_company))
        return 0;
    init->choice.template = template_find(name ? name : "trio");
    if (init->choice.template)
        return 0;
    for (int i = 0; templates[i].name && i < 7; i++)
        names[i] = templates[i].name;
    const char *near = str_nearest(name, names);
    err_set(err, "unknown_template", "there is no template \"%s\"", name);
    err_hint(err, near ? "Did you mean %s?" : "atomizer, trio, solo or blank", near);
    return -1;
}

/* ---- the model ---- */

static int refuse_provider(struct init *init, const char *name, struct err *err)
{
    const char *names[16] = {0};
    for (int i = 0; presets[i].name && i < 15; i++)
        names[i] = presets[i].name;
    const char *near = str_nearest(name, names);
    if (!value_is_provider(name))
        err_set(err, "bad_provider", "\"%s\" is not a name for a provider (a-z, 0-9, - and _)",
                name);
    else
        err_set(err, "unknown_provider", "hq does not know where provider \"%s\" is", name);
    if (near)
        err_hint(err, "Did you mean %s?", near);
    else
        err_hint(err,
                 init->asks ? "give its URL and a model: URL MODEL" : "say it: --base-url URL");
    return -1;
}

static int choose_key(struct init *init, const struct preset *preset, struct err *err)
{
    const struct invocation *invocation = init->invocation;
    const char *variable = invocation_value(invocation, "api-key-env");
    if (variable && !value_is_env(variable)) {
        err_set(err, "bad_variable", "--api-key-env wants the name of an environment variable");
        err_hint(err, "the key itself is never an argument: --api-key-stdin");
        return -1;
    }
    if (!variable && preset && preset->env && !init->key && !str_is_empty(getenv(preset->env)))
        variable = preset->env;
    init->choice.key_env = variable;
    init->choice.key_file =
        init->key ? arena_printf(invocation->arena, "secrets/%s.key", init->choice.provider) : NULL;
    return 0;
}

int init_choose_model(struct init *init, const char *provider, const char *model,
                      const char *base_url, struct err *err)
{
    struct arena *arena = init->invocation->arena;
    const struct preset *preset = preset_find(provider);
    struct company_choice *choice = &init->choice;
    choice->provider = choice->base_url = choice->model = NULL;
    choice->key_env = choice->key_file = NULL;
    choice->is_free = false;
    if (str_eq(provider, "script"))
        return 0;
    if (!value_is_provider(provider) || (!preset && !base_url))
        return refuse_provider(init, provider, err);
    if (base_url && !value_is_url(base_url))
        return err_set(err, "bad_url", "\"%s\" is not a URL that starts with http:// or https://",
                       base_url);
    base_url = base_url ? base_url : preset->base_url;
    if (str_is_empty(model))
        model = preset_model(preset, base_url, arena);
    if (!model) {
        err_set(err, "no_model", "which model of %s? Its server does not tell", provider);
        err_hint(err, init->asks ? "give it, too: PROVIDER/MODEL or URL MODEL" : "--model ID");
        return -1;
    }
    choice->provider = provider;
    choice->base_url = base_url;
    choice->model = arena_printf(arena, "%s/%s", provider, model);
    choice->is_free = url_is_here(base_url);
    return choose_key(init, preset, err);
}

/* From the flags alone. */
static int flagged_model(struct init *init, struct err *err)
{
    const struct invocation *invocation = init->invocation;
    const char *provider = invocation_value(invocation, "provider");
    const char *model = invocation_value(invocation, "model");
    const char *url = invocation_value(invocation, "base-url");
    const char *slash = model ? strchr(model, '/') : NULL;
    if (!provider && slash &&
        preset_find(arena_memdup(invocation->arena, model, (size_t)(slash - model)))) {
        provider = arena_memdup(invocation->arena, model, (size_t)(slash - model));
        model = slash + 1;
    }
    if (!provider && url)
        provider = url_is_here(url) ? "local" : "server";
    if (!provider && model) {
        err_set(err, "no_provider", "--model %s: of which provider?", model);
        err_hint(err, "--provider NAME, or --base-url URL");
        return -1;
    }
    return init_choose_model(init, provider ? provider : "script", model, url, err);
}

static bool has_model_flags(const struct init *init)
{
    static const char *const flags[] = {"provider", "model", "base-url", NULL};
    for (const char *const *flag = flags; *flag; flag++)
        if (invocation_has(init->invocation, *flag))
            return true;
    return false;
}

/* Asks the candidate for one answer; nothing has been written yet. COMMAND_OK, or the exit code
 * after saying what it said. */
static int prove(struct init *init)
{
    const struct company_choice *choice = &init->choice;
    const struct invocation *invocation = init->invocation;
    struct config_model provider = {.name = choice->provider,
                                    .api = "openai-chat",
                                    .base_url = choice->base_url,
                                    .api_key = {.env = choice->key_env, .value = init->key},
                                    .priced = choice->is_free};
    struct config config = {.models = &provider, .model_count = 1};
    struct err err = {0};
    if (!choice->provider || invocation_has(invocation, "no-model-test"))
        return COMMAND_OK;
    if (!invocation->json)
        output_note(invocation, "asking %s for one answer …", choice->model);
    int64_t patience = invocation->timeout_ms >= 0 ? invocation->timeout_ms : PATIENCE_MS;
    log_init("hq", invocation->verbose ? LOG_INFO : LOG_ERROR);
    proof_run(&config, choice->model, patience, invocation->arena, &init->proof);
    init->tested = true;
    if (init->proof.class == PROOF_OK && !invocation->json && !invocation->quiet)
        model_proof_print(invocation, choice->model, &init->proof, stderr);
    if (init->proof.class == PROOF_OK)
        return COMMAND_OK;
    err_set(&err, "model_test", "%s%s", init->proof.message,
            init->asks ? "" : "; nothing was written");
    if (init->proof.class == PROOF_KEY_REFUSED && !init->key && !choice->key_env)
        err_hint(&err, "it wants a key%s",
                 init->asks ? "" : ": --api-key-stdin < FILE, or --api-key-env VAR");
    else
        err_hint(&err, "%s%s", init->proof.fix,
                 init->asks ? "" : " (or --no-model-test, or --provider script)");
    return fail(
        init, proof_is_about_credentials(&init->proof) ? COMMAND_CREDENTIAL : COMMAND_FAILED, &err);
}

static void forget_key(struct init *init)
{
    if (init->key)
        explicit_bzero(init->key, strlen(init->key));
    init->key = NULL;
}

/* A server of one's own may want a key, too: it says so only when it is asked. */
static enum init_answer prove_with_key(struct init *init)
{
    if (prove(init) == COMMAND_OK)
        return INIT_OK;
    if (init->proof.class != PROOF_KEY_REFUSED || init->key || init->choice.key_env)
        return INIT_AGAIN;
    enum init_answer answer = init_ask_key(init);
    if (answer == INIT_OK && init->key)
        return prove(init) == COMMAND_OK ? INIT_OK : INIT_AGAIN;
    return answer == INIT_ENDED ? INIT_ENDED : INIT_AGAIN;
}

/* Asks until a model has answered, or nobody wants one. */
static int model_by_asking(struct init *init)
{
    enum init_answer answer;
    do {
        forget_key(init);
        answer = init_ask_model(init);
        if (answer == INIT_OK)
            answer = prove_with_key(init);
    } while (answer == INIT_AGAIN);
    return answer == INIT_ENDED ? interrupted(init) : COMMAND_OK;
}

static int settle_model(struct init *init)
{
    struct err err = {0};
    const struct invocation *invocation = init->invocation;
    if (init->is_company && !has_model_flags(init))
        return COMMAND_OK;
    if (init->asks && !has_model_flags(init))
        return model_by_asking(init);
    if (invocation_has(invocation, "api-key-stdin")) {
        init->key = secret_value_read(invocation, "API key", &err);
        if (!init->key)
            return fail(init, COMMAND_USAGE, &err);
    }
    if (flagged_model(init, &err) < 0)
        return fail(init, COMMAND_USAGE, &err);
    const struct preset *preset = init->choice.provider ? preset_find(init->choice.provider) : NULL;
    if (preset && preset->env && !init->choice.key_env && !init->key) {
        err_set(&err, "no_credential", "%s wants a key, and %s is not set", preset->title,
                preset->env);
        err_hint(&err, "--api-key-stdin < FILE, or --api-key-env VAR");
        return fail(init, COMMAND_CREDENTIAL, &err);
    }
    return prove(init);
}

/* ---- writing ---- */

static int write_key(struct init *init, struct err *err)
{
    const char *path;
    if (!init->key || init->is_company)
        return 0;
    path = arena_printf(init->invocation->arena, "%s/%s", init->path, init->choice.key_file);
    init->kept_key = access(path, F_OK) == 0;
    init->wrote_key = !init->kept_key;
    return init->kept_key ? 0 : secret_file_put(path, init->key, err);
}

static void look_at_company(struct init *init, const struct config *config)
{
    init->agent_count = config->agent_count;
    if (config->agent_count)
        init->first_agent = arena_strdup(init->invocation->arena, config->agents[0].id);
}

/* What is there is read as it is; a broken file is told, and stays. */
static int look_at_old(struct init *init, struct err *err)
{
    struct finding *findings;
    size_t count;
    struct arena *arena = init->invocation->arena;
    const char *path = arena_printf(arena, "%s/hq.yaml", init->path);
    struct config *config = config_load(path, NULL, arena, &findings, &count);
    if (!config) {
        err_set(err, "bad_config", "%s is there, and has errors", path);
        err_hint(err, "hq -C %s config validate", init_shell_word(init->dir, arena));
        return -1;
    }
    look_at_company(init, config);
    config_free(config);
    return 0;
}

static int plan(struct init *init, struct err *err)
{
    struct arena *arena = init->invocation->arena;
    const char *text = NULL;
    if (init->is_company && look_at_old(init, err) < 0)
        return -1;
    if (init->choice.template) {
        if (!init->is_company &&
            company_draft_find_ports(&init->choice, arena, &init->taken, err) < 0)
            return -1;
        text = company_draft(&init->choice, arena);
        struct config *config = company_draft_load(text, arena, err);
        if (!config)
            return -1;
        if (!init->is_company)
            look_at_company(init, config);
        config_free(config);
    }
    init->files = company_folder_plan(init->path, &init->choice, text, arena);
    return 0;
}

static int make(struct init *init)
{
    struct err err = {0};
    if (plan(init, &err) < 0)
        return fail(init, COMMAND_USAGE, &err);
    if (invocation_has(init->invocation, "dry-run"))
        return init_tell(init);
    if (write_key(init, &err) < 0 || company_folder_write(init->path, &init->files, &err) < 0)
        return fail(init, COMMAND_FAILED, &err);
    return init_tell(init);
}

/* ---- all of it ---- */

static int settle(struct init *init)
{
    struct err err = {0};
    if (init->asks && init_ask_folder(init) != INIT_OK)
        return interrupted(init);
    if (!init->dir) {
        err_set(&err, "usage", "hq init needs a folder");
        err_hint(&err, "hq init DIR; hq help init");
        return fail(init, COMMAND_USAGE, &err);
    }
    if (settle_folder(init, &err) < 0)
        return fail(init, COMMAND_USAGE, &err);
    if (init->asks && init_ask_template(init) != INIT_OK)
        return interrupted(init);
    if (settle_template(init, &err) < 0)
        return fail(init, COMMAND_USAGE, &err);
    int code = settle_model(init);
    if (code == COMMAND_OK && init->asks && init_ask_boot(init) != INIT_OK)
        return interrupted(init);
    return code;
}

static int init_run(const struct invocation *invocation)
{
    struct init init = {.invocation = invocation,
                        .dir = invocation->args[0],
                        .asks = prompt_can_ask(invocation) && !invocation->yes,
                        .boot = invocation_has(invocation, "boot")};
    if (!init.dir)
        init.dir = invocation->dir;
    int code = settle(&init);
    if (code == COMMAND_OK)
        code = make(&init);
    forget_key(&init);
    return code;
}

const struct command command_init = {
    .name = "init",
    .group = "START",
    .usage = "[DIR]",
    .summary = "make a company: agents, a model that answers, hq.yaml",
    .details =
        "At a terminal it asks at most five questions; every answer has an option, and with --yes "
        "or\n--no-input it asks nothing. A model is asked for one real answer before anything is "
        "written.\nWhat is there already is never overwritten: a second call writes what is "
        "missing "
        "and tells\nwhat differs. Without a provider the agents speak from a script, offline.\n",
    .examples = "hq init acme\n"
                "hq init acme --template trio --provider ollama --model qwen3:8b --yes\n"
                "hq init acme --provider openai --api-key-stdin --yes < key.txt\n"
                "hq init acme --base-url http://127.0.0.1:4010/v1 --model gpt-5 --yes\n",
    .options = init_options,
    .max_args = 1,
    .run = init_run,
};
