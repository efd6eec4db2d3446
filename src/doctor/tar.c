/* Headers of 512 bytes, contents filled up to as many. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "doctor/tar.h"

enum { BLOCK = 512, NAME_MAX_LEN = 99 };

struct ustar { /* all texts; numbers are octal */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
    char magic[6], version[2], owner[32], group[32], major[8], minor[8], prefix[155], fill[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a header is one block");

static void fill_header(struct ustar *header, const struct tar_entry *entry)
{
    unsigned sum = 0;
    *header = (struct ustar){.type = '0', .version = {'0', '0'}};
    snprintf(header->name, sizeof(header->name), "%s", entry->name);
    memcpy(header->mode, "0000600", 8);
    memcpy(header->uid, "0000000", 8);
    memcpy(header->gid, "0000000", 8);
    memcpy(header->magic, "ustar", 6);
    snprintf(header->size, sizeof(header->size), "%011llo", (unsigned long long)entry->len);
    snprintf(header->mtime, sizeof(header->mtime), "%011llo", (unsigned long long)entry->at);
    memset(header->sum, ' ', sizeof(header->sum)); /* counted as blanks */
    for (size_t i = 0; i < BLOCK; i++)
        sum += ((const unsigned char *)header)[i];
    snprintf(header->sum, sizeof(header->sum), "%06o", sum);
}

int tar_put(int fd, const struct tar_entry *entry, struct err *err)
{
    static const char zeros[BLOCK];
    struct ustar header;
    size_t over = entry->len % BLOCK;
    if (strlen(entry->name) > NAME_MAX_LEN)
        return err_set(err, "tar", "the name %.40s… is too long for an archive", entry->name);
    fill_header(&header, entry);
    if (file_write(fd, &header, BLOCK) < 0 || file_write(fd, entry->bytes, entry->len) < 0 ||
        (over && file_write(fd, zeros, BLOCK - over) < 0))
        return err_errno(err, "tar", "cannot write %s into the archive", entry->name);
    return 0;
}

int tar_end(int fd, struct err *err)
{
    static const char zeros[2 * BLOCK];
    return file_write(fd, zeros, sizeof(zeros)) < 0
               ? err_errno(err, "tar", "cannot write the end of the archive")
               : 0;
}
