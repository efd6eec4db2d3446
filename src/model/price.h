/* What a call costs. */
#ifndef HQ_MODEL_PRICE_H
#define HQ_MODEL_PRICE_H

#include <stdint.h>

#include "model/model.h"

struct config_model;

/* Micro-USD, rounded up; -1 where the provider has no price. Cached input tokens are counted at
 * price_cached, the other input tokens at price_in. */
int64_t price_of(const struct config_model *config, const struct model_usage *usage);

#endif
