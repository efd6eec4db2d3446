/* A backup's file: written in one pass, read and checked in one pass.
 *
 * A tar of: hq-backup.txt (what it is, for people and for telling foreign files), the members, then
 * hq-backup.json (the manifest) and hq-backup.sha256 (its digest), so that every byte is accounted
 * for: headers are what ustar_put() writes, contents have hashes, the rest is zeros. */
#ifndef HQ_BACKUP_ARCHIVE_H
#define HQ_BACKUP_ARCHIVE_H

#include "backup/manifest.h"

#define BACKUP_HEAD "hq-backup.txt"
#define BACKUP_MANIFEST "hq-backup.json"
#define BACKUP_SEAL "hq-backup.sha256"

struct arena;
struct archive_writer;
struct err;

/* Told every few MiB; may be called often. */
struct backup_progress {
    void (*tell)(void *ctx, int64_t done);
    void *ctx;
};

/* ---- writing ---- */

/* Makes PATH.part (0600) and writes the head. `info` is copied when the archive ends; borrowed
 * until then. NULL with *err: exists (code "exists"), no room ("disk_full"), not writable. */
struct archive_writer *archive_create(const char *path, struct backup_info *info,
                                      const struct backup_progress *progress, struct err *err);

/* Adds what can be read of an open file, up to `most` bytes (so a log that grows meanwhile ends
 * somewhere). member: path, mtime, executable. 0, or -1 with *err. */
int archive_add(struct archive_writer *writer, const struct backup_member *member, int fd,
                int64_t most, struct err *err);
int archive_add_bytes(struct archive_writer *writer, const struct backup_member *member,
                      const void *bytes, size_t len, struct err *err);

/* Writes manifest and end, syncs, names the file. 0, or -1 with *err; the writer is gone in both
 * cases, and on failure so is the file. *size: its bytes. */
int archive_finish(struct archive_writer *writer, int64_t *size, struct err *err);
void archive_abandon(struct archive_writer *writer);
const struct backup_members *archive_members(const struct archive_writer *writer);

/* ---- reading ---- */

struct archive {
    int fd;
    int64_t size;
    struct backup_info info;
    struct backup_members members; /* without head, manifest and seal; in the arena */
};

/* Reads the whole file and checks every byte of it. 0, or -1 with *err, whose message begins with
 * `name` and says the place: "not_a_backup", "truncated", "damaged", "newer_backup",
 * "newer_schema". `fd` is borrowed. */
int archive_check(int fd, const char *name, const struct backup_progress *progress,
                  struct arena *arena, struct archive *archive, struct err *err);

/* The head alone, and whether the end is there: for lists. 0, or -1 with *err as above. */
int archive_look(int fd, const char *name, struct arena *arena, struct archive *archive,
                 struct err *err);

/* Copies a member's content to `to`, looking at its hash again. 0, or -1 with *err. */
int archive_copy(const struct archive *archive, const struct backup_member *member, int to,
                 struct err *err);

#endif
