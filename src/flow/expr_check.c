/* Types before anything runs: what a path leads to by its schema, what an operator or a function
 * can do with it. Only what is certainly wrong is an error: what is not known may be anything. */
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "flow/expr_tree.h"

struct known {
    enum expr_type type;
    const json_t *schema; /* NULL: nothing more is known */
};

struct check {
    const struct expr_scope_type *scope;
    const struct expr_source *source;
};

static const struct known unknown = {EXPR_ANY, NULL};

static struct known check_any(const struct check *check, const struct expr *expr);

__attribute__((format(printf, 3, 4))) static void wrong(const struct check *check, struct place at,
                                                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *message = arena_vprintf(check->source->arena, format, args);
    va_end(args);
    finding_error(check->source->findings, at, "%s: %s", check->source->what, message);
}

/* ---- what schemas tell ---- */

static enum expr_type type_called(const char *name)
{
    static const struct {
        const char *name;
        enum expr_type type;
    } types[] = {{"string", EXPR_TEXT},  {"number", EXPR_NUMBER}, {"integer", EXPR_NUMBER},
                 {"boolean", EXPR_BOOL}, {"array", EXPR_LIST},    {"object", EXPR_OBJECT},
                 {"null", EXPR_NULL}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_eq(types[i].name, name))
            return types[i].type;
    return EXPR_ANY;
}

/* Of two types that a value may have, what is known about it: null is no news. */
static enum expr_type either(enum expr_type a, enum expr_type b)
{
    if (a == b || b == EXPR_NULL)
        return a;
    return a == EXPR_NULL ? b : EXPR_ANY;
}

static enum expr_type type_of_all(const json_t *items, bool are_names)
{
    enum expr_type type = EXPR_NULL;
    size_t i;
    const json_t *item;
    json_array_foreach (items, i, item) {
        enum expr_type one = are_names ? type_called(json_string_value(item)) : expr_type_of(item);
        if (one == EXPR_ANY)
            return EXPR_ANY;
        type = either(type, one);
        if (type == EXPR_ANY)
            return EXPR_ANY;
    }
    return type;
}

enum expr_type expr_schema_type(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type"),
                 *choices = json_object_get(schema, "enum");
    const json_t *only = json_object_get(schema, "const");
    if (json_is_string(type))
        return type_called(json_string_value(type));
    if (json_array_size(type))
        return type_of_all(type, true);
    if (json_array_size(choices))
        return type_of_all(choices, false);
    return only ? expr_type_of(only) : EXPR_ANY;
}

static struct known known_by(const json_t *schema)
{
    if (!json_is_object(schema))
        return unknown;
    return (struct known){expr_schema_type(schema), schema};
}

static const char *nearest_member(const struct check *check, const json_t *members,
                                  const char *name)
{
    const char **names =
        arena_alloc(check->source->arena, (json_object_size(members) + 1) * sizeof(*names));
    size_t count = 0;
    const char *key;
    json_t *member;
    json_object_foreach ((json_t *)members, key, member)
        names[count++] = key;
    return str_nearest(name, names);
}

/* The member `name` of something that is called `shown`. */
static struct known member_of(const struct check *check, struct known whole,
                              const struct expr *name, const char *shown)
{
    const json_t *members = json_object_get(whole.schema, "properties");
    const json_t *others = json_object_get(whole.schema, "additionalProperties");
    const json_t *member = json_object_get(members, name->text);
    if (whole.type == EXPR_LIST) {
        wrong(check, name->at, "%s is a list and has no \"%s\"", shown, name->text);
        finding_hint(check->source->findings, "take one of it, as in %s[0]", shown);
        return unknown;
    }
    if (whole.type != EXPR_OBJECT && whole.type != EXPR_ANY) {
        wrong(check, name->at, "%s is %s and has no \"%s\"", shown, expr_type_word(whole.type),
              name->text);
        return unknown;
    }
    if (member)
        return known_by(member);
    if (json_object_get(whole.schema, "patternProperties"))
        return unknown;
    if (json_is_false(others)) {
        const char *near = nearest_member(check, members, name->text);
        wrong(check, name->at, "%s has no \"%s\"", shown, name->text);
        if (near)
            finding_hint(check->source->findings, "did you mean \"%s\"?", near);
    } else if (!others && members && nearest_member(check, members, name->text)) {
        finding_warn(check->source->findings, name->at, "%s: the schema of %s does not name \"%s\"",
                     check->source->what, shown, name->text);
        finding_hint(check->source->findings, "did you mean \"%s\"?",
                     nearest_member(check, members, name->text));
    }
    return known_by(others);
}

static struct known item_of(struct known list)
{
    if (json_object_get(list.schema, "prefixItems"))
        return unknown;
    return known_by(json_object_get(list.schema, "items"));
}

/* ---- paths ---- */

static const char *dotted(const struct check *check, const struct expr *path, size_t count)
{
    const char *text = path->path[0];
    for (size_t i = 1; i < count; i++)
        text = arena_printf(check->source->arena, "%s.%s", text, path->path[i]);
    return text;
}

static bool ask(const struct check *check, const struct expr *path, size_t count,
                struct known *known, const char **message)
{
    *known = unknown;
    *message = NULL;
    return check->scope->type(check->scope->ctx, path->path, count, &known->type, &known->schema,
                              message);
}

/* The names that the scope is asked for: beyond them, schemas tell. */
static size_t names_asked(const struct expr *path)
{
    size_t most = strcmp(path->path[0], "steps") == 0 ? 3 : 2;
    return path->count < most ? path->count : most;
}

static struct known check_path(const struct check *check, const struct expr *path)
{
    size_t asked = names_asked(path), at = asked - 1;
    struct known known;
    const char *message, *ignored;
    if (!ask(check, path, asked, &known, &message)) {
        struct known shorter;
        if (asked == 3 && !ask(check, path, 2, &shorter, &ignored))
            at = 1;
        wrong(check, path->path_at[at], "%s",
              message ? message
                      : arena_printf(check->source->arena, "there is no %s",
                                     dotted(check, path, at + 1)));
        return unknown;
    }
    for (size_t i = asked; i < path->count; i++) {
        const struct expr name = {.text = path->path[i], .at = path->path_at[i]};
        known = member_of(check, known, &name, dotted(check, path, i));
    }
    return known;
}

static struct known check_index(const struct check *check, const struct expr *expr)
{
    struct known whole = check_any(check, expr->args[0]), index = check_any(check, expr->args[1]);
    const char *shown = expr->args[0]->node == NODE_PATH
                            ? dotted(check, expr->args[0], expr->args[0]->count)
                            : "this";
    if (expr->args[1]->node == NODE_TEXT)
        return member_of(check, whole, expr->args[1], shown);
    bool may_list = whole.type == EXPR_LIST || whole.type == EXPR_ANY;
    bool may_object = whole.type == EXPR_OBJECT || whole.type == EXPR_ANY;
    if (!may_list && !may_object)
        wrong(check, expr->at, "%s is %s: only lists and objects have an [index]", shown,
              expr_type_word(whole.type));
    else if (index.type != EXPR_ANY && !(may_list && index.type == EXPR_NUMBER) &&
             !(may_object && index.type == EXPR_TEXT))
        wrong(check, expr->at, "%s is %s: %s is no index of it", shown, expr_type_word(whole.type),
              expr_type_word(index.type));
    return whole.type == EXPR_LIST ? item_of(whole) : unknown;
}

/* ---- operators ---- */

/* A text that is compared with something of which all possible values are known. */
static void check_choice(const struct check *check, struct known known, const struct expr *text)
{
    const json_t *choices = json_object_get(known.schema, "enum"), *item;
    const char *names[32] = {0}, *list = "";
    size_t i, count = json_array_size(choices);
    if (text->node != NODE_TEXT || count == 0 || count > 31)
        return;
    json_array_foreach (choices, i, item) {
        names[i] = json_is_string(item) ? json_string_value(item) : "";
        if (str_eq(names[i], text->text))
            return;
        list = arena_printf(check->source->arena, "%s%s%.40s", list, i ? ", " : "", names[i]);
    }
    wrong(check, text->at, "this is never '%.60s', only one of: %.400s", text->text, list);
    const char *near = str_nearest(text->text, names);
    if (near && *near)
        finding_hint(check->source->findings, "did you mean '%s'?", near);
}

static bool differ(enum expr_type a, enum expr_type b)
{
    return a != b && a != EXPR_ANY && b != EXPR_ANY && a != EXPR_NULL && b != EXPR_NULL;
}

static void check_equal(const struct check *check, const struct expr *expr, const struct known *a,
                        const struct known *b)
{
    if (differ(a->type, b->type)) {
        wrong(check, expr->at, "compares %s with %s, which are never equal",
              expr_type_word(a->type), expr_type_word(b->type));
        return;
    }
    check_choice(check, *a, expr->args[1]);
    check_choice(check, *b, expr->args[0]);
}

static bool has_order(enum expr_type type)
{
    return type == EXPR_NUMBER || type == EXPR_TEXT || type == EXPR_ANY;
}

static void check_order(const struct check *check, const struct expr *expr, const struct known *a,
                        const struct known *b)
{
    if (has_order(a->type) && has_order(b->type) && !differ(a->type, b->type))
        return;
    wrong(check, expr->at, "only two numbers or two texts have an order, not %s and %s",
          expr_type_word(a->type), expr_type_word(b->type));
    if (a->type == EXPR_LIST || b->type == EXPR_LIST)
        finding_hint(check->source->findings, "length(…) counts what is in a list");
}

static void check_in(const struct check *check, const struct expr *expr, const struct known *part,
                     const struct known *whole)
{
    bool names = whole->type == EXPR_TEXT || whole->type == EXPR_OBJECT;
    if (!names && whole->type != EXPR_LIST && whole->type != EXPR_ANY)
        wrong(check, expr->at, "\"in\" looks into a list, a text or an object, not %s",
              expr_type_word(whole->type));
    else if (names && part->type != EXPR_TEXT && part->type != EXPR_ANY)
        wrong(check, expr->at, "%s is never in %s", expr_type_word(part->type),
              expr_type_word(whole->type));
}

static struct known check_comparison(const struct check *check, const struct expr *expr)
{
    struct known a = check_any(check, expr->args[0]), b = check_any(check, expr->args[1]);
    if (expr->node == NODE_EQUAL || expr->node == NODE_DIFFERENT)
        check_equal(check, expr, &a, &b);
    else if (expr->node == NODE_IN)
        check_in(check, expr, &a, &b);
    else
        check_order(check, expr, &a, &b);
    return (struct known){EXPR_BOOL, NULL};
}

static struct known check_chain(const struct check *check, const struct expr *expr)
{
    struct known all = check_any(check, expr->args[0]);
    for (size_t i = 1; i < expr->count; i++) {
        struct known one = check_any(check, expr->args[i]);
        all = (struct known){all.type == one.type ? all.type : EXPR_ANY, NULL};
    }
    return all;
}

/* ---- calls ---- */

static const char *types_words(const struct check *check, unsigned types)
{
    const char *text = "";
    for (int type = EXPR_BOOL; type <= EXPR_OBJECT; type++)
        if (types & 1u << type)
            text = arena_printf(check->source->arena, "%s%s%s", text, *text ? " or " : "",
                                expr_type_word((enum expr_type)type));
    return text;
}

/* "{2}" of a text that stands there, without a value for it. */
static void check_format(const struct check *check, const struct expr *call)
{
    const struct expr *text = call->args[0];
    for (const char *at = text->node == NODE_TEXT ? text->text : ""; *at; at++) {
        size_t digits = strspn(at + 1, "0123456789");
        if (at[0] == '{' && at[1] == '{')
            at++;
        else if (at[0] == '{' && digits && digits <= 2 && at[1 + digits] == '}' &&
                 (size_t)strtoul(at + 1, NULL, 10) + 1 >= call->count) {
            wrong(check, text->at, "there is no value for %.*s (the first is {0})", (int)digits + 2,
                  at);
            return;
        }
    }
}

static struct known result_of(const struct expr *call, const struct known *args)
{
    const char *name = call->function->name;
    struct known all = args[0];
    if (str_eq(name, "first") || str_eq(name, "last"))
        return item_of(args[0]);
    if (!str_eq(name, "default"))
        return (struct known){call->function->result, NULL};
    for (size_t i = 1; i < call->count; i++)
        all = (struct known){either(all.type, args[i].type), NULL};
    return all;
}

static struct known check_call(const struct check *check, const struct expr *call)
{
    struct known args[EXPR_ARGS];
    for (size_t i = 0; i < call->count; i++) {
        unsigned takes = expr_function_takes(call->function, i);
        args[i] = check_any(check, call->args[i]);
        if (args[i].type != EXPR_ANY && args[i].type != EXPR_NULL && !(takes & 1u << args[i].type))
            wrong(check, call->args[i]->at, "%s%s takes %s here, not %s", call->function->name,
                  call->function->usage, types_words(check, takes), expr_type_word(args[i].type));
    }
    if (str_eq(call->function->name, "format"))
        check_format(check, call);
    return result_of(call, args);
}

static struct known check_any(const struct check *check, const struct expr *expr)
{
    switch (expr->node) {
    case NODE_NULL:
        return (struct known){EXPR_NULL, NULL};
    case NODE_BOOL:
        return (struct known){EXPR_BOOL, NULL};
    case NODE_INTEGER:
    case NODE_REAL:
        return (struct known){EXPR_NUMBER, NULL};
    case NODE_TEXT:
        return (struct known){EXPR_TEXT, NULL};
    case NODE_PATH:
        return check_path(check, expr);
    case NODE_INDEX:
        return check_index(check, expr);
    case NODE_NOT:
        check_any(check, expr->args[0]);
        return (struct known){EXPR_BOOL, NULL};
    case NODE_AND:
    case NODE_OR:
        return check_chain(check, expr);
    case NODE_CALL:
        return check_call(check, expr);
    default:
        return check_comparison(check, expr);
    }
}

enum expr_type expr_check(const struct expr *expr, const struct expr_scope_type *scope,
                          const struct expr_source *source)
{
    const struct check check = {scope, source};
    return check_any(&check, expr).type;
}

void expr_references(const struct expr *expr, expr_visit *visit, void *ctx)
{
    if (expr->node == NODE_PATH)
        visit(ctx, expr->path, expr->count, expr->at);
    for (size_t i = 0; expr->args && i < expr->count; i++)
        expr_references(expr->args[i], visit, ctx);
}
