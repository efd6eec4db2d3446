/* The provider `api: openai-chat`: any server that speaks OpenAI's Chat Completions. */
#ifndef HQ_MODEL_OPENAI_CHAT_H
#define HQ_MODEL_OPENAI_CHAT_H

#include "model/model.h"

struct config_model;

/* Opens the provider; does not connect. The key is read again at each call, so that it can be
 * changed without a restart. NULL with *err: a key is configured and missing. `config` and `fetch`
 * are borrowed for the provider's life. */
struct model *openai_chat_open(const struct config_model *config, struct fetch *fetch,
                               struct err *err);

#endif
