/* hq logs: what the processes wrote, merged by time; -f goes on as they write. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/company.h"
#include "cli/journal.h"
#include "cli/log_file.h"
#include "cli/output.h"
#include "cli/service.h"
#include "cli/table.h"
#include "config/config.h"
#include "supervise/control.h"
#include "supervise/life.h"

enum { TAIL_BYTES = 1 << 20, LINES_DEFAULT = 50, FOLLOW_MS = 1000 };

static volatile sig_atomic_t is_interrupted;

static const struct command_option logs_options[] = {
    {"follow", 'f', NULL, "go on as they write, until Ctrl-C"},
    {"lines", 'n', "N", "how many of the last lines (50; with --since all; 0: all)"},
    {"since", 0, "TIME", "from then on: 10m, 2h, 2026-11-22T15:04:05Z; old files too"},
    {"task", 0, "ID", "lines about this task or run, or that name it"},
    {"level", 0, "LEVEL", "debug, info, warn or error, and what is worse"},
    {"grep", 0, "PATTERN", "lines whose sentence matches (a regular expression)"},
    {0},
};

struct logs {
    const struct invocation *invocation;
    const struct config *config;
    struct log_wish wish;
    struct log_file *files; /* beside the pages */
    struct log_page *pages;
    size_t count;
    size_t tail; /* bytes of each to begin with */
};

static void add_file(struct logs *logs, const char *name)
{
    struct arena *arena = logs->invocation->arena;
    const char *path = arena_printf(arena, "%s/logs/%s.log", logs->config->state, name);
    logs->files[logs->count] = (struct log_file){.path = path};
    logs->pages[logs->count++] = (struct log_page){.name = name, .wish = &logs->wish};
}

static int fail_name(const struct logs *logs, const char *name)
{
    struct err err = {0};
    const struct config *config = logs->config;
    const char **known =
        arena_alloc(logs->invocation->arena, (config->agent_count + 4) * sizeof(*known));
    size_t count = 0;
    known[count++] = "hub";
    known[count++] = "supervisor";
    known[count++] = RUNNER_NAME;
    for (size_t i = 0; i < config->agent_count; i++)
        known[count++] = config->agents[i].id;
    const char *near = str_nearest(name, known);
    err_set(&err, "unknown_agent", "there is no log of \"%s\"", name);
    if (near)
        err_hint(&err, "Did you mean %s?", near);
    else
        err_hint(&err, "Names: hub, supervisor, runner, and the agents (hq agent list).");
    return output_fail(logs->invocation, COMMAND_USAGE, &err);
}

/* The file of an argument: hub, supervisor, runner or an agent. */
static int add_named(struct logs *logs, const char *name)
{
    static const char *const processes[] = {"hub", "supervisor", RUNNER_NAME, NULL};
    const struct config_agent *agent = config_agent(logs->config, name);
    char path[4096];
    if (str_in(name, processes) || agent) {
        add_file(logs, agent ? agent->id : name);
        return COMMAND_OK;
    }
    snprintf(path, sizeof(path), "%s/logs/%s.log", logs->config->state, name);
    if (strchr(name, '/') || access(path, R_OK) != 0)
        return fail_name(logs, name);
    add_file(logs, name);
    return COMMAND_OK;
}

static int choose_files(struct logs *logs)
{
    const struct invocation *invocation = logs->invocation;
    const struct config *config = logs->config;
    size_t most = config->agent_count + invocation->arg_count + 3;
    logs->files = arena_alloc(invocation->arena, most * sizeof(*logs->files));
    logs->pages = arena_alloc(invocation->arena, most * sizeof(*logs->pages));
    for (size_t i = 0; i < invocation->arg_count; i++) {
        int code = add_named(logs, invocation->args[i]);
        if (code != COMMAND_OK)
            return code;
    }
    if (invocation->arg_count)
        return COMMAND_OK;
    add_file(logs, "supervisor");
    add_file(logs, "hub");
    for (size_t i = 0; i < config->agent_count; i++)
        add_file(logs, config->agents[i].id);
    if (config->runner)
        add_file(logs, RUNNER_NAME);
    return COMMAND_OK;
}

static int read_level(struct logs *logs, struct err *err)
{
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    const char *level = invocation_value(logs->invocation, "level");
    logs->wish.least = LOG_DEBUG;
    for (int i = 0; level && levels[i]; i++)
        if (str_eq(level, levels[i]))
            logs->wish.least = i;
    if (!level || str_in(level, levels))
        return 0;
    return err_set(err, "usage", "--level: \"%s\" is not debug, info, warn or error", level);
}

static int read_since(struct logs *logs, struct err *err)
{
    int64_t ms;
    const char *since = invocation_value(logs->invocation, "since");
    if (!since || time_parse_rfc3339(since, &logs->wish.since_ms))
        return 0;
    if (time_parse_duration(since, &ms)) {
        logs->wish.since_ms = time_wall_ms() - ms > 0 ? time_wall_ms() - ms : 1;
        return 0;
    }
    err_set(err, "usage", "--since: \"%s\" is neither a time nor a duration", since);
    err_hint(err, "Write 10m, 2h, 3d or 2026-11-22T15:04:05Z.");
    return -1;
}

/* What is looked for may lie far back: then everything is read. */
static int read_wish(struct logs *logs, struct err *err)
{
    const struct invocation *invocation = logs->invocation;
    struct err why = {0};
    int64_t lines;
    const char *grep = invocation_value(invocation, "grep");
    bool is_all = invocation_has(invocation, "since");
    if (invocation_number(invocation, "lines", is_all ? 0 : LINES_DEFAULT, &lines, err) < 0 ||
        read_level(logs, err) < 0 || read_since(logs, err) < 0)
        return -1;
    logs->wish.task = invocation_value(invocation, "task");
    logs->wish.most = (size_t)lines;
    if (grep && !(logs->wish.grep = pattern_open(grep, &why)))
        return err_set(err, "usage", "--grep: %s", why.message);
    is_all = is_all || grep || logs->wish.task || logs->wish.least > LOG_DEBUG || lines == 0 ||
             lines > TAIL_BYTES / 100;
    logs->tail = is_all ? SIZE_MAX : TAIL_BYTES;
    return 0;
}

static void print_line(const struct invocation *invocation, const struct log_line *line,
                       struct arena *arena)
{
    if (invocation->json)
        output_json_line(log_line_json(line, arena));
    else
        puts(log_line_text(line, arena));
}

/* Reads and prints what is new; the first time at most the last `most` lines. */
static size_t print_new(struct logs *logs, size_t most)
{
    struct arena arena = {0};
    size_t count;
    for (size_t i = 0; i < logs->count; i++)
        log_file_read(&logs->files[i], logs->tail, &logs->pages[i]);
    const struct log_line **lines = log_pages_merge(logs->pages, logs->count, most, &arena, &count);
    for (size_t i = 0; i < count; i++)
        print_line(logs->invocation, lines[i], &arena);
    fflush(stdout);
    for (size_t i = 0; i < logs->count; i++)
        log_page_clear(&logs->pages[i]);
    arena_fini(&arena);
    return count;
}

static void on_interrupt(int signal)
{
    (void)signal;
    is_interrupted = 1;
}

/* Woken by writes in the folder (inotify(7)); a look every second besides, should there be none. */
static void follow(struct logs *logs)
{
    char events[4096], dir[4096];
    struct sigaction action = {.sa_handler = on_interrupt};
    int64_t timeout = logs->invocation->timeout_ms;
    int64_t until = timeout >= 0 ? time_boot_ms() + timeout : INT64_MAX;
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    snprintf(dir, sizeof(dir), "%s/logs", logs->config->state);
    if (watch >= 0)
        inotify_add_watch(watch, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO);
    sigaction(SIGINT, &action, NULL);
    logs->wish.most = 0;
    logs->tail = SIZE_MAX; /* a log that is there only now is shown from its beginning */
    while (!is_interrupted && time_boot_ms() < until && !ferror(stdout)) {
        struct pollfd one = {.fd = watch, .events = POLLIN};
        int64_t left = until - time_boot_ms();
        poll(&one, 1, left < FOLLOW_MS ? (int)left : FOLLOW_MS);
        while (watch >= 0 && read(watch, events, sizeof(events)) > 0)
            ;
        print_new(logs, 0);
    }
    if (watch >= 0)
        close(watch);
}

/* Units write to the journal. The names were resolved with the files. */
static int show_journal(const struct logs *logs, const struct service *service)
{
    struct journal_wish wish = {.lines = &logs->wish,
                                .is_all = logs->tail == SIZE_MAX,
                                .follow = invocation_has(logs->invocation, "follow"),
                                .print = print_line};
    const char **names = arena_alloc(logs->invocation->arena, (logs->count + 1) * sizeof(*names));
    for (size_t i = 0; logs->invocation->arg_count && i < logs->count; i++)
        names[wish.count++] = logs->pages[i].name;
    wish.names = names;
    return journal_show(logs->invocation, service, &wish);
}

static bool is_in_journal(const struct logs *logs, struct service *service)
{
    return !control_look(logs->config, "supervisor", NULL) &&
           service_is_managed(logs->config, service, logs->invocation->arena);
}

static int show(struct logs *logs)
{
    struct err err = {0};
    struct service service;
    if (read_wish(logs, &err) < 0)
        return output_fail(logs->invocation, COMMAND_USAGE, &err);
    int code = choose_files(logs);
    if (code != COMMAND_OK)
        return code;
    if (is_in_journal(logs, &service))
        return show_journal(logs, &service);
    bool follows = invocation_has(logs->invocation, "follow");
    if (print_new(logs, logs->wish.most) == 0 && !follows)
        output_note(logs->invocation, "nothing of that is logged in %s/logs", logs->config->state);
    if (follows)
        follow(logs);
    for (size_t i = 0; i < logs->count; i++)
        log_file_close(&logs->files[i]);
    return is_interrupted ? COMMAND_INTERRUPTED : COMMAND_OK;
}

static int logs_run(const struct invocation *invocation)
{
    bool is_bad;
    struct logs logs = {.invocation = invocation};
    struct config *config = company_open_any(invocation, &is_bad);
    if (!config)
        return COMMAND_USAGE;
    logs.config = config;
    int code = show(&logs);
    pattern_close(logs.wish.grep);
    config_free(config);
    return code;
}

const struct command command_logs = {
    .name = "logs",
    .group = "RUN",
    .usage = "[AGENT…]",
    .summary = "what the processes wrote, merged by time",
    .details = "Names: agents, hub, supervisor, runner; none means all. With --json one object a line.\n"
               "Where systemd keeps the company they are read from its journal.\n",
    .examples = "hq logs -f\n"
                "hq logs --level warn --since 8h\n"
                "hq logs --task t-7k2m\n",
    .options = logs_options,
    .max_args = 1000,
    .run = logs_run,
    .reads = true,
};
