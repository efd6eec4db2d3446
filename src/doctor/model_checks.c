/* model/…: whether each provider answers. What is asked by default costs nothing: a script's file
 * is read, a server is asked for the list of its models (OpenAI API reference, "List models"). */
#include <jansson.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "config/secret.h"
#include "doctor/check.h"
#include "model/model.h"
#include "model/redact.h"
#include "net/fetch.h"

enum {
    CONNECT_MS = 2000,
    LIST_MS = 4000,        /* a list of names; not a thinking model */
    COMPLETION_MS = 30000, /* of --deep */
    COMPLETION_TOKENS = 16,
};

struct look {
    struct doctor *doctor;
    struct models *models;
    struct fetch *fetch;
    const struct config_model *model;
    const char *id;
    const char *reference; /* "provider/name" as the first agent that uses it says; NULL: nobody */
    enum doctor_severity bad; /* what not answering means */
};

static bool is_of(const char *reference, const char *provider)
{
    size_t len = strlen(provider);
    return reference && str_starts(reference, provider) && reference[len] == '/';
}

/* The first use of the provider, and whether an agent begins with it. */
static void find_use(struct look *look)
{
    const struct config *config = look->doctor->config;
    look->bad = DOCTOR_WARN;
    for (size_t i = 0; i < config->agent_count; i++) {
        const struct config_agent *agent = &config->agents[i];
        if (is_of(agent->model, look->model->name)) {
            look->reference = agent->model;
            look->bad = DOCTOR_FAIL;
            return;
        }
        for (size_t f = 0; agent->fallbacks && agent->fallbacks[f] && !look->reference; f++)
            if (is_of(agent->fallbacks[f], look->model->name))
                look->reference = agent->fallbacks[f];
    }
}

static void tell_key(struct look *look, const char *said)
{
    struct doctor *doctor = look->doctor;
    const char *file = look->model->api_key.file;
    struct doctor_finding *finding = found(doctor, look->bad, look->id, "%s", said);
    if (file)
        found_fix(doctor, finding, "%s secret set %s", doctor->hq,
                  strrchr(file, '/') ? strrchr(file, '/') + 1 : file);
    else if (look->model->api_key.env)
        found_fix(doctor, finding, "set %s to a key that is valid, then %s restart",
                  look->model->api_key.env, doctor->hq);
    else
        found_fix(doctor, finding, "give models.%s an api_key in hq.yaml", look->model->name);
}

/* ---- a list of its models ---- */

static void judge_list(struct look *look, const struct fetch_response *response)
{
    struct doctor *doctor = look->doctor;
    int status = response->status;
    if (status / 100 == 2)
        found(doctor, DOCTOR_OK, look->id, "%s lists its models", look->model->base_url);
    else if (status == 401 || status == 403)
        tell_key(look, arena_printf(doctor->arena, "the server refuses the key (%d)", status));
    else if (status == 404 || status == 405)
        found_fix(doctor,
                  found(doctor, DOCTOR_INFO, look->id,
                        "the server is there but lists no models (%d)", status),
                  "%s doctor --deep --only %s asks for a completion", doctor->hq, look->id);
    else
        found_fix(doctor,
                  found(doctor, status == 429 ? DOCTOR_WARN : look->bad, look->id,
                        "the server answers %d", status),
                  "look at the provider's own status page, or try again");
}

static void ask_list(struct look *look)
{
    struct err err = {0};
    struct arena scratch = {0};
    struct doctor *doctor = look->doctor;
    const struct config_secret *secret = &look->model->api_key;
    bool has_key = secret->env || secret->file || secret->value;
    char *key = has_key ? secret_resolve(secret, &scratch, &err) : NULL;
    struct fetch_response response = {0};
    const char *base = look->model->base_url;
    const char *headers[] = {key ? arena_printf(&scratch, "Authorization: Bearer %s", key) : NULL,
                             NULL};
    struct fetch_request request = {
        .url = arena_printf(&scratch, "%s%smodels", base, str_ends(base, "/") ? "" : "/"),
        .headers = headers,
        .connect_ms = CONNECT_MS,
        .total_ms = LIST_MS};
    if (has_key && !key)
        found(doctor, DOCTOR_SKIP, look->id, "its key cannot be read");
    else if (fetch_run(look->fetch, &request, &response, &err) == FETCH_OK)
        judge_list(look, &response);
    else
        found_fix(doctor,
                  found(doctor, look->bad, look->id, "%s", redact(doctor->arena, err.message, key)),
                  "is models.%s.base_url right, and its server up? curl -sI %s", look->model->name,
                  base);
    fetch_response_fini(&response);
    arena_fini(&scratch);
}

/* ---- a completion ---- */

static void judge_completion(struct look *look, enum model_outcome outcome, int64_t took_ms,
                             const struct err *err)
{
    struct doctor *doctor = look->doctor;
    if (outcome == MODEL_OK)
        found(doctor, DOCTOR_OK, look->id, "%s answered in %s", look->reference,
              check_age(doctor, took_ms));
    else if (outcome == MODEL_AUTH)
        tell_key(look, err->message);
    else
        found_fix(doctor,
                  found(doctor, outcome == MODEL_RETRY_LATER ? DOCTOR_WARN : look->bad, look->id,
                        "%s: %s", look->reference, err->message),
                  "%s",
                  *err->hint ? err->hint
                             : arena_printf(doctor->arena, "see %s and models.%s in hq.yaml",
                                            look->reference, look->model->name));
}

static void ask_completion(struct look *look)
{
    struct err err = {0};
    struct model_answer answer = {0};
    int64_t retry_after_ms = -1, began = time_boot_ms();
    const char *name;
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "text", "Say OK.");
    json_t *tools = json_array();
    struct model *model = models_get(look->models, look->reference, &name, &err);
    enum model_outcome outcome = MODEL_REFUSED;
    if (model) {
        struct model_request request = {.model = name,
                                        .system = "You are being checked. Answer with one word.",
                                        .messages = messages,
                                        .tools = tools,
                                        .max_tokens = COMPLETION_TOKENS,
                                        .deadline_boot_ms = began + COMPLETION_MS};
        outcome = model_complete(model, &request, &answer, &retry_after_ms, &err);
    }
    judge_completion(look, outcome, time_boot_ms() - began, &err);
    json_decref(answer.message);
    json_decref(messages);
    json_decref(tools);
}

/* ---- each provider ---- */

static void read_script(struct look *look)
{
    struct err err = {0};
    const char *name;
    const char *reference = look->reference
                                ? look->reference
                                : arena_printf(look->doctor->arena, "%s/x", look->model->name);
    if (models_get(look->models, reference, &name, &err))
        found(look->doctor, DOCTOR_OK, look->id, "its script reads");
    else
        found_fix(look->doctor, found(look->doctor, look->bad, look->id, "%s", err.message), "%s",
                  *err.hint ? err.hint : "edit the script: docs/script-model.md");
}

static void check_model(struct look *look)
{
    struct doctor *doctor = look->doctor;
    look->id = check_id(doctor, "model", look->model->name);
    find_use(look);
    if (str_eq(look->model->api, "script"))
        read_script(look);
    else if (!look->reference)
        found(doctor, DOCTOR_SKIP, look->id, "no agent uses it");
    else if (doctor->deep)
        ask_completion(look);
    else if (look->model->base_url)
        ask_list(look);
    else
        found_fix(doctor, found(doctor, DOCTOR_SKIP, look->id, "it names no base_url to ask"),
                  "%s doctor --deep --only %s asks for a completion", doctor->hq, look->id);
}

void check_models(struct doctor *doctor)
{
    struct fetch *fetch = fetch_open();
    struct models *models = models_open(doctor->config, fetch);
    for (size_t i = 0; i < doctor->config->model_count; i++) {
        struct look look = {.doctor = doctor,
                            .models = models,
                            .fetch = fetch,
                            .model = &doctor->config->models[i]};
        check_model(&look);
    }
    models_close(models);
    fetch_close(fetch);
}
