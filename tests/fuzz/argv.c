/* Any command line, its words ended by NULs: refused with a sentence, or a command with its arguments
 * within what it takes. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/table.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 400 };

static void look(const struct invocation *invocation)
{
    struct err err = {0};
    const struct command *command = invocation->command;
    int64_t number;
    PROPERTY(!invocation->args[invocation->arg_count], "the arguments end with NULL");
    if (!command)
        return;
    if (!invocation->help)
        PROPERTY(invocation->arg_count >= command->min_args && invocation->arg_count <= command->max_args,
                 "a command gets as many arguments as it takes");
    for (const struct command_option *option = command->options; option && option->name; option++) {
        size_t at = 0;
        const char *value = invocation_value(invocation, option->name), *last = NULL;
        for (const char *next; (next = invocation_next(invocation, option->name, &at));)
            last = next;
        PROPERTY(value == last, "the last of an option is its value");
        if (invocation_duration(invocation, option->name, 0, &number, &err) < 0 ||
            invocation_number(invocation, option->name, 0, &number, &err) < 0)
            PROPERTY(*err.message, "a refusal says why");
    }
    PROPERTY(command_shown(invocation, command), "a command has a name");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct invocation invocation = {.arena = &arena};
    struct err err = {0};
    char *argv[WORDS + 1], *text = arena_memdup(&arena, data, size);
    int argc = 0;
    for (char *at = text; at < text + size && argc < WORDS; at += strlen(at) + 1)
        argv[argc++] = at;
    argv[argc] = NULL;
    if (command_parse(command_table, argc, argv, &invocation, &err) == 0)
        look(&invocation);
    else
        PROPERTY(str_eq(err.code, "usage") && *err.message, "a refusal says why");
    arena_fini(&arena);
    return 0;
}
