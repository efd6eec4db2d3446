/* How the company is at this moment, put together from the process locks, the supervisor's board
 * and the hub, as far as each of them answers. */
#ifndef HQ_CLI_CENSUS_H
#define HQ_CLI_CENSUS_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/command.h"

struct config;

/* The document of `hq status --json` (docs/config.md) as a new reference, with what people are
 * shown besides: reason, title, for_ms, waiting_on, up_ms, pss_kb, config_changed. NULL where
 * nothing of the company runs. Blocks at most about a second (a hub that does not answer). */
json_t *census_take(const struct invocation *invocation, const struct config *config);

#endif
