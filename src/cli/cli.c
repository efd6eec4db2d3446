/* From argv to an exit code: joins the tables, parses, runs. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/inside.h"
#include "cli/output.h"
#include "cli/table.h"

static const struct command *const *join_tables(struct arena *arena,
                                                const struct command *const *extra)
{
    size_t own = 0, more = 0;
    while (command_table[own])
        own++;
    while (extra && extra[more])
        more++;
    const struct command **all = arena_alloc(arena, (own + more + 1) * sizeof(struct command *));
    for (size_t i = 0; i < own; i++)
        all[i] = command_table[i];
    for (size_t i = 0; i < more; i++)
        all[own + i] = extra[i];
    return all;
}

/* A broken line is answered in JSON where it asks for JSON, parsed or not. */
static int fail_usage(struct invocation *invocation, char *const *argv, const struct err *err)
{
    for (; *argv && !str_eq(*argv, "--"); argv++)
        if (str_eq(*argv, "--json"))
            invocation->json = true;
    return output_fail(invocation, COMMAND_USAGE, err);
}

static int overview_as_failure(const struct invocation *invocation)
{
    struct buf out = {0};
    help_overview(invocation, &out);
    fputs(buf_text(&out), stderr);
    buf_fini(&out);
    return COMMAND_USAGE;
}

/* The command that a link to this program stands for, by the name it was called with; else NULL. */
static const struct command *link_called(const struct command *const *all, const char *program)
{
    const char *slash = program ? strrchr(program, '/') : NULL;
    const struct command *command = program ? command_find(all, slash ? slash + 1 : program) : NULL;
    return command && command->is_link ? command : NULL;
}

static int run(const struct invocation *invocation)
{
    const struct command *command = invocation->command;
    if (invocation->help)
        return help_show(invocation, command ? command->name : invocation->args[0]);
    if (!command)
        return overview_as_failure(invocation);
    crash_init(command->name); /* what becomes a process of the company takes its own name */
    return inside_task() && !command->in_task ? inside_refuse(invocation)
                                              : command->run(invocation);
}

int cli_main(int argc, char **argv, const struct command *const *extra)
{
    struct arena arena = {0};
    struct invocation invocation = {.arena = &arena};
    struct err err = {0};
    int code;
    signal(SIGPIPE, SIG_IGN);
    const struct command *const *all = join_tables(&arena, extra);
    invocation.command = link_called(all, argv[0]);
    if (command_parse(all, argc - 1, argv + 1, &invocation, &err) < 0)
        code = fail_usage(&invocation, argv + 1, &err);
    else
        code = run(&invocation);
    if (fflush(stdout) != 0 && code == COMMAND_OK)
        code = COMMAND_FAILED;
    arena_fini(&arena);
    return code;
}
