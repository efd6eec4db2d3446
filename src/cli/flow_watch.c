/* hq flow watch: a run as a live graph in a terminal, as lines elsewhere, until it has ended. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/event_line.h"
#include "cli/flow_definition.h"
#include "cli/flow_feed.h"
#include "cli/flow_follow.h"
#include "cli/flow_lines.h"
#include "cli/flow_look.h"
#include "cli/output.h"
#include "cli/pause_text.h"
#include "cli/table.h"
#include "flow/bundle.h"
#include "flow/graph.h"
#include "flow/spec.h"

struct drawing {
    struct flow_feed feed;
    const struct flow *flow;
    struct arena arena; /* of one picture */
    struct buf gap;     /* the newest gap, as a line */
    size_t lines;       /* of the picture that stands */
};

/* ---- the picture ---- */

static struct graph_mark mark_of(void *ctx, size_t index)
{
    struct drawing *drawing = ctx;
    const json_t *step = json_object_get(json_object_get(drawing->feed.run, "steps"),
                                         drawing->flow->steps[index].id);
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
    struct arena *arena = &drawing->arena;
    const json_t *run = drawing->feed.run, *gate = flow_gate(run);
    const json_t *pause = json_object_get(run, "paused");
    char time[TIME_TEXT];
    time_print_duration(flow_step_ms(run) < 0 ? 0 : flow_step_ms(run), time);
    buf_printf(out, "%s %s: %s, %s\n", flow_short_id(json_get_text(run, "id", ""), arena),
               json_get_text(run, "name", ""), json_get_text(run, "state", ""), time);
    if (gate)
        buf_printf(out, "waits for a person: hq inbox show %s\n", json_get_text(gate, "id", ""));
    if (pause)
        buf_printf(out, "%s; go on: %s\n", pause_sentence(pause, arena),
                   pause_resume_command("hq", pause, arena));
    if (drawing->feed.is_away)
        buf_puts(out, "the hub is away; trying again\n");
    buf_puts(out, buf_text(&drawing->gap));
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
                              .color =
                                  output_has_color(drawing->feed.line->invocation, STDOUT_FILENO)};
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

static int on_run(void *ctx, const json_t *run)
{
    (void)run;
    draw(ctx);
    return FLOW_FEED_GO_ON;
}

static void on_away(void *ctx, bool is_away)
{
    (void)is_away;
    draw(ctx);
}

static void on_gap(void *ctx, const json_t *gap)
{
    struct drawing *drawing = ctx;
    buf_fini(&drawing->gap);
    event_line_put_gap(gap, &drawing->gap);
    draw(drawing);
}

/* So that ages move. */
static void on_tick(void *ctx)
{
    draw(ctx);
}

static int draw_until_end(struct operator_line *line, const char *id, const struct flow *flow,
                          json_t **run)
{
    struct drawing drawing = {.flow = flow,
                              .feed = {.line = line,
                                       .on_run = on_run,
                                       .on_away = on_away,
                                       .on_gap = on_gap,
                                       .on_tick = on_tick}};
    drawing.feed.ctx = &drawing;
    int code = flow_feed_open(&drawing.feed, id);
    if (code == COMMAND_OK)
        code = flow_feed_run(&drawing.feed);
    if (code == COMMAND_OK)
        *run = json_incref(drawing.feed.run);
    if (code == COMMAND_INTERRUPTED)
        output_note(line->invocation, "\nthe run goes on; come back with: %s flow watch %s",
                    operator_hq(line), flow_short_id(id, line->invocation->arena));
    buf_fini(&drawing.gap);
    flow_feed_close(&drawing.feed);
    return code;
}

/* ---- lines of JSON ---- */

static int print_run(void *ctx, const json_t *run)
{
    (void)ctx;
    output_json_line(json_pack("{s:s,s:O}", "type", "run", "run", run));
    return FLOW_FEED_GO_ON;
}

static void print_gap(void *ctx, const json_t *gap)
{
    json_t *line = json_copy((json_t *)gap);
    (void)ctx;
    json_set_text(line, "type", "gap");
    output_json_line(line);
}

static int stream(struct operator_line *line, const char *id)
{
    struct flow_feed feed = {.line = line, .on_run = print_run, .on_gap = print_gap};
    int code = flow_feed_open(&feed, id);
    bool is_there = code == COMMAND_OK;
    if (is_there)
        code = flow_feed_run(&feed);
    if (code == COMMAND_OK)
        code = flow_exit_code(feed.run);
    else if (code == COMMAND_INTERRUPTED && is_there)
        output_note(line->invocation, "the run goes on; come back with: %s flow watch %s",
                    operator_hq(line), flow_short_id(feed.id, line->invocation->arena));
    flow_feed_close(&feed);
    return code;
}

/* ---- the command ---- */

static int watch_as_text(struct operator_line *line, const char *given)
{
    struct flow_bundle *bundle = NULL;
    const struct flow *flow = NULL;
    json_t *run = NULL;
    int code = flow_look(line, given, 0, 0, &run);
    if (code != COMMAND_OK)
        return code;
    const char *id = arena_strdup(line->invocation->arena, json_get_text(run, "id", given));
    json_decref(run);
    run = NULL;
    code = flow_definition(line, id, &bundle, &flow);
    if (code == COMMAND_OK)
        code = isatty(STDOUT_FILENO) ? draw_until_end(line, id, flow, &run)
                                     : flow_follow(line, id, flow, &run);
    if (code == COMMAND_OK)
        code = flow_print_end(line->invocation, run);
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
    code = invocation->json ? stream(&line, invocation->args[0])
                            : watch_as_text(&line, invocation->args[0]);
    operator_close(&line);
    return code;
}

const struct command command_flow_watch = {
    .name = "flow watch",
    .group = "WORK",
    .usage = "RUN",
    .summary = "a run as it goes: a graph, or lines in a pipe",
    .details =
        "It follows the hub's feed and goes on over restarts of hub and company. With --json a\n"
        "line for each change: the whole run, or a gap where the ledger is another than before.\n"
        "Ctrl-C ends the watching, not the run. Exit code as of `hq flow run`.\n",
    .examples = "hq flow watch r-1qqk\n"
                "hq flow watch r-1qqk --json\n",
    .min_args = 1,
    .max_args = 1,
    .run = watch_run,
    .reads = true,
};
