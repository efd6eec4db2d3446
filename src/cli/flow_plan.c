/* hq flow plan: what a run can cost and how long it can take at worst. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/cells.h"
#include "cli/figures.h"
#include "cli/flow_file.h"
#include "cli/flow_start.h"
#include "cli/output.h"
#include "cli/table.h"
#include "config/config.h"
#include "flow/bundle.h"
#include "flow/plan.h"

enum { NAME_MOST = 24, TRIES_COLUMNS = 5, TIME_COLUMNS = 8, COST_COLUMNS = 9, TOKEN_COLUMNS = 8 };

static const struct command_option plan_options[] = {
    {"input", 'i', "NAME=VALUE",
     "an input: a step whose if it makes false is left out; repeatable"},
    {"input-file", 0, "FILE", "inputs as a JSON or YAML mapping"},
    {0},
};

/* ---- JSON ---- */

static void set_bound(json_t *object, const char *key, int64_t bound)
{
    json_object_set_new(object, key, bound < 0 ? json_null() : json_integer(bound));
}

static json_t *step_json(const struct plan_step *step)
{
    json_t *item = json_object();
    json_set_text(item, "step", step->id);
    json_set_text(item, "who", step->who);
    json_object_set_new(item, "tries", json_integer(step->tries));
    json_object_set_new(item, "rounds", json_integer(step->rounds));
    json_object_set_new(item, "left_out", json_boolean(step->is_left_out));
    set_bound(item, "wall_ms", step->wall_ms);
    set_bound(item, "cost_micro_usd", step->micro_usd);
    set_bound(item, "tokens", step->tokens);
    json_set_text(item, "note", step->note);
    return item;
}

static int show_json(const struct flow *flow, const struct plan *plan)
{
    json_t *document = json_object(), *steps = json_array();
    for (size_t i = 0; i < plan->count; i++)
        json_array_append_new(steps, step_json(&plan->steps[i]));
    json_set_text(document, "name", flow->name);
    set_bound(document, "wall_ms", plan->wall_ms);
    json_set_text(document, "wall_by", plan->wall_by);
    set_bound(document, "path_ms", plan->path_ms);
    set_bound(document, "cost_micro_usd", plan->micro_usd);
    json_set_text(document, "cost_by", plan->usd_by);
    set_bound(document, "tokens", plan->tokens);
    json_set_text(document, "tokens_by", plan->tokens_by);
    json_object_set_new(document, "bounded_by_budget", json_boolean(plan->bounded_by_budget));
    json_set_text(document, "longest_path", plan->longest);
    json_object_set_new(document, "items", steps);
    return output_json(document);
}

/* ---- text ---- */

static const char *time_text(int64_t ms, struct arena *arena)
{
    char text[TIME_TEXT];
    if (ms < 0)
        return "open";
    time_print_duration(ms, text);
    return ms == 0 ? "0" : arena_strdup(arena, text);
}

static const char *cost_text(int64_t micro_usd, struct arena *arena)
{
    if (micro_usd < 0)
        return "open";
    return micro_usd == 0 ? "$0" : figure_money(micro_usd, arena);
}

static const char *tokens_text(int64_t tokens, struct arena *arena)
{
    return tokens < 0 ? "open" : figure_count(tokens, arena);
}

static int name_columns(const struct plan *plan)
{
    int widest = (int)strlen("step");
    for (size_t i = 0; i < plan->count; i++) {
        int width = cell_width(plan->steps[i].id);
        widest = width > widest ? width : widest;
    }
    return widest < NAME_MOST ? widest : NAME_MOST;
}

static void put_row(const struct invocation *invocation, const struct plan_step *step, int names,
                    struct buf *out)
{
    struct arena *arena = invocation->arena;
    bool utf8 = output_is_utf8();
    int numbers = TRIES_COLUMNS + TIME_COLUMNS + COST_COLUMNS + TOKEN_COLUMNS;
    const char *tries = arena_printf(arena, "%lld", (long long)step->tries);
    if (step->rounds > 1)
        tries = arena_printf(arena, "%s*%lld", tries, (long long)step->rounds);
    cell_put(out, step->id, names, utf8);
    buf_puts(out, "  ");
    cell_put(out, step->who, output_columns() - names - numbers - 4, utf8);
    if (step->is_left_out)
        buf_puts(out, "  left out");
    else
        buf_printf(out, " %*s %*s %*s %*s", TRIES_COLUMNS, tries, TIME_COLUMNS,
                   time_text(step->wall_ms, arena), COST_COLUMNS - 1,
                   cost_text(step->micro_usd, arena), TOKEN_COLUMNS - 1,
                   tokens_text(step->tokens, arena));
    cell_end_line(out);
}

static void put_table(const struct invocation *invocation, const struct plan *plan, struct buf *out)
{
    int names = name_columns(plan);
    int who = output_columns() - names - 4 -
              (TRIES_COLUMNS + TIME_COLUMNS + COST_COLUMNS + TOKEN_COLUMNS);
    cell_put(out, "step", names, true);
    buf_puts(out, "  ");
    cell_put(out, "who", who, true);
    buf_printf(out, " %*s %*s %*s %*s\n", TRIES_COLUMNS, "tries", TIME_COLUMNS, "time",
               COST_COLUMNS - 1, "cost", TOKEN_COLUMNS - 1, "tokens");
    for (size_t i = 0; i < plan->count; i++)
        put_row(invocation, &plan->steps[i], names, out);
}

/* "Cost    at most $5.00: budget.usd". */
static void put_bound(struct buf *out, const char *name, const char *bound, const char *by)
{
    if (by)
        buf_printf(out, "%-8sat most %s: %s\n", name, bound, by);
    else
        buf_printf(out, "%-8snot bounded\n", name);
}

static bool any_open(const struct plan *plan, bool of_cost)
{
    for (size_t i = 0; i < plan->count; i++)
        if ((of_cost ? plan->steps[i].micro_usd : plan->steps[i].wall_ms) < 0)
            return true;
    return false;
}

static void put_notes(const struct plan *plan, int columns, struct buf *out)
{
    if (any_open(plan, true)) {
        buf_putc(out, '\n');
        flow_put_folded(
            out,
            "open: nothing bounds it but the budget of the whole. A turn may ask its model "
            "up to 50 times and what it reads grows with the work; steps.X.budget (usd, "
            "tokens) bounds a step, price: { in: 0, out: 0 } says that a model is free.",
            columns, 0);
    } else if (any_open(plan, false)) {
        buf_putc(out, '\n');
        flow_put_folded(out, "open: it waits for as long as the run may take.", columns, 0);
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->steps[i].rounds == 1)
            continue;
        flow_put_folded(
            out,
            "n*m: n tries in each of m rounds, because changes may be requested; time is "
            "that of one round.",
            columns, 0);
        return;
    }
}

static void show_text(const struct invocation *invocation, const struct flow *flow,
                      const struct plan *plan)
{
    _Static_assert(LIMIT_MODEL_STEPS == 50, "put_notes() says so");
    struct buf out = {0};
    struct arena *arena = invocation->arena;
    int columns = output_columns();
    buf_printf(&out, "%s at worst: %zu step%s, %zu one after another\n\n", flow->name, plan->count,
               plan->count == 1 ? "" : "s", plan->layers);
    put_table(invocation, plan, &out);
    buf_putc(&out, '\n');
    put_bound(&out, "Time", time_text(plan->wall_ms, arena), plan->wall_by);
    if (plan->path_ms != plan->wall_ms)
        buf_printf(&out, "        (its longest path: %s)\n", time_text(plan->path_ms, arena));
    put_bound(&out, "Cost", cost_text(plan->micro_usd, arena), plan->usd_by);
    put_bound(&out, "Tokens", tokens_text(plan->tokens, arena), plan->tokens_by);
    buf_puts(&out, "Path    ");
    flow_put_folded(&out, plan->longest, columns, 8);
    put_notes(plan, columns, &out);
    fputs(buf_text(&out), stdout);
    buf_fini(&out);
}

/* ---- the command ---- */

/* What was given, checked; *checked NULL where nothing was. */
static int read_inputs(const struct invocation *invocation, const struct flow *flow,
                       json_t **checked)
{
    struct err err = {0};
    *checked = NULL;
    if (!invocation_has(invocation, "input") && !invocation_has(invocation, "input-file"))
        return COMMAND_OK;
    json_t *given = flow_given_inputs(invocation, flow, &err);
    if (given)
        *checked = flow_inputs(flow, given, false, &err);
    json_decref(given);
    return *checked ? COMMAND_OK : output_fail(invocation, COMMAND_USAGE, &err);
}

static int plan_run(const struct invocation *invocation)
{
    struct config *config;
    struct flow_bundle *bundle;
    struct plan plan;
    json_t *inputs;
    int code = flow_open_right(invocation, invocation->args[0], &config, &bundle);
    if (code != COMMAND_OK)
        return code;
    const struct flow *flow = flow_bundle_entry(bundle);
    code = read_inputs(invocation, flow, &inputs);
    if (code == COMMAND_OK) {
        struct plan_about about = {bundle, config, inputs};
        plan_make(&about, invocation->arena, &plan);
        if (invocation->json)
            code = show_json(flow, &plan);
        else
            show_text(invocation, flow, &plan);
    }
    json_decref(inputs);
    flow_bundle_close(bundle);
    config_free(config);
    return code;
}

const struct command command_flow_plan = {
    .name = "flow plan",
    .group = "WORK",
    .usage = "FILE|NAME",
    .summary = "what a run can cost and take, at worst",
    .details =
        "Counts every try and pause, expiries of approvals and rounds of requested changes.\n"
        "Only what hq holds to is called a bound; nothing is estimated.\n",
    .examples = "hq flow plan material-trade-study\n",
    .options = plan_options,
    .min_args = 1,
    .max_args = 1,
    .run = plan_run,
    .reads = true,
};
