/* Reading the log files of several processes as one, in the order of time. */
#ifndef HQ_CLI_LOGS_H
#define HQ_CLI_LOGS_H

#include <stddef.h>

#include "base/arena.h"

/* One followed file. Zeroed but for name and path it is a valid one that was not opened yet. */
struct log_file {
    const char *name, *path;
    int fd;
    char *rest; /* an unfinished last line, heap */
    size_t rest_len;
    char stamp[32]; /* of its last stamped line: lines without one (a sanitizer's) belong to it */
};

struct log_line {
    const char *stamp, *text; /* in the arena; text has no newline */
    const char *name;
    size_t order;
};

/* Reads what came since the last call (the first time: the last `tail` bytes), appends whole lines
 * to the array in the arena. A file that is not there yet has none. Returns the new count. */
size_t log_file_read(struct log_file *file, size_t tail, struct arena *arena,
                     struct log_line **lines, size_t count);
void log_file_close(struct log_file *file);

/* Sorts by time; lines of the same time keep their order. */
void log_lines_sort(struct log_line *lines, size_t count);

#endif
