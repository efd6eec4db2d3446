/* A process's log files as a source of lines: the old ones first, then the one that grows, on over
 * rotations (base/log_rotate.h). */
#ifndef HQ_CLI_LOG_FILE_H
#define HQ_CLI_LOG_FILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "cli/log_book.h"

/* One followed log. Zeroed but for path it is a valid one that was not opened yet. */
struct log_file {
    const char *path; /* of the file that grows */
    int fd;           /* what is read; 0: nothing yet */
    ino_t ino, older; /* its inode, and that of the newest old file when it was opened */
    struct buf rest;  /* an unfinished last line */
    int64_t moved_at; /* boot ms: when it was seen to be an old file by now; 0: it is not */
};

/* Reads what came since the last call into the page; the first time what there is: at least the last
 * `tail` bytes, or all (SIZE_MAX), old files too. A file that is not there yet has nothing. */
void log_file_read(struct log_file *file, size_t tail, struct log_page *page);
void log_file_close(struct log_file *file);

#endif
