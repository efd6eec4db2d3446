/* Reading and writing open files. */
#ifndef HQ_BASE_FILE_H
#define HQ_BASE_FILE_H

#include <stddef.h>

struct buf;

/* Writes all bytes to a descriptor that blocks, however many calls that takes; goes on after signals.
 * 0, or -1 with errno; part of it may have been written then. */
int file_write(int fd, const void *bytes, size_t len);

/* Appends what is there to the end, or until `out` holds more than `most` bytes (so that the caller sees
 * that it is too much; a little more than one is read then). Goes on after signals. 0, or -1 with
 * errno. */
int file_read(int fd, size_t most, struct buf *out);

#endif
