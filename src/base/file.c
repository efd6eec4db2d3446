/* read(2) and write(2) until nothing is left. */
#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

enum { FILE_PIECE = 16384 }; /* most files are shorter; malloc maps larger blocks anew */

int file_write(int fd, const void *bytes, size_t len)
{
    for (const char *next = bytes; len > 0;) {
        ssize_t put = write(fd, next, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        next += put;
        len -= (size_t)put;
    }
    return 0;
}

int file_read(int fd, size_t most, struct buf *out)
{
    while (out->len <= most) {
        ssize_t got = read(fd, buf_room(out, FILE_PIECE), FILE_PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        buf_grow(out, (size_t)got);
    }
    return 0;
}
