/* All commands that this room brings; one line per command. */
#ifndef HQ_CLI_TABLE_H
#define HQ_CLI_TABLE_H

#include "cli/command.h"

extern const struct command command_config_explain, command_config_path, command_config_schema,
    command_config_validate;
extern const struct command command_complete, command_completion;
extern const struct command command_demo, command_init;
extern const struct command command_bugreport, command_doctor;
extern const struct command command_down, command_events, command_logs, command_reload, command_restart,
    command_start, command_status, command_stop, command_up;
extern const struct command command_ask, command_chat, command_route;
extern const struct command command_task_artefact, command_task_cancel, command_task_handoff,
    command_task_list, command_task_note, command_task_reassign, command_task_retry,
    command_task_show, command_task_tree, command_task_wait, command_task_watch;
extern const struct command command_inbox_answer, command_inbox_approve, command_inbox_changes,
    command_inbox_list, command_inbox_reject, command_inbox_show;
extern const struct command command_flow_check, command_flow_graph, command_flow_list,
    command_flow_plan;
extern const struct command command_flow_cancel, command_flow_retry, command_flow_run,
    command_flow_runs, command_flow_show, command_flow_signal, command_flow_watch;
extern const struct command command_job_done, command_job_list, command_job_show, command_job_watch;
extern const struct command command_flow_replay, command_flow_test;
extern const struct command command_panic, command_pause, command_resume;
extern const struct command command_usage;
extern const struct command command_agent_add, command_agent_list, command_agent_rm,
    command_agent_show, command_agent_test;
extern const struct command command_model_list, command_model_test;
extern const struct command command_secret_check, command_secret_list, command_secret_set;
extern const struct command command_service_install, command_service_print, command_service_status,
    command_service_uninstall;
extern const struct command command_link_cluster, command_link_delegate, command_link_orchestrate,
    command_link_workflow;
extern const struct command command_help, command_version;

/* NULL at the end. */
extern const struct command *const command_table[];

#endif
