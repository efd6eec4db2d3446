/* Names, aliases, the catalogue and the check of arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "tool/tool.h"

static void names_and_aliases(void **state)
{
    assert_string_equal(tool_find("read")->name, "read");
    assert_null(tool_find("Read"));
    assert_false(tool_is_reserved("delegate"));
    assert_true(tool_is_reserved("message"));
    assert_false(tool_is_reserved("read"));
    assert_false(tool_is_reserved("nonsense"));
}

static void the_catalogue_is_filtered(void **state)
{
    const char *some[] = {"edit", "nonsense", NULL}, *all[] = {"*", NULL}, *none[] = {NULL};
    json_t *list = tool_catalogue(some);
    assert_int_equal(json_array_size(list), 2); /* and report, which is always there */
    const json_t *edit = json_array_get(list, 0);
    assert_string_equal(json_get_text(edit, "name", ""), "edit");
    assert_string_equal(json_get_text(json_object_get(edit, "parameters"), "type", ""), "object");
    json_decref(list);
    list = tool_catalogue(all);
    assert_true(json_array_size(list) >= 3);
    json_decref(list);
    list = tool_catalogue(none);
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_get_text(json_array_get(list, 0), "name", ""), "report");
    json_decref(list);
}

/* Checks `text` for `tool`; returns the checked object or NULL with err. */
static json_t *checked(const char *tool, const char *text, struct err *err)
{
    json_t *arguments = json_parse(text, strlen(text), err);
    assert_non_null(arguments);
    if (tool_check(tool_find(tool), arguments, err) == 0)
        return arguments;
    json_decref(arguments);
    return NULL;
}

static void aliases_are_renamed(void **state)
{
    struct err err;
    json_t *arguments = checked(
        "edit", "{\"file_path\":\"a\",\"old_string\":\"b\",\"new_string\":\"c\",\"x\":1}", &err);
    assert_non_null(arguments);
    assert_string_equal(json_get_text(arguments, "path", ""), "a");
    assert_string_equal(json_get_text(arguments, "oldText", ""), "b");
    assert_string_equal(json_get_text(arguments, "newText", ""), "c");
    assert_null(json_object_get(arguments, "file_path"));
    json_decref(arguments);
}

static void integers_are_read_kindly(void **state)
{
    struct err err;
    json_t *arguments = checked("read", "{\"path\":\"a\",\"offset\":\"7\",\"limit\":2.0}", &err);
    assert_int_equal(json_get_int(arguments, "offset", 0), 7);
    assert_int_equal(json_get_int(arguments, "limit", 0), 2);
    json_decref(arguments);
    arguments = checked("read", "{\"path\":\"a\",\"offset\":null}", &err);
    assert_null(json_object_get(arguments, "offset"));
    json_decref(arguments);
}

static void wrong_arguments_are_sentences(void **state)
{
    struct err err;
    assert_null(checked("read", "{}", &err));
    assert_string_equal(err.message, "The tool read needs the parameter path.");
    assert_null(checked("read", "[]", &err));
    assert_string_equal(err.message, "The arguments of read must be a JSON object.");
    assert_null(checked("write", "{\"path\":\"a\",\"content\":{\"a\":1}}", &err));
    assert_string_equal(err.message, "The parameter content must be a string, not an object.");
    assert_null(checked("read", "{\"path\":\"a\",\"offset\":2.5}", &err));
    assert_string_equal(err.message, "The parameter offset must be an integer, not a number.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_aliases),
        cmocka_unit_test(the_catalogue_is_filtered),
        cmocka_unit_test(aliases_are_renamed),
        cmocka_unit_test(integers_are_read_kindly),
        cmocka_unit_test(wrong_arguments_are_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
