/* The gateway's side of a guard: starts it, waits for its report with a deadline, cancels it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "sys/guard.h"
#include "sys/guard_text.h"
#include "sys/lock.h"
#include "sys/spawn.h"

enum {
    START_MS = 9000,
    PROBE_MS = 10000,
    LOCK_LOOK_NS = 10000000,
    CHUNK = 65536,
};

struct guard_run {
    pid_t pid;
    int pidfd;
    int life;   /* our end of its descriptor 0: shut down = cancelled */
    int report; /* read end of its descriptor 1 */
    int64_t deadline;
    char *lock_path;
};

void guard_close(struct guard_run *run)
{
    if (run->pidfd >= 0)
        close(run->pidfd);
    if (run->life >= 0)
        close(run->life);
    if (run->report >= 0)
        close(run->report);
    free(run->lock_path);
    free(run);
}

/* What the guard itself needs of our environment: the crash runner's and the sanitizers' words. */
static const char *const *guard_environment(struct arena *arena)
{
    static const char *const names[] = {"HQ_CRASH_DIR",  "HQ_CRASH_AT",  "ASAN_OPTIONS",
                                        "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};
    enum { NAMES = sizeof(names) / sizeof(*names) };
    const char **all = arena_alloc(arena, (NAMES + 1) * sizeof(*all));
    size_t count = 0;
    for (size_t i = 0; i < NAMES; i++)
        if (getenv(names[i]))
            all[count++] = arena_printf(arena, "%s=%s", names[i], getenv(names[i]));
    return all;
}

static int wait_for(int fd, short events, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - time_boot_ms();
        struct pollfd one = {.fd = fd, .events = events};
        int rc = left > 0 ? poll(&one, 1, (int)left) : 0;
        if (rc >= 0 || errno != EINTR)
            return rc;
    }
}

static int spawn_guard(struct guard_run *run, int channel_fd, struct err *err)
{
    struct arena arena = {0};
    const char *argv[] = {spawn_self(), "guard", NULL};
    int life[2] = {-1, -1}, report[2] = {-1, -1};
    run->pid = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, life) < 0 ||
        pipe2(report, O_CLOEXEC) < 0) {
        err_errno(err, "guard_start", "Cannot make the pipes to the guard");
    } else {
        struct spawn spawn = {.argv = argv,
                              .envp = guard_environment(&arena),
                              .dir = "/",
                              .in = life[1],
                              .out = report[1],
                              .err = -1,
                              .pass = {channel_fd > STDERR_FILENO ? channel_fd : -1, -1, -1, -1},
                              .session = true};
        run->pid = spawn_start(&spawn, err);
    }
    run->life = life[0];
    run->report = report[0];
    if (life[1] >= 0)
        close(life[1]);
    if (report[1] >= 0)
        close(report[1]);
    run->pidfd = run->pid > 0 ? (int)syscall(SYS_pidfd_open, run->pid, 0) : -1;
    arena_fini(&arena);
    return run->pid > 0 ? 0 : -1;
}

static int send_request(struct guard_run *run, const char *text, struct err *err)
{
    int64_t deadline = time_boot_ms() + START_MS;
    for (size_t at = 0, len = strlen(text); at < len;) {
        ssize_t put = send(run->life, text + at, len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0)
            at += (size_t)put;
        else if (put < 0 && errno == EAGAIN) {
            if (wait_for(run->life, POLLOUT, deadline) <= 0)
                return err_set(err, "guard_start", "The guard does not read its request.");
        } else if (put < 0 && errno != EINTR)
            return err_errno(err, "guard_start", "The guard died before its request");
    }
    return 0;
}

static void kill_guard(struct guard_run *run)
{
    kill(run->pid, SIGKILL);
    while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

struct guard_run *guard_start(const struct guard_command *command, struct err *err)
{
    struct arena arena = {0};
    struct guard_run *run = mem_zalloc(sizeof(*run));
    const char *text = guard_command_print(&arena, command);
    int rc;
    *run = (struct guard_run){.pid = -1, .pidfd = -1, .life = -1, .report = -1};
    run->lock_path = mem_strdup(command->lock_path);
    run->deadline =
        time_boot_ms() + command->timeout_ms + LIMIT_GUARD_LOCK_MS + LIMIT_GUARD_GRACE_MS;
    if (command->timeout_ms <= 0)
        rc = err_set(err, "guard_start", "A command needs a time limit.");
    else if (strlen(text) > LIMIT_GUARD_TEXT)
        rc = err_set(err, "guard_start", "The command has %zu bytes; at most %d can be run.",
                     strlen(text), LIMIT_GUARD_TEXT);
    else
        rc = spawn_guard(run, command->channel_fd, err);
    if (rc == 0 && send_request(run, text, err) < 0) {
        kill_guard(run);
        rc = -1;
    }
    arena_fini(&arena);
    if (rc == 0)
        return run;
    guard_close(run);
    return NULL;
}

void guard_cancel(struct guard_run *run)
{
    shutdown(run->life, SHUT_WR);
}

/* Reads the report to its end of file, which is the guard's end. -1 at the deadline. */
static int read_report(struct guard_run *run, struct buf *text)
{
    for (;;) {
        if (wait_for(run->report, POLLIN, run->deadline) <= 0)
            return -1;
        ssize_t got = read(run->report, buf_room(text, CHUNK), CHUNK);
        if (got > 0)
            buf_grow(text, (size_t)got);
        if (got == 0 || (got < 0 && errno != EINTR) || text->len > LIMIT_GUARD_TEXT)
            return 0;
    }
}

static void reap_guard(struct guard_run *run)
{
    if (run->pidfd < 0 || wait_for(run->pidfd, POLLIN, time_boot_ms() + START_MS) <= 0)
        kill(run->pid, SIGKILL);
    while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* The first process holds the task's lock until the last descendant is dead. */
static bool wait_for_descendants(const struct guard_run *run)
{
    int64_t deadline = time_boot_ms() + LIMIT_GUARD_LOCK_MS;
    int fd = run->lock_path ? open(run->lock_path, O_RDONLY | O_CLOEXEC) : -1;
    bool held = fd >= 0;
    while (held && time_boot_ms() < deadline) {
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET}; /* l_pid must be 0 */
        held = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
        if (held)
            nanosleep(&(struct timespec){.tv_nsec = LOCK_LOOK_NS}, NULL);
    }
    if (fd >= 0)
        close(fd);
    return !held;
}

int guard_wait(struct guard_run *run, struct arena *arena, struct guard_report *report,
               struct err *err)
{
    struct buf text = {0};
    bool in_time = read_report(run, &text) == 0;
    if (!in_time)
        kill(run->pid, SIGKILL);
    reap_guard(run);
    int rc = -1;
    if (in_time && text.len > 0 && text.bytes[text.len - 1] == '\n')
        rc = guard_report_parse(arena, text.bytes, text.len, report, err);
    if (rc < 0) {
        bool dead = wait_for_descendants(run);
        err_set(err, "guard_died", "The guard of a command %s; %s.",
                in_time ? "died" : "did not answer in time and was killed",
                dead ? "everything it had started is dead" : "what it started may still be dying");
    }
    buf_fini(&text);
    return rc;
}

bool guard_available(struct arena *arena, const char **why_not)
{
    static const char *const none[] = {NULL};
    const struct guard_command probe = {.command = "exit 0",
                                        .workdir = "/",
                                        .env = none,
                                        .writable = none,
                                        .readable = none,
                                        .timeout_ms = PROBE_MS,
                                        .processes_max = LIMIT_EXEC_PROCESSES};
    struct err err;
    struct guard_report report;
    struct guard_run *run = guard_start(&probe, &err);
    *why_not = NULL;
    if (!run || guard_wait(run, arena, &report, &err) < 0)
        *why_not = arena_strdup(arena, err.message);
    else if (report.end == GUARD_REFUSED)
        *why_not = report.message;
    else if (report.end != GUARD_EXITED || report.code != 0)
        *why_not =
            arena_printf(arena, "A trial command ended with %d: %s", report.code, report.output);
    if (run)
        guard_close(run);
    return *why_not == NULL;
}
