/* What the supervisor says of its children (state/run/supervisor.json), and waiting for it. */
#ifndef HQ_CLI_BOARD_H
#define HQ_CLI_BOARD_H

#include <jansson.h>
#include <stdint.h>

#include "cli/command.h"

struct config;

/* The child's part of the board, borrowed; NULL: it is not on it. */
const json_t *board_child(const json_t *board, const char *name);

/* Tells the supervisor to look at the wishes (supervise/runfiles.h) and waits until a look that
 * began after this call is over and on the board, at most `ms`. Returns COMMAND_OK, or
 * COMMAND_FAILED after saying that it did not look. Blocks. */
int board_nudge(const struct invocation *invocation, const struct config *config, int64_t ms);

/* Waits until every child that shall run is ready (or held: then it says so), at most `ms`. Returns
 * COMMAND_OK, COMMAND_FAILED after naming who is not, COMMAND_TIMEOUT where --timeout ended it.
 * Blocks. */
int board_wait_ready(const struct invocation *invocation, const struct config *config, int64_t ms);

/* Waits until the named children are in `state` ("ready", "stopped"); same returns. */
int board_wait_state(const struct invocation *invocation, const struct config *config,
                     const char *const *names, const char *state, int64_t ms);

#endif
