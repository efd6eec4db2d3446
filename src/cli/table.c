/* The table of commands, in the order in which help shows them. */
#include "cli/table.h"

const struct command *const command_table[] = {
    &command_config_validate,
    &command_config_explain,
    &command_config_path,
    &command_config_schema,
    &command_help,
    &command_version,
    NULL,
};
