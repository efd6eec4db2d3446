/* The poll loop: signals, deaths, readiness, timers. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/log_rotate.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "config/secret.h"
#include "supervise/prepare.h"
#include "supervise/runfiles.h"
#include "supervise/supervisor.h"
#include "sys/lock.h"

enum {
    LOOK_MS = 50,     /* how often the lock of an adopted, starting child is looked at */
    FDS_PER_SLOT = 2, /* its pidfd and its ready pipe */
};

struct supervisor {
    struct supervise *given;
    struct roster roster;
    struct lock *lock;
    struct lock_info self;
    int signals;
    bool is_stopping;
    bool was_ready; /* on_ready was called for this readiness */
    int pressed;
    int64_t looks; /* odd while the wishes are looked at: a command waits for a whole look */
    int64_t started_wall;
    struct pollfd *fds;
    struct log_rotation log;
};

static const char *company_state(const struct supervisor *supervisor)
{
    if (supervisor->is_stopping)
        return "stopping";
    if (roster_is_ready(&supervisor->roster))
        return "running";
    return supervisor->was_ready || roster_has_trouble(&supervisor->roster) ? "degraded"
                                                                            : "starting";
}

static void publish(struct supervisor *supervisor)
{
    struct err err = {0};
    char started[TIME_TEXT];
    if (!supervisor->roster.is_changed)
        return;
    supervisor->roster.is_changed = false;
    time_rfc3339(supervisor->started_wall, started);
    json_t *board =
        json_pack("{s:i, s:s, s:i, s:s, s:I, s:o}", "v", 1, "state", company_state(supervisor),
                  "pid", (int)getpid(), "started_at", started, "looks",
                  (json_int_t)supervisor->looks, "children", roster_to_json(&supervisor->roster));
    if (runfile_board_put(supervisor->given->config, board, &err) < 0)
        log_warn("%s", err.message);
    json_decref(board);
    supervisor->self.pss_kb = process_pss_kb();
    if (lock_tell(supervisor->lock, &supervisor->self, &err) < 0)
        log_warn("%s", err.message);
    bool is_ready = roster_is_ready(&supervisor->roster) && !supervisor->is_stopping;
    if (is_ready && !supervisor->was_ready && supervisor->given->on_ready)
        supervisor->given->on_ready(supervisor->given->ctx, &supervisor->roster);
    supervisor->was_ready = supervisor->was_ready || is_ready;
}

/* A child may start when it is the hub, or the hub is ready; during a stop only the hub, for the
 * workers that still drain. */
static bool may_start(const struct supervisor *supervisor, const struct slot *slot)
{
    const struct roster *roster = &supervisor->roster;
    if (slot->child.is_hub)
        return !supervisor->is_stopping || roster_count_alive_workers(roster) > 0;
    return !supervisor->is_stopping && roster->slots[0]->child.state == CHILD_READY;
}

/* A process that runs already, started by hand or by a dead supervisor, is adopted instead. */
static void start_or_adopt(struct roster *roster, struct slot *slot)
{
    bool is_ready = false;
    if (!life_find(&slot->life, roster->config, slot->name, &is_ready)) {
        roster_event(roster, slot, CHILD_ON_GO, NULL);
        return;
    }
    roster_event(roster, slot, CHILD_ON_FOUND, NULL);
    if (is_ready)
        roster_event(roster, slot, CHILD_ON_READY, NULL);
}

static void advance(struct supervisor *supervisor)
{
    struct roster *roster = &supervisor->roster;
    int64_t now = time_boot_ms();
    roster_sweep(roster);
    for (size_t i = 0; i < roster->count; i++) {
        struct slot *slot = roster->slots[i];
        if (slot->child.due_at && slot->child.due_at <= now)
            roster_event(roster, slot, CHILD_ON_TIMER, NULL);
        if (slot->child.state == CHILD_DOWN && may_start(supervisor, slot))
            start_or_adopt(roster, slot);
        bool must_look = slot->child.state == CHILD_STARTING && slot->life.ready_fd < 0;
        if (must_look && life_is_ready(roster->config, slot->name))
            roster_event(roster, slot, CHILD_ON_READY, NULL);
    }
    if (supervisor->is_stopping && roster_count_alive_workers(roster) == 0)
        roster_event(roster, roster->slots[0], CHILD_ON_STOP, NULL);
}

static bool is_done(const struct supervisor *supervisor)
{
    return supervisor->is_stopping && roster_count_alive_workers(&supervisor->roster) == 0 &&
           !child_is_alive(&supervisor->roster.slots[0]->child);
}

static int poll_timeout(const struct supervisor *supervisor)
{
    const struct roster *roster = &supervisor->roster;
    int64_t now = time_boot_ms(), wait = -1;
    for (size_t i = 0; i < roster->count; i++) {
        const struct slot *slot = roster->slots[i];
        int64_t left = slot->child.due_at ? slot->child.due_at - now : -1;
        if (slot->child.state == CHILD_STARTING && slot->life.ready_fd < 0)
            left = LOOK_MS;
        if (slot->child.due_at && left < 0)
            left = 0;
        if (left >= 0 && (wait < 0 || left < wait))
            wait = left;
    }
    return (int)wait;
}

/* Reads what a child says on its ready pipe: "ready" or "error: sentence". */
static void hear(struct roster *roster, struct slot *slot)
{
    char line[256];
    ssize_t len = read(slot->life.ready_fd, line, sizeof(line) - 1);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    line[len > 0 ? len : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    close(slot->life.ready_fd);
    slot->life.ready_fd = -1;
    crash_point("supervisor.ready.heard");
    if (str_eq(line, "ready"))
        roster_event(roster, slot, CHILD_ON_READY, NULL);
    else if (str_starts(line, "error: "))
        snprintf(slot->child.said, sizeof(slot->child.said), "%.239s", line + 7);
}

static void look_after(struct roster *roster, struct slot *slot)
{
    struct child_end end;
    if (slot->life.ready_fd >= 0)
        hear(roster, slot);
    if (!slot->life.pid || !life_has_ended(&slot->life, &end))
        return;
    crash_point("supervisor.death.seen");
    roster_event(roster, slot, CHILD_ON_DIED, &end);
}

/* For SIGCHLD: the kernel may have had no pidfd for one of them. */
static void look_after_all(struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++)
        look_after(roster, roster->slots[i]);
}

static void begin_stop(struct supervisor *supervisor, bool harder)
{
    if (supervisor->is_stopping && !harder)
        return;
    supervisor->pressed++;
    if (!supervisor->is_stopping) {
        supervisor->is_stopping = true;
        supervisor->roster.is_changed = true;
        log_info("asked to end: gateways finish their running turns");
        roster_event_workers(&supervisor->roster, CHILD_ON_STOP);
    } else {
        roster_event_workers(&supervisor->roster, CHILD_ON_HURRY);
        roster_event(&supervisor->roster, supervisor->roster.slots[0], CHILD_ON_HURRY, NULL);
    }
    if (supervisor->given->on_stop)
        supervisor->given->on_stop(supervisor->given->ctx, supervisor->pressed,
                                   &supervisor->roster);
}

static struct config *load_again(const char *path, const char *state)
{
    struct arena arena = {0};
    struct finding *findings = NULL;
    size_t count = 0;
    struct config *config = config_load(path, state, &arena, &findings, &count);
    for (size_t i = 0; !config && i < count; i++)
        if (findings[i].is_error)
            log_error("%s:%d:%d: %s", path, findings[i].line, findings[i].column,
                      findings[i].message);
    arena_fini(&arena);
    return config;
}

/* What it says in the background goes to a file that is its own. */
static void set_log(struct supervisor *supervisor, const struct config *config)
{
    char path[LOG_PATH];
    const struct log_limits limits = {config->logs.size, config->logs.age_ms, config->logs.keep};
    snprintf(path, sizeof(path), "%.4000s/logs/supervisor.log", config->state);
    log_use(config->logs.json ? LOG_JSON : LOG_TEXT);
    log_rotation_init(&supervisor->log, path, &limits);
}

/* A bad file keeps the last good one. */
static void reload(struct supervisor *supervisor)
{
    struct supervise *given = supervisor->given;
    struct config *old = given->config;
    struct err err = {0};
    supervise_reload *load = given->reload ? given->reload : load_again;
    struct config *config = load(old->path, old->state);
    if (!config)
        return;
    if (secret_make_tokens(config, &err) < 0) {
        log_error("%s", err.message);
        config_free(config);
        return;
    }
    given->config = config;
    snprintf(supervisor->self.config_hash, sizeof(supervisor->self.config_hash), "%s",
             config->hash);
    supervisor->roster.is_changed = true;
    set_log(supervisor, config);
    roster_apply(&supervisor->roster, config);
    config_free(old);
}

static void grant_wish_of(struct roster *roster, struct slot *slot)
{
    bool shall_be_down =
        slot->is_leaving || runfile_is_there(roster->config, slot->name, RUNFILE_DOWN);
    if (slot->child.is_hub)
        shall_be_down = false;
    bool shall_restart = runfile_take(roster->config, slot->name, RUNFILE_RESTART);
    if (shall_be_down)
        roster_event(roster, slot, CHILD_ON_STOP, NULL);
    else if (slot->child.state == CHILD_STOPPED || slot->child.state == CHILD_STOPPING)
        roster_event(roster, slot, CHILD_ON_START, NULL);
    else if (shall_restart)
        roster_event(roster, slot, CHILD_ON_RESTART, NULL);
}

static void grant_all(struct supervisor *supervisor)
{
    struct roster *roster = &supervisor->roster;
    if (runfile_take(roster->config, "supervisor", RUNFILE_RELOAD))
        reload(supervisor);
    if (runfile_take(roster->config, "supervisor", RUNFILE_RETRY))
        for (size_t i = 0; i < roster->count; i++)
            roster_event(roster, roster->slots[i], CHILD_ON_RETRY, NULL);
    for (size_t i = 0; i < roster->count; i++)
        grant_wish_of(roster, roster->slots[i]);
}

static void publish_look(struct supervisor *supervisor)
{
    supervisor->looks++;
    supervisor->roster.is_changed = true;
    publish(supervisor);
}

static void grant_wishes(struct supervisor *supervisor)
{
    publish_look(supervisor);
    crash_point("supervisor.wishes.before");
    if (!supervisor->is_stopping)
        grant_all(supervisor);
    crash_point("supervisor.wishes.after");
    publish_look(supervisor);
}

static void take_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            look_after_all(&supervisor->roster);
        else if (info.ssi_signo == SIGHUP)
            grant_wishes(supervisor);
        else if (info.ssi_signo == SIGTERM)
            begin_stop(supervisor, false);
        else if (info.ssi_signo == SIGINT)
            begin_stop(supervisor, true);
    }
}

static void wait_for_something(struct supervisor *supervisor)
{
    struct roster *roster = &supervisor->roster;
    size_t count = roster->count, used = 0;
    supervisor->fds =
        mem_realloc(supervisor->fds, (count * FDS_PER_SLOT + 1) * sizeof(*supervisor->fds));
    supervisor->fds[used++] = (struct pollfd){.fd = supervisor->signals, .events = POLLIN};
    for (size_t i = 0; i < count; i++) {
        const struct life *life = &roster->slots[i]->life;
        supervisor->fds[used++] = (struct pollfd){.fd = life->pidfd, .events = POLLIN};
        supervisor->fds[used++] = (struct pollfd){.fd = life->ready_fd, .events = POLLIN};
    }
    if (poll(supervisor->fds, used, poll_timeout(supervisor)) <= 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (supervisor->fds[1 + i * 2].revents || supervisor->fds[2 + i * 2].revents)
            look_after(roster, roster->slots[i]);
    if (supervisor->fds[0].revents)
        take_signals(supervisor);
}

static int catch_signals(struct supervisor *supervisor, sigset_t *before, struct err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, before);
    supervisor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (supervisor->signals < 0)
        return err_errno(err, "no_resources", "cannot make a signalfd");
    return 0;
}

static int take_lock(struct supervisor *supervisor, struct lock_info *holder, struct err *err)
{
    char run[4096];
    const struct config *config = supervisor->given->config;
    snprintf(run, sizeof(run), "%s/run", config->state);
    int rc = lock_take(run, "supervisor", &supervisor->lock, holder, err);
    if (rc != LOCK_OK)
        return rc == LOCK_HELD ? SUPERVISE_ALREADY : -1;
    crash_point("supervisor.lock.after");
    struct lock_info *self = &supervisor->self;
    self->ready = true;
    self->pss_kb = process_pss_kb();
    rand_hex(self->nonce, sizeof(self->nonce) - 1);
    snprintf(self->version, sizeof(self->version), "%s", HQ_VERSION);
    snprintf(self->config_hash, sizeof(self->config_hash), "%s", config->hash);
    return lock_tell(supervisor->lock, self, err);
}

static void tell_ready(int fd)
{
    if (fd < 0)
        return;
    (void)!write(fd, "ready\n", 6);
    close(fd);
}

int supervise_run(struct supervise *supervise, struct lock_info *holder, struct err *err)
{
    struct supervisor supervisor = {
        .given = supervise, .signals = -1, .started_wall = time_wall_ms()};
    sigset_t before;
    int rc = runfile_make_folders(supervise->config, err);
    if (rc == 0)
        rc = take_lock(&supervisor, holder, err);
    if (rc != 0)
        return rc;
    rc = supervise_prepare(supervise->config, err);
    if (rc == 0)
        rc = catch_signals(&supervisor, &before, err);
    if (rc < 0)
        goto out;
    set_log(&supervisor, supervise->config);
    roster_init(&supervisor.roster, supervise->config, supervise->on_change, supervise->ctx);
    grant_wishes(&supervisor);
    publish(&supervisor);
    tell_ready(supervise->ready_fd);
    while (!is_done(&supervisor)) {
        log_rotate(&supervisor.log);
        advance(&supervisor);
        publish(&supervisor);
        if (!is_done(&supervisor))
            wait_for_something(&supervisor);
    }
    publish(&supervisor);
    roster_fini(&supervisor.roster);
    close(supervisor.signals);
    sigprocmask(SIG_SETMASK, &before, NULL);
out:
    free(supervisor.fds);
    lock_release(supervisor.lock);
    return rc;
}
