/* The command line's front door. */
#ifndef HQ_CLI_CLI_H
#define HQ_CLI_CLI_H

#include "cli/command.h"

/* main() of hq: parses, runs, returns the exit code. `extra` (NULL at the end) are commands of
 * rooms that cli may not see: the processes that app builds. */
int cli_main(int argc, char **argv, const struct command *const *extra);

#endif
