/* Renames from the oldest down, opens the new file, and puts it onto stdout and stderr with dup2(2), which
 * replaces a descriptor at once. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/err.h"
#include "base/log.h"
#include "base/log_rotate.h"
#include "base/str.h"
#include "base/time.h"

enum {
    LOOK_MS = 60000, /* between two looks at ages: they count in hours */
    HEAD = 256,      /* of a file, in which its first time stands */
};

int log_open(const char *path, struct err *err)
{
    struct stat info;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (fd < 0)
        return err_errno(err, "unwritable_state", "cannot open the log %s", path);
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 0077))
        (void)!fchmod(fd, 0600);
    return fd;
}

void log_old_path(const char *path, int64_t n, char old[LOG_PATH])
{
    snprintf(old, LOG_PATH, "%.4000s.%lld", path, (long long)n);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

void log_rotation_init(struct log_rotation *rotation, const char *path, const struct log_limits *limits)
{
    struct stat ours, there;
    *rotation = (struct log_rotation){.limits = *limits};
    snprintf(rotation->path, sizeof(rotation->path), "%s", path);
    rotation->is_ours = fstat(STDERR_FILENO, &ours) == 0 && S_ISREG(ours.st_mode) &&
                        stat(path, &there) == 0 && is_same(&ours, &there);
}

/* The number behind `name` and a dot, 0 where the entry is no old file of it. */
static int64_t number_of(const char *entry, const char *name)
{
    int64_t number;
    size_t len = strlen(name);
    if (strncmp(entry, name, len) != 0 || entry[len] != '.' || entry[len + 1] == '0')
        return 0;
    return str_to_int(entry + len + 1, 1, INT64_MAX, &number) ? number : 0;
}

static bool is_too_old(const char *path, int64_t age_ms)
{
    struct stat info;
    return lstat(path, &info) == 0 && time_wall_ms() - (int64_t)info.st_mtime * 1000 > age_ms;
}

/* Removes old files that are too many or too old. */
static void remove_old(const struct log_rotation *rotation)
{
    char folder[LOG_PATH], old[LOG_PATH];
    snprintf(folder, sizeof(folder), "%s", rotation->path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        return;
    *slash = '\0';
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        int64_t number = number_of(entry->d_name, slash + 1);
        log_old_path(rotation->path, number, old);
        if (number > rotation->limits.keep ||
            (number > 0 && is_too_old(old, rotation->limits.age_ms)))
            unlink(old);
    }
    if (dir)
        closedir(dir);
}

/* The wall time of the file's first line, in either form; 0: unknown. */
static int64_t first_time(const char *path)
{
    char head[HEAD + 1], stamp[TIME_TEXT];
    int64_t at = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd < 0 ? -1 : read(fd, head, HEAD);
    if (fd >= 0)
        close(fd);
    head[got > 0 ? got : 0] = '\0';
    const char *text = str_starts(head, "{\"time\":\"") ? head + strlen("{\"time\":\"") : head;
    snprintf(stamp, sizeof(stamp), "%.*s", (int)strcspn(text, " \"\n"), text);
    return time_parse_rfc3339(stamp, &at) ? at : 0;
}

static bool is_old(const struct log_rotation *rotation)
{
    int64_t began = first_time(rotation->path);
    return began && time_wall_ms() - began > rotation->limits.age_ms / (rotation->limits.keep + 1);
}

/* Moves every old file up by one, as far as the first free number; the last makes room. */
static int move_up(const struct log_rotation *rotation, struct err *err)
{
    char from[LOG_PATH], to[LOG_PATH];
    int64_t last = 1;
    struct stat info;
    for (log_old_path(rotation->path, last, to); last < rotation->limits.keep && lstat(to, &info) == 0;)
        log_old_path(rotation->path, ++last, to);
    for (; last > 0; last--) {
        log_old_path(rotation->path, last, to);
        log_old_path(rotation->path, last - 1, from);
        if (rename(last > 1 ? from : rotation->path, to) < 0 && errno != ENOENT)
            return err_errno(err, "log", "cannot rename %s", last > 1 ? from : rotation->path);
        crash_point("log.renamed");
    }
    return 0;
}

/* Opens what is at the path now and writes there from here on. */
static int begin(const struct log_rotation *rotation, struct err *err)
{
    struct stat out, old;
    int fd = log_open(rotation->path, err);
    if (fd < 0)
        return -1;
    crash_point("log.opened");
    bool has_out = fstat(STDERR_FILENO, &old) == 0 && fstat(STDOUT_FILENO, &out) == 0 && is_same(&out, &old);
    int rc = dup2(fd, STDERR_FILENO) < 0 ? err_errno(err, "log", "cannot go over to %s", rotation->path) : 0;
    if (rc == 0 && has_out)
        dup2(fd, STDOUT_FILENO);
    close(fd);
    return rc;
}

static int rotate(const struct log_rotation *rotation, struct err *err)
{
    if (rotation->limits.keep == 0)
        unlink(rotation->path);
    else if (move_up(rotation, err) < 0)
        return -1;
    if (begin(rotation, err) < 0)
        return -1;
    remove_old(rotation);
    return 0;
}

/* Looks at ages: true where a new file is due. */
static bool look(struct log_rotation *rotation)
{
    int64_t now = time_boot_ms();
    if (rotation->looked_at && now - rotation->looked_at < LOOK_MS)
        return false;
    rotation->looked_at = now;
    remove_old(rotation);
    return is_old(rotation);
}

void log_rotate(struct log_rotation *rotation)
{
    struct err err = {0};
    struct stat ours, there;
    int rc = 0;
    if (!rotation->is_ours || fstat(STDERR_FILENO, &ours) < 0)
        return;
    bool is_large = ours.st_size >= rotation->limits.size;
    bool is_gone = stat(rotation->path, &there) < 0 ? errno == ENOENT : !is_same(&ours, &there);
    if (is_gone)
        rc = begin(rotation, &err);
    else if (is_large || (ours.st_size > 0 && look(rotation)))
        rc = rotate(rotation, &err);
    if (rc < 0 && !rotation->has_failed)
        log_err(LOG_WARN, &err);
    rotation->has_failed = rc < 0;
}
