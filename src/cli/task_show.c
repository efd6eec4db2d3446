/* hq task show: one task with its result, what it waits for, its calls and deliveries. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/figures.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/pause_text.h"
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

/* "tech-lead t-x1fcx44y" where the task is one of its own, else what the ledger calls it. */
static void print_wait(const struct invocation *invocation, const json_t *answer,
                       const json_t *wait)
{
    size_t i;
    const json_t *child;
    const char *kind = json_get_text(wait, "kind", ""), *id = json_get_text(wait, "id", "");
    if (json_get_bool(wait, "satisfied", false) || str_eq(kind, "patience"))
        return;
    if (str_eq(kind, "pause")) {
        printf("%-12s hq resume (the pause of %s)\n", "waits for",
               pause_scope(NULL, wait, invocation->arena));
        return;
    }
    json_array_foreach (json_object_get(answer, "children"), i, child)
        if (str_eq(json_get_text(child, "id", NULL), id))
            kind = json_get_text(child, "agent", kind);
    printf("%-12s %s %s\n", "waits for", kind,
           str_starts(id, "t-") ? task_short_id(id, invocation->arena) : id);
}

static void print_lists(const struct invocation *invocation, const json_t *answer)
{
    size_t i;
    const json_t *row, *pause = json_object_get(answer, "paused");
    if (pause)
        printf("%-12s %s, %s: %s\n", "paused", pause_scope(NULL, pause, invocation->arena),
               pause_sentence(pause, invocation->arena) + strlen("paused "),
               pause_resume_command("hq", pause, invocation->arena));
    json_array_foreach (json_object_get(answer, "waits"), i, row)
        print_wait(invocation, answer, row);
    json_array_foreach (json_object_get(answer, "effects"), i, row)
        printf("%-12s %s: %s%s%s\n", "delivery", json_get_text(row, "destination", ""),
               json_get_text(row, "state", ""), json_object_get(row, "reason") ? ": " : "",
               json_get_text(row, "reason", ""));
}

/* ---- what else is known of it: from the tree and from its events ---- */

static const char *mode_of(const json_t *answer, const char *child)
{
    size_t i;
    const json_t *call;
    json_array_foreach (json_object_get(answer, "calls"), i, call)
        if (str_eq(json_get_text(call, "child", NULL), child))
            return "sync";
    return NULL;
}

static void add_children(struct operator_line *line, json_t *answer)
{
    size_t i;
    const json_t *item;
    const char *id = json_get_text(json_object_get(answer, "task"), "id", "");
    json_t *tree =
        operator_look(line, arena_printf(line->invocation->arena, "/v1/tasks/%s/tree", id));
    json_t *children = json_array();
    json_array_foreach (json_object_get(tree, "items"), i, item) {
        const json_t *task = json_object_get(item, "task");
        if (!str_eq(json_get_text(task, "parent", NULL), id))
            continue;
        json_t *child = json_object();
        static const char *const keys[] = {"id", "agent", "state", "instruction", "failure_class"};
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
            json_set_text(child, keys[k], json_get_text(task, keys[k], NULL));
        json_set_text(child, "mode", mode_of(answer, json_get_text(task, "id", "")));
        json_array_append_new(children, child);
    }
    if (json_array_size(children))
        json_object_set(answer, "children", children);
    json_decref(children);
    json_decref(tree);
}

/* The events of one type, each its body with `at` and `actor`. */
static void add_events(json_t *answer, const char *key, const json_t *events, const char *type)
{
    size_t i;
    const json_t *event;
    json_t *list = json_array();
    json_array_foreach (json_object_get(events, "items"), i, event) {
        const json_t *body = json_object_get(event, "body");
        if (!str_eq(json_get_text(event, "type", ""), type))
            continue;
        json_t *one = json_is_object(body) ? json_copy((json_t *)body) : json_object();
        json_set_text(one, "at", json_get_text(event, "at", NULL));
        json_set_text(one, "actor", json_get_text(event, "actor", NULL));
        json_array_append_new(list, one);
    }
    if (json_array_size(list))
        json_object_set(answer, key, list);
    json_decref(list);
}

static void add_more(struct operator_line *line, json_t *answer)
{
    const char *id = json_get_text(json_object_get(answer, "task"), "id", "");
    const char *path =
        arena_printf(line->invocation->arena, "/v1/events?stream=%s&from=1&limit=1000", id);
    add_children(line, answer);
    json_t *events = line->config ? operator_look(line, path) : NULL;
    add_events(answer, "refusals", events, "delegation.refused");
    add_events(answer, "notes", events, "task.note");
    add_events(answer, "routings", events, "task.routed");
    json_decref(events);
}

static void print_children(const struct invocation *invocation, const json_t *answer)
{
    size_t i;
    const json_t *child;
    json_array_foreach (json_object_get(answer, "children"), i, child) {
        const char *class = json_get_text(child, "failure_class", NULL);
        printf("%-12s %s %s %s%s%s: %s\n", i ? "" : "asked others",
               json_get_text(child, "agent", "?"),
               task_short_id(json_get_text(child, "id", ""), invocation->arena),
               json_get_text(child, "state", ""), class ? ", " : "", class ? class : "",
               task_title(json_get_text(child, "instruction", ""), 60, invocation->arena));
    }
}

static void print_events(const struct invocation *invocation, const json_t *answer)
{
    size_t i;
    const json_t *row;
    json_array_foreach (json_object_get(answer, "routings"), i, row)
        line_of("routed",
                arena_printf(invocation->arena, "%s, by %s", json_get_text(row, "chosen", "?"),
                             json_get_text(row, "capability", "its text")));
    json_array_foreach (json_object_get(answer, "refusals"), i, row)
        line_of("refused", arena_printf(invocation->arena, "%s: %s", json_get_text(row, "code", ""),
                                        json_get_text(row, "message", "")));
    json_array_foreach (json_object_get(answer, "notes"), i, row)
        line_of("note",
                arena_printf(invocation->arena, "%.16s %s: %s", json_get_text(row, "at", ""),
                             json_get_text(row, "actor", ""), json_get_text(row, "text", "")));
}

static void print_artefacts(const struct invocation *invocation, const json_t *answer)
{
    size_t i;
    const json_t *one;
    json_array_foreach (json_object_get(json_object_get(answer, "handoff"), "artefacts"), i, one)
        line_of("artefact",
                arena_printf(invocation->arena, "%s, %s, %s bytes", json_get_text(one, "name", "?"),
                             json_get_text(one, "type", "?"),
                             figure_count(json_get_int(one, "size", 0), invocation->arena)));
}

/* "confidence high; notes": what the agent itself says of its result. */
static void print_contract(const json_t *answer)
{
    const json_t *handoff = json_object_get(answer, "handoff");
    const char *status = json_get_text(handoff, "status", NULL);
    if (status && !str_eq(status, "complete"))
        line_of("status", status);
    line_of("confidence", json_get_text(handoff, "confidence", NULL));
    line_of("notes", json_get_text(handoff, "notes", NULL));
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
                         json_is_integer(cost) ? figure_money(json_integer_value(cost), arena)
                                               : "unpriced"));
}

static void print_task(const struct invocation *invocation, const json_t *answer)
{
    size_t i;
    const json_t *call, *task = json_object_get(answer, "task");
    const json_t *calls = json_object_get(answer, "calls");
    print_head(invocation, answer);
    print_lists(invocation, answer);
    print_children(invocation, answer);
    print_events(invocation, answer);
    print_artefacts(invocation, answer);
    print_contract(answer);
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
    if (code == COMMAND_OK)
        add_more(&line, answer);
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
    .examples = "hq task show t-7f4a\n",
    .options = show_options,
    .min_args = 1,
    .max_args = 1,
    .run = show_run,
    .reads = true,
    .in_task = true,
};
