/* Expressions from text to tree: a scanner, and one function for each level of binding. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "flow/expr_tree.h"

enum token { TOKEN_END, TOKEN_NAME, TOKEN_NUMBER, TOKEN_TEXT, TOKEN_SIGN };

struct parser {
    struct expr_text *text;
    const struct expr_source *source;
    size_t at, to;
    bool wrong;   /* an error of meaning: goes on, gives nothing */
    bool stopped; /* an error of syntax: nothing more is said */
    int depth;
    /* the current token */
    enum token token;
    size_t begin;
    struct place place;
    const char *word; /* a name, a sign or a text's characters */
};

static struct expr *parse_any(struct parser *parser);

/* ---- scanner ---- */

/* The first error of syntax; returns NULL, so that `return stop(…)` reads well. */
__attribute__((format(printf, 2, 3))) static struct expr *stop(struct parser *parser,
                                                               const char *format, ...)
{
    va_list args;
    if (parser->stopped)
        return NULL;
    va_start(args, format);
    char *message = arena_vprintf(parser->source->arena, format, args);
    va_end(args);
    finding_error(parser->source->findings, parser->place, "%s: %s", parser->source->what, message);
    parser->stopped = true;
    parser->token = TOKEN_END;
    return NULL;
}

static void hint(struct parser *parser, const char *text)
{
    finding_hint(parser->source->findings, "%s", text);
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char char_at(const struct parser *parser, size_t at)
{
    return at < parser->to ? parser->text->text[at] : '\0';
}

static const char *cut(const struct parser *parser, size_t from, size_t to)
{
    return arena_memdup(parser->source->arena, parser->text->text + from, to - from);
}

static void scan_name(struct parser *parser)
{
    while (is_name_start(char_at(parser, parser->at)) || is_digit(char_at(parser, parser->at)) ||
           char_at(parser, parser->at) == '-')
        parser->at++;
    parser->token = TOKEN_NAME;
    parser->word = cut(parser, parser->begin, parser->at);
}

static void scan_digits(struct parser *parser)
{
    while (is_digit(char_at(parser, parser->at)))
        parser->at++;
}

static void scan_number(struct parser *parser)
{
    parser->at += char_at(parser, parser->at) == '-';
    scan_digits(parser);
    if (char_at(parser, parser->at) == '.' && is_digit(char_at(parser, parser->at + 1))) {
        parser->at++;
        scan_digits(parser);
    }
    char next = char_at(parser, parser->at + 1);
    if (strchr("eE", char_at(parser, parser->at)) && char_at(parser, parser->at) &&
        (is_digit(next) || next == '-' || next == '+')) {
        parser->at += 2;
        scan_digits(parser);
    }
    parser->token = TOKEN_NUMBER;
    parser->word = cut(parser, parser->begin, parser->at);
    char behind = char_at(parser, parser->at);
    if (is_name_start(behind) || behind == '.')
        stop(parser, "\"%s%c\" is not a number", parser->word, behind);
}

static void scan_text(struct parser *parser)
{
    char *out = arena_alloc(parser->source->arena, parser->to - parser->at + 1), *end = out;
    for (parser->at++; parser->at < parser->to; parser->at++) {
        char c = char_at(parser, parser->at);
        if (c == '\'' && char_at(parser, parser->at + 1) != '\'') {
            parser->at++;
            parser->token = TOKEN_TEXT;
            parser->word = out;
            return;
        }
        parser->at += c == '\'';
        *end++ = c;
    }
    stop(parser, "the text that begins here has no closing '");
}

static void scan_sign(struct parser *parser)
{
    static const char *const signs[] = {"||", "&&", "==", "!=", "<=", ">=", "<", ">",
                                        "!",  "(",  ")",  "[",  "]",  ".",  ",", NULL};
    const char *text = parser->text->text + parser->at;
    size_t left = parser->to - parser->at;
    for (const char *const *sign = signs; *sign; sign++) {
        size_t len = strlen(*sign);
        if (len <= left && memcmp(text, *sign, len) == 0) {
            parser->at += len;
            parser->token = TOKEN_SIGN;
            parser->word = *sign;
            return;
        }
    }
    stop(parser, "\"%c\" has no meaning here", *text);
    if (*text == '"')
        hint(parser, "texts stand in single quotes: 'PASS'");
    else if (*text == '=' || *text == '&' || *text == '|')
        hint(parser, "write == to compare, && for and, || for or");
    else if (strchr("+-*/%", *text))
        hint(parser, "expressions do not calculate: let a step do it");
}

static void next(struct parser *parser)
{
    while (parser->at < parser->to && strchr(" \t\r\n", char_at(parser, parser->at)))
        parser->at++;
    parser->begin = parser->at;
    parser->place = expr_text_place(parser->text, parser->at);
    parser->word = NULL;
    char c = char_at(parser, parser->at);
    if (parser->stopped || parser->at >= parser->to)
        parser->token = TOKEN_END;
    else if (is_name_start(c))
        scan_name(parser);
    else if (is_digit(c) || (c == '-' && is_digit(char_at(parser, parser->at + 1))))
        scan_number(parser);
    else if (c == '\'')
        scan_text(parser);
    else
        scan_sign(parser);
}

static bool is_sign(const struct parser *parser, const char *sign)
{
    return parser->token == TOKEN_SIGN && str_eq(parser->word, sign);
}

static bool is_word(const struct parser *parser, const char *word)
{
    return parser->token == TOKEN_NAME && str_eq(parser->word, word);
}

static bool take_sign(struct parser *parser, const char *sign)
{
    if (!is_sign(parser, sign))
        return false;
    next(parser);
    return true;
}

/* What the current token is, for sentences. */
static const char *seen(struct parser *parser)
{
    if (parser->token == TOKEN_END)
        return "the end";
    return arena_printf(parser->source->arena,
                        parser->token == TOKEN_TEXT ? "'%.40s'" : "\"%.40s\"", parser->word);
}

/* ---- tree ---- */

static struct expr *node_new(struct parser *parser, enum expr_node node)
{
    struct expr *expr = arena_alloc(parser->source->arena, sizeof(*expr));
    expr->node = node;
    expr->at = parser->place;
    return expr;
}

static bool deeper(struct parser *parser)
{
    if (parser->depth++ < LIMIT_EXPR_DEPTH)
        return true;
    stop(parser, "nested deeper than %d levels", LIMIT_EXPR_DEPTH);
    return false;
}

static struct expr *parse_number(struct parser *parser)
{
    struct expr *expr = node_new(parser, NODE_REAL);
    char *end;
    errno = 0;
    long long integer = strtoll(parser->word, &end, 10);
    if (!*end && !errno) {
        expr->node = NODE_INTEGER;
        expr->integer = integer;
    } else {
        expr->real = strtod(parser->word, NULL);
    }
    if (!isfinite(expr->real))
        return stop(parser, "the number %.40s does not fit", parser->word);
    next(parser);
    return expr;
}

static struct expr *parse_text(struct parser *parser)
{
    struct expr *expr = node_new(parser, NODE_TEXT);
    expr->text = parser->word;
    next(parser);
    return expr;
}

/* An error of meaning at a place: the parser goes on. */
__attribute__((format(printf, 3, 4))) static void wrong(struct parser *parser, struct place at,
                                                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *message = arena_vprintf(parser->source->arena, format, args);
    va_end(args);
    finding_error(parser->source->findings, at, "%s: %s", parser->source->what, message);
    parser->wrong = true;
}

static void check_call(struct parser *parser, const struct expr *call, const char *name)
{
    const struct expr_function *function = call->function;
    if (!function) {
        const char *near = str_nearest(name, expr_function_names());
        wrong(parser, call->at, "there is no function \"%.60s\"", name);
        if (near)
            finding_hint(parser->source->findings, "did you mean \"%s\"?", near);
        else
            hint(parser, "docs/workflows.md lists them");
    } else if (call->count < function->min || call->count > function->max) {
        wrong(parser, call->at, "%s takes %s, not %zu argument%s", name, function->usage,
              call->count, call->count == 1 ? "" : "s");
    }
}

/* Behind "name(". */
static struct expr *parse_call(struct parser *parser, struct expr *call, const char *name)
{
    struct expr *args[EXPR_ARGS];
    bool ended = is_sign(parser, ")");
    while (!ended && !parser->stopped) {
        if (call->count == EXPR_ARGS)
            return stop(parser, "%.60s: more than %d arguments", name, EXPR_ARGS);
        args[call->count++] = parse_any(parser);
        ended = !is_sign(parser, ",");
        if (!ended)
            next(parser);
    }
    if (parser->stopped)
        return NULL;
    if (!take_sign(parser, ")"))
        return stop(parser, "%.60s( needs a \",\" or its closing \")\" here, not %s", name,
                    seen(parser));
    call->args = arena_alloc(parser->source->arena, (call->count + 1) * sizeof(*args));
    memcpy((void *)call->args, args, call->count * sizeof(*args));
    call->function = expr_function_find(name);
    check_call(parser, call, name);
    return call;
}

static void check_root(struct parser *parser, const struct expr *path)
{
    static const char *const roots[] = {"inputs", "steps", "run", "failure", NULL};
    static const char *const words[] = {"inputs", "steps", "run",  "failure",
                                        "true",   "false", "null", NULL};
    if (!str_in(path->path[0], roots)) {
        const char *near = str_nearest(path->path[0], words);
        wrong(parser, path->at, "there is no \"%.60s\" here", path->path[0]);
        if (near)
            finding_hint(parser->source->findings, "did you mean \"%s\"?", near);
        else
            finding_hint(parser->source->findings,
                         "names begin with inputs, steps, run or failure; "
                         "a text stands in single quotes: '%.60s'",
                         path->path[0]);
    } else if (str_eq(path->path[0], "steps") && path->count < 2) {
        wrong(parser, path->at, "steps alone is nothing: name one, as in steps.review.output");
    }
}

/* Puts one more name behind the path; true where that could be done. */
static bool extend_path(struct parser *parser, struct expr *path, const char *name, struct place at)
{
    enum { FIRST = 4 };
    size_t count = path->count, cap = count * 2 > FIRST ? count * 2 : FIRST;
    if (count == EXPR_PATH) {
        stop(parser, "more than %d names in a row", EXPR_PATH);
        return false;
    }
    if (count == 0 || (count >= FIRST && (count & (count - 1)) == 0)) {
        const char **names = arena_alloc(parser->source->arena, cap * sizeof(*names));
        struct place *places = arena_alloc(parser->source->arena, cap * sizeof(*places));
        for (size_t i = 0; i < count; i++) {
            names[i] = path->path[i];
            places[i] = path->path_at[i];
        }
        path->path = names;
        path->path_at = places;
    }
    ((const char **)path->path)[path->count] = name;
    ((struct place *)path->path_at)[path->count++] = at;
    return true;
}

static struct expr *parse_index(struct parser *parser, struct expr *base, struct expr *index)
{
    struct expr *expr = node_new(parser, NODE_INDEX);
    struct expr **args = arena_alloc(parser->source->arena, 2 * sizeof(struct expr *));
    expr->at = index->at;
    args[0] = base;
    args[1] = index;
    expr->args = args;
    expr->count = 2;
    return expr;
}

/* What stands behind "[" or ".": the name or the index. */
static struct expr *parse_selector(struct parser *parser)
{
    struct expr *index;
    if (take_sign(parser, ".")) {
        if (parser->token != TOKEN_NAME)
            return stop(parser, "a name belongs behind \".\", not %s", seen(parser));
        return parse_text(parser);
    }
    next(parser);
    index = parse_any(parser);
    if (!parser->stopped && !take_sign(parser, "]"))
        return stop(parser, "\"[\" needs its closing \"]\" here, not %s", seen(parser));
    return index;
}

/* Members and indexes behind a value: names right behind a root are part of its path. */
static struct expr *parse_members(struct parser *parser, struct expr *expr)
{
    for (int count = 0; expr && (is_sign(parser, ".") || is_sign(parser, "[")); count++) {
        if (count == EXPR_PATH)
            return stop(parser, "more than %d names in a row", EXPR_PATH);
        if (!deeper(parser))
            return NULL;
        struct expr *selector = parse_selector(parser);
        parser->depth--;
        if (parser->stopped)
            return NULL;
        if (expr->node == NODE_PATH && selector->node == NODE_TEXT) {
            if (!extend_path(parser, expr, selector->text, selector->at))
                return NULL;
        } else {
            expr = parse_index(parser, expr, selector);
        }
    }
    return expr;
}

static const struct expr *path_below(const struct expr *expr)
{
    while (expr->node == NODE_INDEX)
        expr = expr->args[0];
    return expr->node == NODE_PATH ? expr : NULL;
}

static struct expr *parse_name(struct parser *parser)
{
    const char *name = parser->word;
    struct expr *expr = node_new(parser, NODE_NULL);
    next(parser);
    if (str_eq(name, "true") || str_eq(name, "false")) {
        expr->node = NODE_BOOL;
        expr->integer = str_eq(name, "true");
        return expr;
    }
    if (str_eq(name, "null"))
        return expr;
    if (take_sign(parser, "(")) {
        expr->node = NODE_CALL;
        return parse_members(parser, parse_call(parser, expr, name));
    }
    expr->node = NODE_PATH;
    extend_path(parser, expr, name, expr->at);
    expr = parse_members(parser, expr);
    if (expr)
        check_root(parser, path_below(expr));
    return expr;
}

static struct expr *parse_operand(struct parser *parser)
{
    struct expr *expr;
    if (parser->token == TOKEN_NUMBER)
        return parse_number(parser);
    if (parser->token == TOKEN_TEXT)
        return parse_text(parser);
    if (parser->token == TOKEN_NAME && !is_word(parser, "and") && !is_word(parser, "or") &&
        !is_word(parser, "in"))
        return parse_name(parser);
    if (!take_sign(parser, "("))
        return stop(parser, "a value belongs here, not %s", seen(parser));
    expr = parse_any(parser);
    if (!parser->stopped && !take_sign(parser, ")"))
        return stop(parser, "\"(\" needs its closing \")\" here, not %s", seen(parser));
    return parser->stopped ? NULL : parse_members(parser, expr);
}

static struct expr *parse_not(struct parser *parser, struct expr *(*rest)(struct parser *))
{
    struct expr *expr = node_new(parser, NODE_NOT);
    struct expr **args = arena_alloc(parser->source->arena, sizeof(struct expr *));
    next(parser);
    if (!deeper(parser))
        return NULL;
    args[0] = rest(parser);
    parser->depth--;
    expr->args = args;
    expr->count = 1;
    return parser->stopped ? NULL : expr;
}

/* "!" binds to the value behind it. */
static struct expr *parse_sign(struct parser *parser)
{
    return is_sign(parser, "!") ? parse_not(parser, parse_sign) : parse_operand(parser);
}

static bool comparison_at(const struct parser *parser, enum expr_node *node)
{
    static const struct {
        const char *sign;
        enum expr_node node;
    } signs[] = {{"==", NODE_EQUAL}, {"!=", NODE_DIFFERENT},  {"<", NODE_LESS},
                 {">", NODE_MORE},   {"<=", NODE_LESS_EQUAL}, {">=", NODE_MORE_EQUAL}};
    *node = NODE_IN;
    if (is_word(parser, "in"))
        return true;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        *node = signs[i].node;
        if (is_sign(parser, signs[i].sign))
            return true;
    }
    return false;
}

static struct expr *parse_comparison(struct parser *parser)
{
    enum expr_node node;
    struct expr *left = parse_sign(parser);
    if (parser->stopped || !comparison_at(parser, &node))
        return left;
    struct expr *expr = node_new(parser, node);
    struct expr **args = arena_alloc(parser->source->arena, 2 * sizeof(struct expr *));
    next(parser);
    args[0] = left;
    args[1] = parse_sign(parser);
    expr->args = args;
    expr->count = 2;
    if (!parser->stopped && comparison_at(parser, &node)) {
        stop(parser, "a comparison has two sides");
        hint(parser, "join two with &&");
    }
    return expr;
}

/* "not" binds to the comparison behind it. */
static struct expr *parse_word(struct parser *parser)
{
    return is_word(parser, "not") ? parse_not(parser, parse_word) : parse_comparison(parser);
}

/* Operands of one of && and ||, as many as there are, in one node. */
static struct expr *parse_chain(struct parser *parser, enum expr_node node,
                                struct expr *(*part)(struct parser *))
{
    const char *sign = node == NODE_AND ? "&&" : "||", *word = node == NODE_AND ? "and" : "or";
    struct expr *expr = NULL, *first = part(parser), **args = NULL;
    size_t cap = 0;
    while (!parser->stopped && (is_sign(parser, sign) || is_word(parser, word))) {
        if (!expr) {
            expr = node_new(parser, node);
            expr->count = 1;
        }
        if (expr->count >= cap) {
            cap = cap ? cap * 2 : 4;
            struct expr **bigger = arena_alloc(parser->source->arena, cap * sizeof(*bigger));
            if (args)
                memcpy(bigger, args, expr->count * sizeof(*bigger));
            else
                bigger[0] = first;
            args = bigger;
        }
        next(parser);
        args[expr->count++] = part(parser);
        expr->args = args;
    }
    return expr ? expr : first;
}

static struct expr *parse_and(struct parser *parser)
{
    return parse_chain(parser, NODE_AND, parse_word);
}

static struct expr *parse_any(struct parser *parser)
{
    if (!deeper(parser))
        return NULL;
    struct expr *expr = parse_chain(parser, NODE_OR, parse_and);
    parser->depth--;
    return parser->stopped ? NULL : expr;
}

/* ---- the whole ---- */

struct expr *expr_parse_part(struct expr_text *text, size_t from, size_t to)
{
    struct parser parser = {.text = text, .source = text->source, .at = from, .to = to};
    parser.place = expr_text_place(text, from);
    if (to - from > LIMIT_EXPR_TEXT)
        return stop(&parser, "an expression of more than %d characters", LIMIT_EXPR_TEXT);
    next(&parser);
    if (parser.token == TOKEN_END && !parser.stopped)
        return stop(&parser, "the expression is empty");
    struct expr *expr = parse_any(&parser);
    if (!parser.stopped && parser.token != TOKEN_END)
        stop(&parser, "%s was not expected here", seen(&parser));
    return parser.stopped || parser.wrong ? NULL : expr;
}

struct expr *expr_parse(const char *text, const struct expr_source *source)
{
    struct expr_text whole;
    size_t from = strspn(text, " \t\r\n"), len = strlen(text), to = len;
    expr_text_init(&whole, source, text, len);
    if (str_starts(text + from, "${{")) {
        size_t end = expr_text_end(text, len, from + 3);
        struct place at = expr_text_place(&whole, from);
        if (!end) {
            finding_error(source->findings, at, "%s: \"${{\" has no closing \"}}\"", source->what);
            return NULL;
        }
        if (end + strspn(text + end, " \t\r\n") != len) {
            finding_error(source->findings, at, "%s: one expression belongs here, and nothing else",
                          source->what);
            return NULL;
        }
        from += 3;
        to = end - 2;
    }
    return expr_parse_part(&whole, from, to);
}
