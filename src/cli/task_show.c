/* hq task show: one task with its result, what it waits for, its calls and deliveries. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/task_text.h"

static const struct command_option show_options[] = {
    {"full", 0, NULL, "with every model and tool call"},
    {0},
};

static void line_of(const char *name, const char *text)
{
    if (text && *text)
        printf("%-12s %s\n", name, text);
}

static void print_head(const struct invocation *invocation, const json_t *answer)
{
    struct arena *arena = invocation->arena;
    const json_t *task = json_object_get(answer, "task");
    line_of("task", json_get_text(task, "id", ""));
    line_of("agent", json_get_text(task, "agent", ""));
    line_of("state", json_get_text(task, "state", ""));
    line_of("now", json_get_text(answer, "note", NULL));
    line_of("kind",
            arena_printf(arena, "%s by %s, session %s", json_get_text(task, "kind", ""),
                         json_get_text(task, "caller", ""), json_get_text(task, "session", "")));
    line_of("created", arena_printf(arena, "%s (%s ago)", json_get_text(task, "created_at", ""),
                                    task_age(json_get_text(task, "created_at", NULL), arena)));
    line_of("ended", json_get_text(task, "finished_at", NULL));
    line_of("retry of", json_get_text(task, "retry_of", NULL));
    line_of("tries", arena_printf(arena, "%d of %d, %d workers died on it", (int)task_tries(task),
                                  (int)json_get_int(task, "max_tries", 0),
                                  (int)json_get_int(task, "deaths", 0)));
    line_of("asked", task_title(json_get_text(task, "instruction", ""), 500, arena));
}

static void print_lists(const json_t *answer)
{
    size_t i;
    const json_t *row;
    json_array_foreach (json_object_get(answer, "waits"), i, row)
        printf("%-12s %s %s\n", "waits for", json_get_text(row, "kind", ""),
               json_get_text(row, "id", ""));
    json_array_foreach (json_object_get(answer, "effects"), i, row)
        printf("%-12s %s: %s%s%s\n", "delivery", json_get_text(row, "destination", ""),
               json_get_text(row, "state", ""), json_object_get(row, "reason") ? ": " : "",
               json_get_text(row, "reason", ""));
}

static void print_call(const struct invocation *invocation, const json_t *call)
{
    struct arena *arena = invocation->arena;
    const json_t *response = json_object_get(call, "response");
    char *arguments = json_object_get(call, "request")
                          ? json_dumps(json_object_get(call, "request"), JSON_ENCODE_ANY)
                          : NULL;
    printf("  %d.%d %-5s %-16s %-8s %s\n", (int)json_get_int(call, "step", 0) + 1,
           (int)json_get_int(call, "idx", 0), json_get_text(call, "kind", ""),
           json_get_text(call, "name", ""), json_get_text(call, "state", ""),
           arguments ? task_title(arguments, 90, arena) : "");
    const char *text = json_get_text(response, "text", NULL);
    if (text)
        printf("        %s\n", task_title(text, 100, arena));
    free(arguments);
}

static void print_usage(const json_t *answer, struct arena *arena)
{
    const json_t *usage = json_object_get(json_object_get(answer, "handoff"), "usage");
    const json_t *cost = json_object_get(usage, "cost_micro_usd");
    if (!usage)
        return;
    line_of("usage",
            arena_printf(arena, "%d model calls, %d tool calls, %lld tokens in, %lld out, %s",
                         (int)json_get_int(usage, "model_calls", 0),
                         (int)json_get_int(usage, "tool_calls", 0),
                         (long long)json_get_int(usage, "tokens_in", 0),
                         (long long)json_get_int(usage, "tokens_out", 0),
                         json_is_integer(cost)
                             ? arena_printf(arena, "$%.4f", (double)json_integer_value(cost) / 1e6)
                             : "unpriced"));
}

static void print_task(const struct invocation *invocation, const json_t *answer)
{
    size_t i;
    const json_t *call, *task = json_object_get(answer, "task");
    const json_t *calls = json_object_get(answer, "calls");
    print_head(invocation, answer);
    print_lists(answer);
    print_usage(answer, invocation->arena);
    if (json_array_size(calls) > 0)
        puts("calls");
    json_array_foreach (calls, i, call)
        print_call(invocation, call);
    if (json_object_get(task, "failure_class"))
        printf("%-12s %s: %s\n", "failure", json_get_text(task, "failure_class", ""),
               json_get_text(task, "failure_message", ""));
    if (str_eq(json_get_text(task, "state", ""), "done")) {
        puts("result");
        task_print_result(invocation, answer);
    }
}

static int show_run(const struct invocation *invocation)
{
    struct operator_line line;
    json_t *answer = NULL;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    const char *path = arena_printf(invocation->arena, "/v1/tasks/%s%s", invocation->args[0],
                                    invocation_has(invocation, "full") ? "?full=1" : "");
    code = operator_call(&line, "GET", path, NULL, 0, &answer);
    if (code == COMMAND_OK && invocation->json)
        code = output_json(task_document(answer));
    else if (code == COMMAND_OK)
        print_task(invocation, answer);
    json_decref(answer);
    operator_close(&line);
    return code;
}

const struct command command_task_show = {
    .name = "task show",
    .group = "WORK",
    .usage = "ID",
    .summary = "one task: state, result, calls, deliveries",
    .options = show_options,
    .min_args = 1,
    .max_args = 1,
    .run = show_run,
    .in_task = true,
};
