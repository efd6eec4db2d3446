/* Makes a backup: a copy of the ledger first, then the files, which are then at least as new. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backup/backup.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "ledger/ledger.h"
#include "ledger/schema.h"
#include "ledger/store.h"
#include "sys/lock.h"

#define COPIES "copies" /* below the state folder: of the ledger, while a backup is made */

struct creating {
    const struct backup_job *job;
    struct arena *arena;
    struct backup_result *result;
    const char *copy;  /* folder of the ledger's copy */
    struct buf cursor; /* state/chronicle.json as it was before that copy */
    struct lock *lock;
    struct err *err;
};

const char *backup_default_path(const struct config *config, struct arena *arena)
{
    char now[TIME_TEXT], stamp[TIME_TEXT];
    size_t used = 0;
    time_rfc3339(time_wall_ms(), now);
    for (const char *at = now; *at && *at != '.'; at++)
        if (*at != '-' && *at != ':')
            stamp[used++] = *at;
    stamp[used] = '\0';
    const char *name =
        arena_printf(arena, "%s/backups/%s-%sZ", config->dir, config->company, stamp);
    const char *path = arena_printf(arena, "%s" BACKUP_SUFFIX, name);
    for (int again = 2; access(path, F_OK) == 0; again++) /* two within a second */
        path = arena_printf(arena, "%s-%d" BACKUP_SUFFIX, name, again);
    return path;
}

/* ---- the ledger's copy ---- */

static int64_t newest_event(struct store *store, struct arena *arena)
{
    void *rows;
    size_t count = 0;
    struct err ignored;
    struct scan scan = {.record = &event_record, .index = "event_no", .descending = true, .max = 1};
    if (store->ops->scan(store, &scan, arena, &rows, &count, &ignored) != STORE_OK || count == 0)
        return 0;
    return ((const struct event *)rows)->no;
}

static int copy_store(struct store *store, const char *path, struct err *err)
{
    bool more = true;
    int rc = STORE_OK;
    while (more && rc == STORE_OK)
        rc = store->ops->backup(store, path, &more, err);
    return rc == STORE_OK ? 0 : -1;
}

/* Nothing runs, and nothing may start meanwhile. The ledger is opened as it is: a backup is what
 * one makes before a migration. */
static int copy_here(struct creating *c, const char *folder, struct backup_copied *copied)
{
    const char *state = c->job->config->state;
    const char *run = arena_printf(c->arena, "%s/run", state);
    struct lock *lock = NULL;
    struct lock_info other;
    if (folder_make(folder, c->err) < 0)
        return -1;
    int rc = lock_take(run, "hub", &lock, &other, c->err);
    if (rc == LOCK_HELD)
        return err_set(c->err, "busy", "the hub (pid %d) has just started; try again",
                       (int)other.pid);
    if (rc < 0)
        return -1;
    struct store *store = store_sqlite_open(state, c->err);
    rc = store ? copy_store(store, arena_printf(c->arena, "%s/ledger.db", folder), c->err) : -1;
    if (store) {
        copied->events = newest_event(store, c->arena);
        store->ops->close(store);
    }
    lock_release(lock);
    return rc;
}

static int copy_ledger(struct creating *c, struct backup_copied *copied)
{
    char name[sizeof(COPIES) + 18] = COPIES "/";
    struct stat st;
    const struct backup_job *job = c->job;
    rand_hex(name + strlen(COPIES "/"), 16);
    c->copy = arena_printf(c->arena, "%s/%s", job->config->state, name);
    if (!job->copy && stat(arena_printf(c->arena, "%s/ledger.db", job->config->state), &st) < 0) {
        err_set(c->err, "no_ledger", "%s has no ledger yet: there is nothing to back up",
                job->config->company);
        err_hint(c->err, "hq up makes one; -C DIR names another company");
        return -1;
    }
    crash_point("backup.copy.before");
    int rc = job->copy ? job->copy(job->ctx, name, c->arena, copied, c->err)
                       : copy_here(c, c->copy, copied);
    crash_point("backup.copy.after");
    return rc;
}

/* The version that a ledger's file says it has (SQLite's file format, user_version: 4 bytes at 60).
 */
static int schema_of(const char *path, int64_t *schema, struct err *err)
{
    unsigned char head[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
    if (fd >= 0)
        close(fd);
    if (got != sizeof(head))
        return err_set(err, "backup_failed", "the copy of the ledger cannot be read: %s", path);
    *schema = (int64_t)head[60] << 24 | head[61] << 16 | head[62] << 8 | head[63];
    return 0;
}

/* ---- members ---- */

static int add_source(struct creating *c, struct archive_writer *writer,
                      const struct backup_file *file)
{
    struct stat st;
    struct backup_member member = {.path = file->path};
    int fd = open(file->source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP))
        return 0; /* gone since we looked */
    if (fd < 0)
        return err_errno(c->err, "backup_failed", "cannot read %s", file->source);
    int rc = fstat(fd, &st);
    if (rc == 0 && S_ISREG(st.st_mode)) {
        member.mtime = st.st_mtime > 0 ? st.st_mtime : 0;
        member.executable = (st.st_mode & 0100) != 0;
        rc = archive_add(writer, &member, fd, st.st_size, c->err);
    }
    close(fd);
    return rc;
}

static int add_blobs(struct creating *c, struct archive_writer *writer)
{
    struct backup_files blobs = {0};
    const char *root = arena_printf(c->arena, "%s/ledger.db.blobs", c->copy);
    int rc = backup_collect_folder(root, "state/blobs", c->arena, &blobs, c->err);
    for (size_t i = 0; i < blobs.count && rc == 0; i++)
        rc = add_source(c, writer, &blobs.list[i]);
    c->result->blob_bytes = blobs.bytes;
    return rc;
}

static int add_ledger(struct creating *c, struct archive_writer *writer)
{
    struct stat st;
    struct backup_file ledger = {
        .path = "state/ledger.db",
        .source = arena_printf(c->arena, "%s/ledger.db", c->copy),
    };
    struct backup_member cursor = {.path = "state/chronicle.json", .mtime = time_wall_ms() / 1000};
    int rc = add_source(c, writer, &ledger);
    if (rc == 0 && stat(ledger.source, &st) == 0)
        c->result->ledger_bytes = st.st_size;
    if (rc == 0 && c->cursor.len)
        rc = archive_add_bytes(writer, &cursor, c->cursor.bytes, c->cursor.len, c->err);
    return rc == 0 ? add_blobs(c, writer) : rc;
}

static int add_files(struct creating *c, struct archive_writer *writer)
{
    const struct backup_files *files = &c->result->files;
    int rc = 0;
    for (size_t i = 0; i < files->count && rc == 0; i++)
        rc = add_source(c, writer, &files->list[i]);
    c->result->file_bytes = files->bytes;
    return rc;
}

static int write_archive(struct creating *c)
{
    struct archive_writer *writer =
        archive_create(c->job->path, &c->result->info, c->job->progress, c->err);
    if (!writer)
        return -1;
    if (add_ledger(c, writer) < 0 || add_files(c, writer) < 0) {
        archive_abandon(writer);
        return -1;
    }
    c->result->members = (int64_t)archive_members(writer)->count;
    return archive_finish(writer, &c->result->size, c->err);
}

/* ---- all of it ---- */

static int read_cursor(struct creating *c)
{
    const char *path = arena_printf(c->arena, "%s/chronicle.json", c->job->config->state);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int rc = fd < 0 ? 0 : file_read(fd, 1 << 20, &c->cursor);
    if (fd >= 0)
        close(fd);
    return rc < 0 ? err_errno(c->err, "backup_failed", "cannot read %s", path) : 0;
}

static int64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : 0;
}

/* Better said before than after an hour of copying. Blobs are not copied: they get a second name.
 */
static int check_room(struct creating *c, const char *folder, int64_t needed)
{
    struct statvfs fs;
    if (statvfs(folder, &fs) < 0)
        return err_errno(c->err, "backup_failed", "cannot look at %s", folder);
    int64_t room = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    if (room >= needed)
        return 0;
    err_set(c->err, "disk_full", "the backup needs about %lld MB at %s; %lld MB are free",
            (long long)(needed >> 20) + 1, folder, (long long)(room >> 20));
    err_hint(c->err, "choose another disk with -o FILE");
    return -1;
}

static int take_lock(struct creating *c)
{
    struct lock_info other;
    const char *run = arena_printf(c->arena, "%s/run", c->job->config->state);
    if (folder_make(run, c->err) < 0)
        return -1;
    int rc = lock_take(run, "backup", &c->lock, &other, c->err);
    if (rc == LOCK_HELD)
        return err_set(c->err, "busy", "another backup of this company is being made (pid %d)",
                       (int)other.pid);
    return rc;
}

/* In the company's own folder a killed one's is found again by nobody: the next has another name.
 */
static void remove_parts(struct creating *c)
{
    const char *folder = arena_printf(c->arena, "%s/backups", c->job->config->dir);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (str_starts(entry->d_name, arena_printf(c->arena, "%s-", c->job->config->company)) &&
            str_ends(entry->d_name, BACKUP_SUFFIX ".part"))
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

static int create(struct creating *c)
{
    char now[TIME_TEXT];
    const struct config *config = c->job->config;
    struct backup_copied copied = {0};
    const char *slash = strrchr(c->job->path, '/');
    const char *folder =
        slash ? arena_memdup(c->arena, c->job->path, (size_t)(slash - c->job->path)) : ".";
    int64_t ledger = size_of(arena_printf(c->arena, "%s/ledger.db", config->state));
    time_rfc3339(time_wall_ms(), now);
    if (check_room(c, config->state, ledger) < 0 || check_room(c, folder, ledger) < 0 ||
        read_cursor(c) < 0 || copy_ledger(c, &copied) < 0)
        return -1;
    c->result->info = (struct backup_info){
        .format = BACKUP_FORMAT,
        .hq = HQ_VERSION,
        .company = config->company,
        .created_at = arena_strdup(c->arena, now),
        .ledger_id = copied.ledger_id,
        .events = copied.events,
        .secrets = c->job->with_secrets,
    };
    if (schema_of(arena_printf(c->arena, "%s/ledger.db", c->copy), &c->result->info.schema,
                  c->err) < 0 ||
        backup_collect(config, c->job->with_secrets, c->arena, &c->result->files, c->err) < 0)
        return -1;
    return write_archive(c);
}

int backup_create(const struct backup_job *job, struct arena *arena, struct backup_result *result,
                  struct err *err)
{
    struct creating c = {.job = job, .arena = arena, .result = result, .err = err};
    struct err ignored;
    const char *copies = arena_printf(arena, "%s/" COPIES, job->config->state);
    *result = (struct backup_result){0};
    int rc = take_lock(&c);
    if (rc == 0)
        remove_parts(&c);
    if (rc == 0) /* what a killed one left */
        rc = folder_remove(copies, err) < 0 || folder_make(copies, err) < 0 ? -1 : create(&c);
    if (c.lock) {
        folder_remove(copies, &ignored);
        lock_release(c.lock);
    }
    buf_fini(&c.cursor);
    return rc;
}

int backup_plan(const struct backup_job *job, struct arena *arena, struct backup_result *result,
                struct err *err)
{
    const struct config *config = job->config;
    *result = (struct backup_result){.info.secrets = job->with_secrets};
    result->ledger_bytes = size_of(arena_printf(arena, "%s/ledger.db", config->state));
    if (backup_collect(config, job->with_secrets, arena, &result->files, err) < 0)
        return -1;
    result->file_bytes = result->files.bytes;
    result->members = (int64_t)result->files.count + 1;
    return 0;
}
