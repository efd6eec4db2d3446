/* Who waits for whom, a line for each chain of waits. */
#ifndef HQ_CLI_STATUS_CHAINS_H
#define HQ_CLI_STATUS_CHAINS_H

#include <jansson.h>

#include "cli/status_text.h"

/* Appends "wait chain: optimizer → auditor → you" for every chain of at least two links, and a line for
 * every circle, from the census (its `chains`; where the hub tells none, from its agents' `waiting_on`). */
void chains_print(const json_t *census, const struct status_look *look, struct buf *out);

#endif
