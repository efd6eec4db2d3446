/* The expressions of workflows, and JSON values that have some in them. Total, typed, without side
 * effects: what is missing is null, comparing different types is false, nothing fails and nothing
 * blocks.
 *
 *   ${{ steps.review.output.verdict == 'CONDITIONAL' && length(inputs.parts) > 2 }}
 *
 * Roots: inputs.X · steps.X.output… · steps.X.status · run.id|name|started_at · failure.step|class|
 * message (in on_failure). Literals: 'text' ('' is a quote), numbers, true, false, null. Operators,
 * loosest first: || or, && and (the operand that decides is the value), not, == != < <= > >= in, !;
 * .name and [index or 'name']. Texts are compared by code points, case counts. Functions: contains
 * startsWith endsWith length lower upper trim join split default first last round min max keys
 * toJson fromJson format. */
#ifndef HQ_FLOW_EXPR_H
#define HQ_FLOW_EXPR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "config/finding.h"

struct buf;
struct err;
struct expr;
struct flow_value;

/* Where an expression stands in a file, so that errors point at the right character. */
struct expr_source {
    struct arena *arena;
    struct findings *findings;
    struct place at;  /* of the text's first character */
    const char *what; /* "steps.fix.if": begins messages */
};

/* Parses the inside of ${{ … }}, or the text with the marks around it. NULL: errors were added.
 * Unknown roots and functions and wrong numbers of arguments are found here, types by expr_check().
 * Places are exact as long as the file's lines (findings_set_text()) show the text's characters;
 * else they are the text's own. */
struct expr *expr_parse(const char *text, const struct expr_source *source);

/* Compiles a JSON value: every text in it may hold ${{ … }}; one that is nothing else (but white
 * space) keeps the type of its result, others become text (null as "", lists and objects as JSON
 * with sorted keys). `$${{` is a literal `${{`. Keys have no expressions. Borrows nothing.
 * `pointer_place` may be NULL: then errors stand at source->at; else it gives the place of a value
 * within, by its pointer. NULL: errors were added. */
struct flow_value *flow_value_parse(const json_t *value, const struct expr_source *source,
                                    struct place (*pointer_place)(void *ctx, const char *pointer),
                                    void *ctx);

/* Types as far as they are known before anything runs; a JSON Schema object tells more (properties,
 * items, enum). */
enum expr_type {
    EXPR_ANY,
    EXPR_NULL,
    EXPR_BOOL,
    EXPR_NUMBER,
    EXPR_TEXT,
    EXPR_LIST,
    EXPR_OBJECT,
};

/* What stands behind a path of names: known from inputs and schemas. */
struct expr_scope_type {
    /* The type of e.g. {"steps","review","output"} or {"inputs","part"}; *schema (borrowed, may be
     * NULL) says more. false: there is no such thing: *message (arena) says so, with a
     * did-you-mean. Asked for at most three names of a step and two of other roots: what lies
     * behind them is found in *schema. Both are set to EXPR_ANY and NULL before. */
    bool (*type)(void *ctx, const char *const *path, size_t count, enum expr_type *type,
                 const json_t **schema, const char **message);
    void *ctx;
};

/* Type errors and unknown references become findings. Returns the type of the whole. */
enum expr_type expr_check(const struct expr *expr, const struct expr_scope_type *scope,
                          const struct expr_source *source);
enum expr_type flow_value_check(const struct flow_value *value, const struct expr_scope_type *scope,
                                const struct expr_source *source);

/* Visits every reference ("steps", "review", …): who needs whom, what may stand where. */
typedef void expr_visit(void *ctx, const char *const *path, size_t count, struct place at);
void expr_references(const struct expr *expr, expr_visit *visit, void *ctx);
void flow_value_references(const struct flow_value *value, expr_visit *visit, void *ctx);

/* What the roots are at run time. `get` returns a borrowed value for a root ("inputs", "run",
 * "failure") or, for "steps", of the step `name` ({"output","status"}); NULL: null. */
struct expr_scope {
    const json_t *(*get)(void *ctx, const char *root, const char *name);
    void *ctx;
    bool *is_lost; /* set where a result was too large and null stands in its place; may be NULL */
};

/* The value: a new reference, never NULL. Where something is too large scope->is_lost tells: results over LIMIT_EXPR_BYTES become null; so does a
 * whole flow value of more than LIMIT_RESULT, or one nested deeper than LIMIT_JSON_DEPTH. A NULL
 * flow_value is null. */
json_t *expr_eval(const struct expr *expr, const struct expr_scope *scope);
json_t *flow_value_eval(const struct flow_value *value, const struct expr_scope *scope);

/* A text whose expressions are looked at before they are spliced in: where `guard` says false, what it
 * put into *instead stands there. `value` is a text. New reference, a string. */
typedef bool expr_guard(void *ctx, const struct expr *expr, const char *spliced,
                        struct buf *instead);
json_t *flow_text_eval(const struct flow_value *value, const struct expr_scope *scope,
                       expr_guard *guard, void *ctx);

/* null, false, 0, "", [] and {} are not true. */
bool expr_is_true(const json_t *value);

#endif
