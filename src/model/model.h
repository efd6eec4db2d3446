/* What the house knows of a language model: one call, messages in, an answer out. */
#ifndef HQ_MODEL_MODEL_H
#define HQ_MODEL_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct config;
struct err;
struct fetch;
struct fetch_cancel;
struct model;

/* Messages are neutral JSON (what transcripts and records hold):
 *   {"role":"user","text":…}    {"role":"system","text":…}: a note of the runtime, not the user
 *   {"role":"assistant","text":…|null,"thinking":…?,"tool_calls":[{"id","name","arguments":{}}]?}
 *   {"role":"tool","call_id","name","text","is_error":bool}
 * Tools: [{"name","description","parameters":JSON Schema}]
 *
 * A tool call may carry "extra":{provider: what it wants back}: keep it as it is in the messages of
 * the same turn (Gemini refuses its own calls without their signatures).
 *
 * A tool call whose arguments were no JSON object is
 *   {"id","name","arguments":{"_raw":the text},"bad_arguments":true}
 * : do not run it, answer it with an error that the model can read ("the arguments are not JSON").
 */
struct model_request {
    const char *model;      /* the part behind "provider/" */
    const char *system;     /* system prompt */
    const json_t *messages; /* array, borrowed */
    const json_t *tools;    /* array, borrowed; may be empty */
    int64_t max_tokens;     /* 0: the provider's setting */
    const char *session;    /* a stable id for provider-side caching; may be NULL */
    const char *thinking;   /* off minimal low medium high xhigh; NULL: the provider's default */
    struct fetch_cancel *cancel;
    /* Asked before every try but the first; false ends the call as cancelled. NULL: always. */
    bool (*may_try_again)(void *try_ctx);
    void *try_ctx;
    int64_t deadline_boot_ms; /* 0: the provider's own time-outs */
    /* Text as it streams, on the calling thread; may be NULL. */
    void (*on_text)(void *ctx, const char *text, size_t len);
    void *ctx;
};

/* Tokens. `cached` is a part of `in`, `reasoning` a part of `out`. */
struct model_usage {
    int64_t in, out, cached, reasoning;
    bool estimated; /* the provider said nothing: bytes / 3 */
};

/* An answer in the record's form:
 *   {"text":…|null,"thinking":…?,"tool_calls":[…]?,"stop":"stop|tool_use|length|refused"}
 * tool_calls is there only when not empty. "length": cut by max_tokens, the last call may be bad.
 * "refused": the provider's filter stopped an answer that had begun; before that it is
 * MODEL_REFUSED. */
struct model_answer {
    json_t *message; /* new reference; the caller decrefs */
    struct model_usage usage;
    int status; /* HTTP's, of the last try; also where it failed; 0: none came */
};

enum model_outcome {
    MODEL_OK = 0,
    MODEL_RETRY_LATER, /* 429, 529, overload: after retry_after_ms; not a failure of the work */
    MODEL_UNREACHABLE, /* connection, DNS, TLS, time-out before an answer, cut stream, 5xx */
    MODEL_REFUSED,     /* 400, 404, content filter: another try gives the same */
    MODEL_AUTH,        /* 401, 403, no key */
    MODEL_TOO_LONG,    /* the context does not fit */
    MODEL_CANCELLED,
    MODEL_MALFORMED, /* an answer that cannot be read */
};

struct model_ops {
    enum model_outcome (*complete)(struct model *, const struct model_request *,
                                   struct model_answer *, int64_t *retry_after_ms, struct err *);
    void (*close)(struct model *);
};
struct model {
    const struct model_ops *ops;
    const char *provider; /* config's name */
    const char *api;
};

/* One blocking call; retries short troubles itself (jitter, Retry-After up to 2 s, three tries as
 * long as no answer began); longer waits come back as MODEL_RETRY_LATER with *retry_after_ms. */
enum model_outcome model_complete(struct model *model, const struct model_request *request,
                                  struct model_answer *answer, int64_t *retry_after_ms,
                                  struct err *err);

/* The providers of a company by name. Thread-safe. `fetch` is borrowed. */
struct models;
struct models *models_open(const struct config *config, struct fetch *fetch);
void models_close(struct models *models);

/* The provider of "provider/model"; *name is the part behind the slash. NULL with *err: unknown
 * provider, an api this build lacks, a missing key or script. Borrowed; opened on first use. */
struct model *models_get(struct models *models, const char *reference, const char **name,
                         struct err *err);

/* What a call may cost at most, counted before it: a third of its bytes (prompt, messages, tools) as
 * tokens, and the provider's output limit; -1 micro-USD where it has no price. */
struct model_reserve {
    int64_t tokens, micro_usd;
};
struct model_reserve models_reserve(struct models *models, const char *reference, size_t bytes);

/* The price of a call in micro-USD, -1 where the provider has no price. */
int64_t models_cost(struct models *models, const char *reference, const struct model_usage *usage);

#endif
