/* The keywords of JSON Schema: one function for each, and a table of them. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/json_schema_look.h"
#include "base/json_schema_word.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/pattern.h"
#include "base/str.h"

const char *const schema_types[] = {"object",  "array",   "string", "number",
                                    "integer", "boolean", "null",   NULL};

/* ---- values ---- */

/* Numbers are equal by value, whatever their form; objects whatever their order. */
static bool same(struct schema_check *check, const json_t *a, const json_t *b)
{
    const char *key;
    json_t *member;
    if (!schema_spend(check, 1))
        return false;
    if (json_is_number(a) && json_is_number(b))
        return json_is_integer(a) && json_is_integer(b)
                   ? json_integer_value(a) == json_integer_value(b)
                   : json_number_value(a) == json_number_value(b);
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_array(a)) {
        bool equal = json_array_size(a) == json_array_size(b);
        for (size_t i = 0; equal && i < json_array_size(a); i++)
            equal = same(check, json_array_get(a, i), json_array_get(b, i));
        return equal;
    }
    if (!json_is_object(a))
        return json_equal(a, b);
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach ((json_t *)a, key, member) {
        const json_t *other = json_object_get(b, key);
        if (!other || !same(check, member, other))
            return false;
    }
    return true;
}

static bool is_whole(const json_t *value)
{
    double real = json_real_value(value);
    return json_is_integer(value) || (json_is_real(value) && floor(real) == real);
}

static bool has_type(const json_t *value, const char *type)
{
    switch (type[0]) {
    case 'o':
        return json_is_object(value);
    case 'a':
        return json_is_array(value);
    case 's':
        return json_is_string(value);
    case 'b':
        return json_is_boolean(value);
    case 'i':
        return is_whole(value);
    default:
        return type[2] == 'm' ? json_is_number(value) : json_is_null(value);
    }
}

/* <0, 0, >0; whole numbers without rounding. */
static int compare(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b))
        return (json_integer_value(a) > json_integer_value(b)) -
               (json_integer_value(a) < json_integer_value(b));
    double x = json_number_value(a), y = json_number_value(b);
    return (x > y) - (x < y);
}

static size_t code_points(const json_t *text)
{
    size_t count = 0;
    for (const char *c = json_string_value(text); *c; c++)
        count += ((unsigned char)*c & 0xc0) != 0x80;
    return count;
}

/* ---- keywords: any value ---- */

static bool fits_type(const struct schema_look *look)
{
    size_t i;
    const json_t *name;
    char names[160] = "";
    if (json_is_string(look->operand)) {
        snprintf(names, sizeof(names), "of type %s", json_string_value(look->operand));
        return has_type(look->value, json_string_value(look->operand)) || schema_must(look, names);
    }
    json_array_foreach (look->operand, i, name) {
        size_t len = strlen(names);
        if (has_type(look->value, json_string_value(name)))
            return true;
        snprintf(names + len, sizeof(names) - len, "%s%s", i ? " or " : "of type ",
                 json_string_value(name));
    }
    return schema_must(look, names);
}

static bool fits_enum(const struct schema_look *look)
{
    size_t i;
    const json_t *one;
    struct buf names = {0};
    json_array_foreach (look->operand, i, one) {
        if (same(look->check, one, look->value))
            goto found;
        if (names.len < 120) {
            buf_puts(&names, i ? ", " : "one of ");
            schema_put_excerpt(one, &names);
        }
    }
    schema_must(look, buf_text(&names));
    buf_fini(&names);
    return false;
found:
    buf_fini(&names);
    return true;
}

static bool fits_const(const struct schema_look *look)
{
    struct buf wanted = {0};
    bool equal = same(look->check, look->operand, look->value);
    if (!equal) {
        schema_put_excerpt(look->operand, &wanted);
        schema_must(look, buf_text(&wanted));
    }
    buf_fini(&wanted);
    return equal;
}

/* ---- numbers ---- */

static bool bound(const struct schema_look *look, bool holds, const char *words)
{
    struct buf what = {0};
    if (holds)
        return true;
    buf_puts(&what, words);
    schema_put_excerpt(look->operand, &what);
    schema_must(look, buf_text(&what));
    buf_fini(&what);
    return false;
}

static bool fits_minimum(const struct schema_look *look)
{
    return !json_is_number(look->value) ||
           bound(look, compare(look->value, look->operand) >= 0, "at least ");
}

static bool fits_maximum(const struct schema_look *look)
{
    return !json_is_number(look->value) ||
           bound(look, compare(look->value, look->operand) <= 0, "at most ");
}

static bool fits_above(const struct schema_look *look)
{
    return !json_is_number(look->value) ||
           bound(look, compare(look->value, look->operand) > 0, "more than ");
}

static bool fits_below(const struct schema_look *look)
{
    return !json_is_number(look->value) ||
           bound(look, compare(look->value, look->operand) < 0, "less than ");
}

/* 0.3 is a multiple of 0.1 for people, though not in binary. */
static bool fits_multiple(const struct schema_look *look)
{
    if (!json_is_number(look->value))
        return true;
    if (json_is_integer(look->value) && json_is_integer(look->operand))
        return bound(look, json_integer_value(look->value) % json_integer_value(look->operand) == 0,
                     "a multiple of ");
    double times = json_number_value(look->value) / json_number_value(look->operand);
    bool near = isfinite(times) && fabs(times - round(times)) <= 1e-9 * fmax(1, fabs(times));
    return bound(look, near, "a multiple of ");
}

/* ---- texts ---- */

static bool sized(const struct schema_look *look, size_t size, bool at_least, const char *unit)
{
    json_int_t limit = json_integer_value(look->operand);
    bool holds = at_least ? (json_int_t)size >= limit : (json_int_t)size <= limit;
    if (!holds)
        schema_finding(look, "must have at %s %lld %s, not %zu", at_least ? "least" : "most",
                       (long long)limit, unit, size);
    return holds;
}

static bool fits_min_length(const struct schema_look *look)
{
    return !json_is_string(look->value) ||
           sized(look, code_points(look->value), true, "characters");
}

static bool fits_max_length(const struct schema_look *look)
{
    return !json_is_string(look->value) ||
           sized(look, code_points(look->value), false, "characters");
}

/* 1, 0, or -1 where the work ran out. Each expression is compiled once per check. */
static int matches(struct schema_check *check, const char *expression, const char *text)
{
    struct pattern *pattern = map_get(&check->patterns, expression);
    if (!pattern) {
        schema_spend(check, LIMIT_REGEX_CODE);
        if (check->patterns.count == LIMIT_SCHEMA_PATTERNS ||
            !(pattern = pattern_open(expression, NULL)))
            return 0;
        map_put(&check->patterns, expression, pattern);
    }
    int found = pattern_find(pattern, text, strlen(text), &check->work);
    check->given_up = check->given_up || found < 0;
    return found;
}

static bool fits_pattern(const struct schema_look *look)
{
    if (!json_is_string(look->value) ||
        matches(look->check, json_string_value(look->operand), json_string_value(look->value)) == 1)
        return true;
    struct buf what = {0};
    buf_puts(&what, "a text that matches ");
    schema_put_cut(json_string_value(look->operand), strlen(json_string_value(look->operand)), 80,
                   &what);
    schema_must(look, buf_text(&what));
    buf_fini(&what);
    return false;
}

/* ---- objects ---- */

static bool fits_required(const struct schema_look *look)
{
    size_t i;
    const json_t *name;
    bool all = true;
    if (!json_is_object(look->value))
        return true;
    json_array_foreach (look->operand, i, name)
        if (schema_spend(look->check, 1) && !json_object_get(look->value, json_string_value(name)))
            all = schema_finding(look, "the member \"%.100s\" is missing", json_string_value(name));
    return all;
}

static bool fits_properties(const struct schema_look *look)
{
    const char *name;
    json_t *schema;
    bool all = true;
    json_object_foreach ((json_t *)look->operand, name, schema) {
        struct schema_place place = {look->place, name, 0};
        const json_t *member = json_object_get(look->value, name);
        if (member)
            all = schema_fits(look->check, schema, member, &place) && all;
    }
    return all;
}

static bool fits_pattern_properties(const struct schema_look *look)
{
    const char *name, *expression;
    json_t *member, *schema;
    bool all = true;
    if (!json_is_object(look->value))
        return true;
    json_object_foreach ((json_t *)look->value, name, member)
        json_object_foreach ((json_t *)look->operand, expression, schema) {
            struct schema_place place = {look->place, name, 0};
            if (!look->check->given_up && matches(look->check, expression, name) == 1)
                all = schema_fits(look->check, schema, member, &place) && all;
        }
    return all;
}

static bool is_named(const struct schema_look *look, const char *name)
{
    const json_t *patterns = json_object_get(look->schema, "patternProperties");
    const char *expression;
    json_t *schema;
    if (json_object_get(json_object_get(look->schema, "properties"), name))
        return true;
    json_object_foreach ((json_t *)patterns, expression, schema)
        if (matches(look->check, expression, name) == 1)
            return true;
    return false;
}

static bool fits_additional(const struct schema_look *look)
{
    const char *name;
    json_t *member;
    bool all = true;
    if (!json_is_object(look->value))
        return true;
    json_object_foreach ((json_t *)look->value, name, member) {
        struct schema_place place = {look->place, name, 0};
        if (!schema_spend(look->check, 1) || is_named(look, name))
            continue;
        if (json_is_false(look->operand))
            all = schema_finding(look, "the member \"%.100s\" is not allowed", name);
        else
            all = schema_fits(look->check, look->operand, member, &place) && all;
    }
    return all;
}

static bool fits_min_properties(const struct schema_look *look)
{
    return !json_is_object(look->value) ||
           sized(look, json_object_size(look->value), true, "members");
}

static bool fits_max_properties(const struct schema_look *look)
{
    return !json_is_object(look->value) ||
           sized(look, json_object_size(look->value), false, "members");
}

/* ---- lists ---- */

static bool fits_prefix(const struct schema_look *look)
{
    size_t i;
    const json_t *item;
    bool all = true;
    json_array_foreach (look->value, i, item) {
        struct schema_place place = {look->place, NULL, i};
        if (i == json_array_size(look->operand))
            break;
        all = schema_fits(look->check, json_array_get(look->operand, i), item, &place) && all;
    }
    return all;
}

static bool fits_items(const struct schema_look *look)
{
    bool all = true;
    size_t first = json_array_size(json_object_get(look->schema, "prefixItems"));
    for (size_t i = first; i < json_array_size(look->value) && !look->check->given_up; i++) {
        struct schema_place place = {look->place, NULL, i};
        all =
            schema_fits(look->check, look->operand, json_array_get(look->value, i), &place) && all;
    }
    return all;
}

static bool fits_min_items(const struct schema_look *look)
{
    return !json_is_array(look->value) || sized(look, json_array_size(look->value), true, "items");
}

static bool fits_max_items(const struct schema_look *look)
{
    return !json_is_array(look->value) || sized(look, json_array_size(look->value), false, "items");
}

/* Equal values print equally once whole numbers have one form. New reference. */
static json_t *plain(const json_t *value)
{
    size_t i;
    const char *name;
    json_t *item, *copy;
    if (json_is_real(value) && is_whole(value) && fabs(json_real_value(value)) < 9e15)
        return json_integer((json_int_t)json_real_value(value));
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach (value, i, item)
            json_array_append_new(copy, plain(item));
        return copy;
    }
    if (!json_is_object(value))
        return json_incref((json_t *)value);
    copy = json_object();
    json_object_foreach ((json_t *)value, name, item)
        json_object_set_new(copy, name, plain(item));
    return copy;
}

static void put_canonical(const json_t *value, struct buf *out)
{
    json_t *copy = plain(value);
    json_put(out, copy, JSON_SORT_KEYS);
    json_decref(copy);
}

static bool fits_unique(const struct schema_look *look)
{
    struct map seen = {0};
    struct buf text = {0};
    size_t i, twin = 0;
    const json_t *item;
    if (!json_is_true(look->operand) || json_array_size(look->value) < 2)
        return true;
    json_array_foreach (look->value, i, item) {
        buf_clear(&text);
        put_canonical(item, &text);
        if (!schema_spend(look->check, 1 + (int64_t)text.len / 16))
            break;
        twin = (size_t)(uintptr_t)map_put(&seen, buf_text(&text), (void *)(uintptr_t)(i + 1));
        if (twin) {
            schema_finding(look, "the items %zu and %zu are equal", twin - 1, i);
            break;
        }
    }
    map_fini(&seen);
    buf_fini(&text);
    return !twin;
}

/* ---- schemas of the same value ---- */

static bool fits_quietly(const struct schema_look *look, const json_t *schema)
{
    look->check->quiet++;
    bool good = schema_fits(look->check, schema, look->value, look->place);
    look->check->quiet--;
    return good;
}

static size_t count_fitting(const struct schema_look *look, size_t enough)
{
    size_t i, count = 0;
    const json_t *schema;
    json_array_foreach (look->operand, i, schema)
        if (count < enough)
            count += fits_quietly(look, schema);
    return count;
}

static bool fits_all_of(const struct schema_look *look)
{
    size_t i;
    const json_t *schema;
    bool all = true;
    json_array_foreach (look->operand, i, schema)
        all = schema_fits(look->check, schema, look->value, look->place) && all;
    return all;
}

static bool fits_any_of(const struct schema_look *look)
{
    return count_fitting(look, 1) > 0 || schema_finding(look, "fits none of the %zu forms of anyOf",
                                                        json_array_size(look->operand));
}

static bool fits_one_of(const struct schema_look *look)
{
    size_t count = count_fitting(look, 2);
    return count == 1 ||
           schema_finding(look, "fits %s of the %zu forms of oneOf, must fit exactly one",
                          count ? "several" : "none", json_array_size(look->operand));
}

static bool fits_not(const struct schema_look *look)
{
    return !fits_quietly(look, look->operand) || schema_finding(look, "fits what `not` forbids");
}

static bool fits_ref(const struct schema_look *look)
{
    const json_t *schema = schema_ref(look->check->root, json_string_value(look->operand));
    return schema && schema_fits(look->check, schema, look->value, look->place);
}

static const struct schema_word known[] = {
    {"type", OPERAND_TYPE, fits_type},
    {"properties", OPERAND_SCHEMA_MAP, fits_properties},
    {"required", OPERAND_NAMES, fits_required},
    {"items", OPERAND_SCHEMA, fits_items},
    {"enum", OPERAND_LIST, fits_enum},
    {"const", OPERAND_ANY, fits_const},
    {"additionalProperties", OPERAND_SCHEMA, fits_additional},
    {"patternProperties", OPERAND_PATTERN_MAP, fits_pattern_properties},
    {"minProperties", OPERAND_COUNT, fits_min_properties},
    {"maxProperties", OPERAND_COUNT, fits_max_properties},
    {"prefixItems", OPERAND_SCHEMAS, fits_prefix},
    {"minItems", OPERAND_COUNT, fits_min_items},
    {"maxItems", OPERAND_COUNT, fits_max_items},
    {"uniqueItems", OPERAND_BOOL, fits_unique},
    {"minLength", OPERAND_COUNT, fits_min_length},
    {"maxLength", OPERAND_COUNT, fits_max_length},
    {"pattern", OPERAND_PATTERN, fits_pattern},
    {"minimum", OPERAND_NUMBER, fits_minimum},
    {"maximum", OPERAND_NUMBER, fits_maximum},
    {"exclusiveMinimum", OPERAND_NUMBER, fits_above},
    {"exclusiveMaximum", OPERAND_NUMBER, fits_below},
    {"multipleOf", OPERAND_STEP, fits_multiple},
    {"allOf", OPERAND_SCHEMAS_HERE, fits_all_of},
    {"anyOf", OPERAND_SCHEMAS_HERE, fits_any_of},
    {"oneOf", OPERAND_SCHEMAS_HERE, fits_one_of},
    {"not", OPERAND_SCHEMA_HERE, fits_not},
    {"$ref", OPERAND_REF, fits_ref},
    {"$defs", OPERAND_SCHEMA_MAP, NULL},
    {"title", OPERAND_TEXT, NULL},
    {"description", OPERAND_TEXT, NULL},
    {"default", OPERAND_ANY, NULL},
    {"examples", OPERAND_ANY, NULL},
    {"deprecated", OPERAND_BOOL, NULL},
    {"readOnly", OPERAND_BOOL, NULL},
    {"writeOnly", OPERAND_BOOL, NULL},
    {"format", OPERAND_TEXT, NULL},
    {"$schema", OPERAND_TEXT, NULL},
    {"$id", OPERAND_TEXT, NULL},
    {"$comment", OPERAND_TEXT, NULL},
};

const struct schema_word *schema_word_find(const char *name)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (str_eq(known[i].name, name))
            return &known[i];
    return NULL;
}
