/* Which trouble it was: a status, or an error object inside a stream, of a Chat Completions server.
 */
#ifndef HQ_MODEL_OPENAI_ERROR_H
#define HQ_MODEL_OPENAI_ERROR_H

#include <jansson.h>
#include <stdint.h>

#include "model/model.h"

struct err;

struct openai_failure {
    const char *provider, *model; /* for the sentences */
    const char *secret;           /* the key, never to be shown; may be NULL */
    int status;
    const char *body; /* as the server sent it: JSON, HTML or text */
    size_t len;
    int64_t retry_after_ms; /* -1: none */
};

/* The outcome of an answer whose status is not 2xx, with a sentence in *err; a Retry-After goes to
 * *retry_after_ms where the outcome is MODEL_RETRY_LATER. */
enum model_outcome openai_failure(const struct openai_failure *failure, int64_t *retry_after_ms,
                                  struct err *err);

/* The same for an error that came inside a 200: a status is read out of its code or type and put
 * into failure->status; body and len are not used. */
enum model_outcome openai_stream_failure(struct openai_failure *failure, const json_t *error,
                                         int64_t *retry_after_ms, struct err *err);

#endif
