/* How much a command has added to the disk, told apart from what others write meanwhile. */
#ifndef HQ_SYS_GUARD_DISK_H
#define HQ_SYS_GUARD_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct disk_watch {
    const char *const *folders; /* where the command may write */
    int64_t max;                /* bytes; 0: any amount */
    uint64_t used;              /* of the whole file system, at the start */
    time_t started;
    int64_t next_walk;
};

/* Caller's memory; `folders` (NULL-terminated) is borrowed, `max` in bytes. */
void disk_watch_init(struct disk_watch *watch, const char *const *folders, int64_t max);

/* True where the command has added more than `max`: the file system has grown by that much and the
 * folders hold that much in files changed since the start, or (files that are open but have no name
 * are not found there) it has grown by four times as much. A statvfs; at most once a second a walk.
 */
bool disk_watch_is_exceeded(struct disk_watch *watch);

#endif
