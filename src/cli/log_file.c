/* Reads log files in pieces and keeps the half line at the end for the next time. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/logs.h"

enum { STAMP_LEN = 24, PIECE_MAX = 8 << 20 };

/* Opens at the tail; the first, probably cut line there is skipped. */
static int open_tail(struct log_file *file, size_t tail)
{
    char byte;
    file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0)
        return -1;
    off_t size = lseek(file->fd, 0, SEEK_END);
    if (size <= (off_t)tail) {
        lseek(file->fd, 0, SEEK_SET);
        return 0;
    }
    lseek(file->fd, size - (off_t)tail, SEEK_SET);
    while (read(file->fd, &byte, 1) == 1 && byte != '\n')
        ;
    return 0;
}

/* Whether the line begins with a time as base/log.h writes it. */
static bool has_stamp(const char *line, size_t len)
{
    char text[STAMP_LEN + 1];
    int64_t at;
    if (len < STAMP_LEN + 1 || line[STAMP_LEN] != ' ')
        return false;
    memcpy(text, line, STAMP_LEN);
    text[STAMP_LEN] = '\0';
    return time_parse_rfc3339(text, &at);
}

static size_t add_line(struct log_file *file, const char *line, size_t len, struct arena *arena,
                       struct log_line **lines, size_t count)
{
    if ((count & (count - 1)) == 0) {
        struct log_line *more = arena_alloc(arena, (count ? count * 2 : 1) * sizeof(*more));
        if (count)
            memcpy(more, *lines, count * sizeof(*more));
        *lines = more;
    }
    if (has_stamp(line, len)) {
        memcpy(file->stamp, line, STAMP_LEN);
        file->stamp[STAMP_LEN] = '\0';
    }
    (*lines)[count] = (struct log_line){.stamp = arena_strdup(arena, file->stamp),
                                        .text = str_clean_utf8(arena, line, len),
                                        .name = file->name,
                                        .order = count};
    return count + 1;
}

size_t log_file_read(struct log_file *file, size_t tail, struct arena *arena,
                     struct log_line **lines, size_t count)
{
    if (file->fd <= 0 && open_tail(file, tail) < 0) {
        file->fd = 0;
        return count;
    }
    char *piece = mem_alloc(file->rest_len + PIECE_MAX);
    if (file->rest_len)
        memcpy(piece, file->rest, file->rest_len);
    ssize_t got = read(file->fd, piece + file->rest_len, PIECE_MAX);
    size_t len = file->rest_len + (got > 0 ? (size_t)got : 0), at = 0;
    for (char *end; at < len && (end = memchr(piece + at, '\n', len - at));) {
        count = add_line(file, piece + at, (size_t)(end - piece) - at, arena, lines, count);
        at = (size_t)(end - piece) + 1;
    }
    free(file->rest);
    file->rest_len = len - at;
    file->rest = file->rest_len ? mem_strndup(piece + at, file->rest_len) : NULL;
    if (file->rest)
        file->rest_len = strlen(file->rest);
    free(piece);
    return count;
}

void log_file_close(struct log_file *file)
{
    if (file->fd > 0)
        close(file->fd);
    free(file->rest);
    file->fd = 0;
    file->rest = NULL;
    file->rest_len = 0;
}

static int by_time(const void *a, const void *b)
{
    const struct log_line *one = a, *two = b;
    int order = strcmp(one->stamp, two->stamp);
    if (order)
        return order;
    return one->order < two->order ? -1 : 1;
}

void log_lines_sort(struct log_line *lines, size_t count)
{
    if (count > 1)
        qsort(lines, count, sizeof(*lines), by_time);
}
