/* hq logs: what the processes wrote, merged by time; followed with -f. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/company.h"
#include "cli/output.h"
#include "cli/table.h"
#include "config/config.h"

enum {
    TAIL_BYTES = 1 << 20, /* of each file, looked at for the last lines */
    FOLLOW_MS = 200,
    LINES_DEFAULT = 50,
    STAMP = 24, /* an RFC 3339 time in UTC: its order as text is the order in time */
};

static const struct command_option logs_options[] = {
    {"follow", 'f', NULL, "go on as lines are written, until Ctrl-C"},
    {"lines", 'n', "N", "how many of the newest lines (50)"},
    {0},
};

struct log_file {
    const char *path;
    int fd;          /* -1: not open yet */
    struct buf rest; /* an unfinished last line */
};

struct lines {
    char **items;
    size_t count, cap;
};

static void lines_add(struct lines *lines, const char *text, size_t len)
{
    if (lines->count == lines->cap) {
        lines->cap = lines->cap ? lines->cap * 2 : 256;
        lines->items = mem_realloc(lines->items, lines->cap * sizeof(*lines->items));
    }
    lines->items[lines->count++] = mem_strndup(text, len);
}

static void lines_fini(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->items[i]);
    free(lines->items);
}

/* Moves whole lines out of the file's buffer. */
static void take_lines(struct log_file *file, struct lines *lines)
{
    const char *text = buf_text(&file->rest);
    size_t at = 0;
    for (const char *end; (end = memchr(text + at, '\n', file->rest.len - at));) {
        lines_add(lines, text + at, (size_t)(end - text) - at);
        at = (size_t)(end - text) + 1;
    }
    buf_drop(&file->rest, at);
}

static void read_more(struct log_file *file, struct lines *lines)
{
    if (file->fd < 0)
        file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    for (ssize_t got = 1; file->fd >= 0 && got > 0;) {
        got = read(file->fd, buf_room(&file->rest, 65536), 65536);
        if (got > 0)
            buf_grow(&file->rest, (size_t)got);
        take_lines(file, lines);
    }
}

/* Starts near the end; what the start cut in two sorts away with the oldest. */
static void open_tail(struct log_file *file, struct lines *lines)
{
    struct stat stat;
    file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0)
        return;
    if (fstat(file->fd, &stat) == 0 && stat.st_size > TAIL_BYTES)
        lseek(file->fd, stat.st_size - TAIL_BYTES, SEEK_SET);
    read_more(file, lines);
}

static int by_time(const void *a, const void *b)
{
    return strncmp(*(char *const *)a, *(char *const *)b, STAMP);
}

static void sort_lines(struct lines *lines)
{
    if (lines->count > 1)
        qsort(lines->items, lines->count, sizeof(*lines->items), by_time);
}

static const char *const others[] = {"hub", "supervisor", NULL};

/* The log's name for an argument, or NULL after saying that nobody is called so. */
static const char *log_name(const struct invocation *invocation, const struct config *config,
                            const char *name)
{
    struct err err;
    const struct config_agent *agent = config_agent(config, name);
    if (agent)
        return agent->id;
    if (str_in(name, others))
        return name;
    err_set(&err, "unknown_agent", "there is no agent \"%s\"", name);
    err_hint(&err, "hq agent list shows who is there; hub and supervisor have logs too");
    output_fail(invocation, COMMAND_USAGE, &err);
    return NULL;
}

/* The files of the processes named; none: all. NULL after saying who is unknown. */
static struct log_file *files_named(const struct invocation *invocation,
                                    const struct config *config, size_t *count)
{
    struct arena *arena = invocation->arena;
    size_t most = invocation->arg_count + config->agent_count + 2;
    const char **names = arena_alloc(arena, most * sizeof(*names));
    struct log_file *files = arena_alloc(arena, most * sizeof(*files));
    *count = 0;
    for (size_t i = 0; i < invocation->arg_count; i++)
        if (!(names[(*count)++] = log_name(invocation, config, invocation->args[i])))
            return NULL;
    for (size_t i = 0; invocation->arg_count == 0 && others[i]; i++)
        names[(*count)++] = others[i];
    for (size_t i = 0; invocation->arg_count == 0 && i < config->agent_count; i++)
        names[(*count)++] = config->agents[i].id;
    for (size_t i = 0; i < *count; i++)
        files[i] = (struct log_file){
            .path = arena_printf(arena, "%s/logs/%s.log", config->state, names[i]), .fd = -1};
    return files;
}

static void print_lines(struct lines *lines, size_t from)
{
    for (size_t i = from; i < lines->count; i++)
        puts(lines->items[i]);
    fflush(stdout);
}

static void follow(struct log_file *files, size_t count)
{
    while (!ferror(stdout)) {
        struct lines lines = {0};
        for (size_t i = 0; i < count; i++)
            read_more(&files[i], &lines);
        sort_lines(&lines);
        print_lines(&lines, 0);
        lines_fini(&lines);
        usleep(FOLLOW_MS * 1000);
    }
}

static int show(const struct invocation *invocation, const struct config *config, int64_t wanted)
{
    size_t count;
    struct lines lines = {0};
    struct log_file *files = files_named(invocation, config, &count);
    if (!files)
        return COMMAND_USAGE;
    for (size_t i = 0; i < count; i++)
        open_tail(&files[i], &lines);
    sort_lines(&lines);
    size_t keep = (size_t)wanted < lines.count ? (size_t)wanted : lines.count;
    print_lines(&lines, lines.count - keep);
    lines_fini(&lines);
    if (invocation_has(invocation, "follow"))
        follow(files, count);
    for (size_t i = 0; i < count; i++) {
        buf_fini(&files[i].rest);
        if (files[i].fd >= 0)
            close(files[i].fd);
    }
    return COMMAND_OK;
}

static int logs_run(const struct invocation *invocation)
{
    struct err err;
    int64_t wanted;
    if (invocation_number(invocation, "lines", LINES_DEFAULT, &wanted, &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    int code = show(invocation, config, wanted);
    config_free(config);
    return code;
}

const struct command command_logs = {
    .name = "logs",
    .group = "RUN",
    .usage = "[AGENT…]",
    .summary = "what the processes wrote, by time",
    .details = "hub and supervisor have logs too: hq logs hub.\n",
    .options = logs_options,
    .max_args = 1000,
    .run = logs_run,
};
