/* hq job watch: the other side of the job bridge. New folders in the outbox are shown to a person,
 * or run; results go to the inbox. */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "base/str.h"
#include "channel/job_folder.h"
#include "cli/company.h"
#include "cli/job_side.h"
#include "cli/output.h"
#include "cli/table.h"
#include "config/config.h"

enum { LOOK_MS = 5000, GATHER_MS = 200 };

static const struct command_option watch_options[] = {
    {"dir", 0, "DIR", "the bridge's folder (without: what hq.yaml says)"},
    {"tell", 0, NULL, "run nothing: say what a person is to do"},
    {"again", 0, "JOB", "run this job, that was begun and has no result, once more"},
    {"once", 0, NULL, "deal with what is there, then end"},
    {0},
};

struct watch {
    const struct invocation *invocation;
    struct job_side side;
    struct map said; /* by id: what was last said of it, so that it is said once */
    const char *dir;
    int failures;
};

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    is_interrupted = 1;
}

static void say_once(struct watch *watch, const char *id, const char *sentence)
{
    if (str_eq(map_get(&watch->said, id), sentence))
        return;
    map_put(&watch->said, id, arena_strdup(watch->invocation->arena, sentence));
    output_note(watch->invocation, "%s: %s", id, sentence);
}

static void print_quoted(struct buf *out, const char *text)
{
    buf_puts(out, " '");
    for (; *text; text++)
        if (*text == '\'')
            buf_puts(out, "'\\''");
        else if ((unsigned char)*text < 0x20 || *text == 0x7f)
            buf_printf(out, "\\x%02x", *text);
        else
            buf_putc(out, *text);
    buf_puts(out, "'");
}

/* "script 'a' 'b'", with nothing in it that a terminal would obey. */
static const char *command_line(const json_t *job, struct arena *arena)
{
    struct buf out = {0};
    size_t i;
    const json_t *arg;
    print_quoted(&out, json_get_text(job, "script", "(no script)"));
    json_array_foreach (json_object_get(job, "args"), i, arg) {
        struct buf text = {0};
        if (!json_is_string(arg))
            json_put(&text, arg, JSON_ENCODE_ANY);
        print_quoted(&out, json_is_string(arg) ? json_string_value(arg) : buf_text(&text));
        buf_fini(&text);
    }
    char *line = arena_strdup(arena, buf_text(&out) + 1);
    buf_fini(&out);
    return line;
}

static void perform(struct watch *watch, const char *id, const json_t *job)
{
    struct err err = {0};
    const char *status;
    output_note(watch->invocation, "%s: runs %s", id, command_line(job, watch->invocation->arena));
    if (job_perform(&watch->side, id, job, &status, &err) < 0) {
        watch->failures++;
        say_once(watch, id, err.message);
        return;
    }
    const json_t *notify = json_object_get(job, "notify");
    bool failed = str_eq(status, "failed");
    const char *says = json_get_text(notify, failed ? "on_fail" : "on_complete", "");
    watch->failures += failed;
    map_put(&watch->said, id, "over");
    output_note(watch->invocation, "%s: %s%s%s", id, status, *says ? ": " : "", says);
}

/* Asked on the terminal; no: not before the next start. */
static bool person_agrees(struct watch *watch, const char *id, const json_t *job)
{
    char line[64] = "";
    if (map_get(&watch->said, id))
        return false;
    fprintf(stderr, "%s\n  %s\n  in %s/%s\nRun it here? [y/N] ", id,
            command_line(job, watch->invocation->arena), watch->side.work, id);
    if (!fgets(line, sizeof(line), stdin))
        is_interrupted = 1;
    map_put(&watch->said, id, "asked");
    return line[0] == 'y' || line[0] == 'Y';
}

static void tell(struct watch *watch, const char *id, const json_t *job)
{
    struct arena *arena = watch->invocation->arena;
    say_once(
        watch, id,
        arena_printf(arena,
                     "waits for a person. Copy %s/%s, run there: %s. Then put the results into "
                     "%s/%s and say: hq job done %s --status completed --dir %s",
                     watch->side.outbox, id, command_line(job, arena), watch->side.inbox, id, id,
                     watch->dir));
}

static void deal_with(struct watch *watch, const char *id)
{
    struct err err = {0};
    json_t *job = NULL;
    const struct invocation *invocation = watch->invocation;
    enum job_stand stand = job_stand(&watch->side, id, &job, &err);
    bool again = str_eq(invocation_value(invocation, "again"), id) && !map_get(&watch->said, id);
    if (stand == STAND_REFUSED)
        say_once(watch, id, err.message);
    else if (stand == STAND_BEGUN && again)
        perform(watch, id, job);
    else if (stand == STAND_BEGUN)
        say_once(
            watch, id,
            arena_printf(invocation->arena,
                         "was begun at %s and has no result: another watcher runs it, or one "
                         "was killed while it ran. It is not run again by itself: hq job watch "
                         "--again %s, or hq job done %s --status failed --dir %s",
                         json_get_text(job, "started_at", "?"), id, id, watch->dir));
    else if (stand == STAND_NEW && invocation_has(invocation, "tell"))
        tell(watch, id, job);
    else if (stand == STAND_NEW && (invocation->yes || person_agrees(watch, id, job)))
        perform(watch, id, job);
    json_decref(job);
}

static void look(struct watch *watch)
{
    struct dirent *entry;
    DIR *dir = opendir(watch->side.outbox);
    while (dir && !is_interrupted && (entry = readdir(dir)))
        if (job_name_is_plain(entry->d_name))
            deal_with(watch, entry->d_name);
    if (dir)
        closedir(dir);
}

/* A folder that is still being copied changes inside, where nobody watches: hence the look. */
static void sleep_until_it_stirs(int fd)
{
    char events[4096];
    struct pollfd one = {.fd = fd, .events = POLLIN};
    if (poll(&one, 1, LOOK_MS) > 0)
        poll(NULL, 0, GATHER_MS);
    while (fd >= 0 && read(fd, events, sizeof(events)) > 0)
        continue;
}

static void watch_until_interrupted(struct watch *watch)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd >= 0)
        inotify_add_watch(fd, watch->side.outbox, IN_CREATE | IN_MOVED_TO);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    output_note(watch->invocation, "watches %s; Ctrl-C ends it", watch->side.outbox);
    while (!is_interrupted) {
        look(watch);
        if (!is_interrupted)
            sleep_until_it_stirs(fd);
    }
    if (fd >= 0)
        close(fd);
}

/* --dir, or what the company's file says. */
static const char *bridge_dir(const struct invocation *invocation, struct err *err)
{
    const char *given = invocation_value(invocation, "dir");
    if (given)
        return given;
    struct config *config = company_open(invocation);
    if (!config) {
        err_set(err, "no_config", "no bridge is named");
        return NULL;
    }
    const char *dir = arena_strdup(invocation->arena, config->jobs);
    if (!dir)
        err_set(err, "no_bridge", "%s has no `jobs`", config->path);
    config_free(config);
    return dir;
}

static int watch_run(const struct invocation *invocation)
{
    struct err err = {0};
    struct watch watch = {.invocation = invocation};
    bool asks = !invocation->yes && !invocation_has(invocation, "tell");
    if (asks && (invocation->no_input || !isatty(STDIN_FILENO))) {
        err_set(&err, "usage", "there is no terminal to ask on whether a job may run");
        err_hint(&err, "--yes runs them all, --tell only says what a person is to do");
        return output_fail(invocation, COMMAND_USAGE, &err);
    }
    watch.dir = bridge_dir(invocation, &err);
    if (!watch.dir || job_side_open(watch.dir, invocation->arena, &watch.side, &err) < 0)
        return output_fail(invocation, COMMAND_USAGE, &err);
    if (invocation_has(invocation, "once"))
        look(&watch);
    else
        watch_until_interrupted(&watch);
    map_fini(&watch.said);
    return watch.failures > 0 ? COMMAND_FAILED
                              : (is_interrupted ? COMMAND_INTERRUPTED : COMMAND_OK);
}

const struct command command_job_watch = {
    .name = "job watch",
    .group = "WORK",
    .usage = "",
    .summary = "the other side of the bridge: run jobs, hand in",
    .details =
        "Needs no company: --dir names the folder with inbox and outbox, or its copy on\n"
        "another machine. A script runs as you, without a sandbox: look before you say yes.\n",
    .examples = "hq job watch --dir ~/bridge --tell\n",
    .options = watch_options,
    .run = watch_run,
};
