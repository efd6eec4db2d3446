/* Reads log files to their end, keeps the half line there, and goes over to the next file when the one
 * it reads has become an old one. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log_rotate.h"
#include "base/time.h"
#include "cli/log_file.h"

enum {
    PIECE = 65536,
    LINE_MAX_BYTES = 1 << 20, /* longer ones are cut: some tool's noise */
    OLD_MAX = 1000,           /* what logs.keep may say */
    GRACE_MS = 300,           /* between the new file's being there and the last line into the old one */
};

static void add_lines(struct log_file *file, struct log_page *page)
{
    size_t at = 0;
    const char *text = buf_text(&file->rest);
    for (const char *end; (end = memchr(text + at, '\n', file->rest.len - at));) {
        log_page_add(page, text + at, (size_t)(end - text) - at);
        at = (size_t)(end - text) + 1;
    }
    buf_drop(&file->rest, at);
    if (file->rest.len > LINE_MAX_BYTES) {
        log_page_add(page, buf_text(&file->rest), file->rest.len);
        buf_clear(&file->rest);
    }
}

static void read_to_end(struct log_file *file, struct log_page *page)
{
    ssize_t got;
    while ((got = read(file->fd, buf_room(&file->rest, PIECE), PIECE)) > 0) {
        buf_grow(&file->rest, (size_t)got);
        add_lines(file, page);
    }
}

/* A file that nobody writes any more: what stands at its end is its last line. */
static void finish(struct log_file *file, struct log_page *page)
{
    read_to_end(file, page);
    if (file->rest.len)
        log_page_add(page, buf_text(&file->rest), file->rest.len);
    buf_clear(&file->rest);
    close(file->fd);
    file->fd = 0;
}

/* The descriptor of the n-th old file, 0 being the one that grows; -1. */
static int open_nth(const struct log_file *file, int64_t n, struct stat *info)
{
    char path[LOG_PATH];
    if (n > 0)
        log_old_path(file->path, n, path);
    int fd = open(n > 0 ? path : file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, info) < 0 || !S_ISREG(info->st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

static ino_t inode_of(const struct log_file *file, int64_t n)
{
    struct stat info = {0};
    int fd = open_nth(file, n, &info);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? info.st_ino : 0;
}

/* How many old files are to be read before the one that grows, and where in the oldest of them. One
 * number may be missing: a rotation ended half way. */
static int64_t choose(const struct log_file *file, const struct log_page *page, size_t tail, off_t *start)
{
    struct stat info;
    size_t bytes = 0;
    int64_t oldest = 0;
    int missing = 0;
    *start = 0;
    for (int64_t n = 0; n <= OLD_MAX && missing < 2 && bytes < tail; n++) {
        int fd = open_nth(file, n, &info);
        if (fd >= 0)
            close(fd);
        if (fd < 0 && n > 0)
            missing++;
        if (fd < 0)
            continue;
        missing = 0;
        if ((int64_t)info.st_mtime * 1000 + 1000 < page->wish->since_ms)
            break;
        oldest = n;
        bytes += (size_t)info.st_size;
        *start = bytes > tail ? (off_t)(bytes - tail) : 0;
    }
    return oldest;
}

/* Skips to the first line that begins at or behind `start`. */
static void skip(struct log_file *file, off_t start)
{
    char byte;
    if (start == 0)
        return;
    lseek(file->fd, start - 1, SEEK_SET);
    while (read(file->fd, &byte, 1) == 1 && byte != '\n')
        ;
}

/* Reads the old files from the n-th on down, then opens the one that grows. False where it is not
 * there. */
static bool go_through(struct log_file *file, int64_t oldest, off_t start, struct log_page *page)
{
    struct stat info = {0};
    ino_t done = 0;
    for (int64_t n = oldest; n >= 0; n--) {
        ino_t older = n == 0 ? inode_of(file, 1) : 0;
        int fd = open_nth(file, n, &info);
        if (fd >= 0 && info.st_ino == done) { /* moved up meanwhile */
            close(fd);
            fd = -1;
        }
        if (fd < 0)
            continue;
        file->fd = fd;
        file->older = older;
        done = file->ino = info.st_ino;
        skip(file, n == oldest ? start : 0);
        if (n > 0)
            finish(file, page);
    }
    return file->fd > 0;
}

/* The number of the old file up to which nothing newer than ours was read yet. */
static int64_t newest_read(const struct log_file *file)
{
    int missing = 0;
    for (int64_t n = 1; n <= OLD_MAX && missing < 2; n++) {
        ino_t ino = inode_of(file, n);
        missing = ino ? 0 : missing + 1;
        if (ino && (ino == file->ino || ino == file->older))
            return n;
    }
    return 1;
}

/* Goes over to the newer files, once the last line must have reached the old one. */
static void go_over(struct log_file *file, struct log_page *page)
{
    int64_t now = time_boot_ms();
    ino_t ino = inode_of(file, 0);
    if (!ino || ino == file->ino)
        return;
    if (!file->moved_at)
        file->moved_at = now;
    if (now - file->moved_at < GRACE_MS)
        return;
    finish(file, page);
    file->moved_at = 0;
    if (go_through(file, newest_read(file) - 1, 0, page))
        read_to_end(file, page);
}

void log_file_read(struct log_file *file, size_t tail, struct log_page *page)
{
    off_t start;
    if (file->fd <= 0) {
        int64_t oldest = choose(file, page, tail, &start);
        if (!go_through(file, oldest, start, page))
            return;
    }
    read_to_end(file, page);
    go_over(file, page);
}

void log_file_close(struct log_file *file)
{
    if (file->fd > 0)
        close(file->fd);
    file->fd = 0;
    buf_fini(&file->rest);
}
