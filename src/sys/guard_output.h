/* What is kept of a command's output: its first and its last half, however much passes. */
#ifndef HQ_SYS_GUARD_OUTPUT_H
#define HQ_SYS_GUARD_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct output {
    char *head, *tail; /* `half` bytes each; the tail is a ring */
    size_t half, head_len;
    uint64_t tail_total; /* bytes that ever went to the tail */
};

/* Keeps the beginning and the end of what was put, `max` bytes in all; put never fails. */
void output_init(struct output *output, size_t max);
void output_fini(struct output *output);
void output_put(struct output *output, const char *bytes, size_t len);

/* The text, cleaned to UTF-8, in the arena; where something was dropped a line says how much. */
char *output_text(const struct output *output, struct arena *arena, int64_t *dropped);

#endif
