/* The file format of a backup's outside: POSIX ustar (IEEE Std 1003.1, pax), written in one way
 * only, so that a reader can tell every changed byte. */
#ifndef HQ_BACKUP_TAR_H
#define HQ_BACKUP_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TAR_BLOCK = 512,
    TAR_HEADER = 4 * TAR_BLOCK, /* at most: a long path takes two blocks and a second header */
    TAR_PATH = 1000,            /* bytes of a path, as folder_name_is_inside() allows */
    TAR_END = 2 * TAR_BLOCK,    /* of zeros: the end */
};

struct tar_entry {
    char path[TAR_PATH + 1];
    int64_t size;    /* base-256 from 8 GiB on, as GNU and BSD tar have it */
    int64_t mtime;   /* seconds */
    bool executable; /* 0700, else 0600 */
};

/* Writes the header (one to four blocks) and returns its bytes. The path must be one that
 * folder_name_is_inside(). */
size_t tar_put(const struct tar_entry *entry, unsigned char out[TAR_HEADER]);

/* How many bytes of zeros follow the content, up to the next block. */
size_t tar_padding(int64_t size);

/* How many bytes the header has that begins with this block: so many are to be read before
 * tar_get(). 0: this is no header. */
size_t tar_header_size(const unsigned char block[TAR_BLOCK]);

/* Reads a header of that many bytes. False where it is not, byte for byte, what tar_put() writes,
 * or where its path leads out. */
bool tar_get(const unsigned char *header, size_t size, struct tar_entry *entry);

#endif
