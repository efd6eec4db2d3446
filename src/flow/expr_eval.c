/* Evaluation: total. What is missing is null, different types are neither equal nor ordered, a
 * function that gets another type than it takes gives null, or false where it answers yes or no. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "flow/expr_tree.h"

static json_t *eval(const struct expr *expr, const struct expr_scope *scope);

static json_t *kept(const json_t *value)
{
    return value ? json_incref((json_t *)value) : json_null();
}

static json_t *kept_text(const char *text)
{
    json_t *value = json_string(text);
    return value ? value : json_null();
}

static json_t *eval_path(const struct expr *expr, const struct expr_scope *scope)
{
    bool of_step = strcmp(expr->path[0], "steps") == 0;
    const char *step = of_step && expr->count > 1 ? expr->path[1] : NULL;
    const json_t *value = scope->get(scope->ctx, expr->path[0], step);
    for (size_t i = of_step ? 2 : 1; i < expr->count && value; i++)
        value = json_object_get(value, expr->path[i]); /* NULL where it is no object */
    return kept(value);
}

static const json_t *item_at(const json_t *list, const json_t *index)
{
    double at = json_number_value(index), count = (double)json_array_size(list);
    if (!json_is_number(index) || floor(at) != at)
        return NULL;
    return at >= 0 && at < count ? json_array_get(list, (size_t)at) : NULL;
}

static json_t *eval_index(const struct expr *expr, const struct expr_scope *scope)
{
    json_t *whole = eval(expr->args[0], scope), *index = eval(expr->args[1], scope);
    const json_t *found = NULL;
    if (json_is_array(whole))
        found = item_at(whole, index);
    else if (json_is_string(index))
        found = json_object_get(whole, json_string_value(index));
    json_t *value = kept(found);
    json_decref(whole);
    json_decref(index);
    return value;
}

/* Like in JavaScript and in GitHub's expressions, the operand that decides is the value. */
static json_t *eval_chain(const struct expr *expr, const struct expr_scope *scope)
{
    json_t *value = eval(expr->args[0], scope);
    for (size_t i = 1; i < expr->count; i++) {
        if (expr_is_true(value) == (expr->node == NODE_OR))
            break;
        json_decref(value);
        value = eval(expr->args[i], scope);
    }
    return value;
}

/* -1, 0 or 1; false where the two have no order. */
static bool compare(const json_t *a, const json_t *b, int *order)
{
    if (json_is_string(a) && json_is_string(b)) {
        /* UTF-8 sorts as its code points do. */
        int bytes = strcmp(json_string_value(a), json_string_value(b));
        *order = (bytes > 0) - (bytes < 0);
        return true;
    }
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t x = json_integer_value(a), y = json_integer_value(b);
        *order = (x > y) - (x < y);
        return true;
    }
    double x = json_number_value(a), y = json_number_value(b);
    *order = (x > y) - (x < y);
    return json_is_number(a) && json_is_number(b);
}

static bool is_in(const json_t *part, const json_t *whole)
{
    size_t i;
    const json_t *item;
    const char *text = json_string_value(part);
    if (json_is_object(whole))
        return text && json_object_get(whole, text);
    if (json_is_string(whole))
        return text && strstr(json_string_value(whole), text);
    json_array_foreach (whole, i, item)
        if (expr_equal(item, part))
            return true;
    return false;
}

static bool holds(enum expr_node node, const json_t *a, const json_t *b)
{
    int order = 0;
    if (node == NODE_EQUAL || node == NODE_DIFFERENT)
        return expr_equal(a, b) == (node == NODE_EQUAL);
    if (node == NODE_IN)
        return is_in(a, b);
    if (!compare(a, b, &order))
        return false;
    if (node == NODE_LESS || node == NODE_LESS_EQUAL)
        return order < 0 || (order == 0 && node == NODE_LESS_EQUAL);
    return order > 0 || (order == 0 && node == NODE_MORE_EQUAL);
}

static json_t *eval_comparison(const struct expr *expr, const struct expr_scope *scope)
{
    json_t *a = eval(expr->args[0], scope), *b = eval(expr->args[1], scope);
    json_t *value = json_boolean(holds(expr->node, a, b));
    json_decref(a);
    json_decref(b);
    return value;
}

json_t *expr_lost(const struct expr_scope *scope)
{
    if (scope->is_lost)
        *scope->is_lost = true;
    return json_null();
}

/* NULL is what a function returns that came to too much. */
static json_t *light_enough(json_t *value, const struct expr_scope *scope)
{
    size_t left = LIMIT_EXPR_BYTES;
    if (value && expr_weigh(value, &left))
        return value;
    json_decref(value);
    return expr_lost(scope);
}

static json_t *eval_call(const struct expr *expr, const struct expr_scope *scope)
{
    const struct expr_function *function = expr->function;
    json_t *args[EXPR_ARGS], *value = NULL;
    bool fits = true;
    for (size_t i = 0; i < expr->count; i++) {
        args[i] = eval(expr->args[i], scope);
        fits = fits && (expr_function_takes(function, i) & 1u << expr_type_of(args[i]));
    }
    if (fits)
        value = function->call(args, expr->count);
    else
        value = function->result == EXPR_BOOL ? json_false() : json_null();
    for (size_t i = 0; i < expr->count; i++)
        json_decref(args[i]);
    return light_enough(value, scope);
}

static json_t *eval_not(const struct expr *expr, const struct expr_scope *scope)
{
    json_t *value = eval(expr->args[0], scope);
    bool is_true = expr_is_true(value);
    json_decref(value);
    return json_boolean(!is_true);
}

static json_t *eval(const struct expr *expr, const struct expr_scope *scope)
{
    switch (expr->node) {
    case NODE_NULL:
        return json_null();
    case NODE_BOOL:
        return json_boolean(expr->integer);
    case NODE_INTEGER:
        return json_integer(expr->integer);
    case NODE_REAL:
        return json_real(expr->real);
    case NODE_TEXT:
        return kept_text(expr->text);
    case NODE_PATH:
        return eval_path(expr, scope);
    case NODE_INDEX:
        return eval_index(expr, scope);
    case NODE_NOT:
        return eval_not(expr, scope);
    case NODE_AND:
    case NODE_OR:
        return eval_chain(expr, scope);
    case NODE_CALL:
        return eval_call(expr, scope);
    default:
        return eval_comparison(expr, scope);
    }
}

json_t *expr_eval(const struct expr *expr, const struct expr_scope *scope)
{
    return light_enough(eval(expr, scope), scope);
}
