/* hq task watch: a task's events as they happen, until it has ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/feed.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/task_text.h"
#include "wire/task.h"

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

struct watching {
    const struct invocation *invocation; /* first: feed_tell_away() */
    struct operator_line *line;
    const char *id;
    int64_t next; /* the first event that was not printed */
    bool has_ended;
    int code;
};

/* Prints what is new in the ledger: the feed says when, the stream has it in the form that scripts
 * know. */
static int print_new(struct watching *watching)
{
    int code = COMMAND_OK;
    size_t i, count = 1;
    while (code == COMMAND_OK && count > 0) {
        json_t *answer = NULL;
        const json_t *event;
        const char *path =
            arena_printf(watching->invocation->arena, "/v1/events?stream=%s&from=%lld",
                         watching->id, (long long)watching->next);
        code = operator_call(watching->line, "GET", path, NULL, 0, &answer);
        count = json_array_size(json_object_get(answer, "items"));
        json_array_foreach (json_object_get(answer, "items"), i, event) {
            print_event(watching->invocation, event);
            watching->next = json_get_int(event, "seq", watching->next) + 1;
        }
        json_decref(answer);
    }
    fflush(stdout);
    return code;
}

static int look(struct watching *watching, const char *id)
{
    json_t *answer = NULL;
    int code = operator_call(watching->line, "GET",
                             arena_printf(watching->invocation->arena, "/v1/tasks/%s", id), NULL, 0,
                             &answer);
    const json_t *task = json_object_get(answer, "task");
    watching->id = arena_strdup(watching->invocation->arena, json_get_text(task, "id", ""));
    watching->has_ended = task_state_is_terminal(json_get_text(task, "state", ""));
    json_decref(answer);
    return code;
}

static int on_event(void *ctx, const struct feed_event *event)
{
    struct watching *watching = ctx;
    bool is_gap = str_eq(event->type, "gap");
    if (is_gap || str_starts(event->type, "task."))
        watching->code = look(watching, watching->id);
    if (watching->code == COMMAND_OK &&
        (is_gap || json_get_int(event->data, "seq", 0) >= watching->next))
        watching->code = print_new(watching);
    return watching->code != COMMAND_OK || watching->has_ended;
}

static int pass(void *ctx, const struct feed_event *event)
{
    (void)ctx;
    (void)event;
    return 0;
}

/* The cursor is taken before the task is looked at: what comes in between, the feed tells. */
static int watch(struct watching *watching, const char *given)
{
    struct feed_reader reader = {
        .on_event = pass, .on_away = feed_tell_away, .ctx = watching, .until_now = true};
    operator_catch_interrupt(watching->line);
    int code = feed_init(watching->line, &reader);
    if (code == COMMAND_OK)
        code = feed_run(watching->line, &reader);
    if (code == COMMAND_OK)
        code = look(watching, given);
    if (code == COMMAND_OK)
        code = print_new(watching);
    if (code != COMMAND_OK || watching->has_ended)
        return code;
    reader.until_now = false;
    reader.patience_ms = -1;
    reader.on_event = on_event;
    reader.filter = arena_printf(watching->invocation->arena, "stream=%s", watching->id);
    code = feed_run(watching->line, &reader);
    return code == COMMAND_OK ? watching->code : code;
}

static int watch_run(const struct invocation *invocation)
{
    struct operator_line line;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    struct watching watching = {.invocation = invocation, .line = &line, .next = 1};
    code = watch(&watching, invocation->args[0]);
    if (code == COMMAND_INTERRUPTED || code == COMMAND_TIMEOUT)
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
