/* Which tools exist, under which names, and the words that their results are made of. */
#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "tool/builtin.h"

static const struct tool *const tools[] = {
    &tool_read,
    &tool_write,
    &tool_edit,
    &tool_exec,
    &tool_delegate,
    &tool_task_status,
    &tool_task_wait,
    &tool_task_cancel,
    &tool_agents_list,
    &tool_sessions_list,
    &tool_sessions_history,
    &tool_sessions_send,
    &tool_sessions_spawn,
    &tool_ask_human,
    &tool_report,
};

static const struct {
    const char *alias, *name;
} aliases[] = {{"bash", "exec"}};

const struct tool *tool_find(const char *name)
{
    for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
        if (str_eq(name, aliases[i].alias))
            name = aliases[i].name;
    for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++)
        if (str_eq(name, tools[i]->name))
            return tools[i];
    return NULL;
}

bool tool_is_reserved(const char *name)
{
    static const char *const reserved[] = {
        "message",    "apply_patch", "process", "web_search", "web_fetch",      "browser",
        "canvas",     "nodes",       "cron",    "gateway",    "session_status", "memory_search",
        "memory_get", "image",       "tts",     "task",       "workflow",       NULL};
    return str_in(name, reserved);
}

bool tool_is_allowed(const struct tool *tool, const char *const *allow)
{
    if (!tool || tool->always)
        return tool != NULL;
    for (size_t i = 0; allow[i]; i++)
        if (str_eq(allow[i], "*") || str_eq(allow[i], tool->group) || tool_find(allow[i]) == tool)
            return true;
    return false;
}

json_t *tool_catalogue(const char *const *allow)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++) {
        const struct tool *tool = tools[i];
        if (!tool_is_allowed(tool, allow))
            continue;
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:o}", "name", tool->name, "description", tool->description,
                      "parameters", json_parse(tool->parameters, strlen(tool->parameters), NULL)));
    }
    return list;
}

__attribute__((format(printf, 3, 0))) static void
result_fill(struct arena *arena, struct tool_result *result, const char *format, va_list args)
{
    char *text = arena_vprintf(arena, format, args);
    result->text = str_clean_utf8(arena, text, strlen(text));
}

void result_text(struct arena *arena, struct tool_result *result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    result_fill(arena, result, format, args);
    va_end(args);
}

void result_error(struct arena *arena, struct tool_result *result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    result_fill(arena, result, format, args);
    va_end(args);
    result->is_error = true;
}

void result_err(struct arena *arena, struct tool_result *result, const struct err *err)
{
    result_error(arena, result, "%s%s%s", err->message, *err->hint ? " " : "", err->hint);
}
