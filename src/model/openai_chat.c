/* One call of a Chat Completions server: request, stream, outcome. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "config/secret.h"
#include "model/openai_chat.h"
#include "model/openai_error.h"
#include "model/openai_request.h"
#include "model/openai_stream.h"
#include "model/redact.h"
#include "net/fetch.h"

enum {
    CONNECT_MS = 10000,
    FIRST_BYTE_MS = 120000, /* large models think long before the first token */
    IDLE_MS = 60000,        /* streaming servers send comments or tokens more often */
    TOTAL_MS = 600000,      /* where config says nothing */
    MAX_TOKENS = 4096,
};

struct openai_chat {
    struct model base;
    const struct config_model *config;
    struct fetch *fetch;
    char *url;
    bool is_openai;
};

struct call { /* one request and all that came of it */
    struct openai_chat *chat;
    const struct model_request *request;
    struct arena arena;
    char *key; /* NULL: none configured */
    struct openai_stream stream;
    struct fetch_response response;
    struct err fetch_err;
};

static bool has_key(const struct config_model *config)
{
    return config->api_key.env || config->api_key.file || config->api_key.value;
}

static int on_piece(void *ctx, const char *bytes, size_t len)
{
    struct call *call = ctx;
    return openai_stream_feed(&call->stream, bytes, len);
}

static int read_key(struct call *call, struct err *err)
{
    const struct config_model *config = call->chat->config;
    if (!has_key(config))
        return 0;
    call->key = secret_resolve(&config->api_key, &call->arena, err);
    return call->key ? 0 : -1;
}

static int64_t max_tokens(const struct openai_chat *chat, const struct model_request *request)
{
    if (request->max_tokens > 0)
        return request->max_tokens;
    return chat->config->max_tokens > 0 ? chat->config->max_tokens : MAX_TOKENS;
}

static int64_t total_ms(const struct openai_chat *chat, const struct model_request *request)
{
    int64_t total = chat->config->timeout_ms > 0 ? chat->config->timeout_ms : TOTAL_MS;
    int64_t left = request->deadline_boot_ms - time_boot_ms();
    if (request->deadline_boot_ms == 0 || left > total)
        return total;
    return left > 1 ? left : 1;
}

static enum fetch_outcome send_request(struct call *call, const char *body)
{
    struct openai_chat *chat = call->chat;
    const char *headers[] = {
        "Content-Type: application/json",
        "Accept: text/event-stream, application/json",
        call->key ? arena_printf(&call->arena, "Authorization: Bearer %s", call->key) : NULL,
        NULL,
    };
    struct fetch_request request = {
        .method = "POST",
        .url = chat->url,
        .headers = headers,
        .body = body,
        .body_len = strlen(body),
        .connect_ms = CONNECT_MS,
        .first_byte_ms = FIRST_BYTE_MS,
        .idle_ms = IDLE_MS,
        .total_ms = total_ms(chat, call->request),
        .max_body = LIMIT_MODEL_STREAM,
        .cancel = call->request->cancel,
        .on_piece = on_piece,
        .ctx = call,
    };
    return fetch_run(chat->fetch, &request, &call->response, &call->fetch_err);
}

static struct openai_failure failure_of(const struct call *call)
{
    return (struct openai_failure){
        .provider = call->chat->base.provider,
        .model = call->request->model,
        .secret = call->key,
        .status = call->response.status,
        .body = buf_text(&call->response.body),
        .len = call->response.body.len,
        .retry_after_ms = call->response.retry_after_ms,
    };
}

/* The connection failed or was cut. Where the answer was whole all the same, that does not matter.
 */
static enum model_outcome say_cut(struct call *call, struct err *err)
{
    err_set(err, "model_unreachable", "provider \"%s\" gave no whole answer: %s",
            call->chat->base.provider, call->fetch_err.message);
    err_hint(err, "is the server of models.%s.base_url up?", call->chat->base.provider);
    return MODEL_UNREACHABLE;
}

static enum model_outcome say_malformed(struct call *call, struct err *err)
{
    struct arena *arena = &call->arena;
    const char *text = call->stream.fail.message;
    if (call->stream.form == OPENAI_FORM_WHOLE)
        text = arena_printf(
            arena, "%s; the body begins: %.80s", text,
            str_clean_utf8(arena, call->stream.whole.bytes,
                           str_utf8_cut(call->stream.whole.bytes, call->stream.whole.len, 80)));
    err_set(err, "model_malformed", "the answer of provider \"%s\" cannot be read: %s",
            call->chat->base.provider, redact(arena, text, call->key));
    return MODEL_MALFORMED;
}

static enum model_outcome finish_stream(struct call *call, enum fetch_outcome fetched,
                                        struct model_answer *answer, int64_t *retry_after_ms,
                                        struct err *err)
{
    struct openai_stream *stream = &call->stream;
    enum model_outcome outcome = openai_stream_finish(stream, answer, err);
    if (stream->error) {
        struct openai_failure failure = failure_of(call);
        failure.retry_after_ms = -1;
        return openai_stream_failure(&failure, stream->error, retry_after_ms, err);
    }
    if (outcome == MODEL_MALFORMED && stream->fail.code[0])
        return say_malformed(call, err);
    if (outcome == MODEL_UNREACHABLE && fetched != FETCH_OK)
        return say_cut(call, err);
    return outcome;
}

static enum model_outcome tell_outcome(struct call *call, enum fetch_outcome fetched,
                                       struct model_answer *answer, int64_t *retry_after_ms,
                                       struct err *err)
{
    int status = call->response.status;
    if (fetched == FETCH_CANCELLED) {
        err_set(err, "model_cancelled", "the call was cancelled");
        return MODEL_CANCELLED;
    }
    if (fetched == FETCH_TOO_LARGE) {
        err_set(err, "model_malformed", "the answer of provider \"%s\" is too large",
                call->chat->base.provider);
        return MODEL_MALFORMED;
    }
    if (fetched == FETCH_OK && (status < 200 || status > 299)) {
        struct openai_failure failure = failure_of(call);
        return openai_failure(&failure, retry_after_ms, err);
    }
    return finish_stream(call, fetched, answer, retry_after_ms, err);
}

static void estimate_input(struct model_answer *answer, size_t body_len)
{
    if (answer->usage.estimated)
        answer->usage.in = (int64_t)(body_len + 2) / 3;
}

static enum model_outcome run_call(struct call *call, struct model_answer *answer,
                                   int64_t *retry_after_ms, struct err *err)
{
    const struct model_request *request = call->request;
    if (read_key(call, err))
        return MODEL_AUTH;
    const struct openai_dialect dialect = {.provider = call->chat->base.provider,
                                           .max_tokens = max_tokens(call->chat, request),
                                           .is_openai = call->chat->is_openai};
    json_t *body = openai_request(request, &dialect, err);
    if (!body)
        return MODEL_REFUSED;
    const char *text = json_print(&call->arena, body);
    json_decref(body);
    enum fetch_outcome fetched = send_request(call, text);
    enum model_outcome outcome = tell_outcome(call, fetched, answer, retry_after_ms, err);
    answer->status = call->response.status;
    if (outcome == MODEL_OK)
        estimate_input(answer, strlen(text));
    return outcome;
}

static enum model_outcome openai_chat_complete(struct model *model,
                                               const struct model_request *request,
                                               struct model_answer *answer, int64_t *retry_after_ms,
                                               struct err *err)
{
    struct call *call = mem_zalloc(sizeof(*call));
    call->chat = (struct openai_chat *)model;
    call->request = request;
    openai_stream_init(&call->stream, request->on_text, request->ctx);
    call->stream.provider = model->provider;
    enum model_outcome outcome = run_call(call, answer, retry_after_ms, err);
    openai_stream_fini(&call->stream);
    fetch_response_fini(&call->response);
    if (call->key)
        explicit_bzero(call->key, strlen(call->key));
    arena_fini(&call->arena);
    free(call);
    return outcome;
}

static void openai_chat_close(struct model *model)
{
    struct openai_chat *chat = (struct openai_chat *)model;
    free(chat->url);
    free(chat);
}

static const struct model_ops openai_chat_ops = {openai_chat_complete, openai_chat_close};

static char *chat_url(const struct config_model *config)
{
    const char *base =
        str_is_empty(config->base_url) ? "https://api.openai.com/v1" : config->base_url;
    struct buf url = {0};
    size_t len = strlen(base);
    while (len && base[len - 1] == '/')
        len--;
    buf_put(&url, base, len);
    buf_puts(&url, "/chat/completions");
    return buf_take(&url);
}

struct model *openai_chat_open(const struct config_model *config, struct fetch *fetch,
                               struct err *err)
{
    if (has_key(config)) {
        struct arena arena = {0};
        const char *key = secret_resolve(&config->api_key, &arena, err);
        bool missing = !key;
        arena_fini(&arena);
        if (missing)
            return NULL;
    }
    struct openai_chat *chat = mem_zalloc(sizeof(*chat));
    chat->base = (struct model){&openai_chat_ops, config->name, config->api};
    chat->config = config;
    chat->fetch = fetch;
    chat->url = chat_url(config);
    chat->is_openai = str_starts(chat->url, "https://api.openai.com/");
    return &chat->base;
}
