/* hq usage: what model calls took and cost, by agent, model, task or day. */
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/cells.h"
#include "cli/figures.h"
#include "cli/operator.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/task_text.h"

enum { DATE_CHARS = 10, KEY_COLUMNS_MAX = 34 };

static const struct command_option usage_options[] = {
    {"by", 0, "WHAT", "agent (the default), model, task or day"},
    {"since", 0, "DUR", "only the last days (7d); days begin at midnight UTC"},
    {0},
};

static const char *const kinds[] = {"agent", "model", "task", "day", NULL};

static const char *query_of(const struct invocation *invocation, const char *by, struct err *err)
{
    int64_t since;
    char from[TIME_TEXT];
    if (!str_in(by, kinds)) {
        const char *near = str_nearest(by, kinds);
        err_set(err, "usage", "--by: \"%s\" is not agent, model, task or day", by);
        if (near)
            err_hint(err, "Did you mean \"--by %s\"?", near);
        return NULL;
    }
    if (invocation_duration(invocation, "since", 0, &since, err) < 0)
        return NULL;
    if (invocation_has(invocation, "since") && str_eq(by, "task")) {
        err_set(err, "usage", "--since does not go with --by task: the newest requests are shown");
        return NULL;
    }
    if (!invocation_has(invocation, "since"))
        return arena_printf(invocation->arena, "/v1/usage?by=%s", by);
    time_rfc3339(time_wall_ms() - since, from);
    return arena_printf(invocation->arena, "/v1/usage?by=%s&from=%.*s", by, DATE_CHARS, from);
}

struct sum {
    int64_t calls, in, out, cached, cost, unpriced;
};

static void add(struct sum *sum, const json_t *item)
{
    sum->calls += json_get_int(item, "calls", 0);
    sum->in += json_get_int(item, "tokens_in", 0);
    sum->out += json_get_int(item, "tokens_out", 0);
    sum->cached += json_get_int(item, "tokens_cached", 0);
    sum->cost += json_get_int(item, "cost_micro_usd", 0);
    sum->unpriced += json_get_int(item, "unpriced", 0);
}

static void print_row(const struct invocation *invocation, const char *key, int columns,
                      const struct sum *sum)
{
    struct buf out = {0};
    struct arena *arena = invocation->arena;
    cell_put(&out, key, columns, output_is_utf8());
    buf_printf(&out, " %7s %8s %8s %8s  %s", figure_count(sum->calls, arena),
               figure_count(sum->in, arena), figure_count(sum->cached, arena),
               figure_count(sum->out, arena),
               figure_cost(sum->calls, sum->cost, sum->unpriced, arena));
    cell_end_line(&out);
    fputs(buf_text(&out), stdout);
    buf_fini(&out);
}

static const char *key_of(const struct invocation *invocation, const char *by, const json_t *item)
{
    const char *key = json_get_text(item, "key", "?");
    return str_eq(by, "task") ? task_short_id(key, invocation->arena) : key;
}

static void print_table(const struct invocation *invocation, const char *by, const json_t *items)
{
    size_t i;
    const json_t *item;
    struct sum all = {0};
    int columns = 6;
    json_array_foreach (items, i, item) {
        int wide = cell_width(key_of(invocation, by, item));
        columns = wide > columns ? wide : columns;
    }
    columns = columns < KEY_COLUMNS_MAX ? columns : KEY_COLUMNS_MAX;
    printf("%-*s %7s %8s %8s %8s  %s\n", columns, "", "CALLS", "IN", "CACHED", "OUT", "COST");
    json_array_foreach (items, i, item) {
        struct sum one = {0};
        add(&one, item);
        add(&all, item);
        print_row(invocation, key_of(invocation, by, item), columns, &one);
    }
    if (json_array_size(items) > 1)
        print_row(invocation, "all", columns, &all);
    if (all.unpriced)
        output_note(invocation, "unpriced: calls of models without `price` in hq.yaml");
}

static int usage_run(const struct invocation *invocation)
{
    struct operator_line line;
    struct err err = {0};
    json_t *answer = NULL;
    const char *by = invocation_value(invocation, "by");
    by = by ? by : "agent";
    const char *path = query_of(invocation, by, &err);
    if (!path)
        return output_fail(invocation, COMMAND_USAGE, &err);
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = operator_call(&line, "GET", path, NULL, 0, &answer);
    const json_t *items = json_object_get(answer, "items");
    if (code == COMMAND_OK && invocation->json)
        code = output_json(json_pack("{s:s,s:O}", "by", by, "items", items));
    else if (code == COMMAND_OK && json_array_size(items) == 0)
        output_note(invocation, "no model calls");
    else if (code == COMMAND_OK)
        print_table(invocation, by, items);
    json_decref(answer);
    operator_close(&line);
    return code;
}

const struct command command_usage = {
    .name = "usage",
    .group = "WORK",
    .usage = "",
    .summary = "what model calls took and cost",
    .examples = "hq usage --by agent\n",
    .options = usage_options,
    .run = usage_run,
    .reads = true,
};
