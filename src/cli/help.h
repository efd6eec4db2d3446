/* Help pages made from the table of commands. */
#ifndef HQ_CLI_HELP_H
#define HQ_CLI_HELP_H

#include "cli/command.h"

struct buf;

/* Prints the page about a command, a family of commands or a topic (NULL: the overview) to standard
 * output. Returns COMMAND_OK, or COMMAND_USAGE after saying what was not found. */
int help_show(const struct invocation *invocation, const char *name);

/* Appends the overview: every command by group. */
void help_overview(const struct invocation *invocation, struct buf *out);

#endif
