/* What lies in state/, by name, mode, size and time; the last lines of each process's log. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "doctor/bugreport_parts.h"
#include "doctor/check.h"

enum {
    ENTRIES = 2000,
    LOG_BYTES = 512 << 10, /* of each process */
    LOGS = 100,            /* processes; a company of more tells by its newest */
};

/* ---- names ---- */

struct listing {
    struct buf out;
    size_t count;
};

static void put_entry(struct listing *listing, int dir, const char *name, int depth);

static void put_folder(struct listing *listing, int fd, int depth)
{
    DIR *dir = fdopendir(fd);
    for (struct dirent *entry; dir && listing->count < ENTRIES && (entry = readdir(dir));)
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
            put_entry(listing, dirfd(dir), entry->d_name, depth);
    if (dir)
        closedir(dir);
    else
        close(fd);
}

static void put_entry(struct listing *listing, int dir, const char *name, int depth)
{
    enum { DEEPEST = 1 }; /* runs and blobs below that are many, and their names tell nothing */
    struct stat info;
    char at[TIME_TEXT];
    if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    listing->count++;
    time_rfc3339((int64_t)info.st_mtime * 1000, at);
    buf_printf(&listing->out, "%*s%06o %5u %12lld %s %s\n", depth * 2, "", info.st_mode,
               info.st_uid, (long long)info.st_size, at, name);
    int fd = S_ISDIR(info.st_mode) && depth < DEEPEST
                 ? openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                 : -1;
    if (fd >= 0)
        put_folder(listing, fd, depth + 1);
}

void bugreport_add_files(struct bugreport *report)
{
    struct listing listing = {0};
    int fd = open(report->doctor->config->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        put_folder(&listing, fd, 0);
    else
        buf_puts(&listing.out, "(no state folder)\n");
    bugreport_add(report, "files.txt", "names, modes and sizes in state/", &listing.out);
    buf_fini(&listing.out);
}

/* ---- logs ---- */

static int read_tail(const char *path, struct buf *out)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (info.st_size > LOG_BYTES)
        lseek(fd, info.st_size - LOG_BYTES, SEEK_SET);
    int rc = file_read(fd, LOG_BYTES, out);
    close(fd);
    return rc;
}

static void drop_first_lines(struct buf *text, size_t keep)
{
    size_t lines = 0, at = text->len;
    for (; at > 0; at--)
        if (text->bytes[at - 1] == '\n' && at < text->len && ++lines == keep)
            break;
    buf_drop(text, at);
}

struct log_name {
    int64_t at;
    const char *name;
};

static int newest_first(const void *a, const void *b)
{
    const struct log_name *left = a, *right = b;
    return (left->at < right->at) - (left->at > right->at);
}

static size_t list_logs(struct bugreport *report, const char *folder, struct log_name *names)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && count < ENTRIES && (entry = readdir(dir));) {
        struct stat info;
        if (!str_ends(entry->d_name, ".log") ||
            fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        names[count++] =
            (struct log_name){info.st_mtime, arena_strdup(report->doctor->arena, entry->d_name)};
    }
    if (dir)
        closedir(dir);
    qsort(names, count, sizeof(*names), newest_first);
    return count;
}

void bugreport_add_logs(struct bugreport *report)
{
    struct arena *arena = report->doctor->arena;
    const char *folder = arena_printf(arena, "%s/logs", report->doctor->config->state);
    struct log_name *names = arena_alloc(arena, ENTRIES * sizeof(*names));
    size_t count = list_logs(report, folder, names);
    for (size_t i = 0; i < count && i < LOGS; i++) {
        struct buf text = {0};
        if (read_tail(arena_printf(arena, "%s/%s", folder, names[i].name), &text) == 0) {
            drop_first_lines(&text, report->log_lines);
            bugreport_add(report, arena_printf(arena, "logs/%.80s", names[i].name),
                          "its last lines", &text);
        }
        buf_fini(&text);
    }
}
