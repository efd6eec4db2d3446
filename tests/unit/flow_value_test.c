/* JSON values with expressions in their texts: what they come to, where their errors stand, what
 * they refer to, how much they may grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "config/yaml.h"
#include "flow/expr.h"

static const char world_text[] =
    "{\"inputs\":{\"part\":\"bracket\",\"count\":3,\"ratio\":2.5,\"yes\":true,\"none\":null,"
    "\"list\":[1,2,\"x\"]},\"run\":{\"id\":\"t-1\"}}";

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

/* Only the inputs "count" and "part" are there. */
static bool type_of(void *ctx, const char *const *path, size_t count, enum expr_type *type,
                    const json_t **schema, const char **message)
{
    (void)ctx, (void)schema, (void)message;
    *type = str_eq(path[count - 1], "count") ? EXPR_NUMBER : EXPR_TEXT;
    return str_eq(path[count - 1], "count") || str_eq(path[count - 1], "part");
}

static void put_path(void *ctx, const char *const *path, size_t count, struct place at)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(ctx, "%s%s", i ? "." : "", path[i]);
    buf_printf(ctx, "@%d ", at.column);
}

static struct place place_by_pointer(void *ctx, const char *pointer)
{
    return yaml_place(ctx, pointer);
}

static struct flow_value *parse_yaml(const char *text, struct yaml_document **document)
{
    struct expr_source source = source_new("with");
    *document = yaml_read(text, strlen(text), &arena, &findings);
    assert_int_equal(findings.errors, 0);
    return flow_value_parse((*document)->root, &source, place_by_pointer, *document);
}

static void expect_from(const char *yaml, const char *json)
{
    struct yaml_document *document;
    struct flow_value *value = parse_yaml(yaml, &document);
    yaml_close(document);
    if (!value)
        fail_msg("%s: %s", yaml, findings.items[0].message);
    json_t *result = flow_value_eval(value, &scope);
    char *text = json_print(&arena, result);
    json_decref(result);
    if (!str_eq(text, json))
        fail_msg("%s gives %s, not %s", yaml, text, json);
}

static const char *const value_gives[][2] = {
    {"a: 1", "{\"a\":1}"},
    {"[true, null, 2.5, x]", "[true,null,2.5,\"x\"]"},
    {"'${{ inputs.count }}'", "3"},
    {"'${{ inputs.list }}'", "[1,2,\"x\"]"},
    {"'n=${{ inputs.count }}'", "\"n=3\""},
    {"'${{ inputs.count }}${{ inputs.ratio }}'", "\"32.5\""},
    {"'<${{ inputs.none }}|${{ inputs.yes }}|${{ inputs.list }}>'", "\"<|true|[1,2,\\\"x\\\"]>\""},
    {"'$${{ inputs.count }}'", "\"${{ inputs.count }}\""},
    {"'a $${{ x }} ${{ inputs.count }}'", "\"a ${{ x }} 3\""},
    {"'$ ${{ inputs.count }}'", "\"$ 3\""},
    {"'{{ x }} ${ y } }}'", "\"{{ x }} ${ y } }}\""},
    {"|\n  ${{ inputs.count }}\n", "3"},
    {"a: { b: ['${{ inputs.part }}', { c: 'x ${{ run.id }}' }] }",
     "{\"a\":{\"b\":[\"bracket\",{\"c\":\"x t-1\"}]}}"},
    {"''", "\"\""},
};

static void test_flow_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(value_gives) / sizeof(value_gives[0]); i++)
        expect_from(value_gives[i][0], value_gives[i][1]);
}

static const struct misplaced {
    const char *yaml;
    int line, column;
} misplaced[] = {
    {"a: ${{ lenght(1) }}", 1, 8},
    {"a: 'ä ''x'' ${{ lenght(1) }}'", 1, 17},
    {"a: \"q \\\"x\\\" ${{ lenght(1) }}\"", 1, 17},
    {"a: \"\\u00e4 ${{ lenght(1) }}\"", 1, 4},
    {"a:\n  b: [1, 'x ${{ lenght(1) }}']", 2, 17},
    {"a: |\n  one\n\n    two ${{ lenght(1) }}", 4, 13},
    {"a: >\n  one\n  two ${{ lenght(1) }}", 3, 11},
    {"a: one\n  two ${{ lenght(1) }}", 2, 11},
    {"a: 'one\n\n  two ${{ lenght(1) }}'", 1, 4},
    {"a: x ${{ 1", 1, 6},
    {"\"k ${{ 1 }}\": x", 1, 15},
};

static void test_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(misplaced) / sizeof(misplaced[0]); i++) {
        struct yaml_document *document;
        if (parse_yaml(misplaced[i].yaml, &document))
            fail_msg("%s was taken", misplaced[i].yaml);
        assert_int_equal(findings.count, 1);
        struct finding found = findings.items[0];
        if (found.line != misplaced[i].line || found.column != misplaced[i].column)
            fail_msg("%s: %d:%d, not %d:%d", misplaced[i].yaml, found.line, found.column,
                     misplaced[i].line, misplaced[i].column);
        yaml_close(document);
    }
}

static void test_value_looks(void **state)
{
    (void)state;
    struct yaml_document *document;
    struct buf seen = {0};
    struct flow_value *value =
        parse_yaml("a: '${{ steps.x.output }} ${{ inputs.a }}'\nb: ['${{ run.id }}']", &document);
    flow_value_references(value, put_path, &seen);
    assert_string_equal(buf_text(&seen), "steps.x.output@9 inputs.a@31 run.id@10 ");
    yaml_close(document);
    buf_fini(&seen);
}

static void test_value_types(void **state)
{
    (void)state;
    const struct expr_scope_type types = {type_of, NULL};
    struct yaml_document *document;
    struct flow_value *value = parse_yaml("'${{ inputs.count }}'", &document);
    struct expr_source source = {&arena, &findings, {1, 1}, "with"};
    assert_int_equal(flow_value_check(value, &types, &source), EXPR_NUMBER);
    yaml_close(document);
    value = parse_yaml("['a ${{ inputs.count }}', '${{ inputs.gone }}']", &document);
    source.findings = &findings;
    assert_int_equal(flow_value_check(value, &types, &source), EXPR_LIST);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.items[0].column, 39);
    yaml_close(document);
}

/* Many texts of a megabyte do not become a value of many megabytes. */
static void test_value_growth(void **state)
{
    (void)state;
    json_t *texts = json_array();
    char *big = malloc(900000);
    memset(big, 'x', 899999);
    big[899999] = '\0';
    json_object_set_new(world, "grow", json_pack("{s:s}", "output", big));
    for (int i = 0; i < 3000; i++)
        json_array_append_new(texts, json_string("a ${{ steps.grow.output }}"));
    struct expr_source source = source_new("with");
    struct flow_value *value = flow_value_parse(texts, &source, NULL, NULL);
    json_t *result = flow_value_eval(value, &scope);
    assert_true(json_is_null(result));
    json_decref(result);
    json_decref(texts);
    json_object_del(world, "grow");
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow_values),  cmocka_unit_test(test_places),
        cmocka_unit_test(test_value_looks),  cmocka_unit_test(test_value_types),
        cmocka_unit_test(test_value_growth),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
