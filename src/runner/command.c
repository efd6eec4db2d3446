/* Reads and checks: nothing of a value may become a name, a second variable or a part of the
 * command.
 */
#include "runner/command.h"

#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "sys/variable.h"
#include "wire/task.h"

/* The kernel takes no string over 128 kB (MAX_ARG_STRLEN) to a new program, its NUL included. */
enum { STRING_MAX = 131071 };

static int check_variable(const char *name, const json_t *value, struct err *err)
{
    if (!variable_is_plain(name))
        return err_set(err, "refused",
                       "\"%.80s\" cannot be the name of a variable: use letters, "
                       "digits and _.",
                       name);
    if (variable_is_reserved(name))
        return err_set(err, "refused",
                       "The variable %s may not be set: it changes which programs run, or how.",
                       name);
    if (!json_is_string(value))
        return err_set(err, "refused", "The variable %s has no text as its value.", name);
    if (strlen(json_string_value(value)) != json_string_length(value))
        return err_set(err, "refused", "The value of %s has a NUL in it.", name);
    if (strlen(name) + 1 + json_string_length(value) > STRING_MAX)
        return err_set(err, "refused",
                       "The value of %s has %zu bytes; a variable holds at most %d with its name. "
                       "Give it as `input`.",
                       name, json_string_length(value), STRING_MAX - 1);
    return 0;
}

static int read_env(const json_t *given, struct arena *arena, struct command *command,
                    struct err *err)
{
    const char *name;
    json_t *value;
    size_t count = 0, total = 0;
    const char **all = arena_alloc(arena, (json_object_size(given) + 1) * sizeof(*all));
    json_object_foreach ((json_t *)given, name, value) {
        if (check_variable(name, value, err) < 0)
            return -1;
        all[count] = arena_printf(arena, "%s=%s", name, json_string_value(value));
        total += strlen(all[count++]) + 1;
    }
    command->env = all;
    if (total > LIMIT_COMMAND_ENV)
        return err_set(err, "refused",
                       "The step's variables have %zu bytes together; at most %d can be given. Use "
                       "`input`.",
                       total, LIMIT_COMMAND_ENV);
    return 0;
}

static int read_texts(const json_t *data, struct arena *arena, struct command *command,
                      struct err *err)
{
    const json_t *input = json_object_get(data, "stdin");
    command->text = arena_strdup(arena, json_get_text(data, "command", ""));
    command->definition = arena_strdup(arena, json_get_text(data, "definition", ""));
    command->input = arena_strdup(arena, json_string_value(input));
    if (str_is_blank(command->text))
        return err_set(err, "refused", "The task names no command.");
    if (strlen(command->text) > STRING_MAX)
        return err_set(err, "refused", "The command has %zu bytes; at most %d can be run.",
                       strlen(command->text), STRING_MAX);
    if (input && !json_is_string(input) && !json_is_null(input))
        return err_set(err, "refused", "The step's input is no text.");
    if (command->input && strlen(command->input) != json_string_length(input))
        return err_set(err, "refused", "The step's input has a NUL in it.");
    if (command->input && strlen(command->input) > LIMIT_COMMAND_INPUT)
        return err_set(err, "refused", "The step's input has %zu bytes; at most %d can be given.",
                       strlen(command->input), LIMIT_COMMAND_INPUT);
    return 0;
}

static enum command_unknown unknown_of(const char *word)
{
    return str_eq(word, "retry")  ? UNKNOWN_RETRY
           : str_eq(word, "fail") ? UNKNOWN_FAIL
                                  : UNKNOWN_ASK;
}

int command_read(const struct task *task, struct arena *arena, struct command *command,
                 struct err *err)
{
    static const char *const none[] = {NULL};
    json_t *list = task->data ? json_loads(task->data, JSON_DECODE_ANY, NULL) : NULL;
    const json_t *data = json_is_array(list) ? json_array_get(list, 0) : list;
    *command = (struct command){
        .env = none,
        .is_json = str_eq(json_get_text(data, "format", ""), "json"),
        .on_unknown = unknown_of(json_get_text(data, "on_unknown", "")),
        .timeout_ms = json_get_int(data, "timeout_ms", 0),
    };
    int rc = read_texts(data, arena, command, err);
    if (rc == 0)
        rc = read_env(json_object_get(data, "env"), arena, command, err);
    json_decref(list);
    return rc;
}
