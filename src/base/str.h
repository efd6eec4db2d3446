/* Questions about text: equality, prefixes, UTF-8, and the nearest known word. */
#ifndef HQ_BASE_STR_H
#define HQ_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_is_empty(const char *text);       /* NULL is empty */
bool str_is_blank(const char *text);       /* NULL, empty or only white space */
bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);
bool str_in(const char *text, const char *const *words); /* words end with NULL */

/* Returns the text without white space at both ends, in the arena. */
char *str_trim(struct arena *arena, const char *text);
char *str_lower(struct arena *arena, const char *text); /* ASCII only */

/* True where `bytes` is well-formed UTF-8 (RFC 3629) without NUL. */
bool str_is_utf8(const char *bytes, size_t len);

/* The code point at `text`, which is valid UTF-8 (a NUL is one, too): returns its bytes, 1 to 4. */
size_t str_utf8_next(const char *text, uint32_t *code_point);

/* Returns a copy in which every ill-formed byte and every NUL is U+FFFD: the one boundary that
 * model and tool text passes before it becomes JSON. */
char *str_clean_utf8(struct arena *arena, const char *bytes, size_t len);

/* Cuts at most `max` bytes off without splitting a code point: returns the length to keep. */
size_t str_utf8_cut(const char *bytes, size_t len, size_t max);

/* Returns the word nearest to `text` by edit distance, or NULL when none is near enough to be
 * meant (more than a third of its letters differ). `words` ends with NULL. */
const char *str_nearest(const char *text, const char *const *words);

/* Parses a whole decimal number within [min, max]; false leaves *out alone. */
bool str_to_int(const char *text, int64_t min, int64_t max, int64_t *out);

#endif
