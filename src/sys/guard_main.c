/* `hq guard`: one command from request to report. Its standard input is the gateway's life, its
 * standard output the gateway's ear; it is single-threaded and dies with nothing left behind. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "sys/guard.h"
#include "sys/guard_disk.h"
#include "sys/guard_init.h"
#include "sys/guard_output.h"
#include "sys/guard_text.h"
#include "sys/lock.h"
#include "sys/sandbox.h"

enum {
    LOOK_EVERY_MS = 50, /* at the clock and the disk */
    LOCK_EVERY_MS = 20, /* at a lock that an earlier command's processes hold */
    PIPE_ROOM = 256 << 10,
    OUTPUT_LEAST = 1024,
    CHUNK = 65536,
};

/* The running command, seen from outside its namespaces. */
struct watch {
    const struct guard_command *command;
    struct guard_report *report;
    struct output output, errors;
    struct guard_status status;
    int alive, status_fd, out, err_fd; /* our ends; -1 when done with */
    int64_t deadline, next_look;
    struct disk_watch disk;
    bool stopped; /* report->end says why */
};

/* Reads the request: one line; what follows on descriptor 0 is its end of file. */
static int read_request(struct arena *arena, struct guard_command *command, struct err *err)
{
    struct buf line = {0};
    ssize_t got = 1;
    const char *end = NULL;
    while (!end && got > 0 && line.len < LIMIT_GUARD_TEXT) {
        got = read(STDIN_FILENO, buf_room(&line, CHUNK), CHUNK);
        if (got > 0)
            buf_grow(&line, (size_t)got);
        end = line.len ? memchr(line.bytes, '\n', line.len) : NULL;
    }
    int rc = end ? guard_command_parse(arena, line.bytes, (size_t)(end - line.bytes), command, err)
                 : err_set(err, "bad_request", "The guard got no request on its standard input.");
    buf_fini(&line);
    return rc;
}

/* Waits for `ms`; true where the gateway has gone or cancelled meanwhile. */
static bool gateway_left(int ms)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;
    return poll(&in, 1, ms) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

static void refuse(struct guard_report *report, struct arena *arena, const struct err *err)
{
    report->end = GUARD_REFUSED;
    report->message = arena_printf(arena, "%s%s%s", err->message, *err->hint ? " " : "", err->hint);
}

/* 0 with *lock (NULL where none was asked for), or -1 with the report filled. */
static int take_lock(const struct guard_command *command, struct arena *arena, struct lock **lock,
                     struct guard_report *report)
{
    struct err err;
    int64_t deadline = time_boot_ms() + LIMIT_GUARD_LOCK_MS;
    *lock = NULL;
    if (!command->lock_path)
        return 0;
    char *dir = arena_strdup(arena, command->lock_path), *name = strrchr(dir, '/');
    if (!name || !str_ends(dir, ".lock")) {
        err_set(&err, "bad_request", "%s is not the path of a lock file.", command->lock_path);
        refuse(report, arena, &err);
        return -1;
    }
    *name++ = '\0';
    name[strlen(name) - strlen(".lock")] = '\0';
    int rc;
    while ((rc = lock_take(dir, name, lock, NULL, &err)) == LOCK_HELD) {
        if (gateway_left(LOCK_EVERY_MS)) {
            report->end = GUARD_CANCELLED;
            return -1;
        }
        if (time_boot_ms() > deadline) {
            err_set(&err, "busy", "An earlier command of this task has not died within %d s.",
                    LIMIT_GUARD_LOCK_MS / 1000);
            rc = -1;
            break;
        }
    }
    if (rc < 0)
        refuse(report, arena, &err);
    return rc;
}

static void drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The first process sees the end of file, kills everything and reports. */
static void stop(struct watch *watch, enum guard_end why)
{
    if (watch->stopped)
        return;
    watch->stopped = true;
    watch->report->end = why;
    drop(&watch->alive);
}

static void look(struct watch *watch)
{
    int64_t now = time_boot_ms();
    if (now < watch->next_look)
        return;
    watch->next_look = now + LOOK_EVERY_MS;
    if (now >= watch->deadline)
        stop(watch, GUARD_TIMEOUT);
    if (disk_watch_is_exceeded(&watch->disk))
        stop(watch, GUARD_DISK);
}

static void take_output(int *fd, struct output *output)
{
    char chunk[CHUNK];
    ssize_t got = read(*fd, chunk, sizeof(chunk));
    if (got > 0)
        output_put(output, chunk, (size_t)got);
    else if (got == 0 || errno != EINTR)
        drop(fd);
}

/* A refusal is told by the command's process before the first process tells its end: it stays. */
static void take_status(struct watch *watch)
{
    struct guard_status what;
    ssize_t got = read(watch->status_fd, &what, sizeof(what));
    if (got == (ssize_t)sizeof(what) && watch->status.kind != STATUS_REFUSED)
        watch->status = what;
    else if (got == 0 || (got < 0 && errno != EINTR))
        drop(&watch->status_fd);
}

/* Until all writers of all pipes are dead: the command's processes and the first one. */
static void watch_run(struct watch *watch)
{
    char rest[64];
    while (watch->out >= 0 || watch->err_fd >= 0 || watch->status_fd >= 0) {
        struct pollfd fds[] = {{.fd = watch->stopped ? -1 : STDIN_FILENO, .events = POLLIN},
                               {.fd = watch->out, .events = POLLIN},
                               {.fd = watch->status_fd, .events = POLLIN},
                               {.fd = watch->err_fd, .events = POLLIN}};
        poll(fds, 4, LOOK_EVERY_MS);
        if (fds[0].revents && read(STDIN_FILENO, rest, sizeof(rest)) <= 0)
            stop(watch, GUARD_CANCELLED);
        if (fds[1].revents)
            take_output(&watch->out, &watch->output);
        if (fds[2].revents)
            take_status(watch);
        if (fds[3].revents)
            take_output(&watch->err_fd, &watch->errors);
        look(watch);
    }
}

static void report_end(struct watch *watch, struct arena *arena)
{
    static const enum guard_end ends[] = {[STATUS_NONE] = GUARD_REFUSED,
                                          [STATUS_REFUSED] = GUARD_REFUSED,
                                          [STATUS_EXITED] = GUARD_EXITED,
                                          [STATUS_SIGNALLED] = GUARD_SIGNALLED,
                                          [STATUS_TOO_MANY] = GUARD_TOO_MANY};
    struct guard_report *report = watch->report;
    int64_t errors_dropped;
    report->output = output_text(&watch->output, arena, &report->dropped);
    if (watch->command->split)
        report->errors = output_text(&watch->errors, arena, &errors_dropped);
    if (watch->stopped)
        return;
    report->end = ends[watch->status.kind];
    report->code = watch->status.code;
    report->message = watch->status.kind == STATUS_NONE
                          ? "The command's first process was killed from outside."
                          : arena_strdup(arena, watch->status.message);
}

struct ends {
    int alive[2], status[2], out[2], err[2];
};

static int ends_open(struct ends *ends, bool split, struct err *err)
{
    *ends = (struct ends){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(ends->alive, O_CLOEXEC) < 0 || pipe2(ends->status, O_CLOEXEC) < 0 ||
        pipe2(ends->out, O_CLOEXEC) < 0 || (split && pipe2(ends->err, O_CLOEXEC) < 0))
        return err_errno(err, "pipe", "Cannot make the guard's pipes");
    fcntl(ends->out[1], F_SETPIPE_SZ, PIPE_ROOM);
    return 0;
}

static void ends_close(struct ends *ends, int side)
{
    drop(&ends->alive[!side]); /* it is read in the first process, the others by us */
    drop(&ends->status[side]);
    drop(&ends->out[side]);
    drop(&ends->err[side]);
}

/* The command's standard input as a file in memory: whoever does not read it holds up nobody. */
static int input_open(const char *text, int *fd, struct err *err)
{
    *fd = -1;
    if (!text)
        return 0;
    *fd = memfd_create("input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0 || file_write(*fd, text, strlen(text)) < 0 || lseek(*fd, 0, SEEK_SET) < 0 ||
        fcntl(*fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return err_errno(err, "input", "Cannot keep the command's input");
    return 0;
}

/* The first process, in new namespaces. */
static pid_t fork_init(const struct guard_command *command, struct ends *ends, struct err *err)
{
    int in = -1;
    if (ends_open(ends, command->split, err) < 0 || input_open(command->input, &in, err) < 0 ||
        sandbox_split(err) < 0) {
        drop(&in);
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        ends_close(ends, 0);
        guard_init_run(
            &(struct guard_init){.command = command,
                                 .alive = ends->alive[0],
                                 .status = ends->status[1],
                                 .in = in,
                                 .out = ends->out[1],
                                 .errors = command->split ? ends->err[1] : ends->out[1]});
    }
    drop(&in);
    return pid < 0 ? err_errno(err, "fork", "Cannot start the guard's first process") : pid;
}

static void run_locked(const struct guard_command *command, struct arena *arena,
                       struct guard_report *report)
{
    struct ends ends;
    struct err err;
    struct watch watch = {.command = command, .report = report};
    disk_watch_init(&watch.disk, command->writable, command->disk_max);
    pid_t init = fork_init(command, &ends, &err);
    ends_close(&ends, 1);
    if (command->channel_fd > STDERR_FILENO)
        close(command->channel_fd);
    if (init < 0) {
        refuse(report, arena, &err);
        ends_close(&ends, 0);
        return;
    }
    crash_point("guard.spawned");
    watch.alive = ends.alive[1];
    watch.status_fd = ends.status[0];
    watch.out = ends.out[0];
    watch.err_fd = ends.err[0];
    watch.deadline = time_boot_ms() + command->timeout_ms;
    output_init(&watch.output,
                command->output_max < OUTPUT_LEAST ? OUTPUT_LEAST : command->output_max);
    output_init(&watch.errors, command->split ? command->errors_max : 0);
    watch_run(&watch);
    while (waitpid(init, NULL, 0) < 0 && errno == EINTR)
        continue;
    drop(&watch.alive);
    report_end(&watch, arena);
    output_fini(&watch.output);
    output_fini(&watch.errors);
}

static void write_report(struct arena *arena, const struct guard_report *report)
{
    const char *text = guard_report_print(arena, report);
    size_t len = strlen(text), at = 0;
    while (at < len) {
        ssize_t put = write(STDOUT_FILENO, text + at, len - at);
        if (put < 0 && errno != EINTR)
            return; /* the gateway has gone; what ran is dead */
        at += put > 0 ? (size_t)put : 0;
    }
}

int guard_main(void)
{
    struct arena arena = {0};
    struct guard_command command = {0};
    struct guard_report report = {0};
    struct err err;
    struct lock *lock = NULL;
    int64_t start = time_boot_ms();
    signal(SIGPIPE, SIG_IGN);
    crash_init("guard");
    if (read_request(&arena, &command, &err) < 0) {
        refuse(&report, &arena, &err);
    } else {
        crash_point("guard.start");
        if (take_lock(&command, &arena, &lock, &report) == 0)
            run_locked(&command, &arena, &report);
        lock_discard(lock);
    }
    report.took_ms = time_boot_ms() - start;
    crash_point("guard.report.before");
    write_report(&arena, &report);
    crash_point("guard.report.after");
    arena_fini(&arena);
    return 0;
}
