/* A process's own log file: opened for it by whoever starts it, begun anew by itself when it is large or
 * old: name.log becomes name.log.1, that name.log.2 and so on; the oldest go.
 *
 * Just one process writes a file, and only its holder of the company's lock of that name rotates it, in
 * one thread: two never do. Lines that other threads write meanwhile go to the old file or to the new
 * one, none is lost; a death at any point leaves whole files, at worst with a number missing between
 * them or without a name.log, which the next start makes. */
#ifndef HQ_BASE_LOG_ROTATE_H
#define HQ_BASE_LOG_ROTATE_H

#include <stdbool.h>
#include <stdint.h>

struct err;

struct log_limits {
    int64_t size;   /* bytes: then a new file is begun */
    int64_t age_ms; /* of its newest line: then an old file is removed. So that no line stays much
                     * longer, a file is begun anew after an age / (keep + 1), too */
    int64_t keep;   /* old files, at most */
};

enum { LOG_PATH = 4096 };

struct log_rotation {
    char path[LOG_PATH];
    struct log_limits limits;
    bool is_ours;      /* our stderr is that file */
    bool has_failed;   /* said once */
    int64_t looked_at; /* boot ms: when ages were looked at */
};

/* Opens the file for appending (made 0600, and narrowed to that where it is wider; close-on-exec; not
 * through a symbolic link). The descriptor, or -1 with *err (code "unwritable_state"). */
int log_open(const char *path, struct err *err);

/* Caller's memory. Where our stderr is not the file at `path` (a terminal, the journal, a file of the
 * user's own), log_rotate() will do nothing. */
void log_rotation_init(struct log_rotation *rotation, const char *path, const struct log_limits *limits);

/* To be called now and then by the one thread that may: begins a new file where it is time to, and where
 * somebody else has moved the file away (logrotate(8)). Mostly one fstat(2); else some renames, never an
 * fsync. A failure is logged once, and everything goes on in the file that is open. */
void log_rotate(struct log_rotation *rotation);

/* The path of the n-th old file, from 1, into path[LOG_PATH]. */
void log_old_path(const char *path, int64_t n, char old[LOG_PATH]);

#endif
