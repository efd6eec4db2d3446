/* What is known of a company at this moment, from three sources: process locks (who lives), the
 * supervisor's board (restarts, reasons), the hub (work). Each may be missing. */
#ifndef HQ_CLI_STATUS_FACTS_H
#define HQ_CLI_STATUS_FACTS_H

#include <jansson.h>

#include "cli/command.h"

struct config;
struct fetch;

/* The document of `hq status --json` (docs/config.md) without schema_version, new reference. `fetch` is
 * borrowed. Reads only; one call to the hub, which gets 2 s where it lives but does not answer. */
json_t *status_facts(const struct invocation *invocation, const struct config *config,
                     struct fetch *fetch);

#endif
