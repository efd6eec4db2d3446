/* Ending a company: what `hq down` and `hq demo` do. */
#ifndef HQ_CLI_DOWN_H
#define HQ_CLI_DOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"

struct config;

/* Ends everything of the company, with or without a supervisor; running turns get `patience_ms`,
 * then they are stopped. COMMAND_OK with *was_up, or the exit code after saying what will not end.
 * Blocks. */
int down_company(const struct invocation *invocation, const struct config *config,
                 int64_t patience_ms, bool *was_up);

#endif
