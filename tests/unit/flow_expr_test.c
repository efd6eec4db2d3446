/* Expressions of workflows: what they come to, what is refused and where, what is known of their
 * types, and values with expressions inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "flow/expr.h"

static const char world_text[] =
    "{\"inputs\":{\"part\":\"bracket\",\"count\":3,\"ratio\":2.5,\"yes\":true,\"none\":null,"
    "\"list\":[1,2,\"x\"],\"empty\":[],\"text\":\"Größe Ω\",\"odd\":{\"a b\":1,\"x-y\":{\"z\":7}},"
    "\"big\":9007199254740993},"
    "\"run\":{\"id\":\"t-1\",\"name\":\"study\"},"
    "\"review\":{\"status\":\"done\",\"output\":{\"verdict\":\"PASS\",\"findings\":[{\"title\":"
    "\"one\"},"
    "{\"title\":\"two\"}]}}}";

static json_t *world;
static struct arena arena;
static struct findings findings;

static int setup(void **state)
{
    (void)state;
    world = json_parse(world_text, strlen(world_text), NULL);
    assert_non_null(world);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(world);
    arena_fini(&arena);
    return 0;
}

static const json_t *get(void *ctx, const char *root, const char *name)
{
    (void)ctx;
    return json_object_get(world, name ? name : root);
}

static const struct expr_scope scope = {.get = get};

static struct expr_source source_new(const char *what)
{
    findings_init(&findings, &arena);
    return (struct expr_source){&arena, &findings, {1, 1}, what};
}

static void expect(const char *expression, const char *json)
{
    struct expr_source source = source_new("if");
    struct expr *expr = expr_parse(expression, &source);
    if (!expr)
        fail_msg("%s: %s", expression, findings.count ? findings.items[0].message : "nothing");
    json_t *value = expr_eval(expr, &scope);
    char *text = json_print(&arena, value);
    json_decref(value);
    if (!str_eq(text, json))
        fail_msg("%s gives %s, not %s", expression, text, json);
}

static const char *const gives[][2] = {
    {"1", "1"},
    {"-2.5", "-2.5"},
    {"1e3", "1000.0"},
    {"'it''s'", "\"it's\""},
    {"''", "\"\""},
    {"null", "null"},
    {"${{ inputs.count }}", "3"},
    {" ${{inputs.count}} ", "3"},
    {"inputs.part", "\"bracket\""},
    {"inputs.nothing.at.all", "null"},
    {"inputs.part.x", "null"},
    {"inputs['odd']['a b']", "1"},
    {"inputs.odd.x-y.z", "7"},
    {"inputs.list[2]", "\"x\""},
    {"inputs.list[3]", "null"},
    {"inputs.list[-1]", "null"},
    {"inputs.list[0.5]", "null"},
    {"inputs.list['x']", "null"},
    {"inputs.list[inputs.count]", "null"},
    {"inputs['pa' ]", "null"},
    {"steps.review.status", "\"done\""},
    {"steps['review'].output.verdict == 'PASS'", "true"},
    {"steps.review.output.findings[1].title", "\"two\""},
    {"steps.gone.output.x", "null"},
    {"failure.message", "null"},
    {"run.id", "\"t-1\""},
    /* binding */
    {"true || false && false", "true"},
    {"true or false and false", "true"},
    {"not 1 == 2", "true"},
    {"!inputs.yes == false", "true"},
    {"not not true", "true"},
    {"!!inputs.count", "true"},
    {"(1 < 2) == true", "true"},
    {"1 == 1 and 2 == 2 or false", "true"},
    /* the operand that decides */
    {"inputs.none || 'else'", "\"else\""},
    {"inputs.part && inputs.count", "3"},
    {"inputs.empty || 0 || '' || null", "null"},
    /* equality */
    {"1 == 1.0", "true"},
    {"1 == '1'", "false"},
    {"1 != '1'", "true"},
    {"null == inputs.none", "true"},
    {"null == false", "false"},
    {"inputs.big == 9007199254740992", "false"},
    {"inputs.list == fromJson('[1.0,2,\"x\"]')", "true"},
    {"inputs.odd == fromJson('{\"x-y\":{\"z\":7},\"a b\":1}')", "true"},
    {"inputs.odd == fromJson('{\"x-y\":{\"z\":7}}')", "false"},
    /* order */
    {"2 < 10", "true"},
    {"'2' < '10'", "false"},
    {"'z' < 'ä'", "true"},
    {"1 < '2'", "false"},
    {"1 >= '2'", "false"},
    {"null < 1", "false"},
    {"2.5 <= inputs.ratio", "true"},
    {"3 > 2.9", "true"},
    {"3 >= 3", "true"},
    /* in */
    {"2 in inputs.list", "true"},
    {"'2' in inputs.list", "false"},
    {"'ack' in inputs.part", "true"},
    {"'a b' in inputs.odd", "true"},
    {"1 in inputs.part", "false"},
    {"1 in null", "false"},
    /* functions */
    {"contains(inputs.part, 'rack')", "true"},
    {"contains(inputs.list, 2)", "true"},
    {"contains(inputs.none, 2)", "false"},
    {"startsWith(inputs.part, 'br')", "true"},
    {"endsWith(inputs.part, 'et')", "true"},
    {"length(inputs.text)", "7"},
    {"length(inputs.list)", "3"},
    {"length(inputs.odd)", "2"},
    {"length(inputs.none)", "null"},
    {"length(inputs.none) > 0", "false"},
    {"upper(inputs.text)", "\"GRÖßE Ω\""},
    {"lower('ÄÖÜ ŽŁ ΑΩ ЖЁ')", "\"äöü žł αω жё\""},
    {"upper('äöü žł αω жё ÿ×÷')", "\"ÄÖÜ ŽŁ ΑΩ ЖЁ ÿ×÷\""},
    {"trim('  a b \t')", "\"a b\""},
    {"trim('   ')", "\"\""},
    {"join(inputs.list)", "\"1, 2, x\""},
    {"join(inputs.list, '')", "\"12x\""},
    {"join(split('a,b,,c', ','), '+')", "\"a+b++c\""},
    {"split('äß', '')", "[\"ä\",\"ß\"]"},
    {"split('', ',')", "[\"\"]"},
    {"default(inputs.none, inputs.gone, 5)", "5"},
    {"default(false, 5)", "false"},
    {"first(inputs.list)", "1"},
    {"last(inputs.list)", "\"x\""},
    {"first(inputs.empty)", "null"},
    {"last(inputs.empty)", "null"},
    {"last(steps.review.output.findings).title", "\"two\""},
    {"round(2.5)", "3"},
    {"round(-2.5)", "-3"},
    {"toJson(round(2.345, 2))", "\"2.35\""},
    {"round(inputs.big)", "9007199254740993"},
    {"toJson(round(1e300, 15))", "\"1e+300\""},
    {"round(2.5, 99)", "null"},
    {"min(3, 1.5, 2)", "1.5"},
    {"max(inputs.list)", "2"},
    {"max(inputs.empty)", "null"},
    {"keys(inputs.odd)", "[\"a b\",\"x-y\"]"},
    {"toJson(inputs.odd)", "\"{\\\"a b\\\":1,\\\"x-y\\\":{\\\"z\\\":7}}\""},
    {"toJson(0.1)", "\"0.1\""},
    {"toJson('a\"b')", "\"\\\"a\\\\\\\"b\\\"\""},
    {"fromJson('{\"a\":[1]}').a[0]", "1"},
    {"fromJson('{')", "null"},
    {"format('{0} of {1}: {2}|{{0}}', inputs.count, 'x', null)", "\"3 of x: |{0}\""},
    {"format('{9} {x} {', 1)", "\" {x} {\""},
    {"'}}' == '}}'", "true"},
    {"${{ '}}' }}", "\"}}\""},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(gives) / sizeof(gives[0]); i++)
        expect(gives[i][0], gives[i][1]);
}

/* ---- what is no expression ---- */

static const struct refusal {
    const char *text;
    int column;
    const char *message, *hint;
} refusals[] = {
    {"", 1, "if: the expression is empty", NULL},
    {"${{ }}", 5, "if: the expression is empty", NULL},
    {"${{ 1", 1, "if: \"${{\" has no closing \"}}\"", NULL},
    {"${{ 1 }} x", 1, "if: one expression belongs here, and nothing else", NULL},
    {"1 +", 3, "if: \"+\" has no meaning here", "expressions do not calculate: let a step do it"},
    {"inputs.a = 1", 10, "if: \"=\" has no meaning here",
     "write == to compare, && for and, || for or"},
    {"inputs.a == \"x\"", 13, "if: \"\"\" has no meaning here",
     "texts stand in single quotes: 'PASS'"},
    {"inputs.a ==", 12, "if: a value belongs here, not the end", NULL},
    {"inputs.a == == 1", 13, "if: a value belongs here, not \"==\"", NULL},
    {"1 == 2 == 3", 8, "if: a comparison has two sides", "join two with &&"},
    {"1 == 'abc", 6, "if: the text that begins here has no closing '", NULL},
    {"(1", 3, "if: \"(\" needs its closing \")\" here, not the end", NULL},
    {"inputs.", 8, "if: a name belongs behind \".\", not the end", NULL},
    {"inputs[1", 9, "if: \"[\" needs its closing \"]\" here, not the end", NULL},
    {"1 2", 3, "if: \"2\" was not expected here", NULL},
    {"12ab", 1, "if: \"12a\" is not a number", NULL},
    {"1e999", 1, "if: the number 1e999 does not fit", NULL},
    {"input.part", 1, "if: there is no \"input\" here", "did you mean \"inputs\"?"},
    {"PASS", 1, "if: there is no \"PASS\" here",
     "names begin with inputs, steps, run or failure; a text stands in single quotes: 'PASS'"},
    {"steps", 1, "if: steps alone is nothing: name one, as in steps.review.output", NULL},
    {"1 == lenght('x')", 6, "if: there is no function \"lenght\"", "did you mean \"length\"?"},
    {"length()", 1, "if: length takes (text, list or object), not 0 arguments", NULL},
    {"startsWith('x')", 1, "if: startsWith takes (text, part), not 1 argument", NULL},
    {"length('x' 'y')", 12, "if: length( needs a \",\" or its closing \")\" here, not 'y'", NULL},
    {"1 == 'ä' &", 10, "if: \"&\" has no meaning here",
     "write == to compare, && for and, || for or"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *refusal = &refusals[i];
        struct expr_source source = source_new("if");
        findings_set_text(&findings, refusal->text, strlen(refusal->text));
        if (expr_parse(refusal->text, &source))
            fail_msg("%s was taken", refusal->text);
        assert_int_equal(findings.count, 1);
        assert_string_equal(findings.items[0].message, refusal->message);
        if (findings.items[0].column != refusal->column)
            fail_msg("%s: column %d, not %d", refusal->text, findings.items[0].column,
                     refusal->column);
        assert_true(str_eq(findings.items[0].hint, refusal->hint));
    }
}

/* Errors of meaning are told all at once. */
static void test_all_at_once(void **state)
{
    (void)state;
    struct expr_source source = source_new("if");
    assert_null(expr_parse("lenght(inputs.a) == trimm(input.b)", &source));
    assert_int_equal(findings.count, 3);
}

static const char *repeat(const char *begin, const char *middle, const char *end, int times)
{
    struct buf text = {0};
    for (int i = 0; i < times; i++)
        buf_puts(&text, begin);
    buf_puts(&text, middle);
    for (int i = 0; i < times; i++)
        buf_puts(&text, end);
    const char *copy = arena_strdup(&arena, buf_text(&text));
    buf_fini(&text);
    return copy;
}

static void test_limits(void **state)
{
    (void)state;
    const char *const deep[] = {repeat("(", "1", ")", LIMIT_EXPR_DEPTH + 1),
                                repeat("!", "1", "", LIMIT_EXPR_DEPTH + 1),
                                repeat("not ", "1", "", LIMIT_EXPR_DEPTH + 1),
                                repeat("trim(", "'x'", ")", LIMIT_EXPR_DEPTH + 1),
                                repeat("inputs[", "1", "]", LIMIT_EXPR_DEPTH + 1)};
    for (size_t i = 0; i < sizeof(deep) / sizeof(deep[0]); i++) {
        struct expr_source source = source_new("if");
        assert_null(expr_parse(deep[i], &source));
        assert_string_equal(findings.items[0].message, "if: nested deeper than 64 levels");
    }
    struct expr_source source = source_new("if");
    assert_null(expr_parse(repeat("", "inputs", ".a", 65), &source));
    assert_string_equal(findings.items[0].message, "if: more than 64 names in a row");
    source = source_new("if");
    assert_null(expr_parse(repeat("", "inputs", "[0]", 65), &source));
    assert_string_equal(findings.items[0].message, "if: more than 64 names in a row");
    source = source_new("if");
    assert_null(expr_parse(repeat("", "1", " ", LIMIT_EXPR_TEXT), &source));
    assert_string_equal(findings.items[0].message,
                        "if: an expression of more than 4096 characters");
    expect(repeat("(", "1", ")", LIMIT_EXPR_DEPTH - 1), "1");
    expect(repeat("", "false", "||0", 1300), "0");
}

/* Each of these multiplies what it got: the result is null, and soon. */
static void test_growth(void **state)
{
    (void)state;
    json_t *list = json_array();
    for (int i = 0; i < 50000; i++)
        json_array_append_new(list, json_string("abcdefghij"));
    json_object_set_new(world, "grow", json_pack("{s:o}", "output", list));
    expect("length(join(steps.grow.output))", "599998");
    expect("format('{0}{0}', join(steps.grow.output))", "null");
    expect("join(split(join(steps.grow.output), ''), 'x')", "null");
    expect("format('{0}{0}{0}', toJson(steps.grow.output))", "null");
    expect("steps.grow.output == steps.grow.output", "true");
    expect("length(steps.grow.output)", "50000");
    expect("steps.grow.output", "null");
    json_object_del(world, "grow");
}

/* ---- types ---- */

static const char schema_text[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"verdict\":{\"enum\":[\"PASS\",\"CONDITIONAL\",\"FAIL\"]},\"score\":{\"type\":\"integer\"},"
    "\"note\":{\"type\":[\"string\",\"null\"]},\"sure\":{\"type\":\"boolean\"},"
    "\"findings\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"additionalProperties\":"
    "false,"
    "\"properties\":{\"title\":{\"type\":\"string\"}}}},\"open\":{\"type\":\"object\"}}}";

static bool type_of(void *ctx, const char *const *path, size_t count, enum expr_type *type,
                    const json_t **schema, const char **message)
{
    if (str_eq(path[0], "inputs") && count == 2 && str_eq(path[1], "part"))
        *type = EXPR_TEXT;
    else if (str_eq(path[0], "inputs") && count == 2 && str_eq(path[1], "count"))
        *type = EXPR_NUMBER;
    else if (str_eq(path[0], "steps") && count == 3 && str_eq(path[1], "review") &&
             str_eq(path[2], "output")) {
        *type = EXPR_OBJECT;
        *schema = ctx;
    } else if (str_eq(path[0], "steps") && str_eq(path[1], "review") && count == 2) {
        *type = EXPR_OBJECT;
    } else {
        if (str_eq(path[0], "inputs"))
            *message = "there is no input like that";
        return false;
    }
    return true;
}

static const struct misfit {
    const char *text;
    int column; /* 0: it fits */
    const char *message, *hint;
    enum expr_type type;
} misfits[] = {
    {"inputs.part", 0, NULL, NULL, EXPR_TEXT},
    {"inputs.count", 0, NULL, NULL, EXPR_NUMBER},
    {"steps.review.output", 0, NULL, NULL, EXPR_OBJECT},
    {"steps.review.output.verdict", 0, NULL, NULL, EXPR_TEXT},
    {"steps.review.output.score", 0, NULL, NULL, EXPR_NUMBER},
    {"steps.review.output.findings[0].title", 0, NULL, NULL, EXPR_TEXT},
    {"first(steps.review.output.findings).title", 0, NULL, NULL, EXPR_TEXT},
    {"steps.review.output.open.x.y == 3", 0, NULL, NULL, EXPR_BOOL},
    {"steps.review.output.note == 'x'", 0, NULL, NULL, EXPR_BOOL},
    {"steps.review.output.note == null", 0, NULL, NULL, EXPR_BOOL},
    {"inputs.part || 'x'", 0, NULL, NULL, EXPR_TEXT},
    {"inputs.part || 3", 0, NULL, NULL, EXPR_ANY},
    {"default(null, inputs.count, 3)", 0, NULL, NULL, EXPR_NUMBER},
    {"inputs.prt", 8, "if: there is no input like that", NULL, EXPR_ANY},
    {"steps.reveiw.output", 7, "if: there is no steps.reveiw", NULL, EXPR_ANY},
    {"steps.review.outptu", 14, "if: there is no steps.review.outptu", NULL, EXPR_ANY},
    {"steps.review.output.verdct", 21, "if: steps.review.output has no \"verdct\"",
     "did you mean \"verdict\"?", EXPR_ANY},
    {"steps.review.output.findings[0].titel", 33, "if: this has no \"titel\"",
     "did you mean \"title\"?", EXPR_ANY},
    {"steps.review.output.findings.title", 30,
     "if: steps.review.output.findings is a list and has no \"title\"",
     "take one of it, as in steps.review.output.findings[0]", EXPR_ANY},
    {"inputs.part.x", 13, "if: inputs.part is a text and has no \"x\"", NULL, EXPR_ANY},
    {"inputs.part[0]", 13, "if: inputs.part is a text: only lists and objects have an [index]",
     NULL, EXPR_ANY},
    {"steps.review.output.findings[true]", 30,
     "if: steps.review.output.findings is a list: true or false is no index of it", NULL,
     EXPR_OBJECT},
    {"inputs.part == 3", 13, "if: compares a text with a number, which are never equal", NULL,
     EXPR_BOOL},
    {"3 != steps.review.output.sure", 3,
     "if: compares a number with true or false, which are never equal", NULL, EXPR_BOOL},
    {"steps.review.output.verdict == 'CONDITONAL'", 32,
     "if: this is never 'CONDITONAL', only one of: PASS, CONDITIONAL, FAIL",
     "did you mean 'CONDITIONAL'?", EXPR_BOOL},
    {"(('PASSED') != steps.review.output.verdict)", 3,
     "if: this is never 'PASSED', only one of: PASS, CONDITIONAL, FAIL", "did you mean 'PASS'?",
     EXPR_BOOL},
    {"steps.review.output.findings > 2", 30,
     "if: only two numbers or two texts have an order, not a list and a number",
     "length(…) counts what is in a list", EXPR_BOOL},
    {"inputs.part < 3", 13,
     "if: only two numbers or two texts have an order, not a text and a number", NULL, EXPR_BOOL},
    {"null < 3", 6, "if: only two numbers or two texts have an order, not null and a number", NULL,
     EXPR_BOOL},
    {"1 in inputs.count", 3, "if: \"in\" looks into a list, a text or an object, not a number",
     NULL, EXPR_BOOL},
    {"1 in inputs.part", 3, "if: a number is never in a text", NULL, EXPR_BOOL},
    {"length(inputs.count)", 8,
     "if: length(text, list or object) takes a text or a list or an object here, not a number",
     NULL, EXPR_NUMBER},
    {"startsWith(inputs.part, 3)", 25, "if: startsWith(text, part) takes a text here, not a number",
     NULL, EXPR_BOOL},
    {"max(1, 2, 'x')", 11, "if: max(number…) or (list) takes a number here, not a text", NULL,
     EXPR_NUMBER},
    {"format('{0} {1}', 1)", 8, "if: there is no value for {1} (the first is {0})", NULL,
     EXPR_TEXT},
};

static void test_types(void **state)
{
    (void)state;
    json_t *schema = json_parse(schema_text, strlen(schema_text), NULL);
    const struct expr_scope_type types = {type_of, schema};
    for (size_t i = 0; i < sizeof(misfits) / sizeof(misfits[0]); i++) {
        const struct misfit *misfit = &misfits[i];
        struct expr_source source = source_new("if");
        findings_set_text(&findings, misfit->text, strlen(misfit->text));
        struct expr *expr = expr_parse(misfit->text, &source);
        assert_non_null(expr);
        enum expr_type type = expr_check(expr, &types, &source);
        const struct finding *found = findings.count ? &findings.items[0] : NULL;
        if (findings.count != (misfit->column ? 1 : 0))
            fail_msg("%s: %zu findings: %s", misfit->text, findings.count,
                     found ? found->message : "");
        if (type != misfit->type)
            fail_msg("%s: of type %d, not %d", misfit->text, (int)type, (int)misfit->type);
        if (!found)
            continue;
        assert_string_equal(found->message, misfit->message);
        if (!str_eq(found->hint, misfit->hint) || found->column != misfit->column)
            fail_msg("%s: column %d, hint %s", misfit->text, found->column, found->hint);
    }
    json_decref(schema);
}

/* ---- references ---- */

static void put_path(void *ctx, const char *const *path, size_t count, struct place at)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(ctx, "%s%s", i ? "." : "", path[i]);
    buf_printf(ctx, "@%d ", at.column);
}

static void test_references(void **state)
{
    (void)state;
    struct buf seen = {0};
    struct expr_source source = source_new("if");
    const char *text = "steps.a.output[inputs.i].x == steps['b'].status || length(run.id)";
    findings_set_text(&findings, text, strlen(text));
    struct expr *expr = expr_parse(text, &source);
    expr_references(expr, put_path, &seen);
    assert_string_equal(buf_text(&seen),
                        "steps.a.output@1 inputs.i@16 steps.b.status@31 run.id@59 ");
    buf_fini(&seen);
}

static void test_truth(void **state)
{
    (void)state;
    expect("!null && !false && !0 && !0.0 && !'' && !inputs.empty && !fromJson('{}')", "true");
    expect("!!'0' && !!-1 && !!inputs.list && !!inputs.odd", "true");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),      cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_all_at_once), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_growth),      cmocka_unit_test(test_types),
        cmocka_unit_test(test_references),  cmocka_unit_test(test_truth),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
