/* Starts, finds, signals and reaps the processes of children. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/log_rotate.h"
#include "base/str.h"
#include "config/config.h"
#include "supervise/life.h"
#include "sys/lock.h"
#include "sys/spawn.h"

extern char **environ;

void life_init(struct life *life)
{
    *life = (struct life){.pidfd = -1, .ready_fd = -1};
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void life_fini(struct life *life)
{
    close_fd(&life->pidfd);
    close_fd(&life->ready_fd);
    life_init(life);
}

void life_lock_name(const char *name, char text[96])
{
    if (str_eq(name, "hub") || str_eq(name, RUNNER_NAME))
        snprintf(text, 96, "%s", name);
    else
        snprintf(text, 96, "gateway-%s", name);
}

/* Whoever writes commands must not find keys there: the runner gets these and no more. */
static bool runner_may_have(const char *variable)
{
    static const char *const beginnings[] = {
        "PATH=",         "LANG=",          "LC_ALL=",       "TZ=",          "HQ_CRASH_",
        "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LSAN_OPTIONS="};
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
        if (str_starts(variable, beginnings[i]))
            return true;
    return false;
}

/* Our environment with the ready pipe's number in place of any that we were given ourselves. */
static const char *const *child_environment(const char *name, struct arena *arena)
{
    bool is_runner = str_eq(name, RUNNER_NAME);
    size_t count = 0;
    while (environ[count])
        count++;
    const char **env = arena_alloc(arena, (count + 2) * sizeof(*env));
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (!str_starts(environ[i], "HQ_READY_FD=") && (!is_runner || runner_may_have(environ[i])))
            env[used++] = environ[i];
    env[used] = "HQ_READY_FD=3";
    return env;
}

static int open_log(const struct config *config, const char *name, struct err *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/logs/%s.log", config->state, name);
    return log_open(path, err);
}

static pid_t spawn_child(const struct config *config, const char *name, int log, int ready,
                         struct err *err)
{
    struct arena arena = {0};
    bool is_agent = !str_eq(name, "hub") && !str_eq(name, RUNNER_NAME);
    const char *argv[8] = {spawn_self(), is_agent ? "gateway" : name};
    int count = 2;
    if (is_agent)
        argv[count++] = name;
    argv[count++] = "-C";
    argv[count++] = config->dir;
    argv[count++] = "--state";
    argv[count++] = config->state;
    struct spawn spawn = {.argv = argv,
                          .envp = child_environment(name, &arena),
                          .dir = config->dir,
                          .in = -1,
                          .out = log,
                          .err = log,
                          .pass = {ready, -1, -1, -1},
                          .session = true};
    crash_point("supervisor.spawn.before");
    pid_t pid = spawn_start(&spawn, err);
    crash_point("supervisor.spawn.after");
    arena_fini(&arena);
    return pid;
}

static int open_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int life_start(struct life *life, const struct config *config, const char *name, struct err *err)
{
    int ready[2] = {-1, -1}, rc = -1;
    int log = open_log(config, name, err);
    if (log < 0)
        return -1;
    if (pipe2(ready, O_CLOEXEC) < 0) {
        err_errno(err, "no_resources", "cannot make a pipe for %s", name);
        goto out;
    }
    life->pid = spawn_child(config, name, log, ready[1], err);
    if (life->pid < 0)
        goto out;
    life->is_ours = true;
    life->pidfd = open_pidfd(life->pid);
    life->ready_fd = ready[0];
    fcntl(ready[0], F_SETFL, O_NONBLOCK);
    ready[0] = -1;
    rc = 0;
out:
    close_fd(&ready[0]);
    close_fd(&ready[1]);
    close_fd(&log);
    if (rc < 0)
        life_fini(life);
    return rc;
}

static bool look(const struct config *config, const char *name, struct lock_info *info)
{
    char run[4096], lock[96];
    struct err err;
    snprintf(run, sizeof(run), "%s/run", config->state);
    life_lock_name(name, lock);
    return lock_look(run, lock, info, &err) == LOCK_HELD;
}

bool life_find(struct life *life, const struct config *config, const char *name, bool *is_ready)
{
    struct lock_info info = {0};
    if (!look(config, name, &info))
        return false;
    int pidfd = lock_pidfd(&info);
    if (pidfd < 0)
        return false;
    life_fini(life);
    life->pid = info.pid;
    life->pidfd = pidfd;
    *is_ready = info.ready;
    return true;
}

bool life_is_ready(const struct config *config, const char *name)
{
    struct lock_info info = {0};
    return look(config, name, &info) && info.ready;
}

bool life_reads_other(const struct config *config, const char *name)
{
    struct lock_info info = {0};
    return look(config, name, &info) && *info.config_hash &&
           !str_eq(info.config_hash, config->hash);
}

void life_signal(const struct life *life, int signal)
{
    if (life->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, life->pidfd, signal, NULL, 0);
    else if (life->pid > 0 && life->is_ours)
        kill(life->pid, signal);
}

static bool pidfd_says_dead(int pidfd)
{
    struct pollfd one = {.fd = pidfd, .events = POLLIN};
    return poll(&one, 1, 0) == 1;
}

bool life_has_ended(struct life *life, struct child_end *end)
{
    siginfo_t info = {0};
    *end = (struct child_end){0};
    if (life->pid <= 0)
        return true;
    if (!life->is_ours)
        return pidfd_says_dead(life->pidfd);
    if (waitid(P_PID, (id_t)life->pid, &info, WEXITED | WNOHANG) < 0)
        return errno == ECHILD;
    if (info.si_pid == 0)
        return false;
    end->known = true;
    end->exited = info.si_code == CLD_EXITED;
    end->code = info.si_status;
    return true;
}
