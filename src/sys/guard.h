/* Running a tool's command so that it cannot escape its turn: the guard process.
 *
 * `hq guard` is single-threaded and started per command by posix_spawn. It reads one JSON request
 * on descriptor 0 (which then stays open: its end of file means the gateway is gone), confines
 * itself and the command (sandbox.h), copies the output, enforces time, processes and disk, kills
 * every descendant, and writes one JSON report to descriptor 1. */
#ifndef HQ_SYS_GUARD_H
#define HQ_SYS_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct err;

/* Above what shells and node's child processes take for their own. */
enum { GUARD_CHANNEL_FD = 100 };

struct guard_command {
    const char *command;         /* for /bin/sh -c */
    const char *workdir;         /* absolute, inside a writable root */
    const char *const *env;      /* "NAME=value" on top of the minimal environment, or NULL */
    const char *const *writable; /* absolute folders; NULL at the end */
    const char *const *readable; /* further readable folders and files besides the system's */
    const char *const *writable_files; /* single regular files besides the folders; NULL: none. One
                                        * that is missing or a symbolic link grants nothing */
    const char *programs; /* a readable folder that stands last in PATH, or NULL */
    int channel_fd;       /* passed on to the command as GUARD_CHANNEL_FD, told in HQ_TASK_FD; the
                           * caller's to close; none where it is not above 2 */
    const char *input;           /* its standard input, text; NULL: nothing to read */
    bool split;                  /* standard error goes to report->errors instead of ->output */
    const char *lock_path;       /* the task's lock file, held while anything of it lives */
    bool network;                /* AF_INET allowed */
    int64_t timeout_ms;
    size_t output_max; /* bytes kept: the first and last half; the rest is dropped */
    size_t errors_max; /* the same of standard error, where it is split off */
    int64_t disk_max;  /* bytes that the command may add to the file system */
    int processes_max;
};

struct guard_report {
    enum guard_end {
        GUARD_EXITED,
        GUARD_SIGNALLED,
        GUARD_TIMEOUT,
        GUARD_TOO_MANY,
        GUARD_DISK,
        GUARD_CANCELLED,
        GUARD_REFUSED
    } end;
    int code;        /* exit code or signal number */
    char *output;    /* stdout and stderr as they came, cleaned to UTF-8, in the arena */
    int64_t dropped; /* bytes cut out of the middle */
    char *errors;    /* of a split command: its standard error, cleaned and cut likewise; else "" */
    int64_t took_ms;
    char *message; /* of REFUSED: why the sandbox could not be built */
};

struct guard_run; /* one running guard, cancellable from another thread */

/* Starts the guard and hands it the request. The guard waits (≤ 10 s) for the task's lock if an
 * earlier command is still dying, else refuses. NULL with *err. Blocks for less than 10 s. */
struct guard_run *guard_start(const struct guard_command *command, struct err *err);

/* Blocks until the report is there and every descendant is dead; once per run. Returns 0, or -1
 * with *err when the guard itself died (what ran may have run in part). Its deadline is the
 * command's time limit and 40 s; then the guard is killed. */
int guard_wait(struct guard_run *run, struct arena *arena, struct guard_report *report,
               struct err *err);
void guard_cancel(struct guard_run *run); /* any thread, before guard_close */
void guard_close(struct guard_run *run);  /* after guard_wait; frees it */

/* main() of `hq guard`. */
int guard_main(void);

/* Whether this machine can confine commands; the sentence says what is missing. */
bool guard_available(struct arena *arena, const char **why_not);

#endif
