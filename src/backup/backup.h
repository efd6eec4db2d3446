/* Backups of a company: one file that holds its ledger and its folders, and a company made of one.
 */
#ifndef HQ_BACKUP_BACKUP_H
#define HQ_BACKUP_BACKUP_H

#include "backup/archive.h"

struct config;

#define BACKUP_SUFFIX ".hqb.tar"

/* What goes in, and what does not, with the reason: "NAME: why". */
struct backup_file {
    const char *path, *source; /* in the backup; on disk */
    int64_t size, mtime;
    bool executable;
};
struct backup_files {
    struct backup_file *list;
    size_t count, cap;
    int64_t bytes;
    const char **left_out;
    size_t left_count, left_cap;
};

/* The company's folder but for state, secrets (unless asked for), backups and .git; of the state
 * folder the commands' folders, the archive of retired work. Ledger and blobs are not among them.
 * Texts in the arena. 0, or -1 with *err. */
int backup_collect(const struct config *config, bool with_secrets, struct arena *arena,
                   struct backup_files *files, struct err *err);

/* Every file below a folder, named "PREFIX/…". 0 also where the folder is not there. */
int backup_collect_folder(const char *folder, const char *prefix, struct arena *arena,
                          struct backup_files *files, struct err *err);

/* ---- making one ---- */

struct backup_copied {
    const char *ledger_id; /* in the arena; NULL: not known */
    int64_t events;
};

struct backup_job {
    const struct config *config;
    const char *path; /* of the backup; not there yet */
    bool with_secrets;
    const struct backup_progress *progress;
    /* Makes <state>/NAME/ledger.db and <state>/NAME/ledger.db.blobs, a consistent copy: by the hub.
     * NULL: nothing runs, and the ledger is opened here, under the hub's lock. */
    int (*copy)(void *ctx, const char *name, struct arena *arena, struct backup_copied *copied,
                struct err *err);
    void *ctx;
};

struct backup_result {
    int64_t size, members;
    int64_t ledger_bytes, blob_bytes, file_bytes;
    struct backup_info info;
    struct backup_files files;
};

/* "<company>/backups/<name>-20261122T150405Z.hqb.tar", in the arena; "…Z-2.hqb.tar" where that one is
 * there. */
const char *backup_default_path(const struct config *config, struct arena *arena);

/* Makes the file, or on failure none. 0, or -1 with *err ("busy": another backup is being made;
 * "disk_full"). Blocks for as long as it takes. */
int backup_create(const struct backup_job *job, struct arena *arena, struct backup_result *result,
                  struct err *err);

/* What would go in. */
int backup_plan(const struct backup_job *job, struct arena *arena, struct backup_result *result,
                struct err *err);

/* ---- looking at one ---- */

struct backup_report {
    struct archive archive;
    const char **findings; /* of the ledger in it: sentences; none means clean */
    size_t finding_count;
    int64_t events;    /* in its ledger */
    int64_t held_back; /* of a restore: deliveries of which nobody knows any more */
};

/* Checks every byte, then makes a copy of its ledger in a temporary folder (beside the file, or in
 * TMPDIR) and looks whether that holds what a ledger promises and every blob is what its name says.
 * 0 also with findings; -1 with *err where the file is refused. */
int backup_verify(const char *path, const struct backup_progress *progress, struct arena *arena,
                  struct backup_report *report, struct err *err);

/* ---- making a company of one ---- */

struct backup_restore {
    const char *path;
    const char *to; /* a folder that is not there, or empty */
    bool dry_run;
    const struct backup_progress *progress;
};

/* Checks every byte first. The company is there when this returns 0, and until its hq.yaml, the
 * last thing named, is there, no company is. Its ledger has a new id. -1 with *err. */
int backup_restore(const struct backup_restore *job, struct arena *arena,
                   struct backup_report *report, struct err *err);

#endif
