/* Checks a model's arguments against the small part of JSON Schema that the tools use. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "tool/tool.h"

/* OpenClaw's other names for parameters; the tool's own name wins where both are given. */
static const struct {
    const char *tool, *alias, *name;
} renames[] = {
    {"read", "file_path", "path"},     {"write", "file_path", "path"},
    {"edit", "file_path", "path"},     {"edit", "old_string", "oldText"},
    {"edit", "new_string", "newText"}, {"sessions_spawn", "timeoutSeconds", "runTimeoutSeconds"},
};

static void rename_aliases(const struct tool *tool, json_t *arguments)
{
    for (size_t i = 0; i < sizeof(renames) / sizeof(*renames); i++) {
        json_t *value = json_object_get(arguments, renames[i].alias);
        if (!value || !str_eq(tool->name, renames[i].tool))
            continue;
        if (!json_object_get(arguments, renames[i].name))
            json_object_set(arguments, renames[i].name, value);
        json_object_del(arguments, renames[i].alias);
    }
}

static const char *type_name(const json_t *value)
{
    static const char *const names[] = {"an object", "a list", "a string", "an integer",
                                        "a number",  "true",   "false",    "null"};
    return names[json_typeof(value)];
}

static bool is_type(const char *type, const json_t *value)
{
    if (str_eq(type, "string"))
        return json_is_string(value);
    if (str_eq(type, "integer"))
        return json_is_integer(value);
    if (str_eq(type, "number"))
        return json_is_number(value);
    if (str_eq(type, "boolean"))
        return json_is_boolean(value);
    if (str_eq(type, "array"))
        return json_is_array(value);
    return str_eq(type, "object") && json_is_object(value);
}

/* `type` is a word or a list of them; absent: anything fits. */
static bool type_fits(const json_t *type, const json_t *value)
{
    size_t i;
    const json_t *word;
    if (!json_is_array(type))
        return !type || is_type(json_string_value(type), value);
    json_array_foreach (type, i, word)
        if (is_type(json_string_value(word), value))
            return true;
    return false;
}

/* "a string", "an integer or a string" */
static const char *type_words(const json_t *type, char *text, size_t size)
{
    size_t i, used = 0;
    const json_t *word;
    if (json_is_string(type)) {
        snprintf(text, size, "%s %s", strchr("aio", *json_string_value(type)) ? "an" : "a",
                 json_string_value(type));
        return text;
    }
    json_array_foreach (type, i, word)
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s %s", i ? " or " : "",
                                     strchr("aio", *json_string_value(word)) ? "an" : "a",
                                     json_string_value(word));
    return text;
}

/* Models write 10.0 and "10" where 10 is meant. NULL: it is not meant as an integer. */
static json_t *as_integer(const json_t *value)
{
    int64_t number;
    double real = json_real_value(value);
    if (json_is_real(value) && real > -9e15 && real < 9e15 && real == (double)(json_int_t)real)
        return json_integer((json_int_t)real);
    if (json_is_string(value) &&
        str_to_int(json_string_value(value), INT32_MIN, INT32_MAX, &number))
        return json_integer(number);
    return NULL;
}

static int check_values(const char *name, const json_t *schema, json_t *object, struct err *err)
{
    const char *key;
    char words[96];
    json_t *value, *type = json_object_get(json_object_get(schema, "additionalProperties"), "type");
    json_object_foreach (object, key, value)
        if (!type_fits(type, value))
            return err_set(err, "bad_argument", "%s.%.80s must be %s, not %s.", name, key,
                           type_words(type, words, sizeof(words)), type_name(value));
    return 0;
}

static int check_items(const char *name, const json_t *schema, const json_t *list, struct err *err)
{
    size_t i;
    char words[96];
    const json_t *item, *type = json_object_get(json_object_get(schema, "items"), "type");
    json_array_foreach (list, i, item)
        if (!type_fits(type, item))
            return err_set(err, "bad_argument", "%s[%zu] must be %s, not %s.", name, i,
                           type_words(type, words, sizeof(words)), type_name(item));
    return 0;
}

static int check_words(const char *name, const json_t *schema, const json_t *value, struct err *err)
{
    size_t i;
    char list[160] = "";
    const json_t *word, *words = json_object_get(schema, "enum");
    json_array_foreach (words, i, word) {
        if (json_equal(word, value))
            return 0;
        size_t used = strlen(list);
        snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", json_string_value(word));
    }
    return words ? err_set(err, "bad_argument", "The parameter %s must be one of: %s.", name, list)
                 : 0;
}

/* One parameter: an absent one and a null one are the same, unless it may be any value. */
static int check_one(const char *name, const json_t *schema, json_t *arguments, struct err *err)
{
    char words[96];
    const json_t *type = json_object_get(schema, "type");
    json_t *value = json_object_get(arguments, name);
    if (!value || !type)
        return 0;
    if (json_is_null(value))
        return json_object_del(arguments, name);
    if (json_is_string(type) && str_eq(json_string_value(type), "integer") &&
        !json_is_integer(value)) {
        json_t *integer = as_integer(value);
        if (integer) {
            json_object_set_new(arguments, name, integer);
            return 0;
        }
    }
    if (!type_fits(type, value))
        return err_set(err, "bad_argument", "The parameter %s must be %s, not %s.", name,
                       type_words(type, words, sizeof(words)), type_name(value));
    if (json_is_array(value))
        return check_items(name, schema, value, err);
    if (json_is_object(value))
        return check_values(name, schema, value, err);
    return check_words(name, schema, value, err);
}

static int check_required(const struct tool *tool, const json_t *schema, const json_t *arguments,
                          struct err *err)
{
    size_t i;
    json_t *name;
    json_array_foreach (json_object_get(schema, "required"), i, name)
        if (!json_object_get(arguments, json_string_value(name)))
            return err_set(err, "bad_argument", "The tool %s needs the parameter %s.", tool->name,
                           json_string_value(name));
    return 0;
}

int tool_check(const struct tool *tool, json_t *arguments, struct err *err)
{
    const char *name;
    json_t *property;
    if (!json_is_object(arguments))
        return err_set(err, "bad_argument", "The arguments of %s must be a JSON object.",
                       tool->name);
    if (json_object_size(arguments) == 1 && json_object_get(arguments, "_raw")) /* model.h */
        return err_set(err, "bad_argument",
                       "The arguments of %s are not a JSON object: send the call again.",
                       tool->name);
    json_t *schema = json_parse(tool->parameters, strlen(tool->parameters), err);
    if (!schema)
        return -1;
    rename_aliases(tool, arguments);
    int rc = 0;
    json_object_foreach (json_object_get(schema, "properties"), name, property)
        if (rc == 0)
            rc = check_one(name, property, arguments, err);
    if (rc == 0)
        rc = check_required(tool, schema, arguments, err);
    json_decref(schema);
    return rc;
}
