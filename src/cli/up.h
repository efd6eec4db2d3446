/* Starting a company in the background: what `hq up -d` and `hq demo` do. */
#ifndef HQ_CLI_UP_H
#define HQ_CLI_UP_H

#include "base/arena.h"

struct config;
struct err;

/* Prepares folders and tokens, starts the supervisor in a session of its own and waits until it is
 * in charge (its children are not ready yet: cli/board.h). `state` is the --state that was given,
 * or NULL. 0, or -1 with *err (code "not_started" where the supervisor ended at once). Blocks. */
int up_background(const struct config *config, const char *state, struct arena *arena,
                  struct err *err);

#endif
