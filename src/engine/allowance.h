/* What the company allows one request and everything below it: counts, time, money. */
#ifndef HQ_ENGINE_ALLOWANCE_H
#define HQ_ENGINE_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"

struct arena;
struct config;

/* The tree's limits as the ledger takes them: JSON text in the arena. */
const char *allowance_limits(const struct config *config, struct arena *arena);

/* What a request may spend: the less of config's limit and of what is asked for (-1: nothing is).
 * False where nothing bounds it: then nothing is counted. `now` in ms since 1970 says which period
 * of the company's budget it is. */
bool allowance_budget(const struct config *config, int64_t now, const struct amount *asked,
                      struct arena *arena, struct root_budget *budget);

/* "company:2026-11-22T14" (hour), "…-22" (day), Monday's date (week), "…-11" (month), in UTC. */
const char *allowance_period(const struct config *config, int64_t now, struct arena *arena);

#endif
