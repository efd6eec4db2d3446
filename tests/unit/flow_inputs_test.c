/* What a run is given: typed, complete, and refused in one sentence for each misfit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "flow/bundle.h"

static const char text[] =
    "{\"v\":1,\"entry\":\"x\",\"blobs\":{},\"files\":{\"x.yaml\":\"name: x\\ninputs:\\n"
    "  part: { required: true, max_length: 5 }\\n"
    "  n: { type: integer, default: 3 }\\n"
    "  f: { type: number }\\n"
    "  b: { type: boolean, default: false }\\n"
    "  l: { type: list }\\n"
    "  o: { type: object, default: { a: 1 } }\\n"
    "  e: { enum: [small, large], default: small }\\n"
    "steps: { a: { agent: m, task: x } }\"}}";

static struct flow_bundle *bundle;

static int setup(void **state)
{
    struct err err;
    bundle = flow_bundle_parse(text, strlen(text), NULL, &err);
    return bundle && flow_bundle_entry(bundle) ? 0 : -1;
}

static int teardown(void **state)
{
    flow_bundle_close(bundle);
    return 0;
}

/* What comes of it as JSON, or the error's sentence; freed with free(). */
static char *outcome(const char *given, bool is_text)
{
    struct err err;
    json_t *json = given ? json_loads(given, JSON_DECODE_ANY, NULL) : NULL;
    json_t *all = flow_inputs(flow_bundle_entry(bundle), json, is_text, &err);
    char *result = all ? json_dumps(all, JSON_COMPACT) : strdup(err.message);
    if (!all)
        assert_string_equal(err.code, "bad_input");
    json_decref(all);
    json_decref(json);
    return result;
}

#define REST "\"b\":false,\"l\":null,\"o\":{\"a\":1},\"e\":\"small\"}"

static const struct {
    const char *given;
    bool is_text;
    const char *outcome;
} cases[] = {
    {"{\"part\":\"x\"}", false, "{\"part\":\"x\",\"n\":3,\"f\":null," REST},
    {"{\"part\":\"x\",\"n\":null}", false, "{\"part\":\"x\",\"n\":3,\"f\":null," REST},
    {"{\"part\":\"x\",\"n\":\"4\",\"f\":\"1.5\"}", true, "{\"part\":\"x\",\"n\":4,\"f\":1.5," REST},
    {"{\"part\":\"7\",\"n\":\"0x10\"}", true, "{\"part\":\"7\",\"n\":16,\"f\":null," REST},
    {"{\"part\":\"größe\"}", false, "{\"part\":\"größe\",\"n\":3,\"f\":null," REST},
    {"{\"part\":\"x\",\"b\":\"true\",\"l\":\"[1,2]\",\"o\":\"{}\",\"e\":\"large\"}", true,
     "{\"part\":\"x\",\"n\":3,\"f\":null,\"b\":true,\"l\":[1,2],\"o\":{},\"e\":\"large\"}"},
    {NULL, false, "x: input \"part\" is missing (a string)"},
    {"{}", false, "x: input \"part\" is missing (a string)"},
    {"{\"part\":null}", false, "x: input \"part\" is missing (a string)"},
    {"[1]", false,
     "x: input \"part\" is missing (a string); inputs are an object of names and "
     "values"},
    {"{\"part\":3}", false, "x: input \"part\": 3 is not a string"},
    {"{\"part\":\"too long\"}", false,
     "x: input \"part\": 8 characters are more than its max_length of 5"},
    {"{\"part\":\"x\",\"n\":\"4\"}", false, "x: input \"n\": \"4\" is not an integer"},
    {"{\"part\":\"x\",\"n\":1.5}", false, "x: input \"n\": 1.5 is not an integer"},
    {"{\"part\":\"x\",\"n\":\"many\"}", true, "x: input \"n\": \"many\" is not an integer"},
    {"{\"part\":\"x\",\"l\":\"[1\"}", true, "x: input \"l\": \"[1\" is not a list"},
    {"{\"part\":\"x\",\"b\":\"yes\"}", true, "x: input \"b\": \"yes\" is not a boolean"},
    {"{\"part\":\"x\",\"e\":\"medium\"}", false,
     "x: input \"e\": \"medium\" is not one of \"small\", \"large\""},
    {"{\"prat\":\"x\",\"f\":true}", false,
     "x: input \"part\" is missing (a string); input \"f\": true is not a number; there is no "
     "input "
     "\"prat\": did you mean \"part\"?"},
};

static void inputs_are_held_to_their_types(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *got = outcome(cases[i].given, cases[i].is_text);
        assert_string_equal(got, cases[i].outcome);
        free(got);
    }
}

static void a_null_of_the_command_line_is_nothing(void **state)
{
    char *got = outcome("{\"part\":\"x\",\"n\":\"null\"}", true);
    assert_string_equal(got, "x: input \"n\": null is not an integer");
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_are_held_to_their_types),
        cmocka_unit_test(a_null_of_the_command_line_is_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
