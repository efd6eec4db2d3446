/* What values are, weigh and look like in a text; when two of them are equal. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "flow/expr_tree.h"

enum { WEIGHT_ITEM = 16 }; /* bytes of a value beside its characters: lists of nothing weigh, too */

enum expr_type expr_type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return EXPR_OBJECT;
    case JSON_ARRAY:
        return EXPR_LIST;
    case JSON_STRING:
        return EXPR_TEXT;
    case JSON_INTEGER:
    case JSON_REAL:
        return EXPR_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return EXPR_BOOL;
    case JSON_NULL:
        break;
    }
    return EXPR_NULL;
}

const char *expr_type_word(enum expr_type type)
{
    static const char *const words[] = {"anything", "null",   "true or false", "a number",
                                        "a text",   "a list", "an object"};
    return words[type];
}

static bool numbers_equal(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) == json_integer_value(b);
    return json_number_value(a) == json_number_value(b);
}

static bool lists_equal(const json_t *a, const json_t *b)
{
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!expr_equal(json_array_get(a, i), json_array_get(b, i)))
            return false;
    return true;
}

static bool objects_equal(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *member;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach ((json_t *)a, key, member) {
        const json_t *other = json_object_get(b, key);
        if (!other || !expr_equal(member, other))
            return false;
    }
    return true;
}

bool expr_equal(const json_t *a, const json_t *b)
{
    enum expr_type type = expr_type_of(a);
    if (type != expr_type_of(b))
        return false;
    if (type == EXPR_NUMBER)
        return numbers_equal(a, b);
    if (type == EXPR_LIST)
        return lists_equal(a, b);
    if (type == EXPR_OBJECT)
        return objects_equal(a, b);
    return json_equal(a, b);
}

bool expr_is_true(const json_t *value)
{
    if (json_is_number(value))
        return json_number_value(value) != 0;
    if (json_is_string(value))
        return json_string_length(value) > 0;
    if (json_is_array(value) || json_is_object(value))
        return json_array_size(value) + json_object_size(value) > 0;
    return json_is_true(value);
}

/* The shortest text that reads back as the same number. */
static void put_real(struct buf *out, double value)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_puts(out, text);
}

static bool is_full(const struct buf *out)
{
    return out->len > LIMIT_EXPR_BYTES;
}

static int put_piece(const char *bytes, size_t len, void *ctx)
{
    struct buf *out = ctx;
    buf_put(out, bytes, len);
    return is_full(out) ? -1 : 0;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_object(struct buf *out, const json_t *object)
{
    size_t count = 0;
    const char *key, **keys = malloc((json_object_size(object) + 1) * sizeof(*keys));
    json_t *member;
    if (!keys)
        abort();
    json_object_foreach ((json_t *)object, key, member)
        keys[count++] = key;
    qsort(keys, count, sizeof(*keys), compare_keys);
    buf_putc(out, '{');
    for (size_t i = 0; i < count && !is_full(out); i++) {
        json_t *name = json_string(keys[i]);
        buf_puts(out, i ? "," : "");
        expr_put_json(out, name);
        buf_putc(out, ':');
        expr_put_json(out, json_object_get(object, keys[i]));
        json_decref(name);
    }
    buf_putc(out, '}');
    free(keys);
}

void expr_put_json(struct buf *out, const json_t *value)
{
    if (json_is_object(value)) {
        put_object(out, value);
    } else if (json_is_array(value)) {
        buf_putc(out, '[');
        for (size_t i = 0; i < json_array_size(value) && !is_full(out); i++) {
            buf_puts(out, i ? "," : "");
            expr_put_json(out, json_array_get(value, i));
        }
        buf_putc(out, ']');
    } else if (json_is_real(value)) {
        put_real(out, json_real_value(value));
    } else {
        json_dump_callback(value, put_piece, out, JSON_ENCODE_ANY);
    }
}

void expr_put_text(struct buf *out, const json_t *value)
{
    if (json_is_string(value))
        put_piece(json_string_value(value), json_string_length(value), out);
    else if (!json_is_null(value))
        expr_put_json(out, value);
}

static bool spend(size_t *left, size_t weight)
{
    if (weight > *left)
        return false;
    *left -= weight;
    return true;
}

static bool weigh(const json_t *value, size_t *left, int depth)
{
    const char *key;
    json_t *member;
    size_t i;
    if (depth > LIMIT_JSON_DEPTH || !spend(left, WEIGHT_ITEM + json_string_length(value)))
        return false;
    json_array_foreach (value, i, member)
        if (!weigh(member, left, depth + 1))
            return false;
    json_object_foreach ((json_t *)value, key, member) {
        if (!spend(left, strlen(key)) || !weigh(member, left, depth + 1))
            return false;
    }
    return true;
}

bool expr_weigh(const json_t *value, size_t *left)
{
    return weigh(value, left, json_is_array(value) || json_is_object(value));
}
