/* hq flow watch: a run as a live graph in a terminal, as lines elsewhere, until it has ended. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/flow_definition.h"
#include "cli/flow_follow.h"
#include "cli/flow_lines.h"
#include "cli/flow_look.h"
#include "cli/output.h"
#include "cli/table.h"
#include "flow/bundle.h"
#include "flow/graph.h"
#include "flow/spec.h"

enum { DRAW_EVERY_MS = 1000 /* so that ages move */, STREAM_EVERY_MS = 30000 };

struct drawing {
    const struct invocation *invocation;
    const struct flow *flow;
    json_t *run;        /* borrowed */
    struct arena arena; /* of one picture */
    size_t lines;       /* of the picture that stands */
};

/* ---- the picture ---- */

static struct graph_mark mark_of(void *ctx, size_t index)
{
    struct drawing *drawing = ctx;
    const json_t *step =
        json_object_get(json_object_get(drawing->run, "steps"), drawing->flow->steps[index].id);
    const char *state = json_get_text(step, "state", "pending");
    char time[TIME_TEXT] = "";
    int64_t ms = flow_step_ms(step);
    bool is_open = str_eq(state, "running") || str_eq(state, "waiting");
    const char *words = flow_step_words(step, &drawing->arena);
    if (ms >= 0)
        time_print_duration(ms, time);
    if (is_open || str_eq(state, "done"))
        words = arena_printf(&drawing->arena, "%s%s%s", is_open ? words : "",
                             is_open && *time ? " " : "", time);
    return (struct graph_mark){.sign = flow_sign(state, output_is_utf8()),
                               .suffix = *words ? words : NULL,
                               .color = flow_color(state)};
}

static void put_head(struct drawing *drawing, struct buf *out)
{
    const json_t *run = drawing->run, *gate = flow_gate(run);
    char time[TIME_TEXT];
    time_print_duration(flow_step_ms(run) < 0 ? 0 : flow_step_ms(run), time);
    buf_printf(out, "%s %s: %s, %s\n", flow_short_id(json_get_text(run, "id", ""), &drawing->arena),
               json_get_text(run, "name", ""), json_get_text(run, "state", ""), time);
    if (gate)
        buf_printf(out, "waits for a person: hq inbox show %s\n", json_get_text(gate, "id", ""));
    buf_putc(out, '\n');
}

static size_t count_lines(const struct buf *text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text->len; i++)
        lines += text->bytes[i] == '\n';
    return lines;
}

/* Over the picture before: up its lines, and clear what is below. */
static void draw(struct drawing *drawing)
{
    struct buf out = {0}, picture = {0};
    struct graph_look look = {.mark = mark_of,
                              .ctx = drawing,
                              .width = output_columns(),
                              .ascii = !output_is_utf8(),
                              .color = output_has_color(drawing->invocation, STDOUT_FILENO)};
    put_head(drawing, &picture);
    graph_text(drawing->flow, &look, &picture);
    if (drawing->lines)
        buf_printf(&out, "\033[%zuA\r\033[J", drawing->lines);
    drawing->lines = count_lines(&picture);
    buf_put(&out, picture.bytes, picture.len);
    fwrite(buf_text(&out), 1, out.len, stdout);
    fflush(stdout);
    buf_fini(&out);
    buf_fini(&picture);
    arena_fini(&drawing->arena);
}

static int draw_until_end(struct operator_line *line, const char *id, const struct flow *flow,
                          json_t **run)
{
    struct drawing drawing = {.invocation = line->invocation, .flow = flow};
    int64_t timeout = line->invocation->timeout_ms;
    int64_t until = timeout >= 0 ? time_boot_ms() + timeout : INT64_MAX;
    operator_catch_interrupt(line);
    for (int64_t wait = 0;; wait = DRAW_EVERY_MS) {
        int64_t decided = json_get_int(*run, "decided", 0);
        json_t *now = NULL;
        int code = flow_look(line, id, decided, wait, &now);
        if (code != COMMAND_OK)
            return code;
        json_decref(*run);
        *run = drawing.run = now;
        draw(&drawing);
        if (flow_has_ended(now))
            return COMMAND_OK;
        if (time_boot_ms() >= until)
            return flow_waits_for_people(now) ? COMMAND_PERSON : COMMAND_TIMEOUT;
    }
}

/* ---- the command ---- */

/* Every look that says something new, as a line. */
static int stream(struct operator_line *line, const char *id, json_t **run)
{
    int64_t timeout = line->invocation->timeout_ms;
    int64_t until = timeout >= 0 ? time_boot_ms() + timeout : INT64_MAX;
    operator_catch_interrupt(line);
    for (int64_t wait = 0;; wait = STREAM_EVERY_MS) {
        int64_t decided = json_get_int(*run, "decided", 0), left = until - time_boot_ms();
        json_t *now = NULL;
        int code = flow_look(line, id, decided, wait < left ? wait : left > 0 ? left : 0, &now);
        if (code != COMMAND_OK)
            return code;
        if (wait == 0 || json_get_int(now, "decided", 0) != decided || flow_has_ended(now))
            output_json_line(json_pack("{s:s,s:O}", "type", "run", "run", now));
        json_decref(*run);
        *run = now;
        if (flow_has_ended(now))
            return COMMAND_OK;
        if (time_boot_ms() >= until)
            return flow_waits_for_people(now) ? COMMAND_PERSON : COMMAND_TIMEOUT;
    }
}

static int watch(struct operator_line *line, const char *given)
{
    const struct invocation *invocation = line->invocation;
    struct flow_bundle *bundle = NULL;
    const struct flow *flow = NULL;
    json_t *run = NULL;
    bool draws = isatty(STDOUT_FILENO) && !invocation->json;
    int code = flow_look(line, given, 0, 0, &run);
    if (code != COMMAND_OK)
        return code;
    const char *id = arena_strdup(invocation->arena, json_get_text(run, "id", given));
    if (!invocation->json)
        code = flow_definition(line, id, &bundle, &flow);
    if (code == COMMAND_OK && invocation->json) {
        code = stream(line, id, &run);
    } else if (code == COMMAND_OK && draws) {
        code = draw_until_end(line, id, flow, &run);
        if (code == COMMAND_INTERRUPTED)
            output_note(invocation, "\nthe run goes on; come back with: %s flow watch %s",
                        operator_hq(line), flow_short_id(id, invocation->arena));
    } else if (code == COMMAND_OK) {
        json_decref(run);
        code = flow_follow(line, id, flow, &run);
    }
    if (code == COMMAND_OK)
        code = invocation->json ? flow_exit_code(run) : flow_print_end(invocation, run);
    if (bundle)
        flow_bundle_close(bundle);
    json_decref(run);
    return code;
}

static int watch_run(const struct invocation *invocation)
{
    struct operator_line line;
    int code = operator_open(invocation, &line);
    if (code != COMMAND_OK)
        return code;
    code = watch(&line, invocation->args[0]);
    operator_close(&line);
    return code;
}

const struct command command_flow_watch = {
    .name = "flow watch",
    .group = "WORK",
    .usage = "RUN",
    .summary = "a run as it goes: a graph, or lines in a pipe",
    .details = "Ctrl-C ends the watching, not the run. Exit code as of `hq flow run`.\n",
    .examples = "hq flow watch r-1qqk\n",
    .min_args = 1,
    .max_args = 1,
    .run = watch_run,
    .reads = true,
};
