/* A wait that can be cancelled. */
#ifndef HQ_MODEL_PAUSE_H
#define HQ_MODEL_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

struct fetch_cancel;

/* Blocks for `ms`; false when `cancel` (or NULL) was thrown before or meanwhile, noticed within 20
 * ms. */
bool pause_ms(int64_t ms, const struct fetch_cancel *cancel);

#endif
