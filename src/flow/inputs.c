/* What a run is given, held against the workflow's inputs. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "config/values.h"
#include "config/yaml_scalar.h"
#include "flow/inputs.h"

static const struct {
    const char *word, *is; /* "\"x\" is not …" */
} types[] = {
    {"string", "a string"},   {"number", "a number"}, {"integer", "an integer"},
    {"boolean", "a boolean"}, {"list", "a list"},     {"object", "an object"},
};

static bool is_whole(const json_t *value)
{
    double number = json_number_value(value);
    return json_is_integer(value) || (json_is_real(value) && number >= -9e15 && number <= 9e15 &&
                                      (double)(int64_t)number == number);
}

static bool is_of_type(const char *type, const json_t *value)
{
    switch (*type) {
    case 's':
        return json_is_string(value);
    case 'n':
        return json_is_number(value);
    case 'i':
        return is_whole(value);
    case 'b':
        return json_is_boolean(value);
    case 'l':
        return json_is_array(value);
    default:
        return json_is_object(value);
    }
}

static const char *type_is(const char *type)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].word, type) == 0)
            return types[i].is;
    return "a value";
}

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static const char *choices_of(const struct flow_input *input, struct arena *arena)
{
    const char *text = NULL;
    for (size_t i = 0; i < json_array_size(input->choices) && i < 20; i++) {
        const char *one = value_shown(json_array_get(input->choices, i), arena);
        text = text ? arena_printf(arena, "%s, %s", text, one) : one;
    }
    return text ? text : "";
}

static bool is_choice(const struct flow_input *input, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(input->choices); i++)
        if (json_equal(json_array_get(input->choices, i), value))
            return true;
    return false;
}

const char *flow_input_misfit(const struct flow_input *input, const json_t *value,
                              struct arena *arena)
{
    const char *text = json_string_value(value);
    if (!is_of_type(input->type, value))
        return arena_printf(arena, "%s is not %s", value_shown(value, arena), type_is(input->type));
    if (text && characters(text) > (size_t)input->max_length)
        return arena_printf(arena, "%zu characters are more than its max_length of %lld",
                            characters(text), (long long)input->max_length);
    if (input->choices && !is_choice(input, value))
        return arena_printf(arena, "%s is not one of %s", value_shown(value, arena),
                            choices_of(input, arena));
    return NULL;
}

/* A text of the command line as a value of the input's type; itself where it cannot be one. */
static json_t *typed(const struct flow_input *input, json_t *value)
{
    const char *text = json_string_value(value);
    if (!text || str_eq(input->type, "string"))
        return json_incref(value);
    json_t *read = *input->type == 'l' || *input->type == 'o' ? json_parse(text, strlen(text), NULL)
                                                              : yaml_scalar(text);
    return read ? read : json_incref(value);
}

struct giving {
    const struct flow *flow;
    json_t *all; /* as checked */
    struct buf misfits;
    struct arena arena;
};

__attribute__((format(printf, 2, 3))) static void misfit(struct giving *giving, const char *format,
                                                         ...)
{
    va_list args;
    va_start(args, format);
    buf_printf(&giving->misfits, "%s%s", giving->misfits.len ? "; " : "",
               arena_vprintf(&giving->arena, format, args));
    va_end(args);
}

static void give(struct giving *giving, const struct flow_input *input, json_t *value, bool is_text)
{
    if (!value || json_is_null(value)) {
        if (input->required)
            misfit(giving, "input \"%s\" is missing (%s)", input->name, type_is(input->type));
        json_object_set_new(giving->all, input->name,
                            input->fallback ? json_incref(input->fallback) : json_null());
        return;
    }
    json_t *read = is_text ? typed(input, value) : json_incref(value);
    const char *why = flow_input_misfit(input, read, &giving->arena);
    if (why)
        misfit(giving, "input \"%s\": %s", input->name, why);
    json_object_set_new(giving->all, input->name, read);
}

static void refuse_unknown(struct giving *giving, const json_t *given)
{
    const char *name;
    json_t *value;
    const struct flow *flow = giving->flow;
    const char **names = arena_alloc(&giving->arena, (flow->input_count + 1) * sizeof(*names));
    for (size_t i = 0; i < flow->input_count; i++)
        names[i] = flow->inputs[i].name;
    json_object_foreach ((json_t *)given, name, value) {
        if (str_in(name, names))
            continue;
        const char *near = str_nearest(name, names);
        misfit(giving, "there is no input \"%.64s\"%s%s%s", name, near ? ": did you mean \"" : "",
               near ? near : "", near ? "\"?" : "");
    }
}

json_t *flow_inputs(const struct flow *flow, const json_t *given, bool is_text, struct err *err)
{
    struct giving giving = {.flow = flow, .all = json_object()};
    for (size_t i = 0; i < flow->input_count; i++)
        give(&giving, &flow->inputs[i], json_object_get(given, flow->inputs[i].name), is_text);
    if (given && !json_is_null(given) && !json_is_object(given))
        misfit(&giving, "inputs are an object of names and values");
    refuse_unknown(&giving, given);
    json_t *all = giving.all;
    if (giving.misfits.len) {
        err_set(err, "bad_input", "%s: %s", flow->name ? flow->name : "the workflow",
                buf_text(&giving.misfits));
        json_decref(all);
        all = NULL;
    }
    buf_fini(&giving.misfits);
    arena_fini(&giving.arena);
    return all;
}
