/* hq flow show: one run with its steps, or the events that it was made of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/cells.h"
#include "cli/flow_definition.h"
#include "cli/flow_lines.h"
#include "cli/flow_look.h"
#include "cli/output.h"
#include "cli/pause_text.h"
#include "cli/table.h"
#include "cli/task_text.h"
#include "flow/bundle.h"
#include "flow/spec.h"

enum { PAGE = 1000, NAME_COLUMNS = 18, WORKER_COLUMNS = 14, TIME_COLUMNS = 8, TASK_COLUMNS = 11 };

static const struct command_option show_options[] = {
    {"events", 0, NULL, "facts and decisions, in order, instead"},
    {0},
};

/* ---- the run ---- */

static void put_step(struct buf *out, const struct flow *flow, const char *name, const json_t *step)
{
    struct arena arena = {0};
    char time[TIME_TEXT] = "";
    bool utf8 = output_is_utf8();
    int64_t ms = flow_step_ms(step);
    if (ms >= 0)
        time_print_duration(ms, time);
    buf_printf(out, "  %s ", flow_sign(json_get_text(step, "state", "pending"), utf8));
    cell_put(out, name, NAME_COLUMNS, utf8);
    buf_putc(out, ' ');
    cell_put(out, flow_worker(flow, name, &arena), WORKER_COLUMNS, utf8);
    buf_putc(out, ' ');
    cell_put(out, time, TIME_COLUMNS, utf8);
    cell_put(out, flow_short_id(json_get_text(step, "task", ""), &arena), TASK_COLUMNS, utf8);
    int room = output_columns() - 4 - NAME_COLUMNS - WORKER_COLUMNS - TIME_COLUMNS - TASK_COLUMNS;
    cell_put(out, flow_step_words(step, &arena), room - 2, utf8);
    cell_end_line(out);
    arena_fini(&arena);
}

static void put_steps(struct buf *out, const struct flow *flow, const json_t *run)
{
    const json_t *steps = json_object_get(run, "steps");
    json_t *pending = json_object();
    for (size_t i = 0; i < flow->step_count; i++) {
        const json_t *step = json_object_get(steps, flow->steps[i].id);
        put_step(out, flow, flow->steps[i].id, step ? step : pending);
    }
    json_decref(pending);
    if (json_object_get(steps, "on_failure"))
        put_step(out, flow, "on_failure", json_object_get(steps, "on_failure"));
}

static void put_value(struct buf *out, const char *name, const json_t *value)
{
    char *text =
        value && !json_is_null(value) ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (text)
        buf_printf(out, "%s: %s\n", name, text);
    free(text);
}

static void print_run(const struct invocation *invocation, const struct flow *flow,
                      const json_t *run)
{
    struct arena *arena = invocation->arena;
    struct buf out = {0};
    const json_t *gate = flow_gate(run), *failure = json_object_get(run, "failure");
    const char *waiting = json_get_text(run, "waiting", NULL);
    buf_printf(&out, "run %s of %s: %s%s%s, begun %s ago by %s\n", json_get_text(run, "id", ""),
               json_get_text(run, "name", ""), json_get_text(run, "state", ""),
               waiting ? " for " : "", waiting ? waiting : "",
               task_age(json_get_text(run, "created_at", NULL), arena),
               json_get_text(run, "caller", "?"));
    const json_t *pause = json_object_get(run, "paused");
    if (pause)
        buf_printf(&out, "%s; go on: %s\n", pause_sentence(pause, arena),
                   pause_resume_command("hq", pause, arena));
    if (json_get_text(run, "retry_of", NULL))
        buf_printf(&out, "goes on from the results of %s\n", json_get_text(run, "retry_of", ""));
    put_steps(&out, flow, run);
    put_value(&out, "inputs", json_object_get(run, "inputs"));
    put_value(&out, "output", json_object_get(run, "output"));
    if (json_get_text(failure, "message", NULL))
        buf_printf(&out, "failure: %s (%s)\n", json_get_text(failure, "message", ""),
                   json_get_text(failure, "class", ""));
    if (gate)
        buf_printf(&out, "decide: hq inbox show %s\n", json_get_text(gate, "id", ""));
    fputs(buf_text(&out), stdout);
    buf_fini(&out);
}

static int show(struct operator_line *line, const char *id)
{
    const struct invocation *invocation = line->invocation;
    struct flow_bundle *bundle = NULL;
    const struct flow *flow;
    json_t *run = NULL;
    int code = flow_look(line, id, 0, 0, &run);
    if (code == COMMAND_OK && invocation->json) {
        code = output_json(json_pack("{s:O}", "run", run));
    } else if (code == COMMAND_OK) {
        code = flow_definition(line, json_get_text(run, "id", id), &bundle, &flow);
        if (code == COMMAND_OK)
            print_run(invocation, flow, run);
    }
    if (bundle)
        flow_bundle_close(bundle);
    json_decref(run);
    return code;
}

/* ---- its events ---- */

static void print_event(const struct invocation *invocation, const json_t *event)
{
    const char *at = json_get_text(event, "at", "");
    char *body = json_object_get(event, "body")
                     ? json_dumps(json_object_get(event, "body"), JSON_ENCODE_ANY | JSON_COMPACT)
                     : NULL;
    if (invocation->json)
        output_json_line(json_incref((json_t *)event));
    else
        printf("%4lld  %.12s  %-17s %s\n", (long long)json_get_int(event, "seq", 0),
               strlen(at) > 11 ? at + 11 : at, json_get_text(event, "type", ""),
               body ? task_title(body, output_columns() - 38, invocation->arena) : "");
    free(body);
}

static int show_events(struct operator_line *line, const char *id)
{
    int64_t from = 1;
    for (;;) {
        json_t *answer = NULL;
        size_t i;
        const json_t *event;
        const char *path =
            arena_printf(line->invocation->arena, "/v1/runs/%s/events?from=%lld&limit=%d", id,
                         (long long)from, PAGE);
        int code = operator_call(line, "GET", path, NULL, 0, &answer);
        size_t count = json_array_size(json_object_get(answer, "items"));
        json_array_foreach (json_object_get(answer, "items"), i, event) {
            print_event(line->invocation, event);
            from = json_get_int(event, "seq", from) + 1;
        }
        json_decref(answer);
        if (code != COMMAND_OK || count < PAGE)
            return code;
    }
}

static int show_run(const struct invocation *invocation)
{
    struct operator_line line;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = invocation_has(invocation, "events") ? show_events(&line, invocation->args[0])
                                                : show(&line, invocation->args[0]);
    operator_close(&line);
    return code;
}

const struct command command_flow_show = {
    .name = "flow show",
    .group = "WORK",
    .usage = "RUN",
    .summary = "a run with its steps and results",
    .examples = "hq flow show r-1qqk\n",
    .options = show_options,
    .min_args = 1,
    .max_args = 1,
    .run = show_run,
    .reads = true,
};
