/* Neutral messages and tools (model.h) → the body of a Chat Completions request.
 * Format: OpenAI API reference, "Create chat completion". */
#ifndef HQ_MODEL_OPENAI_REQUEST_H
#define HQ_MODEL_OPENAI_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"

struct err;

struct openai_dialect {   /* what differs between servers */
    const char *provider; /* our name for it: whose "extra" goes back with a tool call */
    int64_t max_tokens;
    bool is_openai; /* OpenAI's own: max_completion_tokens, prompt_cache_key */
};

/* Returns the body (new reference), or NULL with *err where a message has no form that this API
 * knows. Thinking of earlier answers is left out: servers disagree on taking it back. */
json_t *openai_request(const struct model_request *request, const struct openai_dialect *dialect,
                       struct err *err);

#endif
