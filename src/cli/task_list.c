/* hq task list: the newest tasks, or those of one agent or state. */
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/task_text.h"
#include "wire/task.h"

static const struct command_option list_options[] = {
    {"agent", 0, "AGENT", "only this agent's"},
    {"state", 0, "STATE", "queued, working, waiting, done, failed, cancelled or timed_out"},
    {"limit", 'n', "N", "how many at most (20)"},
    {0},
};

static const char *const states[] = {TASK_QUEUED, TASK_WORKING,   TASK_WAITING,   TASK_DONE,
                                     TASK_FAILED, TASK_CANCELLED, TASK_TIMED_OUT, NULL};

static void print_row(const struct invocation *invocation, const json_t *task)
{
    struct arena *arena = invocation->arena;
    const char *id = task_short_id(json_get_text(task, "id", ""), arena);
    const char *text = json_get_text(task, "instruction", "");
    int room = output_columns() - 50;
    printf("%-11s %-9s %-14s %8s  %s\n", id, json_get_text(task, "state", ""),
           json_get_text(task, "agent", ""),
           task_age(json_get_text(task, "created_at", NULL), arena),
           task_title(text, room > 20 ? room : 20, arena));
}

static int show(const struct invocation *invocation, const json_t *answer)
{
    const json_t *items = json_object_get(answer, "items");
    size_t i;
    const json_t *task;
    if (invocation->json) {
        json_t *list = json_array();
        json_array_foreach (items, i, task) {
            json_t *one =
                json_pack("{s:O,s:O*}", "task", task, "handoff", json_object_get(task, "handoff"));
            json_array_append_new(list, task_object(one));
            json_decref(one);
        }
        return output_json(json_pack("{s:o}", "items", list));
    }
    if (json_array_size(items) == 0) {
        output_note(invocation, "no tasks");
        return COMMAND_OK;
    }
    printf("%-11s %-9s %-14s %8s  %s\n", "TASK", "STATE", "AGENT", "AGE", "WHAT");
    json_array_foreach (items, i, task)
        print_row(invocation, task);
    return COMMAND_OK;
}

static int list_run(const struct invocation *invocation)
{
    struct err err;
    int64_t limit;
    const char *state, *agent = invocation_value(invocation, "agent");
    if (invocation_number(invocation, "limit", 20, &limit, &err) < 0 ||
        invocation_word(invocation, "state", "task state", states, &state, &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    const char *path =
        arena_printf(invocation->arena, "/v1/tasks?limit=%lld%s%s%s%s%s", (long long)limit,
                     agent ? "&agent=" : "", agent ? agent : "", state ? "&state=" : "",
                     state ? state : "", invocation->json ? "&handoffs=1" : "");
    return operator_show(invocation, path, show);
}

const struct command command_task_list = {
    .name = "task list",
    .group = "WORK",
    .usage = "",
    .summary = "the newest tasks",
    .examples = "hq task list\n"
                "hq task list --json\n",
    .options = list_options,
    .run = list_run,
    .reads = true,
    .in_task = true,
};
