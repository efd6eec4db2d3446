/* Neutral messages and tools (model.h) → the body of a Chat Completions request.
 * Format: OpenAI API reference, "Create chat completion". */
#ifndef HQ_MODEL_OPENAI_REQUEST_H
#define HQ_MODEL_OPENAI_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"

struct err;

/* Returns the body (new reference), or NULL with *err where a message has no form that this API
 * knows. `is_openai`: the server is OpenAI's own, which wants max_completion_tokens and takes
 * prompt_cache_key; others know max_tokens only. Thinking of earlier answers is left out: servers
 * disagree on taking it back. */
json_t *openai_request(const struct model_request *request, int64_t max_tokens, bool is_openai,
                       struct err *err);

#endif
