/* The graph for other programs: DOT (graphviz.org, "The DOT Language") and Mermaid (mermaid.js.org,
 * "Flowchart", "Entity codes"). Nodes are called s0, s1 …; names stand only in quoted labels, in
 * which every character that the language could read is written otherwise. */
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "flow/graph_picture.h"

enum { LABEL_MOST = 120 }; /* characters of one line */

/* Cleans, and cuts what nobody would read in a box. */
static void put_cut(struct buf *out, const char *text)
{
    struct buf clean = {0};
    size_t at = 0;
    graph_put_clean(&clean, text);
    for (int i = 0; i < LABEL_MOST && at < clean.len; i++) {
        uint32_t c;
        at += str_utf8_next(clean.bytes + at, &c);
    }
    buf_put(out, buf_text(&clean), at);
    buf_puts(out, at < clean.len ? "…" : "");
    buf_fini(&clean);
}

typedef void put_escaped(struct buf *out, const char *text);

/* In a quoted string, \ begins an escape and & an entity. */
static void put_dot(struct buf *out, const char *text)
{
    struct buf cut = {0};
    put_cut(&cut, text);
    for (const char *at = buf_text(&cut); *at; at++) {
        if (*at == '"' || *at == '\\')
            buf_putc(out, '\\');
        buf_puts(out, *at == '&' ? "&amp;" : "");
        if (*at != '&')
            buf_putc(out, *at);
    }
    buf_fini(&cut);
}

static bool is_harmless(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80 || strchr(" .,:-/+=?!", c);
}

static void put_mermaid(struct buf *out, const char *text)
{
    struct buf cut = {0};
    put_cut(&cut, text);
    for (const char *at = buf_text(&cut); *at; at++) {
        if (is_harmless(*at))
            buf_putc(out, *at);
        else
            buf_printf(out, "#%d;", *at);
    }
    buf_fini(&cut);
}

/* Name, title where it is another one, who does it: a line each. */
static void put_label(struct buf *out, const struct flow_step *step, put_escaped *put,
                      const char *line_end)
{
    struct buf who = {0};
    graph_put_who(&who, step);
    put(out, step->id);
    if (step->title && !str_eq(step->title, step->id)) {
        buf_puts(out, line_end);
        put(out, step->title);
    }
    buf_puts(out, line_end);
    put(out, step->condition ? "if … " : "");
    put(out, buf_text(&who));
    buf_fini(&who);
}

void graph_dot(const struct flow *flow, struct buf *out)
{
    buf_puts(out, "digraph \"");
    put_dot(out, flow->name ? flow->name : "");
    buf_puts(out, "\" {\n  rankdir=TB;\n  node [shape=box];\n");
    for (size_t i = 0; i < flow->step_count; i++) {
        const struct flow_step *step = &flow->steps[i];
        buf_printf(out, "  s%zu [label=\"", i);
        put_label(out, step, put_dot, "\\n");
        buf_printf(out, "\"%s%s];\n", step->kind == FLOW_APPROVE ? ", shape=hexagon" : "",
                   step->condition ? ", style=dashed" : "");
    }
    for (size_t i = 0; i < flow->step_count; i++)
        for (size_t n = 0; n < flow->steps[i].need_count; n++)
            buf_printf(out, "  s%zu -> s%zu;\n", flow->steps[i].needs[n], i);
    if (flow->on_failure) {
        buf_puts(out, "  on_failure [label=\"on failure\\n");
        put_label(out, flow->on_failure, put_dot, "\\n");
        buf_puts(out, "\", style=dotted];\n");
    }
    buf_puts(out, "}\n");
}

void graph_mermaid(const struct flow *flow, struct buf *out)
{
    buf_puts(out, "flowchart TD\n");
    for (size_t i = 0; i < flow->step_count; i++) {
        bool gate = flow->steps[i].kind == FLOW_APPROVE;
        buf_printf(out, "  s%zu%s\"", i, gate ? "{{" : "[");
        put_label(out, &flow->steps[i], put_mermaid, "<br/>");
        buf_printf(out, "\"%s\n", gate ? "}}" : "]");
    }
    for (size_t i = 0; i < flow->step_count; i++)
        for (size_t n = 0; n < flow->steps[i].need_count; n++)
            buf_printf(out, "  s%zu --> s%zu\n", flow->steps[i].needs[n], i);
    if (flow->on_failure) {
        buf_puts(out, "  on_failure([\"");
        put_label(out, flow->on_failure, put_mermaid, "<br/>");
        buf_puts(out, "\"])\n");
    }
}
