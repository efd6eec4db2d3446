/* hq status --watch: looks again when something has happened, and each second for the clocks. */
#ifndef HQ_CLI_STATUS_WATCH_H
#define HQ_CLI_STATUS_WATCH_H

#include "base/buf.h"
#include "cli/command.h"

struct config;

/* Until Ctrl-C (COMMAND_INTERRUPTED) or --timeout (COMMAND_TIMEOUT). On a terminal one picture that
 * is drawn over; in a pipe, and with --json, one whenever something other than a clock has changed.
 * `config` says where the feed is; the census reads its own each time. Blocks. */
int status_watch(const struct invocation *invocation, const struct config *config);

/* Appends a picture as it is drawn over the one before: from the terminal's home, each line cleared
 * to its end and what is below, too; at most `rows` lines, the last says how many are left out. */
void status_frame_put(struct buf *out, const char *text, int rows, int columns);

#endif
