/* Manual pages: one of hq, one of each family of commands, those of its files. */
#include "cli/man.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/help_topics.h"
#include "cli/output.h"
#include "config/keys.h"
#include "flow/keys.h"

enum { PAGES_MAX = 64 };

/* A page about keys of a file. */
static const struct file_page {
    const char *name, *summary, *text, *example;
    const struct config_key *(*keys)(void);
} file_pages[] = {
    {"hq.yaml", "the file of a company of LLM agents",
     "A folder with this file is a company. hq finds it with -C DIR, else HQ_DIR, else by looking "
     "upwards from the working directory. \"hq config validate\" tells every mistake with its "
     "place; \"hq config explain KEY\" says what is in force and where it came from. In the "
     "keys below * stands for a name of one's own choice.",
     "models:\n  local: { api: openai-chat, base_url: \"http://127.0.0.1:11434/v1\" }\nagents:\n"
     "  mario: { port: 18789, model: local/qwen3:8b }\n",
     config_keys},
    {"hq-flow", "a workflow of a company of LLM agents",
     "A file NAME.yaml, or NAME/workflow.yaml, in the company's folder of workflows. "
     "\"hq flow check\" tells every mistake with its place, \"hq flow run NAME\" runs it. In the "
     "keys below * stands for a name of one's own choice, ${{ ... }} in a text is an expression.",
     "name: review\ninputs:\n  part: { type: string }\nsteps:\n"
     "  draft: { agent: manager, task: \"Write a note on ${{ inputs.part }}\" }\n"
     "  release: { needs: [draft], approve: { title: Send it?, show: \"${{ steps.draft.output "
     "}}\" } }\n",
     flow_keys},
};

static size_t family_length(const struct command *command)
{
    size_t len = strcspn(command->name, " ");
    return command->name[len] ? len : 0;
}

static bool is_in(const struct command *command, const char *family)
{
    size_t len = family_length(command);
    return strlen(family) == len && strncmp(command->name, family, len) == 0;
}

/* ---- parts ---- */

static void put_head(struct buf *out, const char *name, int section, const char *summary)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    time_t now = str_is_empty(epoch) ? time(NULL) : (time_t)strtoll(epoch, NULL, 10);
    char date[64] = "", title[64] = "";
    struct tm parts;
    if (gmtime_r(&now, &parts))
        strftime(date, sizeof(date), "%B %e, %Y", &parts);
    for (size_t i = 0; name[i] && i + 1 < sizeof(title); i++)
        title[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
    buf_printf(out, ".\\\" Made by: hq help --man\n.Dd %s\n.Dt %s %d\n.Os\n.Sh NAME\n.Nm ", date,
               title, section);
    man_put_text(out, name);
    buf_puts(out, "\n.Nd ");
    man_put_text(out, summary);
    buf_putc(out, '\n');
}

static void put_options(struct buf *out, const struct command_option *options, struct arena *arena)
{
    buf_puts(out, ".Bl -tag -width Ds\n");
    for (; options->name; options++) {
        buf_puts(out, ".It ");
        if (options->letter)
            buf_printf(out, "Fl %c , ", options->letter);
        buf_puts(out, "Fl \\-");
        man_put_text(out, options->name);
        if (options->value) {
            buf_puts(out, " Ar ");
            man_put_text(out, options->value);
        }
        buf_putc(out, '\n');
        man_put_paragraph(out, options->help, arena);
    }
    buf_puts(out, ".El\n");
}

static void put_line(struct buf *out, const char *line, bool as_is, struct arena *arena)
{
    if (!*line)
        buf_puts(out, ".Pp\n");
    else if (!as_is)
        man_put_paragraph(out, line, arena);
    else {
        man_put_text(out, line);
        buf_putc(out, '\n');
    }
}

/* Lines as they are; a paragraph's lines are joined by the formatter. */
static void put_details(struct buf *out, const char *text, struct arena *arena)
{
    bool verbatim = false;
    while (*text) {
        size_t len = strcspn(text, "\n");
        bool as_is = *text == ' ';
        if (as_is != verbatim)
            buf_puts(out, as_is ? ".Bd -literal\n" : ".Ed\n");
        verbatim = as_is;
        if (len || (text[1] && text[1] != ' ')) /* a display has its own space above it */
            put_line(out, arena_memdup(arena, text, len), as_is, arena);
        text += len + (text[len] == '\n');
    }
    if (verbatim)
        buf_puts(out, ".Ed\n");
}

static void put_operands(struct buf *out, const struct command *command)
{
    if (command->options)
        buf_puts(out, ".Op Ar OPTIONS\n");
    if (*command->usage) {
        buf_puts(out, ".Ar ");
        man_put_text(out, command->usage);
        buf_putc(out, '\n');
    }
}

static void put_command(struct buf *out, const struct command *command, struct arena *arena)
{
    buf_printf(out, ".Ss %s%s\n", command->is_link ? "" : "hq ", command->name);
    buf_printf(out, ".Bd -ragged -compact\n.Nm %s%s\n", command->is_link ? "" : "hq ",
               command->name);
    put_operands(out, command);
    buf_puts(out, ".Ed\n.Pp\n");
    man_put_paragraph(out, arena_printf(arena, "%s.", command->summary), arena);
    if (command->details)
        put_details(out, command->details, arena);
    if (command->options)
        put_options(out, command->options, arena);
}

static void put_rows(struct buf *out, const char *section, const char *topic, struct arena *arena)
{
    buf_printf(out, ".Sh %s\n.Bl -tag -width Ds\n", section);
    for (const struct help_row *row = help_topic_find(topic)->rows; row->term; row++) {
        buf_puts(out, ".It \\&");
        man_put_text(out, row->term);
        buf_putc(out, '\n');
        man_put_paragraph(out, row->text, arena);
    }
    buf_puts(out, ".El\n");
}

static void put_literal(struct buf *out, const char *lines, struct arena *arena)
{
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        man_put_text(out, arena_memdup(arena, lines, len));
        buf_putc(out, '\n');
        lines += len + (lines[len] == '\n');
    }
}

/* Those of the record, or the lines of its details that begin with a blank. */
static void put_examples(struct buf *out, const struct command *command, struct arena *arena)
{
    const char *line = command->examples ? "" : command->details ? command->details : "";
    if (command->examples)
        put_literal(out, command->examples, arena);
    for (size_t len; *line; line += len + (line[len] == '\n')) {
        len = strcspn(line, "\n");
        size_t blanks = strspn(line, " ");
        if (blanks && blanks < len)
            put_literal(out, arena_memdup(arena, line + blanks, len - blanks), arena);
    }
}

/* ---- pages ---- */

static void put_synopsis(struct buf *out, const struct command *command)
{
    buf_printf(out, ".Nm hq\n.Cm %s\n", command->name);
    put_operands(out, command);
}

static void put_end(struct buf *out, const struct invocation *invocation, const char *family)
{
    put_rows(out, "ENVIRONMENT", "environment", invocation->arena);
    put_rows(out, "FILES", "files", invocation->arena);
    put_rows(out, "EXIT STATUS", "exit-codes", invocation->arena);
    buf_puts(out, ".Sh EXAMPLES\n.Bd -literal\n");
    for (const struct command *const *c = invocation->commands; *c; c++)
        if (is_in(*c, family))
            put_examples(out, *c, invocation->arena);
    buf_puts(out, ".Ed\n");
}

static void put_family_page(struct buf *out, const struct invocation *invocation,
                            const char *family)
{
    struct buf members = {0};
    for (const struct command *const *c = invocation->commands; *c; c++)
        if (is_in(*c, family))
            buf_printf(&members, "%s%s", members.len ? ", " : "", (*c)->name + strlen(family) + 1);
    put_head(
        out, arena_printf(invocation->arena, "hq-%s", family), 1,
        arena_printf(invocation->arena, "the commands of hq %s: %s", family, buf_text(&members)));
    buf_fini(&members);
    buf_puts(out, ".Sh SYNOPSIS\n");
    for (const struct command *const *c = invocation->commands; *c; c++)
        if (is_in(*c, family))
            put_synopsis(out, *c);
    buf_puts(out, ".Sh DESCRIPTION\nThe options of every command are in\n.Xr hq 1 .\n");
    for (const struct command *const *c = invocation->commands; *c; c++)
        if (is_in(*c, family))
            put_command(out, *c, invocation->arena);
    put_end(out, invocation, family);
    buf_puts(out, ".Sh SEE ALSO\n.Xr hq 1 ,\n.Xr hq.yaml 5\n");
}

static size_t list_families(const struct invocation *invocation, const char **families)
{
    size_t count = 0;
    for (const struct command *const *c = invocation->commands; *c && count < PAGES_MAX - 1; c++) {
        size_t len = family_length(*c);
        const char *family = arena_memdup(invocation->arena, (*c)->name, len);
        if (len && !str_in(family, families))
            families[count++] = family;
    }
    return count;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_main_page(struct buf *out, const struct invocation *invocation)
{
    const char *families[PAGES_MAX] = {0};
    size_t count = list_families(invocation, families);
    put_head(out, "hq", 1, "a company of LLM agents, each its own process");
    buf_puts(out,
             ".Sh SYNOPSIS\n.Nm\n.Op Fl C Ar DIR\n.Ar COMMAND\n.Op Ar OPTIONS\n.Op Ar ARGUMENTS\n"
             ".Sh DESCRIPTION\n"
             ".Nm\n");
    man_put_paragraph(out,
                      "runs a company of LLM agents on one machine. Every agent is a process; what "
                      "they do together is on one durable ledger, so that nothing acknowledged is "
                      "lost, whatever is killed.",
                      invocation->arena);
    buf_puts(out, ".Ss Options of every command\n");
    put_options(out, command_globals, invocation->arena);
    for (const struct command *const *c = invocation->commands; *c; c++)
        if (!family_length(*c))
            put_command(out, *c, invocation->arena);
    put_end(out, invocation, "");
    buf_puts(out, ".Sh SEE ALSO\n");
    qsort(families, count, sizeof(*families), compare_names);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, ".Xr hq-%s 1 ,\n", families[i]);
    buf_puts(out, ".Xr hq-flow 5 ,\n.Xr hq.yaml 5\n");
}

static void put_file_page(struct buf *out, const struct file_page *page, struct arena *arena)
{
    put_head(out, page->name, 5, page->summary);
    buf_puts(out, ".Sh DESCRIPTION\n");
    man_put_paragraph(out, page->text, arena);
    man_put_keys(out, page->keys(), arena);
    put_rows(out, "FILES", "files", arena);
    buf_puts(out, ".Sh EXAMPLES\n.Bd -literal\n");
    put_literal(out, page->example, arena);
    buf_puts(out, ".Ed\n.Sh SEE ALSO\n.Xr hq 1\n");
}

static size_t list_pages(const struct invocation *invocation, const char **pages)
{
    const char *families[PAGES_MAX] = {0};
    size_t count = 0, family_count = list_families(invocation, families);
    pages[count++] = "hq.1";
    for (size_t i = 0; i < family_count; i++)
        pages[count++] = arena_printf(invocation->arena, "hq-%s.1", families[i]);
    for (size_t i = 0; i < sizeof(file_pages) / sizeof(file_pages[0]); i++)
        pages[count++] = arena_printf(invocation->arena, "%s.5", file_pages[i].name);
    return count;
}

static bool put_page(struct buf *out, const struct invocation *invocation, const char *page)
{
    struct arena *arena = invocation->arena;
    if (str_eq(page, "hq.1")) {
        put_main_page(out, invocation);
        return true;
    }
    for (size_t i = 0; i < sizeof(file_pages) / sizeof(file_pages[0]); i++) {
        if (str_eq(page, arena_printf(arena, "%s.5", file_pages[i].name))) {
            put_file_page(out, &file_pages[i], arena);
            return true;
        }
    }
    const char *families[PAGES_MAX] = {0};
    size_t count = list_families(invocation, families);
    for (size_t i = 0; i < count; i++) {
        if (str_eq(page, arena_printf(arena, "hq-%s.1", families[i]))) {
            put_family_page(out, invocation, families[i]);
            return true;
        }
    }
    return false;
}

int man_show(const struct invocation *invocation, const char *name)
{
    const char *pages[2 * PAGES_MAX] = {0};
    struct buf out = {0};
    struct err err = {0};
    size_t count = list_pages(invocation, pages);
    for (size_t i = 0; !name && i < count; i++)
        buf_printf(&out, "%s\n", pages[i]);
    if (name && !put_page(&out, invocation, name)) {
        const char *near = str_nearest(name, pages);
        err_set(&err, "usage", "there is no manual page \"%s\"", name);
        err_hint(&err, near ? "Did you mean \"hq help --man %s\"?" : "See: hq help --man", near);
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    fputs(buf_text(&out), stdout);
    buf_fini(&out);
    return COMMAND_OK;
}
