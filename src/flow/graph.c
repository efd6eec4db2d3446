/* The picture of a workflow for terminals: steps from above to below, what is parallel side by
 * side. What is too large or too wide for that is a list by layers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "flow/graph_picture.h"

enum { NAME_COLUMNS_MOST = 32, NUMBER_COLUMNS = 6 };

/* ---- drawn ---- */

static void measure_labels(struct graph_picture *picture)
{
    for (size_t at = 0; at < picture->count; at++) {
        for (size_t i = 0; i < picture->layers[at].count; i++) {
            struct graph_lane *lane = &picture->layers[at].lanes[i];
            if (lane->is_line)
                continue;
            int name = graph_width(picture->flow->steps[lane->step].id);
            int words = graph_width(graph_words(picture, lane->step));
            lane->label = 2 + (name > words ? name : words);
        }
    }
}

static void draw_step(struct graph_picture *picture, struct graph_canvas *canvas, size_t row,
                      const struct graph_lane *lane)
{
    const struct flow_step *step = &picture->flow->steps[lane->step];
    struct graph_mark mark = graph_mark_of(picture->look, step, lane->step);
    struct buf name = {0};
    graph_put_clean(&name, step->id);
    int room = lane->room - 3, end = canvas->width - lane->x - 2; /* sign, blank, the gap behind */
    room = room < end ? room : end;
    canvas_text(canvas, row, lane->x, mark.sign, 1, mark.color);
    canvas_text(canvas, row, lane->x + 2, buf_text(&name), room, 0);
    canvas_text(canvas, row + 1, lane->x + 2, graph_words(picture, lane->step), room,
                mark.suffix ? mark.color : 0);
    if (lane->down_count)
        canvas_line(canvas, row + 1, lane->x, LINE_UP | LINE_DOWN);
    buf_fini(&name);
}

static void draw_layer(struct graph_picture *picture, size_t at, struct graph_canvas *canvas)
{
    size_t row = canvas_row(canvas);
    canvas_row(canvas);
    for (size_t i = 0; i < picture->layers[at].count; i++) {
        const struct graph_lane *lane = &picture->layers[at].lanes[i];
        if (!lane->is_line) {
            draw_step(picture, canvas, row, lane);
            continue;
        }
        canvas_line(canvas, row, lane->x, LINE_UP | LINE_DOWN);
        canvas_line(canvas, row + 1, lane->x, LINE_UP | LINE_DOWN);
    }
}

/* False: nothing was appended. */
static bool put_picture(struct graph_picture *picture, struct buf *out)
{
    const struct graph_look *look = picture->look;
    struct graph_canvas canvas = {
        .arena = picture->arena, .width = look->width, .ascii = look->ascii, .color = look->color};
    if (!graph_build(picture))
        return false;
    measure_labels(picture);
    graph_sort(picture);
    if (!graph_place(picture))
        return false;
    for (size_t at = 0; at < picture->count; at++) {
        draw_layer(picture, at, &canvas);
        if (at + 1 < picture->count && !graph_draw_lines(picture, at, &canvas))
            return false;
    }
    canvas_print(&canvas, out);
    return true;
}

/* ---- listed ---- */

struct listed {
    size_t layer, step;
};

static int compare_listed(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return (x->step > y->step) - (x->step < y->step);
}

static void put_needs(const struct graph_picture *picture, const struct flow_step *step,
                      struct buf *text)
{
    enum { NAMED = 20 };
    if (step->need_count)
        buf_puts(text, picture->look->ascii ? "  <- " : "  ← ");
    for (size_t i = 0; i < step->need_count && i < NAMED; i++) {
        buf_puts(text, i ? ", " : "");
        graph_put_clean(text, picture->flow->steps[step->needs[i]].id);
    }
    if (step->need_count > NAMED)
        buf_printf(text, " and %zu more", step->need_count - NAMED);
}

static int name_columns(const struct flow *flow)
{
    int most = 0;
    for (size_t i = 0; i < flow->step_count; i++) {
        int width = graph_width(flow->steps[i].id);
        most = width > most ? width : most;
    }
    return most < NAME_COLUMNS_MOST ? most : NAME_COLUMNS_MOST;
}

static void list_step(struct graph_picture *picture, struct graph_canvas *canvas, size_t index,
                      int columns)
{
    const struct flow_step *step = &picture->flow->steps[index];
    struct graph_mark mark = graph_mark_of(picture->look, step, index);
    const char *words = graph_words(picture, index);
    struct buf name = {0}, needs = {0};
    size_t row = canvas->count - 1;
    int x = NUMBER_COLUMNS + 2, left = picture->look->width;
    graph_put_clean(&name, step->id);
    put_needs(picture, step, &needs);
    canvas_text(canvas, row, NUMBER_COLUMNS, mark.sign, 1, mark.color);
    canvas_text(canvas, row, x, buf_text(&name), columns, 0);
    x += columns + 2;
    int most = needs.len ? (left - x) / 2 : left - x;
    int wide = graph_width(words) < most ? graph_width(words) : most;
    canvas_text(canvas, row, x, words, most, mark.suffix ? mark.color : 0);
    x += wide;
    canvas_text(canvas, row, x, buf_text(&needs), left - x, 0);
    buf_fini(&name);
    buf_fini(&needs);
}

static void put_list(struct graph_picture *picture, struct buf *out)
{
    const struct flow *flow = picture->flow;
    const struct graph_look *look = picture->look;
    struct arena rows = {0}, *kept = picture->arena;
    size_t layers, *layer = graph_layers_of(flow, kept, &layers), before = SIZE_MAX;
    struct listed *order = arena_alloc(kept, (flow->step_count + 1) * sizeof(*order));
    int columns = name_columns(flow);
    for (size_t i = 0; i < flow->step_count; i++)
        order[i] = (struct listed){layer[i], i};
    qsort(order, flow->step_count, sizeof(*order), compare_listed);
    picture->arena = &rows;
    for (size_t i = 0; i < flow->step_count; i++) {
        struct graph_canvas line = {
            .arena = &rows, .width = look->width, .ascii = look->ascii, .color = look->color};
        char number[24];
        canvas_row(&line);
        snprintf(number, sizeof(number), "%4zu", order[i].layer + 1);
        if (order[i].layer != before)
            canvas_text(&line, 0, 0, number, NUMBER_COLUMNS, 0);
        before = order[i].layer;
        list_step(picture, &line, order[i].step, columns);
        canvas_print(&line, out);
        arena_fini(&rows);
    }
    picture->arena = kept;
}

void graph_text(const struct flow *flow, const struct graph_look *look, struct buf *out)
{
    enum { NARROWEST = 40, WIDEST = 1000 };
    struct arena arena = {0};
    struct graph_look own = *look;
    own.width = own.width < NARROWEST ? NARROWEST : own.width > WIDEST ? WIDEST : own.width;
    struct graph_picture picture = {.flow = flow, .look = &own, .arena = &arena};
    if (!put_picture(&picture, out)) {
        picture = (struct graph_picture){.flow = flow, .look = &own, .arena = &arena};
        put_list(&picture, out);
    }
    if (flow->on_failure) {
        buf_puts(out, "on failure: ");
        graph_put_who(out, flow->on_failure);
        buf_putc(out, '\n');
    }
    arena_fini(&arena);
}
