/* secret/…, state/folders: keys that can be read, tokens and folders that are there. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/folder.h"
#include "base/str.h"
#include "config/config.h"
#include "config/secret.h"
#include "doctor/check.h"

/* Whether any agent begins with this provider: without it that agent cannot answer at all. */
static bool is_primary(const struct config *config, const char *provider)
{
    size_t len = strlen(provider);
    for (size_t i = 0; i < config->agent_count; i++)
        if (str_starts(config->agents[i].model, provider) && config->agents[i].model[len] == '/')
            return true;
    return false;
}

/* What is wrong with a variable here need not be wrong in the processes that were started from
 * another shell. */
static enum doctor_severity how_bad(struct doctor *doctor, const struct config_secret *secret,
                                    bool is_needed)
{
    if (!is_needed || (secret->env && company_lives(doctor)))
        return DOCTOR_WARN;
    return DOCTOR_FAIL;
}

static void tell_secret(struct doctor *doctor, struct doctor_finding *finding,
                        const struct config_secret *secret, const struct err *err)
{
    const char *prefix = arena_printf(doctor->arena, "%s/", doctor->config->secrets);
    if (secret->file && str_starts(secret->file, prefix) && access(secret->file, F_OK) < 0)
        found_fix(doctor, finding, "%s secret set %s", doctor->hq, secret->file + strlen(prefix));
    else if (*err->hint)
        found_fix(doctor, finding, "%s", err->hint);
    else
        found_fix(doctor, finding, "put one line into %s, mode 0600",
                  secret->file ? secret->file : secret->env);
}

static void check_provider(struct doctor *doctor, const struct config_model *model)
{
    struct err err = {0};
    struct arena scratch = {0};
    const char *id = check_id(doctor, "secret", model->name);
    if (secret_resolve(&model->api_key, &scratch, &err)) {
        found(doctor, DOCTOR_OK, id, "%s can be read",
              model->api_key.env ? model->api_key.env : "the key");
    } else {
        bool needed = is_primary(doctor->config, model->name);
        tell_secret(doctor,
                    found(doctor, how_bad(doctor, &model->api_key, needed), id, "%s", err.message),
                    &model->api_key, &err);
    }
    arena_fini(&scratch);
}

static void check_webhook(struct doctor *doctor, const struct config_webhook *webhook)
{
    struct err err = {0};
    struct arena scratch = {0};
    const char *id = arena_printf(doctor->arena, "secret/" WEBHOOK_PREFIX "%s", webhook->name);
    if (secret_webhook_url(webhook, &scratch, &err))
        found(doctor, DOCTOR_OK, id, "the URL can be read");
    else
        tell_secret(doctor, found(doctor, DOCTOR_WARN, id, "%s", err.message), &webhook->url, &err);
    arena_fini(&scratch);
}

static void check_header(struct doctor *doctor, const struct config_header *header)
{
    struct err err = {0};
    struct arena scratch = {0};
    const char *id = arena_printf(doctor->arena, "secret/telemetry:%s", header->name);
    if (secret_resolve(&header->value, &scratch, &err))
        found(doctor, DOCTOR_OK, id, "the header's value can be read");
    else
        tell_secret(doctor, found(doctor, DOCTOR_WARN, id, "%s", err.message), &header->value,
                    &err);
    arena_fini(&scratch);
}

void check_secrets(struct doctor *doctor)
{
    const struct config *config = doctor->config;
    for (size_t i = 0; i < config->model_count; i++)
        if (config->models[i].api_key.env || config->models[i].api_key.file)
            check_provider(doctor, &config->models[i]);
    for (size_t i = 0; i < config->webhook_count; i++)
        check_webhook(doctor, &config->webhooks[i]);
    for (size_t i = 0; i < config->telemetry.header_count; i++)
        check_header(doctor, &config->telemetry.headers[i]);
}

/* ---- tokens ---- */

struct tokens {
    struct doctor *doctor;
    size_t there, missing;
    const char *first; /* that is missing */
};

static void look_for_token(struct tokens *tokens, const char *name)
{
    struct stat info;
    const char *path =
        arena_printf(tokens->doctor->arena, "%s/%s", tokens->doctor->config->secrets, name);
    if (lstat(path, &info) == 0) {
        tokens->there++;
        return;
    }
    tokens->missing++;
    if (!tokens->first)
        tokens->first = name;
}

static void look_for_tokens(struct tokens *tokens)
{
    const struct config *config = tokens->doctor->config;
    struct arena *arena = tokens->doctor->arena;
    look_for_token(tokens, "operator.token");
    look_for_token(tokens, "runner.token");
    for (size_t i = 0; i < config->agent_count; i++) {
        look_for_token(tokens, arena_printf(arena, "%s.token", config->agents[i].id));
        look_for_token(tokens, arena_printf(arena, "%s.hooks.token", config->agents[i].id));
    }
    for (size_t i = 0; i < config->person_count; i++)
        if (!config->people[i].local)
            look_for_token(tokens, arena_printf(arena, "person.%s.token", config->people[i].id));
}

void check_tokens(struct doctor *doctor)
{
    struct tokens tokens = {.doctor = doctor};
    look_for_tokens(&tokens);
    if (tokens.missing == 0) {
        found(doctor, DOCTOR_OK, "secret/tokens", "%zu tokens", tokens.there);
        return;
    }
    /* Before the first start there are none, and that start makes them. */
    bool is_new = tokens.there == 0;
    struct doctor_finding *finding =
        is_new ? found(doctor, DOCTOR_INFO, "secret/tokens", "none yet: the first start makes them")
               : found(doctor, DOCTOR_WARN, "secret/tokens", "%s%s is missing", tokens.first,
                       tokens.missing > 1
                           ? arena_printf(doctor->arena, " and %zu more", tokens.missing - 1)
                           : "");
    if (is_new)
        return;
    found_fix(doctor, finding, "%s doctor --fix --only secret/tokens, then %s restart", doctor->hq,
              doctor->hq);
    found_repair(doctor, finding, doctor->config->secrets, "make %zu missing token%s",
                 tokens.missing, tokens.missing == 1 ? "" : "s");
}

int mend_tokens(struct doctor *doctor, const struct doctor_finding *finding, struct err *err)
{
    (void)finding;
    return secret_make_tokens(doctor->config, err) < 0 ? -1 : 0;
}

/* ---- folders ---- */

static bool look_for_folder(struct doctor *doctor, const char *path, const char *what)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return true;
    bool missing = errno == ENOENT && lstat(path, &info) < 0;
    struct doctor_finding *finding =
        found(doctor, missing ? DOCTOR_WARN : DOCTOR_FAIL, "state/folders", "%s %s %s", what, path,
              missing ? "is missing" : "is no folder that we may enter");
    finding->subject = arena_strdup(doctor->arena, path);
    if (missing) {
        found_fix(doctor, finding, "mkdir -p -m 700 %s", path);
        found_repair(doctor, finding, path, "mkdir -p -m 700 %s", path);
    } else {
        found_fix(doctor, finding, "move what is there away: mv %s %s.old", path, path);
    }
    return false;
}

/* Then the journal takes the logs, and nothing makes their folder. */
static bool is_service(struct doctor *doctor)
{
    struct service service;
    return check_has_units(doctor, SERVICE_USER, &service) ||
           check_has_units(doctor, SERVICE_SYSTEM, &service);
}

void check_folders(struct doctor *doctor)
{
    const struct config *config = doctor->config;
    size_t wrong = 0;
    if (access(config->state, F_OK) < 0 && errno == ENOENT) {
        found(doctor, DOCTOR_INFO, "state/folders", "%s is not there yet: the first start makes it",
              config->state);
        return;
    }
    static const char *const below[] = {"", "/run", "/logs"};
    for (size_t i = 0; i < (is_service(doctor) ? 2 : 3); i++)
        wrong += !look_for_folder(
            doctor, arena_printf(doctor->arena, "%s%s", config->state, below[i]), "the folder");
    for (size_t i = 0; i < config->agent_count; i++)
        wrong += !look_for_folder(
            doctor, config->agents[i].workspace,
            arena_printf(doctor->arena, "the workspace of %s", config->agents[i].id));
    if (!wrong)
        found(doctor, DOCTOR_OK, "state/folders", "%zu folders", config->agent_count + 3);
}

int mend_folder(struct doctor *doctor, const struct doctor_finding *finding, struct err *err)
{
    (void)doctor;
    return folder_make(finding->target, err);
}
