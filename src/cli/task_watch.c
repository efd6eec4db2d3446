/* hq task watch: a task's events as they happen, until it has ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/task_text.h"
#include "wire/task.h"

enum { WATCH_WAIT_MS = 30000 };

static void print_event(const struct invocation *invocation, const json_t *event)
{
    const char *at = json_get_text(event, "at", "");
    char *body = json_object_get(event, "body")
                     ? json_dumps(json_object_get(event, "body"), JSON_ENCODE_ANY | JSON_COMPACT)
                     : NULL;
    if (invocation->json)
        output_json_line(json_incref((json_t *)event));
    else
        printf("%.12s  %-18s %-16s %s\n", strlen(at) > 11 ? at + 11 : at,
               json_get_text(event, "type", ""), json_get_text(event, "actor", ""),
               body ? task_title(body, 100, invocation->arena) : "");
    free(body);
}

/* Prints what is new; *next moves on. */
static int follow(struct operator_line *line, const char *id, int64_t *next)
{
    json_t *answer = NULL;
    size_t i;
    const json_t *event;
    const char *path =
        arena_printf(line->invocation->arena, "/v1/events?stream=%s&from=%lld&wait_ms=%d", id,
                     (long long)*next, WATCH_WAIT_MS);
    int code = operator_call(line, "GET", path, NULL, WATCH_WAIT_MS, &answer);
    json_array_foreach (json_object_get(answer, "items"), i, event) {
        print_event(line->invocation, event);
        *next = json_get_int(event, "seq", *next) + 1;
    }
    fflush(stdout);
    json_decref(answer);
    return code;
}

static int load(struct operator_line *line, const char *id, json_t **answer)
{
    return operator_call(line, "GET", arena_printf(line->invocation->arena, "/v1/tasks/%s", id),
                         NULL, 0, answer);
}

static int watch(struct operator_line *line, const char *prefix)
{
    json_t *answer = NULL;
    int64_t next = 1;
    int code = load(line, prefix, &answer);
    operator_catch_interrupt(line);
    while (code == COMMAND_OK) {
        const json_t *task = json_object_get(answer, "task");
        const char *id = arena_strdup(line->invocation->arena, json_get_text(task, "id", ""));
        bool ended = task_state_is_terminal(json_get_text(task, "state", ""));
        json_decref(answer);
        answer = NULL;
        code = follow(line, id, &next);
        if (ended)
            break;
        if (code == COMMAND_OK)
            code = load(line, id, &answer);
    }
    json_decref(answer);
    return code;
}

static int watch_run(const struct invocation *invocation)
{
    struct operator_line line;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = watch(&line, invocation->args[0]);
    if (code == COMMAND_INTERRUPTED)
        output_note(invocation, "the task goes on; come back with: hq task watch %s",
                    invocation->args[0]);
    operator_close(&line);
    return code;
}

const struct command command_task_watch = {
    .name = "task watch",
    .group = "WORK",
    .usage = "ID",
    .summary = "a task's events as they happen, until it has ended",
    .examples = "hq task watch t-7f4a\n"
                "hq task watch t-7f4a --json\n",
    .min_args = 1,
    .max_args = 1,
    .run = watch_run,
    .reads = true,
};
