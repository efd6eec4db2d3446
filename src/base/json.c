/* The depth scan and small typed accessors over jansson. */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

static bool json_is_shallow(const char *bytes, size_t len)
{
    int depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if (in_text) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_text = false;
        } else if (c == '"') {
            in_text = true;
        } else if (c == '[' || c == '{') {
            if (++depth > LIMIT_JSON_DEPTH)
                return false;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return true;
}

json_t *json_parse(const char *bytes, size_t len, struct err *err)
{
    if (!json_is_shallow(bytes, len)) {
        err_set(err, "bad_json", "JSON is nested deeper than %d levels", LIMIT_JSON_DEPTH);
        return NULL;
    }
    json_error_t at;
    json_t *value = json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &at);
    /* The library's own words here name one of its flags. */
    if (!value && json_error_code(&at) == json_error_null_character)
        err_set(err, "bad_json", "\\u0000 is not allowed in text (line %d, column %d)", at.line,
                at.column);
    else if (!value)
        err_set(err, "bad_json", "not JSON: %s (line %d, column %d)", at.text, at.line, at.column);
    return value;
}

static int put_piece(const char *bytes, size_t len, void *buf)
{
    buf_put(buf, bytes, len);
    return 0;
}

void json_put(struct buf *out, const json_t *value, size_t flags)
{
    json_dump_callback(value, put_piece, out, flags | JSON_COMPACT | JSON_ENCODE_ANY);
}

char *json_print(struct arena *arena, const json_t *value)
{
    struct buf out = {0};
    json_put(&out, value, JSON_SORT_KEYS);
    char *text = arena_memdup(arena, buf_text(&out), out.len);
    buf_fini(&out);
    return text;
}

const char *json_get_text(const json_t *object, const char *key, const char *fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? json_string_value(value) : fallback;
}

int64_t json_get_int(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool json_get_bool(const json_t *object, const char *key, bool fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

json_t *json_text(const char *bytes, size_t len)
{
    if (str_is_utf8(bytes, len))
        return json_stringn_nocheck(bytes, len);
    struct arena arena = {0};
    json_t *value = json_string_nocheck(str_clean_utf8(&arena, bytes, len));
    arena_fini(&arena);
    return value;
}

void json_set_text(json_t *object, const char *key, const char *text)
{
    if (text)
        json_object_set_new(object, key, json_text(text, strlen(text)));
}
