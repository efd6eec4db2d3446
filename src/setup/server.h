/* What a Chat Completions server says that it has. */
#ifndef HQ_SETUP_SERVER_H
#define HQ_SETUP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "config/config.h"

/* The names of its models by GET {base_url}/models, at most 200, NULL at the end, in the arena;
 * NULL where it does not answer with a list within `patience_ms`. Blocks. Source: OpenAI's "List
 * models", which Ollama, llama.cpp, vLLM, LM Studio and OpenRouter follow. */
const char *const *server_models(const struct config_model *model, int64_t patience_ms,
                                 struct arena *arena);

#endif
