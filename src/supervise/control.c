/* Looks at locks, signals their holders, waits for their ends. */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "supervise/child.h"
#include "supervise/control.h"
#include "supervise/life.h"
#include "sys/lock.h"

enum { WORKERS_MAX = 4096 };

bool control_look(const struct config *config, const char *lock, struct lock_info *info)
{
    char run[4096];
    struct err err;
    snprintf(run, sizeof(run), "%s/run", config->state);
    return lock_look(run, lock, info, &err) == LOCK_HELD;
}

bool control_is_up(const struct config *config)
{
    return control_look(config, "hub", NULL) || control_look(config, "supervisor", NULL);
}

static int open_holder(const struct config *config, const char *lock)
{
    struct lock_info info = {0};
    return control_look(config, lock, &info) ? lock_pidfd(&info) : -1;
}

static void send_signal(int pidfd, int signal)
{
    syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/* Polls in slices that poll(2) can count. */
static bool wait_for(int pidfd, int64_t ms)
{
    int64_t until = ms < 0 ? INT64_MAX : time_boot_ms() + ms;
    for (;;) {
        int64_t left = until - time_boot_ms();
        struct pollfd one = {.fd = pidfd, .events = POLLIN};
        if (poll(&one, 1, left < 0 ? 0 : left > 60000 ? 60000 : (int)left) == 1)
            return true;
        if (left <= 0)
            return false;
    }
}

bool control_signal(const struct config *config, const char *lock, int signal,
                    struct lock_info *who)
{
    struct lock_info holder = {0};
    int pidfd = control_look(config, lock, &holder) ? lock_pidfd(&holder) : -1;
    if (who)
        *who = holder;
    if (pidfd < 0)
        return false;
    send_signal(pidfd, signal);
    close(pidfd);
    return true;
}

bool control_wait_gone(const struct lock_info *who, int64_t ms)
{
    int pidfd = lock_pidfd(who);
    if (pidfd < 0)
        return true;
    bool ended = wait_for(pidfd, ms);
    close(pidfd);
    return ended;
}

bool control_wait_end(const struct config *config, const char *lock, int64_t ms)
{
    struct lock_info holder = {0};
    return !control_look(config, lock, &holder) || control_wait_gone(&holder, ms);
}

const char *const *control_workers(const struct config *config, struct arena *arena)
{
    const char *run = arena_printf(arena, "%s/run", config->state);
    const char **names = arena_alloc(arena, (WORKERS_MAX + 1) * sizeof(*names));
    size_t count = 0;
    DIR *dir = opendir(run);
    for (struct dirent *entry; dir && count < WORKERS_MAX && (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name);
        bool is_worker =
            str_starts(entry->d_name, "gateway-") || str_eq(entry->d_name, RUNNER_NAME ".lock");
        if (!is_worker || !str_ends(entry->d_name, ".lock"))
            continue;
        const char *lock = arena_memdup(arena, entry->d_name, len - 5);
        if (control_look(config, lock, NULL))
            names[count++] = lock;
    }
    if (dir)
        closedir(dir);
    return names;
}

static bool press_until_gone(int pidfd, int64_t drain_ms)
{
    send_signal(pidfd, SIGTERM);
    if (wait_for(pidfd, drain_ms))
        return true;
    send_signal(pidfd, SIGTERM);
    if (wait_for(pidfd, CHILD_STOP_MS))
        return true;
    send_signal(pidfd, SIGKILL);
    return wait_for(pidfd, CHILD_STOP_MS);
}

bool control_end(const struct config *config, const char *lock, int64_t drain_ms)
{
    int pidfd = open_holder(config, lock);
    if (pidfd < 0)
        return true;
    bool gone = press_until_gone(pidfd, drain_ms);
    close(pidfd);
    return gone;
}

/* All are asked first, so that they drain side by side. */
int control_end_all(const struct config *config, int64_t drain_ms, struct err *err)
{
    struct arena arena = {0};
    const char *const *workers = control_workers(config, &arena);
    int64_t until = time_boot_ms() + drain_ms;
    int count = 0, rc = 0;
    for (int i = 0; workers[i]; i++)
        control_signal(config, workers[i], SIGTERM, NULL);
    for (int i = 0; workers[i] && rc == 0; i++, count++) {
        int64_t left = until - time_boot_ms();
        bool gone = left > 0 && control_wait_end(config, workers[i], left);
        if (!gone && !control_end(config, workers[i], 0))
            rc = err_set(err, "will_not_end", "%s does not end, not even killed", workers[i]);
    }
    if (rc == 0 && control_look(config, "hub", NULL)) {
        count++;
        if (!control_end(config, "hub", CHILD_DRAIN_MS))
            rc = err_set(err, "will_not_end", "the hub does not end, not even killed");
    }
    arena_fini(&arena);
    return rc < 0 ? -1 : count;
}
