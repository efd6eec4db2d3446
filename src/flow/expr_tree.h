/* A compiled expression: between the parser (expr_parse.c), the check and the evaluation.
 * Everything lies in the arena of the source; literals are no json_t, so that nothing is to be
 * released. */
#ifndef HQ_FLOW_EXPR_TREE_H
#define HQ_FLOW_EXPR_TREE_H

#include <stdint.h>

#include "flow/expr.h"

enum {
    EXPR_PATH = 64, /* names in a row: nobody's results nest deeper than JSON may */
    EXPR_ARGS = 16, /* of a call */
};

enum expr_node {
    NODE_NULL,
    NODE_BOOL,
    NODE_INTEGER,
    NODE_REAL,
    NODE_TEXT,
    NODE_PATH,  /* names from a root on */
    NODE_INDEX, /* args: what, index */
    NODE_NOT,
    NODE_AND, /* args: two or more */
    NODE_OR,
    NODE_EQUAL,
    NODE_DIFFERENT,
    NODE_LESS,
    NODE_LESS_EQUAL,
    NODE_MORE,
    NODE_MORE_EQUAL,
    NODE_IN,
    NODE_CALL,
};

struct expr {
    enum expr_node node;
    struct place at; /* of its first token; of a comparison: its operator */
    int64_t integer; /* NODE_BOOL, too */
    double real;
    const char *text; /* NODE_TEXT */
    const char *const *path;
    const struct place *path_at; /* beside path */
    const struct expr_function *function;
    struct expr *const *args;
    size_t count; /* of path or args */
};

/* A text of the file, read from left to right: where its characters stand. */
struct expr_text {
    const struct expr_source *source;
    const char *text;
    size_t len;
    size_t offset; /* as far as `now` and `raw` are */
    struct place now;
    const char *raw; /* rest of the line in the file; NULL: columns are not known from here on */
    char style;      /* ' " | > or 0 */
    int indent;      /* of a block */
};

void expr_text_init(struct expr_text *text, const struct expr_source *source, const char *bytes,
                    size_t len);

/* The place of the character at `offset`, which never goes back; the text's own where escapes or
 * folds hide it. */
struct place expr_text_place(struct expr_text *text, size_t offset);

/* The offset behind the "}}" that ends the expression which begins at `from` (behind its marks), or
 * 0 where there is none. Marks within '…' do not count. */
size_t expr_text_end(const char *text, size_t len, size_t from);

/* Parses the bytes [from, to) of the text. */
struct expr *expr_parse_part(struct expr_text *text, size_t from, size_t to);

/* ---- functions ---- */

/* Sets of types: 1 << enum expr_type. */
enum {
    TYPES_ANY = 0x7f,
    TYPES_BOOL = 1 << EXPR_BOOL,
    TYPES_NUMBER = 1 << EXPR_NUMBER,
    TYPES_TEXT = 1 << EXPR_TEXT,
    TYPES_LIST = 1 << EXPR_LIST,
    TYPES_OBJECT = 1 << EXPR_OBJECT,
};

struct expr_function {
    const char *name, *usage;
    size_t min, max;
    unsigned args[3]; /* types; the last one also for those that follow */
    enum expr_type result;
    json_t *(*call)(json_t *const *args, size_t count); /* types fit; a new reference */
};

const struct expr_function *expr_function_find(const char *name);
const char *const *expr_function_names(void); /* NULL at the end */
unsigned expr_function_takes(const struct expr_function *function, size_t arg);

/* ---- values ---- */

enum expr_type expr_type_of(const json_t *value);
const char *expr_type_word(enum expr_type type); /* "text", "a number" … */

/* Deep; 1 and 1.0 are equal. */
bool expr_equal(const json_t *a, const json_t *b);

/* Appends the value as it stands in a text: null as "", lists and objects as JSON with sorted keys.
 * Stops once `out` is over LIMIT_EXPR_BYTES. */
struct buf;
void expr_put_text(struct buf *out, const json_t *value);
void expr_put_json(struct buf *out, const json_t *value);

/* Takes what the value weighs off *left; false: it is too much, or nested too deep. */
bool expr_weigh(const json_t *value, size_t *left);

/* Upper and lower case of Latin, Greek and Cyrillic letters; others stay. */
enum { LETTERS_LOWER, LETTERS_UPPER };
json_t *expr_letters(const char *text, int to);

/* ---- types ---- */

/* The type that a schema tells: of `type` (null beside it counts for nothing), `enum` or `const`.
 */
enum expr_type expr_schema_type(const json_t *schema);

/* Tells the scope that a result was too large; returns null. */
json_t *expr_lost(const struct expr_scope *scope);

#endif
