/* A workflow as a picture: text for terminals, DOT (graphviz.org: The DOT Language), Mermaid
 * (mermaid.js.org: flowchart). */
#ifndef HQ_FLOW_GRAPH_H
#define HQ_FLOW_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/spec.h"

struct buf;

/* One step's looks; index as in flow->steps. Colour comes from the caller. */
struct graph_mark {
    const char *sign;   /* "●", or NULL */
    const char *suffix; /* "working 2m10s", or NULL */
    int color;          /* SGR number, 0: none */
};

struct graph_look {
    struct graph_mark (*mark)(void *ctx, size_t step); /* NULL: plain */
    void *ctx;
    int width;  /* columns, 80 */
    bool ascii; /* no characters beyond ASCII */
    bool color;
};

/* Layers from left to right as a column of lines: what runs in parallel stands side by side as far
 * as the width allows. Names are cleaned of control characters. Ends each line with a newline. */
void graph_text(const struct flow *flow, const struct graph_look *look, struct buf *out);
void graph_dot(const struct flow *flow, struct buf *out);
void graph_mermaid(const struct flow *flow, struct buf *out);

#endif
