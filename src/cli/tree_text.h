/* The picture of a request's whole tree, as `hq task tree` draws it. */
#ifndef HQ_CLI_TREE_TEXT_H
#define HQ_CLI_TREE_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

struct tree_look {
    bool utf8;
    int columns;
    int64_t now_ms; /* wall clock, for ages */
};

/* Appends a line for each task of the hub's answer ({"root","budget"?,"items":[{"task","handoff"?,
 * "waits"?,"note"?}…]}), children below their parents with box characters (or ASCII), those in a
 * circle of waits marked; then what the tree has used. No line is wider than look->columns. */
void tree_print(const json_t *answer, const struct tree_look *look, struct arena *arena,
                struct buf *out);

/* The ids of the tasks that wait in a circle, as a new array. */
json_t *tree_circle(const json_t *answer);

#endif
