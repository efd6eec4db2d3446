/* Manual pages from the tables of commands and keys, in mdoc's form (mdoc(7)). */
#ifndef HQ_CLI_MAN_H
#define HQ_CLI_MAN_H

#include "cli/command.h"

struct buf;

/* Prints the page `name` ("hq.1", "hq-task.1", "hq.yaml.5"; without its section where only one page
 * has the name) to standard output, dated by SOURCE_DATE_EPOCH where it is set; NULL: the names of
 * all pages, one a line. Returns COMMAND_OK, or COMMAND_USAGE after saying that there is no such
 * page. */
int man_show(const struct invocation *invocation, const char *name);

/* Appends the text with what roff would take for its own quoted; as one line of text. */
void man_put_text(struct buf *out, const char *text);

/* The same as a paragraph: each sentence begins a line, as roff wants it, and none is long. */
void man_put_paragraph(struct buf *out, const char *text, struct arena *arena);

/* Appends a table of keys as a list of tags. */
struct config_key;
void man_put_keys(struct buf *out, const struct config_key *root, struct arena *arena);

#endif
