/* A process's life on disk: a lock file, held from start to death, that says who holds it. */
#ifndef HQ_SYS_LOCK_H
#define HQ_SYS_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct lock;

/* What the holder tells about itself: rewritten in place as it changes. */
struct lock_info {
    pid_t pid;
    int64_t start_ticks; /* field 22 of /proc/<pid>/stat: pid + start time is unique */
    int64_t started_at;  /* wall ms */
    bool ready;
    int port;       /* 0: none */
    int64_t pss_kb; /* self-reported, -1: unknown */
    char nonce[33];
    char version[16];
    char config_hash[65];
};

enum lock_outcome { LOCK_OK = 0, LOCK_HELD = 1, LOCK_FREE = 2 };

/* Takes <dir>/<name>.lock (0600, an OFD lock, close-on-exec) for life. LOCK_HELD: another process
 * has it; *info (may be NULL) then says who. -1 with *err on I/O. */
int lock_take(const char *dir, const char *name, struct lock **lock, struct lock_info *info,
              struct err *err);

/* Rewrites what the file says. The pid and ticks are filled in. */
int lock_tell(struct lock *lock, struct lock_info *info, struct err *err);
void lock_release(struct lock *lock); /* empties the file; it stays. NULL is allowed */

/* Releases and removes the file: for locks that live as long as one task. */
void lock_discard(struct lock *lock);

/* Looks without taking: LOCK_HELD with *info (pid 0 where the holder has not yet said who it is
 * within 100 ms), LOCK_FREE (nobody holds it, or no file), or -1. */
int lock_look(const char *dir, const char *name, struct lock_info *info, struct err *err);

/* A pidfd of the holder, checked against its start time; -1 when it is gone. */
int lock_pidfd(const struct lock_info *info);

/* PSS of this process in kB from /proc/self/smaps_rollup, -1 when unknown. */
int64_t process_pss_kb(void);

#endif
