/* What the links for the seed's scripts share. */
#ifndef HQ_CLI_LINK_H
#define HQ_CLI_LINK_H

#include <jansson.h>

#include "cli/command.h"

struct err;

/* Where the answer is to be posted by --channel, --deliver and --no-deliver: a target, or JSON null for
 * nowhere. New reference, NULL with *err. */
json_t *link_deliver(const struct invocation *invocation, struct err *err);

/* Writes the document to <dir>/<name>.json: whole or not at all, under a temporary name first, on
 * disk when it returns 0; -1 with *err. Blocks. */
int link_put_file(const char *dir, const char *name, const json_t *document, struct err *err);

#endif
