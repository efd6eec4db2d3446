/* A workflow on its way to a picture: layers of lanes (graph_layers.c), where they stand
 * (graph_place.c), the lines between them (graph_lines.c), and what is drawn on (graph_canvas.c).
 */
#ifndef HQ_FLOW_GRAPH_PICTURE_H
#define HQ_FLOW_GRAPH_PICTURE_H

#include <stdint.h>

#include "base/arena.h"
#include "flow/graph.h"

enum {
    GRAPH_STEPS_DRAWN = 300, /* more are a list: nobody follows lines over a thousand rows */
    GRAPH_LANE = 4,          /* columns of the narrowest lane: a line and its gap */
    GRAPH_LABEL_LEAST = 12,  /* columns that a step needs to be told from others */
};

/* A step in its layer, or the line of an earlier one that passes through. */
struct graph_lane {
    size_t step;
    bool is_line;
    int label; /* columns of its words; 0 of a line */
    int room;  /* columns that it takes, gap included */
    int x;
    double wish;       /* while they are put into order */
    size_t *up, *down; /* lanes of the layers above and below that it is joined with */
    size_t up_count, down_count;
};

struct graph_layer {
    struct graph_lane *lanes; /* fixed; */
    size_t *order;            /* from left to right */
    size_t count;
};

struct graph_picture {
    const struct flow *flow;
    const struct graph_look *look;
    struct arena *arena;
    struct graph_layer *layers;
    size_t count;
};

/* The layer of each step (the longest way to it), in the arena; *count: how many there are. */
size_t *graph_layers_of(const struct flow *flow, struct arena *arena, size_t *count);

/* Fills layers, lanes and joints; false: too many for a picture. */
bool graph_build(struct graph_picture *picture);

/* Puts lanes into an order with few crossings and gives them their x; false: not wide enough. */
void graph_sort(struct graph_picture *picture);
bool graph_place(struct graph_picture *picture);

/* ---- words ---- */

/* Appends text without control characters and signs that change its direction. */
void graph_put_clean(struct buf *out, const char *text);
/* "webster", "role:engineer decides", "$ make", "waits 2h" … cleaned. */
void graph_put_who(struct buf *out, const struct flow_step *step);
int graph_width(const char *text);
struct graph_mark graph_mark_of(const struct graph_look *look, const struct flow_step *step,
                                size_t index);
/* The words below a step's name: its mark's suffix, else who does it. In the arena. */
const char *graph_words(const struct graph_picture *picture, size_t step);

/* ---- canvas ---- */

struct graph_cell {
    char bytes[5]; /* "": what the wide one before it covers */
    uint8_t color;
};

struct graph_row {
    struct graph_cell *cells; /* width of them */
};

struct graph_canvas {
    struct arena *arena;
    int width;
    bool ascii, color;
    struct graph_row *rows;
    size_t count, cap;
};

/* Adds an empty row; returns its index. */
size_t canvas_row(struct graph_canvas *canvas);
/* Writes text from x on, cut to `room` columns. */
void canvas_text(struct graph_canvas *canvas, size_t row, int x, const char *text, int room,
                 int color);
enum { LINE_UP = 1, LINE_DOWN = 2, LINE_LEFT = 4, LINE_RIGHT = 8 };
/* Sets one cell to the line with these arms. */
void canvas_line(struct graph_canvas *canvas, size_t row, int x, unsigned arms);
void canvas_print(const struct graph_canvas *canvas, struct buf *out);

/* Draws the rows between a layer and the next; false: its lines cannot be told apart. */
bool graph_draw_lines(struct graph_picture *picture, size_t layer, struct graph_canvas *canvas);

#endif
