/* hq complete -- WORD…: what could stand for the last of these words. Shells ask at every Tab, so
 * it reads the line as far as it goes, never fails, starts nothing and gives up after half a
 * second. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/complete.h"
#include "cli/table.h"

enum { PATIENCE_US = 500000 };

/* The line before the word. */
struct reading {
    struct invocation line;               /* folder, state and command of what is typed */
    const struct command_option *pending; /* whose value comes next */
    const char *family;
    size_t args;
    bool words_only;
};

static bool is_offered(const struct command *command)
{
    return !str_in(command->group, (const char *[]){"PLUMBING", "LINKS", NULL});
}

static bool is_member(const struct command *command, const char *family)
{
    return str_starts(command->name, family) && command->name[strlen(family)] == ' ';
}

static const struct command_option *find_in(const struct command_option *options, const char *name,
                                            size_t len, char letter)
{
    for (; options && options->name; options++)
        if (letter ? options->letter == letter
                   : strlen(options->name) == len && strncmp(options->name, name, len) == 0)
            return options;
    return NULL;
}

static const struct command_option *find_option(const struct reading *reading, const char *name,
                                                size_t len, char letter)
{
    const struct command *command = reading->line.command;
    const struct command_option *own = command ? command->options : NULL, *found;
    found = find_in(own, name, len, letter);
    return found ? found : find_in(command_globals, name, len, letter);
}

static void take_value(struct reading *reading, const struct command_option *option,
                       const char *value)
{
    if (str_eq(option->name, "dir"))
        reading->line.dir = value;
    else if (str_eq(option->name, "state"))
        reading->line.state = value;
}

static void take_option(struct reading *reading, const char *word)
{
    const struct command_option *option = NULL;
    const char *value = NULL;
    if (word[1] == '-') {
        size_t len = strcspn(word + 2, "=");
        option = find_option(reading, word + 2, len, 0);
        value = word[2 + len] ? word + 2 + len + 1 : NULL;
    }
    for (const char *letter = word + 1; word[1] != '-' && *letter; letter++) {
        option = find_option(reading, NULL, 0, *letter);
        value = letter[1] ? letter + 1 : NULL;
        if (option && option->value)
            break;
    }
    if (option && option->value && value)
        take_value(reading, option, value);
    else if (option && option->value)
        reading->pending = option;
}

static void take_word(struct reading *reading, const char *word)
{
    struct invocation *line = &reading->line;
    if (line->command) {
        reading->args++;
        return;
    }
    if (reading->family) {
        line->command =
            command_find(line->commands, arena_printf(line->arena, "%s %s", reading->family, word));
        return;
    }
    line->command = command_find(line->commands, word);
    if (!line->command)
        reading->family = word;
}

/* "hq inbox -": the member that the family's word alone means. */
static void take_default(struct reading *reading)
{
    for (const struct command *const *c = reading->line.commands;
         *c && reading->family && !reading->line.command; c++)
        if ((*c)->is_default && is_member(*c, reading->family))
            reading->line.command = *c;
}

static void read_line(struct reading *reading, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (reading->pending && str_eq(words[i], "=")) /* bash takes --name=value apart */
            continue;
        if (reading->pending) {
            take_value(reading, reading->pending, words[i]);
            reading->pending = NULL;
        } else if (str_eq(words[i], "--"))
            reading->words_only = true;
        else if (words[i][0] == '-' && !reading->words_only)
            take_option(reading, words[i]);
        else
            take_word(reading, words[i]);
    }
}

/* ---- what fits ---- */

static void add_option(struct candidates *candidates, const struct reading *reading,
                       const struct command_option *option)
{
    if (!str_starts(option->help, "plumbing"))
        candidates_add(candidates, arena_printf(reading->line.arena, "--%s", option->name),
                       option->help);
}

/* The command's own first; they hide global ones of the same name. */
static void add_options(struct candidates *candidates, const struct reading *reading)
{
    const struct command *command = reading->line.command;
    const struct command_option *own = command ? command->options : NULL;
    for (const struct command_option *o = own; o && o->name; o++)
        add_option(candidates, reading, o);
    for (const struct command_option *o = command_globals; o->name; o++)
        if (!find_in(own, o->name, strlen(o->name), 0))
            add_option(candidates, reading, o);
}

static void add_commands(struct candidates *candidates, const struct reading *reading)
{
    const char *last = "";
    for (const struct command *const *c = reading->line.commands; *c; c++) {
        size_t len = strcspn((*c)->name, " ");
        bool is_family = (*c)->name[len] != '\0';
        char *first = arena_memdup(reading->line.arena, (*c)->name, len);
        if (!is_offered(*c) || str_eq(first, last))
            continue;
        candidates_add(candidates, first, is_family ? NULL : (*c)->summary);
        last = first;
    }
}

static void add_members(struct candidates *candidates, const struct reading *reading)
{
    for (const struct command *const *c = reading->line.commands; *c; c++)
        if (is_member(*c, reading->family))
            candidates_add(candidates, (*c)->name + strlen(reading->family) + 1, (*c)->summary);
}

static void add_value(struct candidates *candidates, const struct reading *reading,
                      const struct command_option *option)
{
    static const char *const listing[] = {"STATE", "STATUS", "WHAT", "FORM", "WHEN", "LEVEL", NULL};
    struct invocation line = reading->line;
    if (!line.command)
        line.command = &command_help;
    if (str_in(option->value, listing))
        candidates_add_listed(candidates, option->help, line.arena);
    else
        candidates_add_values(candidates, &line, option->value);
}

/* The usage word of argument number `at`, in the arena; the last one may stand for more. */
static char *usage_word(const struct reading *reading, size_t at)
{
    char *word = NULL, *rest;
    char *usage = arena_strdup(reading->line.arena, reading->line.command->usage);
    for (char *next = strtok_r(usage, " []", &rest); next; next = strtok_r(NULL, " []", &rest)) {
        word = next;
        if (at-- == 0)
            break;
    }
    return word;
}

static void add_arguments(struct candidates *candidates, const struct reading *reading)
{
    const struct command *command = reading->line.command;
    char *word = usage_word(reading, reading->args), *rest;
    if (reading->args >= command->max_args || !word)
        return;
    for (char *one = strtok_r(word, "|", &rest); one; one = strtok_r(NULL, "|", &rest)) {
        one[strcspn(one, ".\xe2")] = '\0'; /* "FILE..." and "AGENT…" */
        candidates_add_values(candidates, &reading->line, one);
    }
}

static void add_fitting(struct candidates *candidates, struct reading *reading)
{
    bool is_option = candidates->word[0] == '-' && !reading->words_only;
    if (reading->pending) {
        if (str_eq(candidates->word, "="))
            candidates->word = "";
        add_value(candidates, reading, reading->pending);
    } else if (is_option) {
        take_default(reading);
        add_options(candidates, reading);
    } else if (!reading->line.command && reading->family) {
        add_members(candidates, reading);
    } else if (!reading->line.command || reading->line.command == &command_help) {
        add_commands(candidates, reading);
    } else {
        add_arguments(candidates, reading);
    }
}

static int complete_run(const struct invocation *invocation)
{
    const struct itimerval patience = {.it_value = {.tv_usec = PATIENCE_US}};
    size_t count = invocation->arg_count;
    struct reading reading = {.line = {.arena = invocation->arena,
                                       .commands = invocation->commands,
                                       .dir = invocation->dir,
                                       .state = invocation->state,
                                       .timeout_ms = -1,
                                       .quiet = true}};
    struct candidates candidates = {.word = count ? invocation->args[count - 1] : ""};
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0)
        dup2(nowhere, STDERR_FILENO);
    setitimer(ITIMER_REAL, &patience, NULL); /* its signal ends us: no candidates */
    read_line(&reading, invocation->args, count ? count - 1 : 0);
    add_fitting(&candidates, &reading);
    fputs(buf_text(&candidates.out), stdout);
    buf_fini(&candidates.out);
    return COMMAND_OK;
}

const struct command command_complete = {
    .name = "complete",
    .group = "PLUMBING",
    .usage = "[WORD…]",
    .summary = "what could stand for the last word (for shells)",
    .details = "Prints lines \"WORD<tab>DESCRIPTION\"; \":files\" and \":dirs\" stand for the "
               "shell's own.\n",
    .examples = "hq complete -- task sh\n",
    .max_args = 127,
    .run = complete_run,
    .reads = true,
};
