/* A heap of steps by a number, from which any of them can be taken out: what is ready (by place in
 * the file), what waits, what is due (by time). */
#ifndef HQ_FLOW_INTERPRET_HEAP_H
#define HQ_FLOW_INTERPRET_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_item {
    int64_t key;
    size_t step;
};

struct heap {
    struct heap_item *items; /* the least in front; equal keys: the lower step */
    size_t *place;           /* of a step in items, from 1; 0: it is not in */
    size_t count, room;
};

/* For steps below `steps`. */
void heap_init(struct heap *heap, size_t steps);
void heap_fini(struct heap *heap);

/* Puts a step in, or gives it another key; takes one out (which need not be in). Logarithmic. */
void heap_put(struct heap *heap, size_t step, int64_t key);
void heap_remove(struct heap *heap, size_t step);

/* The least, or NULL; borrowed until the next change. */
const struct heap_item *heap_top(const struct heap *heap);

#endif
