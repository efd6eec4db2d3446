/* The table of commands, in the order in which help shows them. */
#include "cli/table.h"

const struct command *const command_table[] = {
    &command_help,
    &command_version,
    NULL,
};
