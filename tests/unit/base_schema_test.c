/* JSON Schema: what fits, what does not and why, which schemas are refused, and that no schema makes a
 * check endless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_schema.h"
#include "base/limits.h"
#include "base/pattern.h"
#include "base/thread.h"

static json_t *parse(const char *text)
{
    struct err err = {0};
    json_t *value = json_parse(text, strlen(text), &err);
    if (!value)
        fail_msg("%s in %s", err.message, text);
    return value;
}

#define DEFS                                                                                       \
    "{\"$defs\":{\"tree\":{\"type\":\"object\",\"required\":[\"v\"],\"properties\":{\"v\":{"       \
    "\"type\":\"integer\"},\"kids\":{\"items\":{\"$ref\":\"#/$defs/tree\"}}}},\"a/b\":{\"const\":" \
    "1}},"

/* `finding`: the first one's whole line; NULL: the value fits. */
static const struct fit {
    const char *schema, *value, *finding;
} fits[] = {
    {"true", "1", NULL},
    {"false", "1", "the whole value: nothing is allowed here"},
    {"{}", "[1,{}]", NULL},
    {"{\"type\":\"object\"}", "[]", "the whole value: must be of type object, not a list of 0 items"},
    {"{\"type\":\"integer\"}", "3.0", NULL},
    {"{\"type\":\"integer\"}", "3.5", "the whole value: must be of type integer, not 3.5"},
    {"{\"type\":\"number\"}", "3", NULL},
    {"{\"type\":[\"string\",\"null\"]}", "null", NULL},
    {"{\"type\":[\"string\",\"null\"]}", "true",
     "the whole value: must be of type string or null, not true"},
    {"{\"type\":\"boolean\"}", "\"true\"", "the whole value: must be of type boolean, not \"true\""},
    {"{\"enum\":[\"a\",2,{\"x\":1}]}", "{\"x\":1.0}", NULL},
    {"{\"enum\":[\"a\",2]}", "\"b\"", "the whole value: must be one of \"a\", 2, not \"b\""},
    {"{\"const\":null}", "null", NULL},
    {"{\"const\":\"x\"}", "\"y\"", "the whole value: must be \"x\", not \"y\""},
    {"{\"properties\":{\"a\":{\"properties\":{\"b\":{\"maximum\":3}}}}}", "{\"a\":{\"b\":4}}",
     "/a/b: must be at most 3, not 4"},
    {"{\"properties\":{\"a/b~\":{\"type\":\"null\"}}}", "{\"a/b~\":1}",
     "/a~1b~0: must be of type null, not 1"},
    {"{\"required\":[\"a\",\"b\"]}", "{\"a\":1}", "the whole value: the member \"b\" is missing"},
    {"{\"required\":[\"a\"]}", "[]", NULL},
    {"{\"properties\":{\"a\":true},\"additionalProperties\":false}", "{\"a\":1,\"z\":2}",
     "the whole value: the member \"z\" is not allowed"},
    {"{\"additionalProperties\":{\"type\":\"string\"}}", "{\"k\":1}",
     "/k: must be of type string, not 1"},
    {"{\"patternProperties\":{\"^n_\":{\"type\":\"number\"}},\"additionalProperties\":false}",
     "{\"n_a\":1}", NULL},
    {"{\"patternProperties\":{\"^n_\":{\"type\":\"number\"}}}", "{\"n_a\":\"1\"}",
     "/n_a: must be of type number, not \"1\""},
    {"{\"minProperties\":2}", "{\"a\":1}", "the whole value: must have at least 2 members, not 1"},
    {"{\"maxProperties\":0}", "{}", NULL},
    {"{\"items\":{\"type\":\"string\"}}", "[\"a\",2]", "/1: must be of type string, not 2"},
    {"{\"prefixItems\":[{\"const\":1}],\"items\":false}", "[1]", NULL},
    {"{\"prefixItems\":[{\"const\":1}],\"items\":false}", "[1,2]", "/1: nothing is allowed here"},
    {"{\"prefixItems\":[true,{\"const\":1}]}", "[7]", NULL},
    {"{\"minItems\":1}", "[]", "the whole value: must have at least 1 items, not 0"},
    {"{\"maxItems\":1}", "[1,2]", "the whole value: must have at most 1 items, not 2"},
    {"{\"uniqueItems\":true}", "[1,{\"a\":2},{\"a\":2.0}]",
     "the whole value: the items 1 and 2 are equal"},
    {"{\"uniqueItems\":true}", "[1,true,\"1\"]", NULL},
    {"{\"uniqueItems\":false}", "[1,1]", NULL},
    {"{\"minLength\":3}", "\"äöü\"", NULL},
    {"{\"maxLength\":2}", "\"äöü\"", "the whole value: must have at most 2 characters, not 3"},
    {"{\"pattern\":\"^\\\\d{4}-\\\\d\\\\d$\"}", "\"2026-11\"", NULL},
    {"{\"pattern\":\"^\\\\d{4}$\"}", "\"20267\"",
     "the whole value: must be a text that matches ^\\d{4}$, not \"20267\""},
    {"{\"pattern\":\"^a\"}", "7", NULL},
    {"{\"minimum\":2}", "1", "the whole value: must be at least 2, not 1"},
    {"{\"exclusiveMinimum\":2}", "2", "the whole value: must be more than 2, not 2"},
    {"{\"exclusiveMaximum\":2}", "2", "the whole value: must be less than 2, not 2"},
    {"{\"maximum\":9007199254740993}", "9007199254740993", NULL},
    {"{\"maximum\":9007199254740992}", "9007199254740993",
     "the whole value: must be at most 9007199254740992, not 9007199254740993"},
    {"{\"multipleOf\":0.1}", "0.3", NULL},
    {"{\"multipleOf\":3}", "10", "the whole value: must be a multiple of 3, not 10"},
    {"{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "3",
     "the whole value: must be at most 2, not 3"},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "6", NULL},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "4",
     "the whole value: fits none of the 2 forms of anyOf"},
    {"{\"oneOf\":[{\"minimum\":1},{\"minimum\":5}]}", "6",
     "the whole value: fits several of the 2 forms of oneOf, must fit exactly one"},
    {"{\"not\":{\"type\":\"null\"}}", "null", "the whole value: fits what `not` forbids"},
    {DEFS "\"$ref\":\"#/$defs/tree\"}", "{\"v\":1,\"kids\":[{\"v\":2,\"kids\":[]}]}", NULL},
    {DEFS "\"$ref\":\"#/$defs/tree\"}", "{\"v\":1,\"kids\":[{\"v\":2,\"kids\":[{\"v\":\"x\"}]}]}",
     "/kids/0/kids/0/v: must be of type integer, not \"x\""},
    {DEFS "\"$ref\":\"#/$defs/a~1b\"}", "1", NULL},
    {"{\"properties\":{\"up\":{\"$ref\":\"#\"}},\"additionalProperties\":false}",
     "{\"up\":{\"up\":{\"x\":1}}}", "/up/up: the member \"x\" is not allowed"},
    {"{\"format\":\"email\",\"title\":\"t\",\"default\":1,\"examples\":[],\"$comment\":\"c\"}", "1",
     NULL},
};

static void values_fit_or_are_told_why(void **state)
{
    for (size_t i = 0; i < sizeof(fits) / sizeof(*fits); i++) {
        struct err err = {0};
        struct buf findings = {0};
        json_t *schema = parse(fits[i].schema), *value = parse(fits[i].value);
        if (json_schema_check(schema, &err) < 0)
            fail_msg("%s: %s", fits[i].schema, err.message);
        int misfit = json_schema_fits(schema, value, &findings);
        const char *text = buf_text(&findings);
        char line[300];
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
        if (misfit != (fits[i].finding != NULL))
            fail_msg("%s with %s: misfit %d: %s", fits[i].schema, fits[i].value, misfit, text);
        assert_string_equal(line, fits[i].finding ? fits[i].finding : "");
        buf_fini(&findings);
        json_decref(schema);
        json_decref(value);
    }
}

static const struct bad {
    const char *schema, *part; /* of the refusal */
} bad_schemas[] = {
    {"[]", "at its top: must be one schema"},
    {"7", "must be an object, true or false"},
    {"{\"if\":true}", "the keyword \"if\" is not supported"},
    {"{\"properties\":{\"a\":{\"requird\":[]}}}", "at /properties/a: the keyword \"requird\""},
    {"{\"definitions\":{}}", "write $defs"},
    {"{\"properties\":{\"a\":{\"$defs\":{}}}}", "$defs is supported at the top only"},
    {"{\"type\":\"text\"}", "at /type: must be object, array"},
    {"{\"type\":[]}", "at /type: must be object"},
    {"{\"type\":[\"string\",\"text\"]}", "at /type: there is no type of that name"},
    {"{\"enum\":[]}", "at /enum: must be a list of at least one value"},
    {"{\"items\":[true]}", "a list of them is prefixItems"},
    {"{\"prefixItems\":[]}", "at /prefixItems: must be a list of at least one schema"},
    {"{\"required\":\"a\"}", "at /required: must be a list of names"},
    {"{\"minLength\":-1}", "at /minLength: must be a whole number from 0"},
    {"{\"minItems\":1.5}", "must be a whole number from 0"},
    {"{\"maximum\":\"3\"}", "at /maximum: must be a number"},
    {"{\"exclusiveMinimum\":true}", "at /exclusiveMinimum: must be a number"},
    {"{\"multipleOf\":0}", "must be a number above 0"},
    {"{\"uniqueItems\":1}", "must be true or false"},
    {"{\"pattern\":\"(?=a)\"}", "the pattern \"(?=a)\" cannot be used: the group (?= is not supported"},
    {"{\"pattern\":\"(a)\\\\1\"}", "the escape \\1 is not supported"},
    {"{\"pattern\":\"((a{255}){255}){255}\"}", "it repeats too much"},
    {"{\"pattern\":\"a{18446744073709551615}\"}", "it repeats too much"},
    {"{\"pattern\":\"[z-a]\"}", "ends before it begins"},
    {"{\"pattern\":\"(a\"}", "a group ( is not closed"},
    {"{\"pattern\":\"a)\"}", "a group ) was not opened"},
    {"{\"pattern\":\"*a\"}", "a repetition has nothing before it"},
    {"{\"patternProperties\":{\"[\":true}}", "at /patternProperties/[: the pattern \"[\""},
    {"{\"$ref\":\"https://example.com/x\"}", "only references to \"#/$defs/NAME\""},
    {"{\"$ref\":\"#/$defs/no\"}", "at /$ref: \"#/$defs/no\" is not there"},
    {"{\"$ref\":\"#\"}", "it refers to itself without end"},
    {"{\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/b\"}]},\"b\":{\"not\":{\"$ref\":"
     "\"#/$defs/a\"}}}}",
     "it refers to itself without end"},
};

static void schemas_that_cannot_be_held_to_are_refused(void **state)
{
    for (size_t i = 0; i < sizeof(bad_schemas) / sizeof(*bad_schemas); i++) {
        struct err err = {0};
        json_t *schema = parse(bad_schemas[i].schema);
        if (json_schema_check(schema, &err) == 0)
            fail_msg("%s was taken", bad_schemas[i].schema);
        assert_string_equal(err.code, "bad_schema");
        if (!strstr(err.message, bad_schemas[i].part))
            fail_msg("%s: %s", bad_schemas[i].schema, err.message);
        json_decref(schema);
    }
}

static void a_large_schema_is_refused(void **state)
{
    struct err err = {0};
    struct buf text = {0};
    buf_puts(&text, "{\"title\":\"");
    for (int i = 0; i < LIMIT_SCHEMA; i++)
        buf_putc(&text, 'x');
    buf_puts(&text, "\"}");
    json_t *schema = parse(buf_text(&text));
    assert_int_equal(json_schema_check(schema, &err), -1);
    assert_non_null(strstr(err.message, "1 to 65536 are allowed"));
    json_decref(schema);
    buf_fini(&text);
}

static void only_the_first_findings_are_told(void **state)
{
    struct buf findings = {0};
    json_t *schema = parse("{\"items\":{\"type\":\"string\"}}");
    json_t *value = parse("[1,2,3,4,5,6,7,8]");
    int lines = 0;
    assert_int_equal(json_schema_fits(schema, value, &findings), 1);
    for (const char *c = buf_text(&findings); *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, LIMIT_SCHEMA_FINDINGS + 1);
    assert_non_null(strstr(buf_text(&findings), "and 3 more findings"));
    buf_fini(&findings);
    json_decref(schema);
    json_decref(value);
}

/* Each definition asks twice for the next: 2^40 looks. */
static json_t *explosion(void)
{
    struct buf text = {0};
    buf_puts(&text, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    for (int i = 0; i < 40; i++)
        buf_printf(&text,
                   "\"d%d\":{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]},", i,
                   i + 1, i + 1);
    buf_puts(&text, "\"d40\":{\"type\":\"string\"}}}");
    json_t *schema = parse(buf_text(&text));
    buf_fini(&text);
    return schema;
}

static void is_given_up(json_t *schema, json_t *value)
{
    struct err err = {0};
    struct buf findings = {0};
    if (json_schema_check(schema, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(json_schema_fits(schema, value, &findings), 1);
    assert_non_null(strstr(buf_text(&findings), "the check was given up"));
    buf_fini(&findings);
    json_decref(schema);
    json_decref(value);
}

/* The deepest check, on the smallest stack of the house. */
static void *deep_check(void *unused)
{
    struct buf text = {0};
    buf_puts(&text, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    for (int i = 0; i < 200; i++)
        buf_printf(&text, "\"d%d\":{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"}]},", i, i + 1);
    buf_puts(&text, "\"d200\":true}}");
    is_given_up(parse(buf_text(&text)), json_integer(1));
    buf_fini(&text);
    return NULL;
}

static void no_check_is_endless(void **state)
{
    is_given_up(explosion(), json_string("x"));
    /* An expression that makes others remember 2^100 states, over a long text. */
    struct buf text = {0};
    for (int i = 0; i < 200000; i++)
        buf_putc(&text, "ab"[i * 7919 / 13 % 2]);
    is_given_up(parse("{\"pattern\":\"(a|b)*a(a|b){300}c\"}"), json_string(buf_text(&text)));
    buf_fini(&text);
    pthread_t thread;
    assert_int_equal(thread_start(&thread, "deep", deep_check, NULL), 0);
    pthread_join(thread, NULL);
}

static const struct find {
    const char *expression, *text;
    int found;
} finds[] = {
    {"", "", 1},
    {"abc", "xabcx", 1},
    {"^abc$", "abcx", 0},
    {"a|bc|d", "xbcx", 1},
    {"^(a|bc|)$", "", 1},
    {"^(a|bc|def|g){2}$", "defbc", 1},
    {"^(a|bc|def|g){2}$", "defbcg", 0},
    {"^a{2,3}$", "aaaa", 0},
    {"^a{2,3}$", "aa", 1},
    {"^a{2,}$", "aaaaa", 1},
    {"^a{0}b$", "b", 1},
    {"^(ab?)*?c+$", "aababcc", 1},
    {"^(a*)*$", "aaaa", 1},
    {"a{,2}", "a{,2}", 1},
    {"^.$", "\xf0\x9f\x98\x80", 1},
    {"^.$", "\n", 0},
    {"^[^a-c]+$", "xyz\n", 1},
    {"[\\w.-]+@[\\d]", "a.b-c@9", 1},
    {"^[]]", "]", 0},
    {"^[\\]\\-x]{3}$", "]-x", 1},
    {"\\bword\\b", "a word.", 1},
    {"\\bword\\b", "swordfish", 0},
    {"\\Bord", "word", 1},
    {"^\\S+\\s\\S+$", "a\xc2\xa0" "b", 1},
    {"^[\\D]$", "7", 0},
    {"^[\\W\\d]$", "7", 1},
    {"\\u00e4\\x41", "\xc3\xa4" "A", 1},
    {"^(?:a(?:b|c))+$", "abac", 1},
    {"^\\$\\{x\\}$", "${x}", 1},
};

static void expressions_find(void **state)
{
    for (size_t i = 0; i < sizeof(finds) / sizeof(*finds); i++) {
        struct err err = {0};
        int64_t work = 100000;
        struct pattern *pattern = pattern_open(finds[i].expression, &err);
        if (!pattern)
            fail_msg("%s: %s", finds[i].expression, err.message);
        int found = pattern_find(pattern, finds[i].text, strlen(finds[i].text), &work);
        if (found != finds[i].found)
            fail_msg("%s in \"%s\": %d", finds[i].expression, finds[i].text, found);
        assert_true(work < 100000);
        pattern_close(pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_fit_or_are_told_why),
        cmocka_unit_test(schemas_that_cannot_be_held_to_are_refused),
        cmocka_unit_test(a_large_schema_is_refused),
        cmocka_unit_test(only_the_first_findings_are_told),
        cmocka_unit_test(no_check_is_endless),
        cmocka_unit_test(expressions_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
