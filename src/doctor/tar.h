/* Writing an archive that tar(1) reads. Format: ustar, POSIX.1-1988 (pax(1), "ustar Interchange
 * Format"). */
#ifndef HQ_DOCTOR_TAR_H
#define HQ_DOCTOR_TAR_H

#include <stddef.h>
#include <stdint.h>

struct err;

struct tar_entry {
    const char *name; /* relative, at most 99 bytes */
    const char *bytes;
    size_t len;
    int64_t at; /* s since 1970 */
};

/* Write one regular file of mode 0600; the end of the archive. 0, or -1 with *err. */
int tar_put(int fd, const struct tar_entry *entry, struct err *err);
int tar_end(int fd, struct err *err);

#endif
