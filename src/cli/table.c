/* The table of commands, in the order in which help shows them. */
#include "cli/table.h"

const struct command *const command_table[] = {
    &command_up,
    &command_down,
    &command_start,
    &command_stop,
    &command_restart,
    &command_reload,
    &command_status,
    &command_logs,
    &command_ask,
    &command_chat,
    &command_task_list,
    &command_task_show,
    &command_task_watch,
    &command_task_cancel,
    &command_task_retry,
    &command_agent_list,
    &command_agent_show,
    &command_config_validate,
    &command_config_explain,
    &command_config_path,
    &command_config_schema,
    &command_help,
    &command_version,
    NULL,
};
