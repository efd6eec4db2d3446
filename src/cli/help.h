/* Help pages made from the table of commands. */
#ifndef HQ_CLI_HELP_H
#define HQ_CLI_HELP_H

#include <jansson.h>

#include "cli/command.h"

struct buf;

/* Prints the page about a command, a family of commands or a topic (NULL: the overview) to standard
 * output. Returns COMMAND_OK, or COMMAND_USAGE after saying what was not found. */
int help_show(const struct invocation *invocation, const char *name);

/* Appends the overview: every command by group. */
void help_overview(const struct invocation *invocation, struct buf *out);

/* Appends a command's `details` in paragraphs of at most 80 columns: lines of one go on in each
 * other up to a sentence's end; those that begin with a blank stay as they are. */
void help_put_details(struct buf *out, const char *text);

/* The table as a document: "items" (every command with its options) and "globals". New reference.
 */
json_t *help_table(const struct command *const *commands);

#endif
