/* The headers of an archive that tar(1) reads: POSIX ustar (IEEE Std 1003.1, pax), written in one way
 * only, so that a reader can tell every changed byte. */
#ifndef HQ_BASE_USTAR_H
#define HQ_BASE_USTAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    USTAR_BLOCK = 512,
    USTAR_HEADER = 4 * USTAR_BLOCK, /* at most: a long path takes two blocks and a second header */
    USTAR_PATH = 1000,              /* bytes of a path, as folder_name_is_inside() allows */
    USTAR_END = 2 * USTAR_BLOCK,    /* of zeros: the end */
};

struct ustar_entry {
    char path[USTAR_PATH + 1];
    int64_t size;    /* base-256 from 8 GiB on, as GNU and BSD tar have it */
    int64_t mtime;   /* seconds */
    bool executable; /* 0700, else 0600 */
};

/* Writes the header (one to four blocks) and returns its bytes. The path must be one that
 * folder_name_is_inside(). */
size_t ustar_put(const struct ustar_entry *entry, unsigned char out[USTAR_HEADER]);

/* How many bytes of zeros follow the content, up to the next block. */
size_t ustar_padding(int64_t size);

/* How many bytes the header has that begins with this block: so many are to be read before
 * ustar_get(). 0: this is no header. */
size_t ustar_header_size(const unsigned char block[USTAR_BLOCK]);

/* Reads a header of that many bytes. False where it is not, byte for byte, what ustar_put() writes,
 * or where its path leads out. */
bool ustar_get(const unsigned char *header, size_t size, struct ustar_entry *entry);

#endif
