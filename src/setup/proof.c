/* One short completion through the model room, and its troubles in words that say what to do. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "net/fetch.h"
#include "setup/proof.h"
#include "setup/server.h"

enum { SAID_MOST = 60, LIST_MS = 3000, NAMES_SHOWN = 5, ANSWER_TOKENS = 1024 };

struct trial {
    const struct config *config;
    const char *reference, *name;        /* "openai/gpt-5", "gpt-5" */
    const struct config_model *provider; /* NULL: there is none by that name */
    struct arena *arena;
    struct proof *proof;
};

bool proof_is_about_credentials(const struct proof *proof)
{
    return proof->class == PROOF_NO_KEY || proof->class == PROOF_KEY_REFUSED ||
           proof->class == PROOF_NO_QUOTA;
}

static const char *class_word(enum proof_class class)
{
    static const char *const words[] = {
        "ok",       "no_key", "key_refused", "no_quota", "no_model",
        "no_tools", "busy",   "not_there",   "no_host",  "tls",
        "timeout",  "server", "malformed",   "refused",  "config",
    };
    return words[class];
}

/* ---- which trouble it is ---- */

static enum proof_class class_of_unreachable(const char *message)
{
    static const struct {
        const char *words;
        enum proof_class class;
    } table[] = {
        {"did not come within", PROOF_TIMEOUT},
        {"timed out", PROOF_TIMEOUT},
        {"resolve", PROOF_NO_HOST},
        {"certificate", PROOF_TLS},
        {"SSL", PROOF_TLS},
        {"TLS", PROOF_TLS},
        {"refused", PROOF_NOT_THERE},
        {"connect", PROOF_NOT_THERE},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strstr(message, table[i].words))
            return table[i].class;
    return PROOF_SERVER;
}

static enum proof_class class_of(enum model_outcome outcome, int status, const struct err *err)
{
    switch (outcome) {
    case MODEL_OK:
        return PROOF_OK;
    case MODEL_AUTH:
        return str_eq(err->code, "secret")           ? PROOF_NO_KEY
               : str_eq(err->code, "model_no_quota") ? PROOF_NO_QUOTA
                                                     : PROOF_KEY_REFUSED;
    case MODEL_RETRY_LATER:
        return PROOF_BUSY;
    case MODEL_UNREACHABLE:
        return status >= 300 ? PROOF_SERVER : class_of_unreachable(err->message);
    case MODEL_REFUSED:
        if (str_eq(err->code, "model_not_found"))
            return PROOF_NO_MODEL;
        return strcasestr(err->message, "support tool") || strcasestr(err->message, "tool use") ||
                       strcasestr(err->message, "tool call")
                   ? PROOF_NO_TOOLS
                   : PROOF_REFUSED;
    default:
        return outcome == MODEL_MALFORMED ? PROOF_MALFORMED : PROOF_REFUSED;
    }
}

/* ---- what to do about it ---- */

static const char *fix_key(struct trial *trial)
{
    const struct config_secret *key = &trial->provider->api_key;
    const char *slash = key->file ? strrchr(key->file, '/') : NULL;
    if (key->env)
        return arena_printf(trial->arena, "export another %s, then hq down and hq up -d", key->env);
    if (slash)
        return arena_printf(trial->arena, "hq secret set %s", slash + 1);
    if (key->value)
        return "look whether the key is whole and this provider's, and give it again";
    return arena_printf(trial->arena,
                        "this provider wants a key: models: %s: { api_key: { file: "
                        "secrets/%s.key } }, then hq secret set %s.key",
                        trial->provider->name, trial->provider->name, trial->provider->name);
}

/* "it has: a, b, c and 12 more"; NULL where the server does not tell. */
static const char *names_there(struct trial *trial)
{
    const char *const *names = server_models(trial->provider, LIST_MS, trial->arena);
    const char *text = NULL, *near = names ? str_nearest(trial->name, names) : NULL;
    size_t count = 0;
    if (near)
        return arena_printf(trial->arena, "did you mean %s/%s?", trial->provider->name, near);
    for (; names && names[count]; count++)
        if (count < NAMES_SHOWN)
            text = arena_printf(trial->arena, "%s%s%s", text ? text : "it has: ", text ? ", " : "",
                                names[count]);
    if (count > NAMES_SHOWN)
        text = arena_printf(trial->arena, "%s and %zu more", text, count - NAMES_SHOWN);
    return text;
}

static const char *fix_model(struct trial *trial)
{
    const char *there = names_there(trial);
    if (there)
        return there;
    return "look at the name behind the slash, and whether base_url ends as the provider says, "
           "mostly in /v1";
}

static const char *fix_of(struct trial *trial, const char *hint)
{
    const char *url = trial->provider && trial->provider->base_url ? trial->provider->base_url
                                                                   : "https://api.openai.com/v1";
    switch (trial->proof->class) {
    case PROOF_NO_KEY:
    case PROOF_KEY_REFUSED:
        return fix_key(trial);
    case PROOF_NO_QUOTA:
        return "fill the account up at the provider, or name another model";
    case PROOF_NO_MODEL:
        return fix_model(trial);
    case PROOF_NO_TOOLS:
        return "agents work by calling tools: take a model that can";
    case PROOF_BUSY:
        return "key and name are not refused; try again later, or set per_minute at the provider";
    case PROOF_NOT_THERE:
        return arena_printf(trial->arena,
                            "nothing listens at %s: start the server, or mend "
                            "base_url",
                            url);
    case PROOF_NO_HOST:
        return arena_printf(trial->arena, "is the name in %s right, and is this machine online?",
                            url);
    case PROOF_TLS:
        return "is base_url's scheme right (http or https), and are ca-certificates installed?";
    case PROOF_TIMEOUT:
        return "a model that is loaded first takes long: try again, or give more: --timeout 5m";
    case PROOF_SERVER:
        return "the provider's own trouble: try again later";
    case PROOF_MALFORMED:
        return arena_printf(
            trial->arena, "is %s a Chat Completions server? Mostly its base_url ends in /v1", url);
    default:
        return hint && *hint ? arena_strdup(trial->arena, hint)
                             : "see docs/models.md for what this provider wants";
    }
}

/* ---- asking ---- */

static json_t *tools(void)
{
    return json_pack("[{s:s,s:s,s:{s:s,s:{s:{s:s}}}}]", "name", "report", "description",
                     "Says that something is done.", "parameters", "type", "object", "properties",
                     "text", "type", "string");
}

static const char *first_line(const json_t *message, struct arena *arena)
{
    const char *text = json_get_text(message, "text", NULL);
    if (str_is_blank(text))
        return NULL;
    char *line = str_trim(arena, text);
    size_t len = strcspn(line, "\r\n");
    size_t keep = str_utf8_cut(line, len, SAID_MOST);
    return arena_printf(arena, "%.*s%s", (int)keep, line, line[keep] ? "…" : "");
}

static void tell_trouble(struct trial *trial, enum model_outcome outcome, const struct err *err)
{
    struct proof *proof = trial->proof;
    proof->class = trial->provider && outcome != MODEL_OK ? class_of(outcome, proof->status, err)
                                                          : PROOF_CONFIG;
    proof->message = arena_strdup(trial->arena, err->message);
    proof->fix = fix_of(trial, err->hint);
}

static void ask(struct trial *trial, struct models *models, struct model *model,
                int64_t patience_ms)
{
    struct proof *proof = trial->proof;
    struct err err = {0};
    struct model_answer answer = {0};
    int64_t retry_after_ms, started = time_boot_ms();
    int64_t most = trial->provider->max_tokens;
    json_t *messages = json_pack("[{s:s,s:s}]", "role", "user", "text",
                                 "This is a test of the connection. Answer with one word: ready");
    json_t *offered = tools();
    struct model_request request = {.model = trial->name,
                                    .system = "You answer briefly.",
                                    .messages = messages,
                                    .tools = offered,
                                    .max_tokens =
                                        most > 0 && most < ANSWER_TOKENS ? most : ANSWER_TOKENS,
                                    .deadline_boot_ms = started + patience_ms};
    enum model_outcome outcome = model_complete(model, &request, &answer, &retry_after_ms, &err);
    proof->ms = time_boot_ms() - started;
    proof->status = answer.status;
    if (outcome == MODEL_OK) {
        proof->usage = answer.usage;
        proof->cost_micro_usd = models_cost(models, trial->reference, &answer.usage);
        proof->said = first_line(answer.message, trial->arena);
        proof->called = json_array_size(json_object_get(answer.message, "tool_calls")) > 0;
    } else {
        tell_trouble(trial, outcome, &err);
    }
    json_decref(answer.message);
    json_decref(messages);
    json_decref(offered);
}

static const struct config_model *provider_of(const struct config *config, const char *reference,
                                              struct arena *arena)
{
    return config_model(config, arena_memdup(arena, reference, strcspn(reference, "/")));
}

void proof_run(const struct config *config, const char *reference, int64_t patience_ms,
               struct arena *arena, struct proof *proof)
{
    struct err err = {0};
    struct trial trial = {.config = config,
                          .reference = reference,
                          .provider = provider_of(config, reference, arena),
                          .arena = arena,
                          .proof = proof};
    *proof = (struct proof){.cost_micro_usd = -1};
    struct fetch *fetch = fetch_open();
    struct models *models = models_open(config, fetch);
    struct model *model = models_get(models, reference, &trial.name, &err);
    if (model)
        ask(&trial, models, model, patience_ms);
    else
        tell_trouble(&trial, str_eq(err.code, "secret") ? MODEL_AUTH : MODEL_OK, &err);
    proof->word = class_word(proof->class);
    models_close(models);
    fetch_close(fetch);
}
