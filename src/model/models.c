/* The providers of a company: opened on first use, kept until the end. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/config.h"
#include "model/model.h"
#include "model/openai_chat.h"
#include "model/price.h"
#include "model/script.h"

struct models {
    const struct config *config;
    struct fetch *fetch;
    pthread_mutex_t mutex;
    struct map open; /* name → struct model */
};

static const struct api {
    const char *name;
    struct model *(*open)(const struct config_model *, struct fetch *, struct err *);
} apis[] = {
    {"openai-chat", openai_chat_open},
    {"script", script_open},
    {NULL, NULL},
};

struct models *models_open(const struct config *config, struct fetch *fetch)
{
    struct models *models = mem_zalloc(sizeof(*models));
    models->config = config;
    models->fetch = fetch;
    pthread_mutex_init(&models->mutex, NULL);
    return models;
}

void models_close(struct models *models)
{
    if (!models)
        return;
    size_t at = 0;
    const char *name;
    void *value;
    while (map_next(&models->open, &at, &name, &value)) {
        struct model *model = value;
        model->ops->close(model);
    }
    map_fini(&models->open);
    pthread_mutex_destroy(&models->mutex);
    free(models);
}

/* The configured provider of a reference; NULL where there is none by that name. */
static const struct config_model *find(const struct models *models, const char *reference)
{
    const char *slash = strchr(reference, '/');
    if (!slash || slash == reference || !slash[1])
        return NULL;
    for (size_t i = 0; i < models->config->model_count; i++) {
        const struct config_model *model = &models->config->models[i];
        size_t len = strlen(model->name);
        if (len == (size_t)(slash - reference) && memcmp(model->name, reference, len) == 0)
            return model;
    }
    return NULL;
}

static void say_unknown(const struct models *models, const char *reference, struct err *err)
{
    const char *slash = strchr(reference, '/');
    if (!slash || slash == reference || !slash[1]) {
        err_set(err, "bad_model", "\"%s\" does not name a model", reference);
        err_hint(err, "write provider/name, as in demo/company");
        return;
    }
    struct arena arena = {0};
    const char **names = arena_alloc(&arena, (models->config->model_count + 1) * sizeof(names[0]));
    for (size_t i = 0; i < models->config->model_count; i++)
        names[i] = models->config->models[i].name;
    const char *given = arena_memdup(&arena, reference, (size_t)(slash - reference));
    const char *near = str_nearest(given, names);
    err_set(err, "unknown_provider", "no provider \"%s\" under models (in \"%s\")", given,
            reference);
    if (near)
        err_hint(err, "did you mean %s%s?", near, slash);
    arena_fini(&arena);
}

static struct model *open_provider(const struct config_model *config, struct fetch *fetch,
                                   struct err *err)
{
    for (const struct api *api = apis; api->name; api++) {
        if (str_eq(api->name, config->api))
            return api->open(config, fetch, err);
    }
    err_set(err, "no_api", "this build cannot speak the api \"%s\" of provider \"%s\"", config->api,
            config->name);
    err_hint(err, "most providers are also reached with api: openai-chat, see docs/models.md");
    return NULL;
}

static struct model *get_open(struct models *models, const char *name)
{
    pthread_mutex_lock(&models->mutex);
    struct model *model = map_get(&models->open, name);
    pthread_mutex_unlock(&models->mutex);
    return model;
}

/* Keeps `model` unless another thread was faster; returns the one that is kept. */
static struct model *keep(struct models *models, struct model *model)
{
    pthread_mutex_lock(&models->mutex);
    struct model *first = map_get(&models->open, model->provider);
    if (!first)
        map_put(&models->open, model->provider, model);
    pthread_mutex_unlock(&models->mutex);
    if (!first)
        return model;
    model->ops->close(model);
    return first;
}

struct model *models_get(struct models *models, const char *reference, const char **name,
                         struct err *err)
{
    const struct config_model *config = find(models, reference);
    if (!config) {
        say_unknown(models, reference, err);
        return NULL;
    }
    *name = strchr(reference, '/') + 1;
    struct model *model = get_open(models, config->name);
    if (model)
        return model;
    model = open_provider(config, models->fetch, err);
    return model ? keep(models, model) : NULL;
}

struct model_reserve models_reserve(struct models *models, const char *reference, size_t bytes)
{
    enum { BYTES_PER_TOKEN = 3, OUTPUT_DEFAULT = 4096 };
    const struct config_model *config = find(models, reference);
    struct model_usage usage = {.in = (int64_t)(bytes / BYTES_PER_TOKEN) + 1};
    usage.out = config && config->max_tokens > 0 ? config->max_tokens : OUTPUT_DEFAULT;
    int64_t price = config ? price_of(config, &usage) : -1;
    return (struct model_reserve){.tokens = usage.in + usage.out,
                                  .micro_usd = price};
}

int64_t models_cost(struct models *models, const char *reference, const struct model_usage *usage)
{
    const struct config_model *config = find(models, reference);
    return config ? price_of(config, usage) : -1;
}
