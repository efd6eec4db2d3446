/* JSON values with expressions in their texts: compiled once, evaluated for each run. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "config/yaml.h"
#include "flow/expr_tree.h"

enum kind {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INTEGER,
    VALUE_REAL,
    VALUE_TEXT,
    VALUE_EXPR,
    VALUE_MIXED,
    VALUE_LIST,
    VALUE_OBJECT
};

struct part {
    const char *text; /* or */
    struct expr *expr;
};

struct flow_value {
    enum kind kind;
    bool is_plain;
    int64_t integer; /* VALUE_BOOL, too */
    double real;
    const char *text;
    struct expr *expr;
    struct part *parts;
    const char **keys; /* of an object's items */
    struct flow_value **items;
    size_t count; /* of parts or items */
};

struct compiler {
    const struct expr_source *source;
    struct place (*pointer_place)(void *ctx, const char *pointer);
    void *ctx;
    bool failed;
};

static struct flow_value *compile(struct compiler *compiler, const json_t *value,
                                  const char *pointer);

static struct expr_source source_at(const struct compiler *compiler, const char *pointer)
{
    struct expr_source source = *compiler->source;
    struct place at = {0};
    if (compiler->pointer_place)
        at = compiler->pointer_place(compiler->ctx, pointer);
    if (at.line)
        source.at = at;
    return source;
}

/* ---- texts ---- */

struct splitter {
    struct expr_text text;
    struct buf plain; /* read, not put into a part yet */
    struct part *parts;
    size_t count, cap;
};

static void add_part(struct splitter *splitter, struct part part)
{
    struct arena *arena = splitter->text.source->arena;
    if (splitter->count == splitter->cap) {
        size_t cap = splitter->cap ? splitter->cap * 2 : 4;
        struct part *parts = arena_alloc(arena, cap * sizeof(*parts));
        if (splitter->count)
            memcpy(parts, splitter->parts, splitter->count * sizeof(*parts));
        splitter->parts = parts;
        splitter->cap = cap;
    }
    splitter->parts[splitter->count++] = part;
}

static void end_plain(struct splitter *splitter)
{
    struct arena *arena = splitter->text.source->arena;
    if (splitter->plain.len)
        add_part(splitter, (struct part){.text = arena_memdup(arena, splitter->plain.bytes,
                                                              splitter->plain.len)});
    buf_clear(&splitter->plain);
}

/* Takes the expression whose "${{" stands at `at`; returns the offset behind it. */
static size_t take_expr(struct splitter *splitter, struct compiler *compiler, size_t at)
{
    struct expr_text *text = &splitter->text;
    size_t end = expr_text_end(text->text, text->len, at + 3);
    if (!end) {
        finding_error(text->source->findings, expr_text_place(text, at),
                      "%s: \"${{\" has no closing \"}}\"", text->source->what);
        finding_hint(text->source->findings, "write $${{ where no expression is meant");
        compiler->failed = true;
        return text->len;
    }
    end_plain(splitter);
    struct expr *expr = expr_parse_part(text, at + 3, end - 2);
    compiler->failed = compiler->failed || !expr;
    add_part(splitter, (struct part){.expr = expr});
    return end;
}

static void split(struct splitter *splitter, struct compiler *compiler)
{
    const char *bytes = splitter->text.text;
    size_t at = 0, len = splitter->text.len;
    while (at < len) {
        const char *found = strstr(bytes + at, "${{");
        size_t mark = found ? (size_t)(found - bytes) : len;
        bool literal = found && mark > at && bytes[mark - 1] == '$';
        buf_put(&splitter->plain, bytes + at, mark - at - literal);
        at = mark;
        if (literal) {
            buf_puts(&splitter->plain, "${{");
            at += 3;
        } else if (found) {
            at = take_expr(splitter, compiler, mark);
        }
    }
    end_plain(splitter);
}

static bool is_blank_part(const struct part *part)
{
    return part->text && !part->text[strspn(part->text, " \t\r\n")];
}

/* The only expression among parts of white space, or NULL. */
static struct expr *only_expr(const struct splitter *splitter)
{
    struct expr *only = NULL;
    for (size_t i = 0; i < splitter->count; i++) {
        if (is_blank_part(&splitter->parts[i]))
            continue;
        if (only || splitter->parts[i].text)
            return NULL;
        only = splitter->parts[i].expr;
    }
    return only;
}

static void compile_text(struct compiler *compiler, struct flow_value *out, const char *text,
                         const char *pointer)
{
    struct arena *arena = compiler->source->arena;
    struct expr_source source = source_at(compiler, pointer);
    struct splitter splitter = {0};
    out->kind = VALUE_TEXT;
    if (!strstr(text, "${{")) {
        out->text = arena_strdup(arena, text);
        return;
    }
    expr_text_init(&splitter.text, &source, text, strlen(text));
    split(&splitter, compiler);
    out->parts = splitter.parts;
    out->count = splitter.count;
    out->expr = only_expr(&splitter);
    if (splitter.count == 1 && splitter.parts[0].text) {
        out->text = splitter.parts[0].text;
    } else {
        out->kind = out->expr ? VALUE_EXPR : VALUE_MIXED;
        out->is_plain = false;
    }
    buf_fini(&splitter.plain);
}

/* ---- lists and objects ---- */

static void compile_item(struct compiler *compiler, struct flow_value *out, const json_t *item,
                         const char *pointer)
{
    struct flow_value *value = compile(compiler, item, pointer);
    out->items[out->count++] = value;
    out->is_plain = out->is_plain && value->is_plain;
}

static void compile_list(struct compiler *compiler, struct flow_value *out, const json_t *list,
                         const char *pointer)
{
    struct arena *arena = compiler->source->arena;
    size_t i;
    const json_t *item;
    out->kind = VALUE_LIST;
    out->items = arena_alloc(arena, (json_array_size(list) + 1) * sizeof(struct flow_value *));
    json_array_foreach (list, i, item)
        compile_item(compiler, out, item, arena_printf(arena, "%s/%zu", pointer, i));
}

static void check_key(struct compiler *compiler, const char *key, const char *pointer)
{
    if (!strstr(key, "${{"))
        return;
    struct expr_source source = source_at(compiler, pointer);
    finding_error(source.findings, source.at, "%s: a key has no expressions (\"%.60s\")",
                  source.what, key);
    compiler->failed = true;
}

static void compile_object(struct compiler *compiler, struct flow_value *out, const json_t *object,
                           const char *pointer)
{
    struct arena *arena = compiler->source->arena;
    const char *key;
    json_t *item;
    out->kind = VALUE_OBJECT;
    out->items = arena_alloc(arena, (json_object_size(object) + 1) * sizeof(struct flow_value *));
    out->keys = arena_alloc(arena, (json_object_size(object) + 1) * sizeof(char *));
    json_object_foreach ((json_t *)object, key, item) {
        const char *below = yaml_pointer(arena, pointer, key);
        check_key(compiler, key, below);
        out->keys[out->count] = arena_strdup(arena, key);
        compile_item(compiler, out, item, below);
    }
}

static struct flow_value *compile(struct compiler *compiler, const json_t *value,
                                  const char *pointer)
{
    struct flow_value *out = arena_alloc(compiler->source->arena, sizeof(*out));
    out->is_plain = true;
    if (json_is_string(value)) {
        compile_text(compiler, out, json_string_value(value), pointer);
    } else if (json_is_array(value)) {
        compile_list(compiler, out, value, pointer);
    } else if (json_is_object(value)) {
        compile_object(compiler, out, value, pointer);
    } else if (json_is_boolean(value)) {
        out->kind = VALUE_BOOL;
        out->integer = json_is_true(value);
    } else if (json_is_integer(value)) {
        out->kind = VALUE_INTEGER;
        out->integer = json_integer_value(value);
    } else if (json_is_real(value)) {
        out->kind = VALUE_REAL;
        out->real = json_real_value(value);
    }
    return out;
}

struct flow_value *flow_value_parse(const json_t *value, const struct expr_source *source,
                                    struct place (*pointer_place)(void *ctx, const char *pointer),
                                    void *ctx)
{
    struct compiler compiler = {source, pointer_place, ctx, false};
    struct flow_value *out = compile(&compiler, value, "");
    return compiler.failed ? NULL : out;
}

/* ---- evaluation ---- */

static json_t *eval_mixed(const struct flow_value *value, const struct expr_scope *scope)
{
    struct buf text = {0};
    for (size_t i = 0; i < value->count && text.len <= LIMIT_EXPR_BYTES; i++) {
        const struct part *part = &value->parts[i];
        json_t *result = part->expr ? expr_eval(part->expr, scope) : json_null();
        buf_puts(&text, part->expr ? "" : part->text);
        expr_put_text(&text, result);
        json_decref(result);
    }
    json_t *whole = NULL;
    if (text.len <= LIMIT_EXPR_BYTES)
        whole = json_stringn(buf_text(&text), text.len);
    buf_fini(&text);
    return whole ? whole : expr_lost(scope);
}

struct evaluation {
    const struct expr_scope *scope;
    size_t left; /* of what expressions may put into the whole */
};

static json_t *eval(struct evaluation *evaluation, const struct flow_value *value)
{
    json_t *result = NULL;
    switch (value->kind) {
    case VALUE_NULL:
        return json_null();
    case VALUE_BOOL:
        return json_boolean(value->integer);
    case VALUE_INTEGER:
        return json_integer(value->integer);
    case VALUE_REAL:
        result = json_real(value->real);
        break;
    case VALUE_TEXT:
        result = json_string(value->text);
        break;
    case VALUE_EXPR:
        result = expr_eval(value->expr, evaluation->scope);
        break;
    case VALUE_MIXED:
        result = eval_mixed(value, evaluation->scope);
        break;
    case VALUE_LIST:
        result = json_array();
        for (size_t i = 0; i < value->count && evaluation->left; i++)
            json_array_append_new(result, eval(evaluation, value->items[i]));
        return result;
    case VALUE_OBJECT:
        result = json_object();
        for (size_t i = 0; i < value->count && evaluation->left; i++)
            json_object_set_new(result, value->keys[i], eval(evaluation, value->items[i]));
        return result;
    }
    result = result ? result : json_null();
    if (!expr_weigh(result, &evaluation->left))
        evaluation->left = 0;
    return result;
}

json_t *flow_value_eval(const struct flow_value *value, const struct expr_scope *scope)
{
    struct evaluation evaluation = {scope, LIMIT_RESULT};
    json_t *result = value ? eval(&evaluation, value) : json_null();
    size_t left = SIZE_MAX;
    if (evaluation.left && expr_weigh(result, &left))
        return result;
    json_decref(result);
    return expr_lost(scope);
}

json_t *flow_text_eval(const struct flow_value *value, const struct expr_scope *scope,
                       expr_guard *guard, void *ctx)
{
    struct buf text = {0}, spliced = {0}, instead = {0};
    for (size_t i = 0; i < value->count && text.len <= LIMIT_EXPR_BYTES; i++) {
        const struct part *part = &value->parts[i];
        if (!part->expr) {
            buf_puts(&text, part->text);
            continue;
        }
        json_t *result = expr_eval(part->expr, scope);
        buf_clear(&spliced);
        buf_clear(&instead);
        expr_put_text(&spliced, result);
        json_decref(result);
        bool good = guard(ctx, part->expr, buf_text(&spliced), &instead);
        buf_puts(&text, buf_text(good ? &spliced : &instead));
    }
    if (value->kind == VALUE_TEXT)
        buf_puts(&text, value->parts ? "" : value->text);
    if (text.len > LIMIT_EXPR_BYTES) {
        json_decref(expr_lost(scope));
        buf_clear(&text);
    }
    json_t *whole = json_stringn(buf_text(&text), text.len);
    buf_fini(&text);
    buf_fini(&spliced);
    buf_fini(&instead);
    return whole ? whole : json_string("");
}

/* ---- looks ---- */

static bool is_text_or_more(const struct flow_value *value)
{
    return value->kind == VALUE_EXPR || value->kind == VALUE_MIXED;
}

enum expr_type flow_value_check(const struct flow_value *value, const struct expr_scope_type *scope,
                                const struct expr_source *source)
{
    static const enum expr_type types[] = {EXPR_NULL,   EXPR_BOOL, EXPR_NUMBER,
                                           EXPR_NUMBER, EXPR_TEXT, EXPR_ANY,
                                           EXPR_TEXT,   EXPR_LIST, EXPR_OBJECT};
    enum expr_type whole = value ? types[value->kind] : EXPR_NULL;
    if (!value || value->is_plain)
        return whole;
    for (size_t i = 0; i < value->count; i++) {
        if (value->items)
            flow_value_check(value->items[i], scope, source);
        else if (is_text_or_more(value) && value->parts[i].expr) {
            enum expr_type one = expr_check(value->parts[i].expr, scope, source);
            whole = value->kind == VALUE_EXPR ? one : whole;
        }
    }
    return whole;
}

void flow_value_references(const struct flow_value *value, expr_visit *visit, void *ctx)
{
    if (!value || value->is_plain)
        return;
    for (size_t i = 0; i < value->count; i++) {
        if (value->items)
            flow_value_references(value->items[i], visit, ctx);
        else if (value->parts && value->parts[i].expr)
            expr_references(value->parts[i].expr, visit, ctx);
    }
}
