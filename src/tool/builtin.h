/* The tools of this build, one record each, and the few things that they share. */
#ifndef HQ_TOOL_BUILTIN_H
#define HQ_TOOL_BUILTIN_H

#include "tool/tool.h"

extern const struct tool tool_read, tool_write, tool_edit, tool_exec;

/* Fills the result; the text is cleaned to UTF-8. */
void result_text(struct arena *arena, struct tool_result *result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void result_error(struct arena *arena, struct tool_result *result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The error's sentence and hint as an error result. */
void result_err(struct arena *arena, struct tool_result *result, const struct err *err);

#endif
