/* The table of commands as JSON: what tests and other programs know of this binary. */
#include "base/json.h"
#include "cli/help.h"

static json_t *options_of(const struct command_option *options)
{
    json_t *items = json_array();
    for (; options && options->name; options++) {
        const char letter[] = {options->letter, '\0'};
        json_t *item = json_pack("{s:s, s:s}", "name", options->name, "help", options->help);
        json_set_text(item, "letter", options->letter ? letter : NULL);
        json_set_text(item, "value", options->value);
        json_array_append_new(items, item);
    }
    return items;
}

static json_t *command_as_json(const struct command *command)
{
    json_t *item = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:b, s:b, s:b, s:b}", "name", command->name, "group",
        command->group, "usage", command->usage, "summary", command->summary, "options",
        options_of(command->options), "min_args", (json_int_t)command->min_args, "max_args",
        (json_int_t)command->max_args, "reads", command->reads, "in_task", command->in_task,
        "is_default", command->is_default, "is_link", command->is_link);
    json_set_text(item, "details", command->details);
    json_set_text(item, "examples", command->examples);
    return item;
}

json_t *help_table(const struct command *const *commands)
{
    json_t *items = json_array();
    for (; *commands; commands++)
        json_array_append_new(items, command_as_json(*commands));
    return json_pack("{s:o, s:o}", "globals", options_of(command_globals), "items", items);
}
