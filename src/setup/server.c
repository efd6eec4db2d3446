/* One GET of a server's list of models. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "config/secret.h"
#include "config/values.h"
#include "net/fetch.h"
#include "setup/server.h"

enum { MODELS_MOST = 200, LIST_MOST = 4 << 20 };

static const char *url_of(const struct config_model *model, struct arena *arena)
{
    const char *base =
        str_is_empty(model->base_url) ? "https://api.openai.com/v1" : model->base_url;
    size_t len = strlen(base);
    while (len && base[len - 1] == '/')
        len--;
    return arena_printf(arena, "%.*s/models", (int)len, base);
}

/* Names that a person could not type, or a terminal could not bear, are left out. */
static const char *const *names_in(const json_t *body, struct arena *arena)
{
    const json_t *list = json_object_get(body, "data"), *item;
    const char **names = arena_alloc(arena, (MODELS_MOST + 1) * sizeof(*names));
    size_t i, used = 0;
    json_array_foreach (list, i, item) {
        const char *id = json_get_text(item, "id", NULL);
        if (id && *id && strlen(id) < 200 && !value_has_control(id) && used < MODELS_MOST)
            names[used++] = arena_strdup(arena, id);
    }
    return json_is_array(list) ? names : NULL;
}

const char *const *server_models(const struct config_model *model, int64_t patience_ms,
                                 struct arena *arena)
{
    struct arena scratch = {0};
    struct err err;
    struct fetch_response response = {0};
    const struct config_secret *secret = &model->api_key;
    bool has_key = secret->env || secret->file || secret->value;
    char *key = has_key ? secret_resolve(secret, &scratch, &err) : NULL;
    const char *headers[] = {key ? arena_printf(&scratch, "Authorization: Bearer %s", key) : NULL,
                             NULL};
    struct fetch_request request = {.url = url_of(model, &scratch),
                                    .headers = headers,
                                    .connect_ms = patience_ms,
                                    .total_ms = patience_ms,
                                    .max_body = LIST_MOST};
    struct fetch *fetch = fetch_open();
    const char *const *names = NULL;
    if (fetch_run(fetch, &request, &response, &err) == FETCH_OK && response.status == 200) {
        json_t *body = json_parse(buf_text(&response.body), response.body.len, NULL);
        names = names_in(body, arena);
        json_decref(body);
    }
    fetch_response_fini(&response);
    fetch_close(fetch);
    arena_fini(&scratch);
    return names;
}
