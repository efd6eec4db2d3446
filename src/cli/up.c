/* hq up: the supervisor, in front or in the background. */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/log_rotate.h"
#include "base/str.h"
#include "cli/board.h"
#include "cli/company.h"
#include "cli/managed.h"
#include "cli/output.h"
#include "cli/service.h"
#include "cli/table.h"
#include "cli/up.h"
#include "config/config.h"
#include "supervise/control.h"
#include "supervise/prepare.h"
#include "supervise/runfiles.h"
#include "supervise/supervisor.h"
#include "sys/spawn.h"

enum { WAIT_READY_MS = 60000, NUDGE_MS = 10000 };

static const struct command_option up_options[] = {
    {"detach", 'd', NULL, "in the background; logs go to state/logs/supervisor.log"},
    {"wait", 0, NULL, "with -d: return when everybody is ready"},
    {"quiet-supervisor", 0, NULL, "plumbing: what -d starts"},
    {0},
};

static int64_t patience(const struct invocation *invocation)
{
    return invocation->timeout_ms >= 0 ? invocation->timeout_ms : WAIT_READY_MS;
}

/* A stopped agent is easily forgotten: what was stopped by hand stays so over down and up. */
static void say_who_is_stopped(const struct invocation *invocation, const struct config *config)
{
    size_t i;
    const json_t *child;
    json_t *board = runfile_board_get(config);
    json_array_foreach (json_object_get(board, "children"), i, child)
        if (str_eq(json_get_text(child, "state", ""), "stopped"))
            output_note(invocation, "%s stays stopped, as it was by hand; hq start %s",
                        json_get_text(child, "name", ""), json_get_text(child, "name", ""));
    json_decref(board);
}

static int maybe_wait(const struct invocation *invocation, const struct config *config)
{
    if (!invocation_has(invocation, "wait"))
        return COMMAND_OK;
    int code = board_wait_ready(invocation, config, patience(invocation));
    say_who_is_stopped(invocation, config);
    return code;
}

/* It runs already: nothing to start, but held ones are tried again. */
static int already_up(const struct invocation *invocation, const struct config *config)
{
    struct err err = {0};
    json_t *board = runfile_board_get(config);
    bool is_stopping = str_eq(json_get_text(board, "state", ""), "stopping");
    json_decref(board);
    if (is_stopping) {
        err_set(&err, "stopping", "%s is going down; its running turns end first", config->company);
        err_hint(&err, "try again in a moment, or end them: hq down --timeout 0s");
        return output_fail(invocation, COMMAND_BUSY, &err);
    }
    if (runfile_put(config, "supervisor", RUNFILE_RETRY, "", &err) < 0)
        return output_fail(invocation, COMMAND_FAILED, &err);
    output_note(invocation, "%s is up already; whoever was held is tried again", config->company);
    int code = board_nudge(invocation, config, NUDGE_MS);
    return code == COMMAND_OK ? maybe_wait(invocation, config) : code;
}

/* ---- in front ---- */

/* What went as wanted is said once, when all are ready; what did not, at once. */
static void say_change(void *ctx, const struct slot *slot)
{
    const struct invocation *invocation = ctx;
    const struct child *child = &slot->child;
    const char *state = child_state_name(child->state);
    if (child->state == CHILD_BACKOFF)
        output_note(invocation, "%-16s died: %s; it is started again", slot->name, child->reason);
    else if (child->state == CHILD_HELD)
        output_note(invocation, "%-16s held: %s. Then: hq start %s", slot->name, child->reason,
                    slot->name);
    else if (child->state == CHILD_READY)
        output_note(invocation, "%-16s ready, pid %d", slot->name, (int)slot->life.pid);
    else if (child->state == CHILD_STOPPED || invocation->verbose)
        output_note(invocation, "%-16s %s", slot->name, state);
}

static void say_ready(void *ctx, const struct roster *roster)
{
    const struct invocation *invocation = ctx;
    output_note(invocation, "%s is up: %zu agents. Ctrl-C ends it; hq status shows it",
                roster->config->company, roster->config->agent_count);
}

static const char *who_runs(const struct roster *roster, struct arena *arena)
{
    const char *names = "";
    for (size_t i = 1; i < roster->count; i++)
        if (child_is_alive(&roster->slots[i]->child))
            names =
                arena_printf(arena, "%s%s%s", names, *names ? ", " : "", roster->slots[i]->name);
    return *names ? names : "the hub";
}

static void say_stop(void *ctx, int pressed, const struct roster *roster)
{
    const struct invocation *invocation = ctx;
    const char *names = who_runs(roster, invocation->arena);
    if (pressed <= 1)
        output_note(invocation,
                    "draining, waits for %s: running turns get %d s; Ctrl-C again stops them now",
                    names, CHILD_DRAIN_MS / 1000);
    else
        output_note(invocation, "%s %s%s", pressed == 2 ? "stopping" : "killing", names,
                    pressed == 2 ? "; their turns go on at the next start. Ctrl-C again kills"
                                 : "");
}

static int run_supervisor(const struct invocation *invocation, struct config *config)
{
    struct err err = {0};
    bool quiet = invocation_has(invocation, "quiet-supervisor");
    struct supervise supervise = {.config = config, .ready_fd = spawn_take_ready_fd()};
    if (!quiet) {
        supervise.on_change = say_change;
        supervise.on_ready = say_ready;
        supervise.on_stop = say_stop;
        supervise.ctx = (void *)invocation;
    }
    mallopt(M_ARENA_MAX, 1);
    signal(SIGPIPE, SIG_IGN);
    log_init("supervisor", quiet ? LOG_INFO : LOG_ERROR);
    crash_init("supervisor");
    int ready_fd = supervise.ready_fd;
    int rc = supervise_run(&supervise, NULL, &err);
    if (rc < 0 && ready_fd >= 0) {
        char line[1100];
        snprintf(line, sizeof(line), "error: %s%s%s\n", err.message, *err.hint ? ". " : "",
                 err.hint);
        (void)!write(ready_fd, line, strlen(line));
    }
    int code = COMMAND_OK;
    if (rc == SUPERVISE_ALREADY && ready_fd >= 0)
        (void)!write(ready_fd, "ready\n", 6);
    else if (rc == SUPERVISE_ALREADY)
        code = already_up(invocation, supervise.config);
    config_free(supervise.config);
    return rc < 0 ? output_fail(invocation, COMMAND_USAGE, &err) : code;
}

/* ---- in the background ---- */

/* Our environment, in which only this supervisor's ready pipe is named. */
static const char *const *child_environment(struct arena *arena)
{
    size_t count = 0;
    while (environ[count])
        count++;
    const char **envp = arena_alloc(arena, (count + 2) * sizeof(*envp));
    size_t used = 0;
    envp[used++] = "HQ_READY_FD=3";
    for (size_t i = 0; i < count; i++)
        if (!str_starts(environ[i], "HQ_READY_FD="))
            envp[used++] = environ[i];
    return envp;
}

static int start_background(const struct config *config, const char *state, int ready,
                            struct arena *arena, struct err *err)
{
    const char *argv[8] = {spawn_self(), "-C", config->dir, "up", "--quiet-supervisor", NULL};
    if (state) {
        argv[5] = "--state";
        argv[6] = config->state;
    }
    int log = log_open(arena_printf(arena, "%s/logs/supervisor.log", config->state), err);
    if (log < 0)
        return -1;
    struct spawn spawn = {.argv = argv,
                          .envp = child_environment(arena),
                          .in = -1,
                          .out = log,
                          .err = log,
                          .pass = {ready, -1, -1, -1},
                          .session = true};
    int rc = spawn_start(&spawn, err) < 0 ? -1 : 0;
    close(log);
    return rc;
}

/* Reads the supervisor's word: "ready", or why not. */
static int read_word(int fd, struct err *err)
{
    char line[1200];
    size_t len = 0;
    ssize_t got;
    while (len < sizeof(line) - 1 && (got = read(fd, line + len, sizeof(line) - 1 - len)) > 0)
        len += (size_t)got;
    line[len] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (str_eq(line, "ready"))
        return 0;
    return err_set(err, "not_started", "%s",
                   str_starts(line, "error: ") ? line + 7 : "the supervisor ended at once");
}

int up_background(const struct config *config, const char *state, struct arena *arena,
                  struct err *err)
{
    int ends[2];
    if (supervise_prepare(config, err) < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, "no_pipe", "the supervisor cannot be started");
    int rc = start_background(config, state, ends[1], arena, err);
    close(ends[1]);
    if (rc == 0)
        rc = read_word(ends[0], err);
    close(ends[0]);
    return rc;
}

static int run_detached(const struct invocation *invocation, const struct config *config)
{
    struct err err = {0};
    if (up_background(config, invocation->state, invocation->arena, &err) < 0)
        return output_fail(invocation,
                           str_eq(err.code, "not_started") ? COMMAND_FAILED : COMMAND_USAGE, &err);
    int code = maybe_wait(invocation, config);
    if (code == COMMAND_OK)
        output_note(invocation, "%s is up; see: hq -C %s status", config->company, config->dir);
    return code;
}

/* Nothing is held in front: systemd has it. Secrets are looked at where units look. */
static int up_managed(const struct invocation *invocation, const struct service *service)
{
    bool detached = invocation_has(invocation, "detach") && !invocation_has(invocation, "wait");
    for (size_t i = 0; service->missing[i]; i++)
        output_note(invocation,
                    "%s is not in a unit's environment: put it into %s/%s (mode 600), then "
                    "hq service install",
                    service->missing[i], service->config->secrets, service->missing[i]);
    return managed_up(invocation, service, !detached, patience(invocation));
}

static int up_run(const struct invocation *invocation)
{
    struct service service;
    struct config *config = company_open(invocation);
    if (!config)
        return COMMAND_USAGE;
    bool is_up = control_look(config, "supervisor", NULL);
    bool is_started = invocation_has(invocation, "quiet-supervisor"); /* by one that has looked */
    if (!is_started && service_is_managed(config, &service, invocation->arena)) {
        if (is_up)
            output_note(invocation, "its units are installed, but `hq up` keeps it: hq down, then "
                                    "hq up, hands it to systemd");
        int managed = is_up ? already_up(invocation, config) : up_managed(invocation, &service);
        config_free(config);
        return managed;
    }
    bool in_front = !invocation_has(invocation, "detach") && !is_up;
    int code = is_up || is_started ? COMMAND_OK : company_check_secrets(invocation, config);
    if (code != COMMAND_OK) {
        config_free(config);
        return code;
    }
    if (in_front || is_started)
        return run_supervisor(invocation, config);
    code = is_up ? already_up(invocation, config) : run_detached(invocation, config);
    config_free(config);
    return code;
}

const struct command command_up = {
    .name = "up",
    .group = "RUN",
    .usage = "",
    .summary = "start the company and keep it running",
    .details = "In front, Ctrl-C lets running turns end, a second stops them, a third kills.\n"
               "When the company is up already, agents that were held are tried again.\n"
               "Where its units are installed (hq service), systemd starts it and this returns.\n",
    .examples = "hq up\n"
                "hq -C ~/atomizer up -d --wait\n",
    .options = up_options,
    .run = up_run,
};
