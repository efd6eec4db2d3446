/* write(2) until nothing is left. */
#include <errno.h>
#include <unistd.h>

#include "base/file.h"

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
