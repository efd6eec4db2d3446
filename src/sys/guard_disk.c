/* The cheap question first: has the file system grown? Only then the folders are walked. */
#include <fts.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/time.h"
#include "sys/guard_disk.h"

enum {
    WALK_EVERY_MS = 1000,
    WALK_ENTRIES = 200000, /* a walk of about half a second */
    BLOCK = 512,           /* unit of st_blocks, stat(2) */
    CERTAIN = 4,           /* times `max` */
};

static uint64_t disk_used(const char *folder)
{
    struct statvfs vfs;
    if (!folder || statvfs(folder, &vfs) < 0)
        return 0;
    return (uint64_t)(vfs.f_blocks - vfs.f_bfree) * vfs.f_frsize;
}

void disk_watch_init(struct disk_watch *watch, const char *const *folders, int64_t max)
{
    *watch = (struct disk_watch){.folders = folders,
                                 .max = max,
                                 .used = disk_used(folders[0]),
                                 .started = time(NULL) - 1}; /* file times are a tick behind */
}

/* Bytes of files beneath the folders that changed since the start; links are not followed. */
static int64_t changed_bytes(const struct disk_watch *watch)
{
    int64_t bytes = 0;
    FTSENT *entry;
    FTS *walk =
        fts_open((char *const *)watch->folders, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
    if (!walk)
        return 0;
    for (int i = 0; i < WALK_ENTRIES && bytes <= watch->max && (entry = fts_read(walk)); i++)
        if (entry->fts_info == FTS_F && entry->fts_statp->st_ctime >= watch->started)
            bytes += (int64_t)entry->fts_statp->st_blocks * BLOCK;
    fts_close(walk);
    return bytes;
}

bool disk_watch_is_exceeded(struct disk_watch *watch)
{
    uint64_t used = disk_used(watch->folders[0]);
    if (watch->max <= 0 || used <= watch->used || used - watch->used <= (uint64_t)watch->max)
        return false;
    if (used - watch->used > (uint64_t)watch->max * CERTAIN)
        return true;
    int64_t now = time_boot_ms();
    if (now < watch->next_walk)
        return false;
    watch->next_walk = now + WALK_EVERY_MS;
    return changed_bytes(watch) > watch->max;
}
