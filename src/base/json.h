/* Bounded JSON: what comes from outside passes here before jansson sees it. */
#ifndef HQ_BASE_JSON_H
#define HQ_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct buf;
struct err;

/* Parses `len` bytes: at most LIMIT_JSON_DEPTH levels (checked before parsing, because jansson
 * recurses), no duplicate keys, valid UTF-8, no NUL. Any top-level value is allowed.
 * Returns a new reference, or NULL with *err filled (code "bad_json"). */
json_t *json_parse(const char *bytes, size_t len, struct err *err);

/* Returns compact text with sorted keys (equal values give equal text), in the arena. */
char *json_print(struct arena *arena, const json_t *value);

/* Appends compact text; `flags` are jansson's, such as JSON_SORT_KEYS. */
void json_put(struct buf *out, const json_t *value, size_t flags);

/* Typed looks into an object; the fallback is for absent, null or another type. Strings are
 * borrowed from the value. */
const char *json_get_text(const json_t *object, const char *key, const char *fallback);
int64_t json_get_int(const json_t *object, const char *key, int64_t fallback);
bool json_get_bool(const json_t *object, const char *key, bool fallback);

/* Sets key to text, or leaves it out where text is NULL; invalid UTF-8 is replaced by U+FFFD. */
void json_set_text(json_t *object, const char *key, const char *text);

/* A new JSON string of any bytes, cleaned to UTF-8. */
json_t *json_text(const char *bytes, size_t len);

#endif
