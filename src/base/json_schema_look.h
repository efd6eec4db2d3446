/* A check in progress: between the walk (json_schema.c) and the keywords (json_schema_words.c). */
#ifndef HQ_BASE_JSON_SCHEMA_LOOK_H
#define HQ_BASE_JSON_SCHEMA_LOOK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

struct buf;

/* Where in the value we are: a list on the stack, from the inside out. */
struct schema_place {
    const struct schema_place *up; /* NULL: the whole value */
    const char *key;               /* or */
    size_t index;
};

struct schema_check {
    const json_t *root;
    struct map patterns; /* text → struct pattern */
    struct buf *findings;
    int count, quiet, depth; /* findings; > 0: tell none; schemas in schemas */
    int64_t work;
    bool given_up;
};

/* One keyword looking at one value. */
struct schema_look {
    struct schema_check *check;
    const json_t *schema, *operand, *value;
    const struct schema_place *place;
};

/* Holds the value to the schema; false: it does not fit, or the check was given up. */
bool schema_fits(struct schema_check *check, const json_t *schema, const json_t *value,
                 const struct schema_place *place);

/* Takes off what may be spent; false: nothing is left. */
bool schema_spend(struct schema_check *check, int64_t work);

/* "<pointer>: <sentence>". False, so that `return schema_finding(…)` reads well. */
bool schema_finding(const struct schema_look *look, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The value must be <what>, not <excerpt>. */
bool schema_must(const struct schema_look *look, const char *what);

/* For sentences: the beginning of a text, and a value in a few words. */
void schema_put_cut(const char *text, size_t len, size_t max, struct buf *out);
void schema_put_excerpt(const json_t *value, struct buf *out);

#endif
