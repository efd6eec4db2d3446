/* Holds a value to a schema: a walk that counts its steps, and the words for what it finds. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/json_schema_look.h"
#include "base/json_schema_word.h"
#include "base/limits.h"
#include "base/pattern.h"
#include "base/str.h"

enum { EXCERPT_BYTES = 80, POINTER_BYTES = 160 };

static void put_place(const struct schema_place *place, struct buf *out)
{
    if (!place->up)
        return;
    put_place(place->up, out);
    if (!place->key) {
        buf_printf(out, "/%zu", place->index);
        return;
    }
    buf_putc(out, '/');
    for (const char *c = place->key; *c; c++) {
        if (*c == '~' || *c == '/')
            buf_puts(out, *c == '~' ? "~0" : "~1");
        else
            buf_putc(out, *c);
    }
}

void schema_put_cut(const char *text, size_t len, size_t max, struct buf *out)
{
    buf_put(out, text, str_utf8_cut(text, len, max));
    if (len > max)
        buf_puts(out, "…");
}

void schema_put_excerpt(const json_t *value, struct buf *out)
{
    if (json_is_object(value) || json_is_array(value)) {
        buf_printf(out, json_is_object(value) ? "an object of %zu members" : "a list of %zu items",
                   json_is_object(value) ? json_object_size(value) : json_array_size(value));
        return;
    }
    struct buf text = {0};
    json_put(&text, value, 0);
    schema_put_cut(buf_text(&text), text.len, EXCERPT_BYTES, out);
    buf_fini(&text);
}

/* "<pointer>: <sentence>." False, so that `return schema_finding(…)` reads well. */
bool schema_finding(const struct schema_look *look, const char *format, ...)
{
    struct schema_check *check = look->check;
    if (check->quiet > 0 || check->count++ >= LIMIT_SCHEMA_FINDINGS)
        return false;
    struct buf text = {0};
    char sentence[320];
    va_list args;
    put_place(look->place, &text);
    schema_put_cut(buf_text(&text), text.len, POINTER_BYTES, check->findings);
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    buf_puts(check->findings, look->place->up ? ": " : "the whole value: ");
    schema_put_cut(sentence, strlen(sentence), sizeof(sentence) - 8, check->findings);
    buf_puts(check->findings, "\n");
    buf_fini(&text);
    return false;
}

/* The value must be …, not <excerpt>. */
bool schema_must(const struct schema_look *look, const char *what)
{
    struct buf is = {0};
    schema_put_excerpt(look->value, &is);
    schema_finding(look, "must be %s, not %s", what, buf_text(&is));
    buf_fini(&is);
    return false;
}

bool schema_spend(struct schema_check *check, int64_t work)
{
    check->work -= work;
    if (check->work > 0)
        return true;
    check->given_up = true;
    return false;
}

bool schema_fits(struct schema_check *check, const json_t *schema, const json_t *value,
                 const struct schema_place *place)
{
    struct schema_look look = {check, schema, NULL, value, place};
    const char *name;
    json_t *operand;
    bool all = true;
    if (check->given_up || !schema_spend(check, 1) || json_is_true(schema))
        return !check->given_up;
    if (json_is_false(schema))
        return schema_finding(&look, "nothing is allowed here");
    if (++check->depth > LIMIT_SCHEMA_DEPTH) {
        check->given_up = true;
        return false;
    }
    json_object_foreach ((json_t *)schema, name, operand) {
        const struct schema_word *word = schema_word_find(name);
        look.operand = operand;
        if (word && word->fits && schema_spend(check, 1))
            all = word->fits(&look) && all;
    }
    check->depth--;
    return all && !check->given_up;
}

int json_schema_fits(const json_t *schema, const json_t *value, struct buf *findings)
{
    struct schema_check check = {.root = schema, .findings = findings, .work = LIMIT_SCHEMA_WORK};
    struct schema_place whole = {0};
    size_t at = 0;
    const char *text;
    void *pattern;
    bool good = schema_fits(&check, schema, value, &whole);
    if (check.given_up)
        buf_puts(findings,
                 "the check was given up: schema and value together are too large, or too "
                 "deep\n");
    else if (check.count > LIMIT_SCHEMA_FINDINGS)
        buf_printf(findings, "and %d more findings\n", check.count - LIMIT_SCHEMA_FINDINGS);
    while (map_next(&check.patterns, &at, &text, &pattern))
        pattern_close(pattern);
    map_fini(&check.patterns);
    return good && !check.given_up ? 0 : 1;
}
