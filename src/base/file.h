/* Writing to open files. */
#ifndef HQ_BASE_FILE_H
#define HQ_BASE_FILE_H

#include <stddef.h>

/* Writes all bytes to a descriptor that blocks, however many calls that takes; goes on after signals.
 * 0, or -1 with errno; part of it may have been written then. */
int file_write(int fd, const void *bytes, size_t len);

#endif
