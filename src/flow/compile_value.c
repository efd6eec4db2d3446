/* Single values of a workflow's file: typed by the table of keys, with their places. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "config/values.h"
#include "flow/compile.h"
#include "flow/keys.h"

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

static bool number_of(const json_t *value, const struct config_key *key, int64_t *out)
{
    switch (key->kind) {
    case KEY_INT:
        return value_to_int(value, key, out);
    case KEY_DURATION:
        return value_duration(value, key, out);
    case KEY_AMOUNT:
        return value_amount(value, key, out);
    default:
        return value_usd(value, out);
    }
}

int64_t flow_number(const json_t *object, const char *path)
{
    int64_t number;
    bool later = false;
    const struct config_key *key = key_table_find(flow_keys(), path, &later);
    if (number_of(json_object_get(object, last_part(path)), key, &number))
        return number;
    if (!key->fallback)
        return -1;
    if (key->kind == KEY_DURATION)
        return time_parse_duration(key->fallback, &number) ? number : -1;
    return strtoll(key->fallback, NULL, 10);
}

bool flow_flag(const json_t *object, const char *path)
{
    bool later = false;
    const json_t *value = json_object_get(object, last_part(path));
    if (json_is_boolean(value))
        return json_is_true(value);
    return str_eq(key_table_find(flow_keys(), path, &later)->fallback, "true");
}

const char *flow_text(struct flow_compile *compile, const json_t *object, const char *path)
{
    bool later = false;
    const char *text = json_string_value(json_object_get(object, last_part(path)));
    if (!text)
        text = key_table_find(flow_keys(), path, &later)->fallback;
    return arena_strdup(compile->arena, text);
}

struct place flow_place(const struct flow_compile *compile, const char *pointer)
{
    return yaml_place(compile->document, pointer);
}

struct place flow_key_place(const struct flow_compile *compile, const char *pointer)
{
    return yaml_key_place(compile->document, pointer);
}

const char *flow_below(const struct flow_compile *compile, const char *pointer, const char *name)
{
    return yaml_pointer(compile->arena, pointer, name);
}

const char *flow_what(const struct flow_compile *compile, const char *pointer)
{
    char *what = arena_strdup(compile->arena, pointer), *to = what;
    for (const char *from = pointer + (*pointer == '/'); *from;) {
        size_t len = strcspn(from, "/");
        if (strspn(from, "0123456789") != len) { /* not an item of a list */
            if (to > what)
                *to++ = '.';
            for (size_t i = 0; i < len; i++) {
                bool escaped = from[i] == '~' && (from[i + 1] == '0' || from[i + 1] == '1');
                *to++ = !escaped ? from[i] : from[++i] == '0' ? '~' : '/';
            }
        }
        from += len + (from[len] == '/');
    }
    *to = '\0';
    return what;
}

static struct flow_use *use_add(struct flow_compile *compile, const struct flow_use *use)
{
    if (compile->use_count == compile->use_cap) {
        size_t cap = compile->use_cap ? compile->use_cap * 2 : 64;
        struct flow_use *uses = arena_alloc(compile->arena, cap * sizeof(*uses));
        if (compile->use_count)
            memcpy(uses, compile->uses, compile->use_count * sizeof(*uses));
        compile->uses = uses;
        compile->use_cap = cap;
    }
    compile->uses[compile->use_count] = *use;
    return &compile->uses[compile->use_count++];
}

static struct expr_source source_at(struct flow_compile *compile, const char *pointer)
{
    return (struct expr_source){compile->arena, compile->findings, flow_place(compile, pointer),
                                flow_what(compile, pointer)};
}

struct expr *flow_compile_expr(struct flow_compile *compile, const json_t *value,
                               const char *pointer, const struct flow_use *use)
{
    const char *text =
        json_is_boolean(value) ? json_is_true(value) ? "true" : "false" : json_string_value(value);
    if (str_is_blank(text))
        return NULL;
    struct expr_source source = source_at(compile, pointer);
    struct expr *expr = expr_parse(text, &source);
    if (!expr)
        return NULL;
    struct flow_use *added = use_add(compile, use);
    added->expr = expr;
    added->source = source;
    return expr;
}

struct inside {
    struct flow_compile *compile;
    const char *pointer;
};

static struct place place_inside(void *ctx, const char *pointer)
{
    const struct inside *inside = ctx;
    return flow_place(inside->compile,
                      arena_printf(inside->compile->arena, "%s%s", inside->pointer, pointer));
}

struct flow_value *flow_compile_value(struct flow_compile *compile, const json_t *value,
                                      const char *pointer, const struct flow_use *use)
{
    if (!value)
        return NULL;
    struct inside inside = {compile, pointer};
    struct expr_source source = source_at(compile, pointer);
    struct flow_value *read = flow_value_parse(value, &source, place_inside, &inside);
    if (!read)
        return NULL;
    struct flow_use *added = use_add(compile, use);
    added->value = read;
    added->source = source;
    return read;
}
