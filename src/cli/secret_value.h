/* A secret's value from whoever calls: standard input, or typed unseen. */
#ifndef HQ_CLI_SECRET_VALUE_H
#define HQ_CLI_SECRET_VALUE_H

#include "cli/command.h"

struct err;

/* Reads it from standard input, or asks where that is a terminal. Returns it checked, in the arena,
 * for the caller to wipe; NULL with *err, which does not repeat it. Blocks. */
char *secret_value_read(const struct invocation *invocation, const char *question, struct err *err);

#endif
