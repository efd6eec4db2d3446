/* The YAML reader: values of the core schema, places, and everything that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "config/yaml.h"

static struct arena arena;

static int setup(void **state)
{
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    arena_fini(&arena);
    return 0;
}

static struct yaml_document *read_text(const char *text, struct findings *findings)
{
    findings_init(findings, &arena);
    return yaml_read(text, strlen(text), &arena, findings);
}

/* What a value reads as, printed as JSON. */
static void core_schema_is_followed(void **state)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"no", "\"no\""},
        {"on", "\"on\""},
        {"yes", "\"yes\""},
        {"1:30", "\"1:30\""},
        {"0o17", "15"},
        {"017", "17"},
        {"0x1F", "31"},
        {"-0", "0"},
        {"+12", "12"},
        {"1_000", "\"1_000\""},
        {"0b11", "\"0b11\""},
        {"1e3", "1000.0"},
        {".5", "0.5"},
        {"2.", "2.0"},
        {"1.2.3", "\"1.2.3\""},
        {"-", NULL},
        {"true", "true"},
        {"False", "false"},
        {"tRue", "\"tRue\""},
        {"null", "null"},
        {"~", "null"},
        {"\"12\"", "\"12\""},
        {"'true'", "\"true\""},
        {"2001-01-01", "\"2001-01-01\""},
        {"<<", "\"<<\""},
        {"0o8", "\"0o8\""},
        {"-0x1F", "\"-0x1F\""},
        {"1e", "\"1e\""},
        {"|\n  a\n  b\n", "\"a\\nb\\n\""},
        {"9223372036854775807", "9223372036854775807"},
        {"\"caf\\u00e9\"", "\"café\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct findings findings;
        struct yaml_document *document =
            read_text(arena_printf(&arena, "k: %s", cases[i].yaml), &findings);
        if (cases[i].json) {
            char *json = json_dumps(json_object_get(document->root, "k"), JSON_ENCODE_ANY);
            assert_string_equal(json, cases[i].json);
            assert_int_equal(findings.errors, 0);
            free(json);
        } else {
            assert_int_not_equal(
                json_is_array(json_object_get(document->root, "k")) + (int)findings.errors, 0);
        }
        yaml_close(document);
    }
}

static void places_count_code_points(void **state)
{
    struct findings findings;
    struct yaml_document *document =
        read_text("a: 1\nb:\n  - x\n  - {c/d: 2, \"é日\": 3, e: 4}\n", &findings);
    struct place at = yaml_place(document, "/a");
    assert_true(at.line == 1 && at.column == 4);
    at = yaml_place(document, "/b/0");
    assert_true(at.line == 3 && at.column == 5);
    at = yaml_key_place(document, "/b/1/c~1d");
    assert_true(at.line == 4 && at.column == 6);
    at = yaml_place(document, "/b/1/e");
    assert_true(at.line == 4 && at.column == 26);
    assert_int_equal(yaml_place(document, "/nowhere").line, 0);
    yaml_close(document);
}

/* Each must give exactly this first finding at this place. */
static void what_is_refused_says_where_and_why(void **state)
{
    static const struct {
        const char *yaml;
        int line, column;
        const char *message;
    } cases[] = {
        {"a: &x 1", 1, 4, "anchors (&x) are refused"},
        {"a: 1\nb: *x", 2, 4, "aliases (*x) are refused"},
        {"a: !!str 1", 1, 4, "tags (tag:yaml.org,2002:str) are refused"},
        {"a: !mine {}", 1, 4, "tags (!mine) are refused"},
        {"a: 1\nb: 2\na: 3", 3, 1, "a: this key is here twice (first on line 1)"},
        {"{a: {b: 1, b: 2}}", 1, 12, "b: this key is here twice (first on line 1)"},
        {"a: 1\n---\nb: 2", 2, 1, "a second document starts here"},
        {"? [a, b]\n: 1", 1, 3, "a key must be plain text"},
        {"a: 99999999999999999999", 1, 4, "the number 99999999999999999999 does not fit"},
        {"a: .inf", 1, 4, "the number .inf does not fit"},
        {"a: 1e999", 1, 4, "the number 1e999 does not fit"},
        {"a: \"x\\0y\"", 1, 4, "text with a NUL character is refused"},
        {"a: [1, 2", 1, 9,
         "this is not YAML: did not find expected ',' or ']' while parsing a flow sequence"},
        {"a:\n\tb: 1", 2, 1,
         "this is not YAML: found character that cannot start any token while scanning for the "
         "next token"},
        {"a: b: c", 1, 5, "this is not YAML: mapping values are not allowed in this context"},
        {"é: \"\xff\"", 1, 5, "the file is not UTF-8 text from here on (or has a NUL character)"},
        {"ok: 1\né: \x01", 2, 4, "this is not YAML: control characters are not allowed"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct findings findings;
        struct yaml_document *document = read_text(cases[i].yaml, &findings);
        if (!findings.count)
            fail_msg("nothing was refused in: %s", cases[i].yaml);
        assert_string_equal(findings.items[0].message, cases[i].message);
        if (findings.items[0].line != cases[i].line || findings.items[0].column != cases[i].column)
            fail_msg("%s: at %d:%d, not %d:%d", cases[i].yaml, findings.items[0].line,
                     findings.items[0].column, cases[i].line, cases[i].column);
        yaml_close(document);
    }
}

static char *nested(int levels)
{
    char *text = arena_alloc(&arena, (size_t)levels * 2 + 1);
    memset(text, '[', (size_t)levels);
    memset(text + levels, ']', (size_t)levels);
    return text;
}

static void depth_and_size_are_capped(void **state)
{
    struct findings findings;
    struct yaml_document *document = read_text(nested(LIMIT_YAML_DEPTH), &findings);
    assert_int_equal(findings.errors, 0);
    yaml_close(document);
    document = read_text(nested(LIMIT_YAML_DEPTH + 1), &findings);
    assert_string_equal(findings.items[0].message, "nested deeper than 64 levels");
    assert_false(document->whole);
    yaml_close(document);
    document = read_text(nested(300000), &findings);
    assert_string_equal(findings.items[0].message, "nested deeper than 64 levels");
    yaml_close(document);
    char *large = arena_alloc(&arena, LIMIT_CONFIG_BYTES + 2);
    memset(large, ' ', LIMIT_CONFIG_BYTES + 1);
    document = read_text(large, &findings);
    assert_string_equal(findings.items[0].message, "the file has more than 1048576 bytes");
    yaml_close(document);
}

/* Many members below long names: places must not grow with depth times count. */
static void wide_and_deep_stays_small(void **state)
{
    struct findings findings;
    struct buf text = {0};
    for (int i = 0; i < 60; i++) {
        buf_putc(&text, '{');
        for (int j = 0; j < 250; j++)
            buf_putc(&text, 'k');
        buf_puts(&text, ": ");
    }
    for (int i = 0; i < 100000; i++)
        buf_printf(&text, "%ck%d: 1", i ? ',' : '{', i);
    for (int i = 0; i < 61; i++)
        buf_putc(&text, '}');
    struct yaml_document *document = read_text(buf_text(&text), &findings);
    assert_int_equal(findings.errors, 0);
    yaml_close(document);
    buf_clear(&text);
    buf_puts(&text, "? ");
    for (int i = 0; i < LIMIT_YAML_KEY + 1; i++)
        buf_putc(&text, 'k');
    document = read_text(buf_text(&text), &findings);
    assert_string_equal(findings.items[0].message, "a key of more than 256 bytes is refused");
    yaml_close(document);
    buf_fini(&text);
}

static void findings_are_capped_and_all_errors_counted(void **state)
{
    struct findings findings;
    struct buf text = {0};
    for (int i = 0; i < 500; i++)
        buf_puts(&text, "a: 1\n");
    struct yaml_document *document = read_text(buf_text(&text), &findings);
    assert_int_equal(findings.count, LIMIT_FINDINGS);
    assert_int_equal(findings.errors, 499);
    yaml_close(document);
    buf_fini(&text);
}

static void odd_line_breaks_and_marks_keep_places(void **state)
{
    struct findings findings;
    struct yaml_document *document = read_text("\xef\xbb\xbf"
                                               "a: 1\r\nb: 2\r\nb: 3\r\n",
                                               &findings);
    assert_int_equal(findings.items[0].line, 3);
    assert_string_equal(findings.items[0].source, "b: 3");
    yaml_close(document);
    document = read_text("a: \"x\xe2\x80\xa8y\"\nb: 2\nb: 3\n", &findings);
    assert_string_equal(findings.items[0].source, "b: 3");
    yaml_close(document);
    document = read_text("", &findings);
    assert_null(document->root);
    assert_true(document->whole);
    yaml_close(document);
}

static void carets_stand_under_what_they_mean(void **state)
{
    struct findings findings;
    struct buf out = {0};
    struct yaml_document *document =
        read_text("\"日本\": 1\n\"日本\": {\"é\": 1, x: &y 2}\n", &findings);
    config_print_findings("f.yaml", findings.items, findings.count, &out);
    assert_string_equal(buf_text(&out),
                        "f.yaml:2:1: 日本: this key is here twice (first on line 1)\n"
                        "  \"日本\": {\"é\": 1, x: &y 2}\n"
                        "  ^\n"
                        "f.yaml:2:19: anchors (&y) are refused\n"
                        "  \"日本\": {\"é\": 1, x: &y 2}\n"
                        "                      ^\n"
                        "  hint: write the value out where it is needed\n");
    yaml_close(document);
    struct finding tabbed = {true, 1, 4, "t\x1b[2J", NULL, "\t\tx: 1"};
    buf_clear(&out);
    config_print_findings("f.yaml", &tabbed, 1, &out);
    assert_string_equal(buf_text(&out), "f.yaml:1:4: t [2J\n  \t\tx: 1\n  \t\t ^\n");
    buf_fini(&out);
}

static void long_lines_are_cut_around_the_caret(void **state)
{
    struct findings findings;
    struct buf out = {0}, text = {0};
    for (int i = 0; i < 400; i++)
        buf_printf(&text, "%ck%d: 1", i ? ',' : '{', i);
    buf_puts(&text, ", k300: 2}");
    struct yaml_document *document = read_text(buf_text(&text), &findings);
    config_print_findings("f", findings.items, findings.count, &out);
    const char *caret = strstr(buf_text(&out), "^");
    assert_non_null(caret);
    assert_true(out.len < 400);
    yaml_close(document);
    buf_fini(&out);
    buf_fini(&text);
}

static void secrets_are_starred_in_shown_lines(void **state)
{
    static const char *const lines[] = {"{api_key: hunter22, a: 1, a: 2}",
                                        "{\"hooks-token\": \"hunter22\", a: 1, a: 2}",
                                        "{url: \"http://u:hunter22@h/\", a: 1, a: 2}",
                                        "{x: sk-hunter22, a: 1, a: 2}",
                                        "{PASSWORD: hunter22, a: 1, a: 2}",
                                        "{note: key: hunter22 }",
                                        NULL};
    for (const char *const *line = lines; *line; line++) {
        struct findings findings;
        struct yaml_document *document = read_text(*line, &findings);
        struct buf out = {0};
        config_print_findings("f", findings.items, findings.count, &out);
        if (strstr(buf_text(&out), "hunter22"))
            fail_msg("shown: %s", buf_text(&out));
        assert_true(findings.errors > 0);
        yaml_close(document);
        buf_fini(&out);
    }
    struct findings findings;
    struct yaml_document *document = read_text("{api_key: {env: NAME}, a: 1, a: 2}", &findings);
    assert_string_equal(findings.items[0].source, "{api_key: {env: NAME}, a: 1, a: 2}");
    yaml_close(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(core_schema_is_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(places_count_code_points, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_says_where_and_why, setup, teardown),
        cmocka_unit_test_setup_teardown(depth_and_size_are_capped, setup, teardown),
        cmocka_unit_test_setup_teardown(wide_and_deep_stays_small, setup, teardown),
        cmocka_unit_test_setup_teardown(findings_are_capped_and_all_errors_counted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(odd_line_breaks_and_marks_keep_places, setup, teardown),
        cmocka_unit_test_setup_teardown(carets_stand_under_what_they_mean, setup, teardown),
        cmocka_unit_test_setup_teardown(long_lines_are_cut_around_the_caret, setup, teardown),
        cmocka_unit_test_setup_teardown(secrets_are_starred_in_shown_lines, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
