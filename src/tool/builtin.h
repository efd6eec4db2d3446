/* The tools of this build, one record each, and the few things that they share. */
#ifndef HQ_TOOL_BUILTIN_H
#define HQ_TOOL_BUILTIN_H

#include "tool/tool.h"

extern const struct tool tool_read, tool_write, tool_edit, tool_exec, tool_report;
extern const struct tool tool_delegate, tool_task_status, tool_task_wait, tool_task_cancel,
    tool_agents_list;
extern const struct tool tool_ask_human;
extern const struct tool tool_sessions_list, tool_sessions_history, tool_sessions_send,
    tool_sessions_spawn;

/* Fills the result; the text is cleaned to UTF-8. */
void result_text(struct arena *arena, struct tool_result *result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void result_error(struct arena *arena, struct tool_result *result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The error's sentence and hint as an error result. */
void result_err(struct arena *arena, struct tool_result *result, const struct err *err);

#endif
