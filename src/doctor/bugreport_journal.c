/* The last lines of the company's units in systemd's journal, where it has units. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"
#include "doctor/bugreport_parts.h"
#include "doctor/check.h"
#include "service/service.h"
#include "sys/spawn.h"

enum {
    JOURNAL_BYTES = 1 << 20,
    JOURNAL_MS = 10000, /* a large journal on a slow disk */
    PIECE = 16384,
};

/* Reads until the end, the limit or the deadline. */
static void read_pipe(int fd, struct buf *out)
{
    int64_t until = time_boot_ms() + JOURNAL_MS;
    for (;;) {
        int64_t left = until - time_boot_ms();
        struct pollfd one = {.fd = fd, .events = POLLIN};
        int ready = poll(&one, 1, left > 0 ? (int)left : 0);
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t len = ready == 1 ? read(fd, buf_room(out, PIECE), PIECE) : 0;
        if (len <= 0)
            return;
        buf_grow(out, (size_t)len);
        if (out->len >= JOURNAL_BYTES)
            return;
    }
}

static int run_journal(const char *const *argv, struct buf *out, struct err *err)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return err_errno(err, "journal", "cannot make a pipe");
    struct spawn spawn = {
        .argv = argv, .in = -1, .out = pipes[1], .err = pipes[1], .pass = {-1, -1, -1, -1}};
    pid_t pid = spawn_start(&spawn, err);
    close(pipes[1]);
    if (pid >= 0) {
        read_pipe(pipes[0], out);
        kill(pid, SIGKILL); /* our own child, not yet reaped: what it had to say is read */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    close(pipes[0]);
    return pid < 0 ? -1 : 0;
}

static void add_scope(struct bugreport *report, const struct service *service)
{
    struct err err = {0};
    struct buf out = {0};
    struct arena *arena = report->doctor->arena;
    const char *option = service->scope == SERVICE_USER ? "--user-unit" : "--unit";
    const char *argv[] = {"/usr/bin/env",
                          "journalctl",
                          "--no-pager",
                          "--quiet",
                          "--no-hostname",
                          "--output=short-iso",
                          arena_printf(arena, "--lines=%zu", report->log_lines),
                          arena_printf(arena, "%s=hq-%s-*", option, service->name),
                          arena_printf(arena, "%s=hq-%s@*", option, service->name),
                          NULL};
    if (run_journal(argv, &out, &err) < 0)
        buf_printf(&out, "(cannot be read: %s)\n", err.message);
    bugreport_add(report,
                  arena_printf(arena, "logs/journal-%s.txt", service_scope_name(service->scope)),
                  "the last lines of its units in the journal", &out);
    buf_fini(&out);
}

void bugreport_add_journal(struct bugreport *report)
{
    static const enum service_scope scopes[] = {SERVICE_USER, SERVICE_SYSTEM};
    struct service service;
    for (size_t i = 0; i < 2; i++)
        if (check_has_units(report->doctor, scopes[i], &service))
            add_scope(report, &service);
}
