/* hq help [TOPIC]: the commands by group, one command in full, or a topic; all from the table. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/cells.h"
#include "cli/flow_file.h"
#include "cli/help.h"
#include "cli/help_topics.h"
#include "cli/man.h"
#include "cli/output.h"
#include "cli/table.h"

enum { HELP_COLUMNS = 80, OPTION_INDENT = 27, SUMMARY_INDENT = 30 };

static void print_option(struct buf *out, const struct command_option *option)
{
    char left[64];
    int len = option->letter ? snprintf(left, sizeof(left), "-%c, ", option->letter)
                             : snprintf(left, sizeof(left), "    ");
    snprintf(left + len, sizeof(left) - (size_t)len, "--%s%s%s", option->name,
             option->value ? " " : "", option->value ? option->value : "");
    buf_printf(out, "  %-24s ", left);
    if (cell_width(left) > 24)
        buf_printf(out, "\n%*s", OPTION_INDENT, "");
    flow_put_folded(out, option->help, HELP_COLUMNS, OPTION_INDENT);
}

/* A sentence's end at the end of a line ends a paragraph; other lines of one go on in the next.
 * Lines that begin with a blank stay as they are. */
static size_t paragraph_length(const char *text)
{
    size_t at = strcspn(text, "\n");
    while (text[at] && text[at + 1] && !strchr(" \n", text[at + 1]) && !strchr(".:", text[at - 1]))
        at += 1 + strcspn(text + at + 1, "\n");
    return at;
}

void help_put_details(struct buf *out, const char *text)
{
    while (*text) {
        size_t len = strchr(" \n", *text) ? strcspn(text, "\n") : paragraph_length(text);
        struct buf one = {0};
        buf_put(&one, text, len);
        for (char *c = one.bytes; len && *text != ' ' && (c = strchr(c, '\n'));)
            *c = ' ';
        if (*text == ' ' || !len)
            buf_printf(out, "%s\n", buf_text(&one));
        else
            flow_put_folded(out, buf_text(&one), HELP_COLUMNS, 0);
        buf_fini(&one);
        text += len + (text[len] == '\n');
    }
}

static void print_options(struct buf *out, const struct command_option *options)
{
    for (; options && options->name; options++)
        print_option(out, options);
}

/* Those that the command does not have in a form of its own. */
static void print_globals(struct buf *out, const struct command_option *own)
{
    for (const struct command_option *global = command_globals; global->name; global++) {
        const struct command_option *same = own;
        while (same && same->name && !str_eq(same->name, global->name))
            same++;
        if (!same || !same->name)
            print_option(out, global);
    }
}

static void print_examples(struct buf *out, const char *lines)
{
    if (lines)
        buf_puts(out, "\nExamples\n");
    while (lines && *lines) {
        size_t len = strcspn(lines, "\n");
        buf_printf(out, "  %.*s\n", (int)len, lines);
        lines += len + (lines[len] == '\n');
    }
}

static void print_command(const struct invocation *invocation, struct buf *out,
                          const struct command *command)
{
    buf_printf(out, "usage: %s%s%s%s\n\n%s\n", command_shown(invocation, command),
               command->options ? " [OPTIONS]" : "", *command->usage ? " " : "", command->usage,
               command->summary);
    if (command->details) {
        buf_putc(out, '\n');
        help_put_details(out, command->details);
    }
    if (command->options) {
        buf_puts(out, "\nOptions\n");
        print_options(out, command->options);
    }
    buf_puts(out, "\nOptions of every command\n");
    print_globals(out, command->options);
    print_examples(out, command->examples);
}

static void print_line(struct buf *out, const struct command *command)
{
    char left[128];
    snprintf(left, sizeof(left), "%s %s", command->name, command->usage);
    int gap = SUMMARY_INDENT - 2 - cell_width(left);
    if (gap > 0)
        buf_printf(out, "  %s%*s", left, gap, "");
    else
        buf_printf(out, "  %s\n%*s", left, SUMMARY_INDENT, "");
    flow_put_folded(out, command->summary, HELP_COLUMNS, SUMMARY_INDENT);
}

static bool print_group(struct buf *out, const struct command *const *commands, const char *group)
{
    bool any = false;
    for (; *commands; commands++) {
        if (!str_eq((*commands)->group, group))
            continue;
        if (!any)
            buf_printf(out, "\n%s\n", group);
        print_line(out, *commands);
        any = true;
    }
    return any;
}

void help_overview(const struct invocation *invocation, struct buf *out)
{
    static const char *const groups[] = {"START", "RUN",  "WORK",    "LINKS",
                                         "SETUP", "CARE", "PLUMBING"};
    buf_puts(out, "hq: a company of LLM agents, each its own process\n\n"
                  "usage: hq [-C DIR] COMMAND [OPTIONS] [ARGUMENTS]\n");
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        print_group(out, invocation->commands, groups[i]);
    buf_puts(out, "\nOptions of every command\n");
    print_options(out, command_globals);
    buf_puts(out, "\nMore: hq help COMMAND, or");
    for (const struct help_topic *topic = help_topics; topic->name; topic++)
        buf_printf(out, " %s", topic->name);
    buf_putc(out, '\n');
}

/* A family ("task") shows its members. */
static bool print_family(struct buf *out, const struct command *const *commands, const char *word)
{
    size_t len = strlen(word);
    bool any = false;
    for (; *commands; commands++) {
        const char *name = (*commands)->name;
        if (strncmp(name, word, len) == 0 && name[len] == ' ') {
            print_line(out, *commands);
            any = true;
        }
    }
    return any;
}

static bool print_topic(struct buf *out, const char *name)
{
    const struct help_topic *topic = help_topic_find(name);
    if (!topic)
        return false;
    int widest = 0;
    for (const struct help_row *row = topic->rows; row->term; row++)
        widest = cell_width(row->term) > widest ? cell_width(row->term) : widest;
    buf_printf(out, "%s: %s\n\n", name, topic->summary);
    for (const struct help_row *row = topic->rows; row->term; row++) {
        buf_printf(out, "  %-*s  ", widest, row->term);
        flow_put_folded(out, row->text, HELP_COLUMNS, widest + 4);
    }
    return true;
}

static void fail_topic(const struct invocation *invocation, const char *name, struct err *err)
{
    const char *words[128] = {0};
    size_t count = 0;
    for (const struct help_topic *topic = help_topics; topic->name; topic++)
        words[count++] = topic->name;
    for (const struct command *const *c = invocation->commands; *c && count < 126; c++)
        words[count++] = (*c)->name;
    const char *near = str_nearest(name, words);
    err_set(err, "usage", "no help about \"%s\"", name);
    err_hint(err, near ? "Did you mean \"hq help %s\"?" : "See: hq help", near);
}

int help_show(const struct invocation *invocation, const char *name)
{
    struct buf out = {0};
    const struct command *command = name ? command_find(invocation->commands, name) : NULL;
    if (command)
        print_command(invocation, &out, command);
    else if (!name)
        help_overview(invocation, &out);
    else if (!print_topic(&out, name) && !print_family(&out, invocation->commands, name)) {
        struct err err = {0};
        fail_topic(invocation, name, &err);
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    fputs(buf_text(&out), stdout);
    buf_fini(&out);
    return COMMAND_OK;
}

static int help_run(const struct invocation *invocation)
{
    const char *name = invocation->args[0];
    if (invocation_has(invocation, "man"))
        return man_show(invocation, name);
    if (invocation->json)
        return output_json(help_table(invocation->commands));
    if (invocation->arg_count == 2)
        name = arena_printf(invocation->arena, "%s %s", name, invocation->args[1]);
    return help_show(invocation, name);
}

static const struct command_option options[] = {
    {"man", 0, NULL, "the manual page TOPIC in mdoc's form; without TOPIC: which there are"},
    {0},
};

const struct command command_help = {
    .name = "help",
    .group = "CARE",
    .usage = "[TOPIC]",
    .summary = "this page, a command in full, or a topic",
    .details =
        "With --json: the whole table of commands, from which help, man pages and completions\n"
        "are made.\n",
    .examples = "hq help task\n"
                "hq help flow run\n"
                "hq help exit-codes\n",
    .options = options,
    .max_args = 2,
    .run = help_run,
    .reads = true,
    .in_task = true,
};
