/* Random expressions, whole and broken: never a fault, the same result each time, no larger than
 * allowed. The seed is printed by what fails; HQ_SEED repeats it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "flow/expr.h"

enum { CASES = 20000, DEPTH = 5 };

static uint64_t random_state;

static unsigned pick(unsigned count)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % count;
}

static const char *const atoms[] = {"1",
                                    "0",
                                    "-3",
                                    "2.75",
                                    "1e15",
                                    "'a'",
                                    "''",
                                    "'ÄÖ ß'",
                                    "true",
                                    "false",
                                    "null",
                                    "inputs.t",
                                    "inputs.n",
                                    "inputs.l",
                                    "inputs.o",
                                    "run",
                                    "run.id",
                                    "inputs.gone.x",
                                    "steps.a.output",
                                    "steps.a.status",
                                    "steps.b.output[0]",
                                    "inputs.o['k']",
                                    "inputs.l[1]",
                                    "failure.class"};
static const char *const operators[] = {" == ", " != ", " < ", " <= ", " > ", " >= ", " in "};
static const char *const chains[] = {" && ", " || ", " and ", " or "};
static const struct {
    const char *name;
    unsigned min, max;
} calls[] = {{"contains", 2, 2}, {"startsWith", 2, 2}, {"endsWith", 2, 2}, {"length", 1, 1},
             {"lower", 1, 1},    {"upper", 1, 1},      {"trim", 1, 1},     {"join", 1, 2},
             {"split", 2, 2},    {"default", 2, 4},    {"first", 1, 1},    {"last", 1, 1},
             {"round", 1, 2},    {"min", 1, 3},        {"max", 1, 3},      {"keys", 1, 1},
             {"toJson", 1, 1},   {"fromJson", 1, 1},   {"format", 1, 4}};

#define PICK(list) (list)[pick(sizeof(list) / sizeof((list)[0]))]

static void put_random(struct buf *out, int depth)
{
    unsigned shape = depth > 0 ? pick(7) : 0;
    if (shape <= 1) {
        buf_puts(out, PICK(atoms));
    } else if (shape == 2) {
        unsigned which = pick(sizeof(calls) / sizeof(calls[0]));
        unsigned count = calls[which].min + pick(calls[which].max - calls[which].min + 1);
        buf_printf(out, "%s(", calls[which].name);
        for (unsigned i = 0; i < count; i++) {
            buf_puts(out, i ? ", " : "");
            put_random(out, depth - 1);
        }
        buf_putc(out, ')');
    } else if (shape == 3) {
        buf_puts(out, pick(2) ? "!(" : "(");
        put_random(out, depth - 1);
        buf_puts(out, ")");
    } else {
        buf_putc(out, '(');
        put_random(out, depth - 1);
        buf_puts(out, shape == 4 ? PICK(operators) : PICK(chains));
        put_random(out, depth - 1);
        buf_putc(out, ')');
    }
}

static json_t *world;

static const json_t *get(void *ctx, const char *root, const char *name)
{
    (void)ctx;
    return json_object_get(world, name ? name : root);
}

static bool type_of(void *ctx, const char *const *path, size_t count, enum expr_type *type,
                    const json_t **schema, const char **message)
{
    (void)ctx, (void)path, (void)schema, (void)message;
    *type = (enum expr_type)(count % 7);
    return count != 3;
}

static const struct expr_scope scope = {.get = get};
static const struct expr_scope_type types = {type_of, NULL};

static char *result_of(const struct expr *expr, struct arena *arena)
{
    json_t *value = expr_eval(expr, &scope);
    char *text = json_print(arena, value);
    json_decref(value);
    return text;
}

/* Returns whether it was an expression. */
static bool try_text(const char *text)
{
    struct arena arena = {0};
    struct findings findings;
    findings_init(&findings, &arena);
    struct expr_source source = {&arena, &findings, {1, 1}, "if"};
    struct expr *expr = expr_parse(text, &source);
    if (!expr && findings.errors == 0)
        fail_msg("refused without a word: %s", text);
    if (expr) {
        char *once = result_of(expr, &arena), *again = result_of(expr, &arena);
        if (!str_eq(once, again))
            fail_msg("%s gives %s, then %s", text, once, again);
        if (strlen(once) > 6 * LIMIT_EXPR_BYTES)
            fail_msg("%s gives %zu bytes", text, strlen(once));
        expr_check(expr, &types, &source);
    }
    arena_fini(&arena);
    return expr != NULL;
}

static void test_whole(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        struct buf text = {0};
        put_random(&text, DEPTH);
        if (text.len <= LIMIT_EXPR_TEXT && !try_text(buf_text(&text)))
            fail_msg("refused: %s", buf_text(&text));
        buf_fini(&text);
    }
}

/* Pieces cut out, doubled and changed: what is left may be anything but a fault. */
static void test_broken(void **state)
{
    (void)state;
    static const char signs[] = "()[]'\".,!=<>&|${} abcinorst019-\n";
    for (int i = 0; i < CASES; i++) {
        struct buf text = {0};
        put_random(&text, 3);
        for (unsigned edits = 1 + pick(4); edits > 0; edits--)
            text.bytes[pick((unsigned)text.len)] = signs[pick(sizeof(signs) - 1)];
        if (str_is_utf8(text.bytes, text.len))
            try_text(buf_text(&text));
        buf_fini(&text);
    }
}

int main(void)
{
    const char *seed = getenv("HQ_SEED");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole), cmocka_unit_test(test_broken)};
    random_state = seed ? strtoull(seed, NULL, 10) : 88172645463325252ull;
    world = json_pack("{s:{s:s,s:i,s:[i,s,f],s:{s:s}},s:{s:s},s:{s:s,s:s},s:{s:[{s:i}]}}", "inputs",
                      "t", "Text ä", "n", 7, "l", 1, "two", 3.5, "o", "k", "v", "run", "id", "t-1",
                      "a", "output", "[1,2]", "status", "done", "b", "output", "x", 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(world);
    return failed;
}
