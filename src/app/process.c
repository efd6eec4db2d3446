/* The first and the last lines of every long-lived process. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/process.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "base/version.h"
#include "config/config.h"
#include "supervise/control.h"
#include "sys/spawn.h"

enum { TELL_EVERY_MS = 10000 };

static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Two listeners with LIMIT_HUB_CONNECTIONS each need more than the usual soft limit. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < LIMIT_DESCRIPTORS) {
        limit.rlim_cur = limit.rlim_max < LIMIT_DESCRIPTORS ? limit.rlim_max : LIMIT_DESCRIPTORS;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void process_init(struct process *process, const char *name)
{
    *process = (struct process){.name = name, .ready_fd = spawn_take_ready_fd()};
    notify_init(&process->notify);
    process->info.pss_kb = -1;
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, 128 * 1024);
    prctl(PR_SET_DUMPABLE, 0);
    umask(077);
    log_init(name, LOG_INFO);
    crash_init(name); /* each gateway has points of its own */
    raise_descriptor_limit();
    block_signals();
}

/* Two that start what dies would fight over every process. */
static int refuse_second_keeper(const struct process *process, const struct config *config,
                                struct err *err)
{
    struct lock_info keeper;
    if (process->notify.fd < 0 || !control_look(config, "supervisor", &keeper))
        return 0;
    err_set(err, "already_up", "%s is up under `hq up` (pid %d), so systemd must not run it, too",
            config->company, (int)keeper.pid);
    err_hint(err, "hq down, then hq up, which hands it to systemd");
    return -1;
}

/* Only the holder of the lock of that name writes this file. */
static void set_log(struct process *process, const struct config *config)
{
    struct arena arena = {0};
    const char *prefix = "gateway-";
    const char *name = str_starts(process->name, prefix) ? process->name + strlen(prefix) : process->name;
    const struct log_limits limits = {config->logs.size, config->logs.age_ms, config->logs.keep};
    log_use(config->logs.json ? LOG_JSON : LOG_TEXT);
    log_rotation_init(&process->log, arena_printf(&arena, "%s/logs/%s.log", config->state, name), &limits);
    arena_fini(&arena);
}

int process_lock(struct process *process, const struct config *config, struct err *err)
{
    struct arena arena = {0};
    struct lock_info other;
    if (refuse_second_keeper(process, config, err) < 0)
        return -1;
    const char *run = arena_printf(&arena, "%s/run", config->state);
    int rc = -1;
    if ((mkdir(config->state, 0700) < 0 && errno != EEXIST) ||
        (mkdir(run, 0700) < 0 && errno != EEXIST)) {
        err_errno(err, "state_unwritable", "cannot make the state folder %s", run);
        err_hint(err,
                 "choose another with --state DIR, or give this user the right to write there");
        goto out;
    }
    rc = lock_take(run, process->name, &process->lock, &other, err);
    if (rc == LOCK_HELD)
        rc = err_set(err, "already_running", "%s of this company runs already (pid %d)",
                     process->name, (int)other.pid);
    snprintf(process->info.version, sizeof(process->info.version), "%s", hq_version);
    snprintf(process->info.config_hash, sizeof(process->info.config_hash), "%s", config->hash);
    process->info.started_at = time_wall_ms();
    if (rc == 0)
        set_log(process, config);
out:
    arena_fini(&arena);
    return rc;
}

/* What is free in the middle of the heap goes back to the system here: free() trims only its end.
 */
static void tell_lock(struct process *process)
{
    struct err err;
    process->told_ms = time_boot_ms();
    malloc_trim(0);
    process->info.pss_kb = process_pss_kb();
    if (lock_tell(process->lock, &process->info, &err) < 0)
        log_warn("%s", err.message);
}

static void tell_starter(struct process *process, const char *line)
{
    if (process->ready_fd < 0)
        return;
    (void)!write(process->ready_fd, line, strlen(line));
    close(process->ready_fd);
    process->ready_fd = -1;
}

void process_ready(struct process *process, int port, const char *nonce)
{
    process->info.ready = true;
    process->info.port = port;
    snprintf(process->info.nonce, sizeof(process->info.nonce), "%s", nonce ? nonce : "");
    tell_lock(process);
    tell_starter(process, "ready\n");
    notify_send(&process->notify, "READY=1");
    log_info("ready, pid %d, port %d", (int)getpid(), port);
}

void process_failed(struct process *process, const struct err *err)
{
    char line[1100];
    snprintf(line, sizeof(line), "error: %s%s%s\n", err->message, *err->hint ? ". " : "",
             err->hint);
    log_err(LOG_ERROR, err);
    tell_starter(process, line);
    process_tell(process, true, err->message);
}

void process_watch(struct process *process, bool (*is_sound)(void *ctx), void *ctx)
{
    process->is_sound = is_sound;
    process->ctx = ctx;
}

void process_tell(const struct process *process, bool ending, const char *words)
{
    struct buf text = {0};
    buf_printf(&text, "%sSTATUS=", ending ? "STOPPING=1\n" : "");
    for (; *words; words++)
        buf_putc(&text, (unsigned char)*words < ' ' ? ' ' : *words);
    notify_send(&process->notify, buf_text(&text));
    buf_fini(&text);
}

/* A third of the time that systemd grants: one may be late. */
static void tell_watchdog(struct process *process)
{
    int64_t now = time_boot_ms(), every = process->notify.watchdog_ms / 3;
    if (!process->is_sound || !every || now - process->alive_ms < every)
        return;
    if (!process->is_sound(process->ctx)) {
        log_warn("does not get on: systemd will start it again unless it recovers");
        process->alive_ms = now;
        return;
    }
    if (notify_send(&process->notify, "WATCHDOG=1"))
        process->alive_ms = now;
}

/* So that a watchdog of a few seconds is not missed between two looks. */
static int64_t shortest_wait(const struct process *process, int64_t ms)
{
    int64_t every = process->is_sound ? process->notify.watchdog_ms / 3 : 0;
    return every && every < ms ? every : ms;
}

int process_signal(struct process *process, int64_t ms)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    ms = shortest_wait(process, ms);
    struct timespec wait = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    int number = sigtimedwait(&set, NULL, &wait);
    if (time_boot_ms() - process->told_ms > TELL_EVERY_MS)
        tell_lock(process);
    tell_watchdog(process);
    log_rotate(&process->log);
    return number > 0 ? number : 0;
}

void process_fini(struct process *process)
{
    notify_fini(&process->notify);
    if (process->lock)
        lock_release(process->lock);
}
