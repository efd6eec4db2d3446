/* Background work on the SQLite file, in slices: checkpoint, vacuum, the reserve, copies, checks.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/mem.h"
#include "ledger/store_sqlite.h"

enum {
    VACUUM_SLICE = 32,  /* pages moved at once */
    VACUUM_KEEPS = 512, /* free pages kept for the next rows: 2 MB */
    BACKUP_SLICE = 128, /* pages copied at once */
    CHECK_BLOBS = 64,   /* files looked at in one slice */
    RESERVE_MARGIN = 3, /* the reserve is made when this many times its size is free */
};

/* ---- the reserve ---- */

static bool has_room(struct store_sqlite *sqlite)
{
    struct statvfs fs;
    return fstatvfs(sqlite->dir_fd, &fs) == 0 &&
           (uint64_t)fs.f_bavail * fs.f_frsize >= (uint64_t)RESERVE_MARGIN * SQLITE_RESERVE;
}

static bool is_whole(struct store_sqlite *sqlite)
{
    struct stat st;
    return fstatat(sqlite->dir_fd, "reserve", &st, 0) == 0 && st.st_size == SQLITE_RESERVE &&
           st.st_blocks * 512 >= SQLITE_RESERVE;
}

bool sqlite_keep_reserve(struct store *store)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    if (sqlite->has_reserve || (sqlite->has_reserve = is_whole(sqlite)))
        return true;
    if (!has_room(sqlite))
        return false;
    int fd = openat(sqlite->dir_fd, "reserve", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    sqlite->has_reserve = posix_fallocate(fd, 0, SQLITE_RESERVE) == 0;
    close(fd);
    if (!sqlite->has_reserve)
        unlinkat(sqlite->dir_fd, "reserve", 0);
    return sqlite->has_reserve;
}

void sqlite_free_reserve(struct store *store)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    unlinkat(sqlite->dir_fd, "reserve", 0);
    sqlite->has_reserve = false;
}

/* ---- care ---- */

/* Passive: nobody else reads, so it always gets to the end, and the next commit starts the WAL's
 * file from its beginning. Its two fsyncs take what the disk takes; SQLite cannot cut them. */
static int checkpoint(struct store_sqlite *sqlite, struct err *err)
{
    int rc = sqlite3_wal_checkpoint_v2(sqlite->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    int result = sqlite_result(sqlite, rc, "copying the write-ahead log", err);
    if (result == STORE_OK)
        sqlite->wal_pages = 0;
    return result;
}

static int vacuum(struct store_sqlite *sqlite, bool *more, struct err *err)
{
    char sql[64];
    int64_t spare = 0;
    int result = sqlite_number(sqlite, "PRAGMA freelist_count", &spare, err);
    if (result != STORE_OK || spare <= VACUUM_KEEPS)
        return result;
    snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)", VACUUM_SLICE);
    result = sqlite_exec(sqlite, sql, err);
    *more = result == STORE_OK && spare - VACUUM_SLICE > VACUUM_KEEPS;
    return result;
}

/* One kind of work per slice; a transaction that is open is left alone. */
int sqlite_care(struct store *store, bool *more, struct err *err)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    *more = false;
    if (!sqlite3_get_autocommit(sqlite->db))
        return STORE_OK;
    sqlite_keep_reserve(store);
    if (sqlite->wal_pages >= SQLITE_WAL_PAGES) {
        *more = true;
        return checkpoint(sqlite, err);
    }
    return vacuum(sqlite, more, err);
}

/* ---- copies ---- */

void sqlite_backup_drop(struct store_sqlite *sqlite)
{
    sqlite3_backup_finish(sqlite->copy.handle);
    sqlite3_close(sqlite->copy.db);
    free(sqlite->copy.path);
    memset(&sqlite->copy, 0, sizeof(sqlite->copy));
}

static int fsync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = fsync(fd);
    close(fd);
    return result;
}

static int fsync_parent(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = slash ? arena_memdup(arena, path, (size_t)(slash - path) + 1) : NULL;
    return fsync_path(parent ? parent : ".", O_RDONLY | O_DIRECTORY);
}

/* The copy grows under another name, so that a half one is never taken for a whole one. */
static char *part_path(struct arena *arena, const char *path)
{
    return arena_printf(arena, "%s.part", path);
}

static int backup_start(struct store_sqlite *sqlite, const char *path, struct err *err)
{
    struct arena arena = {0};
    const char *part = part_path(&arena, path);
    int result = 0;
    sqlite->copy.path = mem_strdup(path);
    if (access(path, F_OK) == 0)
        result = err_set(err, "exists", "%s is there already; a copy never overwrites", path);
    unlink(part);
    int fd = result < 0 ? -1 : open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (result == 0 && fd < 0)
        result = err_errno(err, "backup_failed", "cannot make %s", part);
    if (fd >= 0)
        close(fd);
    if (result == 0 &&
        sqlite3_open_v2(part, &sqlite->copy.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) == SQLITE_OK) {
        sqlite3_exec(sqlite->copy.db, "PRAGMA synchronous=OFF; PRAGMA cache_size=-256", NULL, NULL,
                     NULL);
        sqlite->copy.handle = sqlite3_backup_init(sqlite->copy.db, "main", sqlite->db, "main");
    }
    if (result == 0 && !sqlite->copy.handle)
        result = err_set(err, "backup_failed", "cannot copy to %s: %s", part,
                         sqlite3_errmsg(sqlite->copy.db));
    arena_fini(&arena);
    return result;
}

/* Writes between two slices go through this connection, which passes them on to the copy. */
static int backup_pages(struct store_sqlite *sqlite, struct err *err)
{
    struct arena arena = {0};
    const char *part = part_path(&arena, sqlite->copy.path);
    int result = STORE_OK;
    int rc = sqlite3_backup_step(sqlite->copy.handle, BACKUP_SLICE);
    if (rc == SQLITE_OK)
        goto out;
    int finished = sqlite3_backup_finish(sqlite->copy.handle);
    sqlite->copy.handle = NULL;
    rc = rc == SQLITE_DONE ? finished : rc;
    int closed = sqlite3_close(sqlite->copy.db);
    sqlite->copy.db = NULL;
    if (rc != SQLITE_OK || closed != SQLITE_OK)
        result = err_set(err, "backup_failed", "cannot copy to %s: %s", part, sqlite3_errstr(rc));
out:
    arena_fini(&arena);
    return result;
}

static int copy_bytes(int from, int to)
{
    ssize_t done;
    while ((done = copy_file_range(from, NULL, to, NULL, 16 << 20, 0)) > 0)
        ;
    return done < 0 || fsync(to) < 0 ? -1 : 0;
}

/* A blob's file never changes: a second name is as good as a copy, on the same disk. */
static int copy_blob(int from, int to, const char *name)
{
    if (linkat(from, name, to, name, 0) == 0 || errno == EEXIST)
        return 0;
    int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int result = in < 0 || out < 0 ? -1 : copy_bytes(in, out);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return result;
}

static int copy_folder(DIR *folder, int to)
{
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && copy_blob(dirfd(folder), to, entry->d_name) < 0)
            return -1;
    return fsync(to);
}

/* Copies blobs/ab to <path>.blobs/ab. */
static int backup_blobs(struct store_sqlite *sqlite, struct err *err)
{
    struct arena arena = {0};
    const char *name = arena_printf(&arena, "blobs/%02x", sqlite->copy.blob_dir);
    const char *root = arena_printf(&arena, "%s.blobs", sqlite->copy.path);
    const char *to = arena_printf(&arena, "%s/%s", root, name + strlen("blobs/"));
    int result = STORE_OK;
    int fd = openat(sqlite->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        arena_fini(&arena);
        return STORE_OK;
    }
    DIR *folder = fdopendir(fd);
    mkdir(root, 0700);
    mkdir(to, 0700);
    int out = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!folder || out < 0 || copy_folder(folder, out) < 0)
        result = err_errno(err, "backup_failed", "cannot copy %s to %s", name, to);
    if (out >= 0)
        close(out);
    if (folder)
        closedir(folder);
    arena_fini(&arena);
    return result;
}

static int backup_end(struct store_sqlite *sqlite, struct err *err)
{
    struct arena arena = {0};
    const char *part = part_path(&arena, sqlite->copy.path);
    int result = STORE_OK;
    crash_point("ledger.copy.before");
    if (rename(part, sqlite->copy.path) < 0 || fsync_parent(&arena, sqlite->copy.path) < 0)
        result = err_errno(err, "backup_failed", "cannot name the copy %s", sqlite->copy.path);
    crash_point("ledger.copy.after");
    arena_fini(&arena);
    return result;
}

static int backup_slice(struct store_sqlite *sqlite, const char *path, bool *more, struct err *err)
{
    *more = true;
    if (!sqlite->copy.path)
        return backup_start(sqlite, path, err);
    if (sqlite->copy.handle)
        return backup_pages(sqlite, err);
    if (sqlite->copy.blob_dir < 256) {
        int result = backup_blobs(sqlite, err);
        sqlite->copy.blob_dir++;
        return result;
    }
    *more = false;
    return backup_end(sqlite, err);
}

int sqlite_backup(struct store *store, const char *path, bool *more, struct err *err)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    if (sqlite->copy.path && strcmp(sqlite->copy.path, path) != 0)
        return err_set(err, "busy", "a copy to %s is under way", sqlite->copy.path);
    int result = backup_slice(sqlite, path, more, err);
    if (result != STORE_OK || !*more)
        sqlite_backup_drop(sqlite);
    return result;
}

/* ---- checks ---- */

static void add_finding(struct store_check *check, struct arena *arena, const char *text)
{
    const char **longer = arena_alloc(arena, (check->count + 1) * sizeof(*longer));
    if (check->count)
        memcpy(longer, check->findings, check->count * sizeof(*longer));
    longer[check->count++] = text;
    check->findings = longer;
}

/* One table: pages, order of rows, NOT NULL, indexes' shape. A large table takes longer than a
 * slice should; SQLite cannot cut this, and only `doctor` asks for it. */
static void check_table(struct store_sqlite *sqlite, const char *table, struct arena *arena,
                        struct store_check *check)
{
    sqlite3_stmt *statement = NULL;
    const char *sql = arena_printf(arena, "PRAGMA quick_check(\"%s\")", table);
    int rc = sqlite3_prepare_v2(sqlite->db, sql, -1, &statement, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (text && strcmp(text, "ok") != 0)
            add_finding(check, arena, arena_printf(arena, "ledger.db, table %s: %s", table, text));
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE)
        add_finding(check, arena,
                    arena_printf(arena, "ledger.db, table %s cannot be read: %s", table,
                                 sqlite3_errmsg(sqlite->db)));
    sqlite3_finalize(statement);
}

static void check_blob(struct store_sqlite *sqlite, sqlite3_stmt *row, struct arena *arena,
                       struct store_check *check)
{
    struct stat st;
    const char *hex = (const char *)sqlite3_column_text(row, 0);
    const char *path = arena_printf(arena, "blobs/%.2s/%s", hex, hex);
    if (fstatat(sqlite->dir_fd, path, &st, 0) < 0)
        add_finding(check, arena, arena_printf(arena, "%s is missing", path));
    else if (st.st_size != sqlite3_column_int64(row, 1))
        add_finding(check, arena,
                    arena_printf(arena, "%s has %lld bytes instead of %lld", path,
                                 (long long)st.st_size, (long long)sqlite3_column_int64(row, 1)));
}

/* Are the files of large blobs there, whole? Their bytes are checked whenever they are read. */
static void check_blobs(struct store_sqlite *sqlite, int64_t from, struct arena *arena,
                        struct store_check *check)
{
    sqlite3_stmt *row = NULL;
    const char *sql = arena_printf(arena,
                                   "SELECT sha256, size FROM \"blob\" WHERE bytes IS NULL "
                                   "ORDER BY rowid LIMIT %d OFFSET %lld",
                                   CHECK_BLOBS, (long long)from);
    int seen = 0, rc = sqlite3_prepare_v2(sqlite->db, sql, -1, &row, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        check_blob(sqlite, row, arena, check);
        seen++;
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE)
        add_finding(check, arena,
                    arena_printf(arena, "ledger.db: the list of blobs cannot be read: %s",
                                 sqlite3_errmsg(sqlite->db)));
    sqlite3_finalize(row);
    check->more = seen == CHECK_BLOBS;
}

/* A damaged page is a finding, not a failure: the check goes on with the next table. */
int sqlite_check(struct store *store, struct arena *arena, struct store_check *check,
                 struct err *err)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    size_t at = check->next++;
    check->more = true;
    if (at < schema_table_count)
        check_table(sqlite, schema_tables[at].record->name, arena, check);
    else if (at == schema_table_count)
        check_table(sqlite, "blob", arena, check);
    else
        check_blobs(sqlite, (int64_t)(at - schema_table_count - 1) * CHECK_BLOBS, arena, check);
    return STORE_OK;
}
