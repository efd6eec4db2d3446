/* What a backup says of itself: a JSON document at its end, so that it is written in one pass. */
#ifndef HQ_BACKUP_MANIFEST_H
#define HQ_BACKUP_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/ustar.h"

struct arena;
struct buf;
struct err;

enum {
    BACKUP_FORMAT = 1,
    BACKUP_CHUNK = 1 << 20, /* bytes under one hash: how exactly damage is placed */
};

/* One file of the archive. */
struct backup_member {
    const char *path; /* relative to the company's folder */
    int64_t size, mtime;
    bool executable;
    char sha256[HASH_HEX];
    unsigned char (*chunks)[HASH_BYTES]; /* of each BACKUP_CHUNK bytes, the last may be shorter */
    size_t chunk_count;
    int64_t at; /* where its content begins in the file; not in the document */
};

struct backup_members {
    struct backup_member *list;
    size_t count, cap;
};

struct backup_info {
    int64_t format;
    const char *hq, *company, *created_at; /* version that wrote it; RFC 3339 */
    const char *ledger_id;                 /* whose events they are */
    int64_t schema;                        /* of ledger.db */
    int64_t events;             /* every event up to this number is in it; 0: not known */
    bool secrets;               /* the company's secrets are in it */
    char head_sha256[HASH_HEX]; /* of hq-backup.txt, which is before all members */
};

/* Appends one behind the others; the path is copied to the arena. Ends with the arena. */
struct backup_member *backup_members_add(struct backup_members *members,
                                         const struct backup_member *member, struct arena *arena);

void manifest_print(const struct backup_info *info, const struct backup_members *members,
                    struct buf *out);

/* Texts and members lie in the arena. 0, or -1 with *err: no such document, or one of a newer
 * format (code "newer_backup"). */
int manifest_parse(const char *bytes, size_t len, struct arena *arena, struct backup_info *info,
                   struct backup_members *members, struct err *err);

/* Refuses what this version cannot read: a newer format, a newer schema. */
int manifest_check_versions(const struct backup_info *info, struct err *err);

#endif
