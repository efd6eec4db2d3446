/* The functions of expressions: one table, which the check, the evaluation and the help read. The
 * evaluation calls a function only with values of the types in its row. */
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "flow/expr_tree.h"

/* NULL where it is too large, as what every function returns then. */
static json_t *text_or_null(struct buf *text)
{
    json_t *value = NULL;
    if (text->len <= LIMIT_EXPR_BYTES)
        value = json_stringn(buf_text(text), text->len);
    buf_fini(text);
    return value;
}

static const char *text_of(const json_t *value)
{
    return json_string_value(value);
}

static json_t *call_contains(json_t *const *args, size_t count)
{
    size_t i;
    const json_t *item;
    (void)count;
    if (json_is_string(args[0]))
        return json_boolean(json_is_string(args[1]) && strstr(text_of(args[0]), text_of(args[1])));
    json_array_foreach (args[0], i, item)
        if (expr_equal(item, args[1]))
            return json_true();
    return json_false();
}

static json_t *call_starts_with(json_t *const *args, size_t count)
{
    (void)count;
    return json_boolean(str_starts(text_of(args[0]), text_of(args[1])));
}

static json_t *call_ends_with(json_t *const *args, size_t count)
{
    (void)count;
    return json_boolean(str_ends(text_of(args[0]), text_of(args[1])));
}

static json_t *call_length(json_t *const *args, size_t count)
{
    json_int_t points = 0;
    (void)count;
    if (!json_is_string(args[0]))
        return json_integer((json_int_t)(json_array_size(args[0]) + json_object_size(args[0])));
    for (const char *at = text_of(args[0]); *at; at++)
        points += ((unsigned char)*at & 0xc0) != 0x80;
    return json_integer(points);
}

static json_t *call_lower(json_t *const *args, size_t count)
{
    (void)count;
    return expr_letters(text_of(args[0]), LETTERS_LOWER);
}

static json_t *call_upper(json_t *const *args, size_t count)
{
    (void)count;
    return expr_letters(text_of(args[0]), LETTERS_UPPER);
}

static json_t *call_trim(json_t *const *args, size_t count)
{
    static const char space[] = " \t\n\v\f\r";
    const char *text = text_of(args[0]), *end = text + json_string_length(args[0]);
    (void)count;
    text += strspn(text, space);
    while (end > text && strchr(space, end[-1]))
        end--;
    return json_stringn(text, (size_t)(end - text));
}

static json_t *call_join(json_t *const *args, size_t count)
{
    struct buf text = {0};
    size_t i;
    const json_t *item;
    json_array_foreach (args[0], i, item) {
        buf_puts(&text, i == 0 ? "" : count > 1 ? text_of(args[1]) : ", ");
        expr_put_text(&text, item);
        if (text.len > LIMIT_EXPR_BYTES)
            break;
    }
    return text_or_null(&text);
}

/* Bytes up to the next separator; an empty one stands between any two characters. */
static size_t part_len(const char *text, const char *separator)
{
    uint32_t c;
    const char *found;
    if (!*separator)
        return *text ? str_utf8_next(text, &c) : 0;
    found = strstr(text, separator);
    return found ? (size_t)(found - text) : strlen(text);
}

static json_t *call_split(json_t *const *args, size_t count)
{
    const char *text = text_of(args[0]), *separator = text_of(args[1]);
    json_t *list = json_array();
    size_t most = LIMIT_EXPR_BYTES / 16;
    (void)count;
    while (most-- > 0) {
        size_t len = part_len(text, separator);
        json_array_append_new(list, json_stringn(text, len));
        text += len;
        if (!*text)
            return list;
        text += strlen(separator);
    }
    json_decref(list);
    return NULL;
}

static json_t *call_default(json_t *const *args, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!json_is_null(args[i]))
            return json_incref(args[i]);
    return json_null();
}

static json_t *item_or_null(const json_t *list, size_t index)
{
    json_t *item = json_array_get(list, index);
    return item ? json_incref(item) : json_null();
}

static json_t *call_first(json_t *const *args, size_t count)
{
    (void)count;
    return item_or_null(args[0], 0);
}

static json_t *call_last(json_t *const *args, size_t count)
{
    (void)count;
    return item_or_null(args[0], json_array_size(args[0]) - 1);
}

static json_t *number(double value)
{
    const double most = 9007199254740992.0; /* 2^53: whole numbers beyond it are not exact */
    if (!isfinite(value))
        return json_null();
    if (floor(value) == value && fabs(value) <= most)
        return json_integer((json_int_t)value);
    return json_real(value);
}

static json_t *call_round(json_t *const *args, size_t count)
{
    enum { DIGITS_MOST = 15 };
    double digits = count > 1 ? json_number_value(args[1]) : 0;
    if (json_is_integer(args[0]))
        return json_incref(args[0]);
    if (!(digits >= 0 && digits <= DIGITS_MOST))
        return json_null();
    double scale = pow(10, floor(digits)), value = json_real_value(args[0]);
    double scaled = round(value * scale);
    return isfinite(scaled) ? number(scaled / scale) : json_incref(args[0]);
}

/* The least or the greatest of numbers, or of one list of them; others are left out. */
static json_t *extreme(json_t *const *args, size_t count, bool greatest)
{
    json_t *best = NULL;
    bool is_list = count == 1 && json_is_array(args[0]);
    size_t total = is_list ? json_array_size(args[0]) : count;
    for (size_t i = 0; i < total; i++) {
        json_t *item = is_list ? json_array_get(args[0], i) : args[i];
        if (!json_is_number(item))
            continue;
        double value = json_number_value(item), most = best ? json_number_value(best) : 0;
        if (!best || (greatest ? value > most : value < most))
            best = item;
    }
    return best ? json_incref(best) : json_null();
}

static json_t *call_min(json_t *const *args, size_t count)
{
    return extreme(args, count, false);
}

static json_t *call_max(json_t *const *args, size_t count)
{
    return extreme(args, count, true);
}

static json_t *call_keys(json_t *const *args, size_t count)
{
    const char *key;
    json_t *member, *list = json_array();
    (void)count;
    json_object_foreach (args[0], key, member)
        json_array_append_new(list, json_string(key));
    return list;
}

static json_t *call_to_json(json_t *const *args, size_t count)
{
    struct buf text = {0};
    (void)count;
    expr_put_json(&text, args[0]);
    return text_or_null(&text);
}

static json_t *call_from_json(json_t *const *args, size_t count)
{
    json_t *value = json_parse(text_of(args[0]), json_string_length(args[0]), NULL);
    (void)count;
    return value ? value : json_null();
}

/* Puts what "{3}" at `at` stands for; returns its width, 0 where it is none. */
static size_t put_argument(struct buf *text, const char *at, json_t *const *args, size_t count)
{
    size_t digits = strspn(at + 1, "0123456789"), index = 0;
    if (digits == 0 || digits > 2 || at[1 + digits] != '}')
        return 0;
    for (size_t i = 1; i <= digits; i++)
        index = index * 10 + (size_t)(at[i] - '0');
    if (index + 1 < count)
        expr_put_text(text, args[index + 1]);
    return digits + 2;
}

static json_t *call_format(json_t *const *args, size_t count)
{
    struct buf text = {0};
    const char *at = text_of(args[0]);
    while (*at && text.len <= LIMIT_EXPR_BYTES) {
        size_t width = *at == '{' ? put_argument(&text, at, args, count) : 0;
        if (width) {
            at += width;
            continue;
        }
        bool twice = (*at == '{' || *at == '}') && at[1] == *at;
        buf_putc(&text, *at);
        at += twice ? 2 : 1;
    }
    return text_or_null(&text);
}

enum {
    SIZED = TYPES_TEXT | TYPES_LIST | TYPES_OBJECT,
    IN_WHICH = TYPES_TEXT | TYPES_LIST,
    NUMBERS = TYPES_NUMBER | TYPES_LIST,
};

static const struct expr_function functions[] = {
    {"contains", "(text or list, part)", 2, 2, {IN_WHICH, TYPES_ANY}, EXPR_BOOL, call_contains},
    {"startsWith", "(text, part)", 2, 2, {TYPES_TEXT, TYPES_TEXT}, EXPR_BOOL, call_starts_with},
    {"endsWith", "(text, part)", 2, 2, {TYPES_TEXT, TYPES_TEXT}, EXPR_BOOL, call_ends_with},
    {"length", "(text, list or object)", 1, 1, {SIZED}, EXPR_NUMBER, call_length},
    {"lower", "(text)", 1, 1, {TYPES_TEXT}, EXPR_TEXT, call_lower},
    {"upper", "(text)", 1, 1, {TYPES_TEXT}, EXPR_TEXT, call_upper},
    {"trim", "(text)", 1, 1, {TYPES_TEXT}, EXPR_TEXT, call_trim},
    {"join", "(list, separator?)", 1, 2, {TYPES_LIST, TYPES_TEXT}, EXPR_TEXT, call_join},
    {"split", "(text, separator)", 2, 2, {TYPES_TEXT, TYPES_TEXT}, EXPR_LIST, call_split},
    {"default", "(value, instead…)", 2, EXPR_ARGS, {TYPES_ANY, TYPES_ANY}, EXPR_ANY, call_default},
    {"first", "(list)", 1, 1, {TYPES_LIST}, EXPR_ANY, call_first},
    {"last", "(list)", 1, 1, {TYPES_LIST}, EXPR_ANY, call_last},
    {"round", "(number, digits?)", 1, 2, {TYPES_NUMBER, TYPES_NUMBER}, EXPR_NUMBER, call_round},
    {"min", "(number…) or (list)", 1, EXPR_ARGS, {NUMBERS, TYPES_NUMBER}, EXPR_NUMBER, call_min},
    {"max", "(number…) or (list)", 1, EXPR_ARGS, {NUMBERS, TYPES_NUMBER}, EXPR_NUMBER, call_max},
    {"keys", "(object)", 1, 1, {TYPES_OBJECT}, EXPR_LIST, call_keys},
    {"toJson", "(value)", 1, 1, {TYPES_ANY}, EXPR_TEXT, call_to_json},
    {"fromJson", "(text)", 1, 1, {TYPES_TEXT}, EXPR_ANY, call_from_json},
    {"format",
     "(text with {0}, value…)",
     1,
     EXPR_ARGS,
     {TYPES_TEXT, TYPES_ANY},
     EXPR_TEXT,
     call_format},
};
enum { FUNCTION_COUNT = sizeof(functions) / sizeof(functions[0]) };

const struct expr_function *expr_function_find(const char *name)
{
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        if (str_eq(functions[i].name, name))
            return &functions[i];
    return NULL;
}

const char *const *expr_function_names(void)
{
    static const char *const names[] = {"contains", "startsWith", "endsWith", "length", "lower",
                                        "upper",    "trim",       "join",     "split",  "default",
                                        "first",    "last",       "round",    "min",    "max",
                                        "keys",     "toJson",     "fromJson", "format", NULL};
    _Static_assert(sizeof(names) / sizeof(names[0]) == FUNCTION_COUNT + 1, "one name per function");
    return names;
}

unsigned expr_function_takes(const struct expr_function *function, size_t arg)
{
    size_t last = 0;
    while (last < 2 && function->args[last + 1])
        last++;
    return function->args[arg < last ? arg : last];
}
