/* Calls that people answer: the question of a tool, and a command of which nobody knows whether it
 * ran. The hub keeps them in the inbox; the turn waits without a thread. */
#include <string.h>

#include "agent/turn.h"
#include "agent/turn_state.h"
#include "base/json.h"
#include "base/str.h"
#include "config/config.h"
#include "tool/tool.h"
#include "wire/call.h"
#include "wire/flow.h"

static const int64_t EXPIRY_MS = 24 * INT64_C(3600000);

static void hand_to_people(struct turn *turn, json_t *call, json_t *body)
{
    report_ask(&turn->report, json_get_int(call, "step", 0), json_get_int(call, "idx", 0), body);
    json_set_text(call, "state", CALL_WAITING);
}

int turn_ask(struct turn *turn, const struct tool *tool, int64_t step, int64_t idx)
{
    struct tool_place place = turn_place(turn, step, idx);
    json_t *call = fold_find(turn->calls, step, idx), *body = NULL;
    json_t *arguments = json_deep_copy(json_object_get(call, "request"));
    if (tool_check(tool, arguments, &turn->err) == 0)
        body = tool->ask(&place, arguments, &turn->err);
    json_decref(arguments);
    if (!body)
        return -1;
    hand_to_people(turn, call, body);
    return 0;
}

bool turn_asks_about(const struct turn *turn, const struct tool *tool)
{
    return tool->repeat == REPEAT_NEVER && str_eq(tool->name, "exec") &&
           str_eq(turn->runtime->agent->exec_on_unknown, "ask");
}

void turn_ask_again(struct turn *turn, const struct tool *tool, const struct fold_next *next)
{
    json_t *call = fold_find(turn->calls, next->step, next->idx);
    const json_t *request = json_object_get(call, "request");
    const char *command = json_get_text(request, "command", tool->name);
    const char *title =
        arena_printf(&turn->arena, "Run again? %.*s",
                     (int)str_utf8_cut(command, strcspn(command, "\r\n"), 100), command);
    json_t *subject = json_pack("{s:s,s:O?,s:s,s:s}", "title", title, "show", request, "agent",
                                turn->runtime->agent->id, "task", turn->task.id);
    json_set_text(subject, "context",
                  "The process died while this command ran. It may have run in part or whole; "
                  "nobody knows. Look at its effects before you let it run again.");
    json_set_text(subject, "intended_at", json_get_text(call, "intended_at", NULL));
    json_t *body =
        json_pack("{s:s,s:s,s:s,s:I}", "kind", "ambiguous", "title", title, "subject",
                  json_print(&turn->arena, subject), "expires_ms", (json_int_t)EXPIRY_MS);
    json_decref(subject);
    hand_to_people(turn, call, body);
}

bool turn_is_let_again(const json_t *call)
{
    return json_get_text(json_object_get(call, "plan"), "again", NULL) != NULL;
}
