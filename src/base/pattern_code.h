/* A pattern's program: between the compiler (pattern.c) and the machine that runs it
 * (pattern_find.c). */
#ifndef HQ_BASE_PATTERN_CODE_H
#define HQ_BASE_PATTERN_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum pattern_op {
    PATTERN_SET,     /* one character of (or, negated, not of) ranges[x … x+y) */
    PATTERN_SPLIT,   /* go on at both: here + x, here + y */
    PATTERN_JUMP,    /* go on at here + x */
    PATTERN_BEGIN,   /* ^ */
    PATTERN_END,     /* $ */
    PATTERN_WORD,    /* \b */
    PATTERN_NO_WORD, /* \B */
    PATTERN_FOUND,
};

/* Targets are relative, so that a part's instructions can be copied and moved. */
struct pattern_step {
    enum pattern_op op;
    bool negated;
    int32_t x, y;
};

struct pattern_range {
    uint32_t first, last;
};

struct pattern {
    struct arena arena;
    struct pattern_step *code;
    struct pattern_range *ranges;
    size_t count, range_count;
};

#endif
