/* Blobs: small ones are rows, large ones files DIR/blobs/ab/abcd… that a row names. A file is whole
 * before its name exists (written to blobs/tmp, fsynced, renamed, folder fsynced), and its row
 * comes after it: a row never names what is not there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/time.h"
#include "ledger/store_sqlite.h"

enum { BLOB_PATH = 96 };

struct blob_paths {
    char folder[BLOB_PATH], file[BLOB_PATH], temporary[BLOB_PATH];
};

/* What names no blob must not become a path either. */
static bool is_digest(const char *hex)
{
    return strlen(hex) == 64 && strspn(hex, "0123456789abcdef") == 64;
}

static struct blob_paths paths_of(const char *hex)
{
    struct blob_paths paths;
    snprintf(paths.folder, BLOB_PATH, "blobs/%.2s", hex);
    snprintf(paths.file, BLOB_PATH, "blobs/%.2s/%s", hex, hex);
    snprintf(paths.temporary, BLOB_PATH, "blobs/tmp/%s", hex);
    return paths;
}

/* ---- files ---- */

static int fsync_folder(struct store_sqlite *sqlite, const char *path)
{
    int fd = openat(sqlite->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = fsync(fd);
    close(fd);
    return result;
}

static int write_temporary(struct store_sqlite *sqlite, const char *path, const void *bytes,
                           size_t len)
{
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(sqlite->dir_fd, path, flags, 0600);
    if (fd < 0)
        return -1;
    int result = file_write(fd, bytes, len) < 0 || fsync(fd) < 0 ? -1 : 0;
    int number = errno;
    close(fd);
    errno = number;
    return result;
}

/* Returns 0, or -1 with errno. */
static int write_file(struct store_sqlite *sqlite, const char *hex, const void *bytes, size_t len)
{
    struct blob_paths paths = paths_of(hex);
    bool made = mkdirat(sqlite->dir_fd, paths.folder, 0700) == 0;
    if (!made && errno != EEXIST)
        return -1;
    crash_point("ledger.blob.before");
    if (write_temporary(sqlite, paths.temporary, bytes, len) < 0 ||
        renameat(sqlite->dir_fd, paths.temporary, sqlite->dir_fd, paths.file) < 0 ||
        fsync_folder(sqlite, paths.folder) < 0 || (made && fsync_folder(sqlite, "blobs") < 0)) {
        int number = errno;
        unlinkat(sqlite->dir_fd, paths.temporary, 0);
        errno = number;
        return -1;
    }
    crash_point("ledger.blob.after");
    return 0;
}

static int put_file(struct store_sqlite *sqlite, const char *hex, const void *bytes, size_t len,
                    struct err *err)
{
    if (write_file(sqlite, hex, bytes, len) == 0)
        return STORE_OK;
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    err_errno(err, full ? "store_full" : "store_io", "cannot write a blob of %zu bytes in %s/blobs",
              len, sqlite->dir);
    if (!full)
        return -1;
    sqlite_rollback(&sqlite->store);
    return STORE_FULL;
}

static int read_file(struct store_sqlite *sqlite, const char *hex, char *bytes, size_t len)
{
    struct blob_paths paths = paths_of(hex);
    int fd = openat(sqlite->dir_fd, paths.file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t have = 0;
    ssize_t got = 1;
    while (have < len && got > 0) {
        got = read(fd, bytes + have, len - have);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            have += (size_t)got;
    }
    close(fd);
    return have == len ? 0 : -1;
}

/* ---- rows ---- */

static int insert(struct store_sqlite *sqlite, const char *hex, const void *bytes, size_t len,
                  struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(sqlite->db, "INSERT INTO \"blob\" VALUES(?,?,?,?)", -1, &statement,
                                NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, hex, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, (int64_t)len);
        if (bytes)
            sqlite3_bind_blob64(statement, 3, bytes, len, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 4, time_wall_ms());
        rc = sqlite3_step(statement);
    }
    int result = sqlite_result(sqlite, rc, "writing a blob", err);
    sqlite3_finalize(statement);
    return result;
}

/* Steps to the blob's row: STORE_OK, STORE_NONE, -1. The caller finalizes in every case. */
static int find(struct store_sqlite *sqlite, const char *hex, sqlite3_stmt **out, struct err *err)
{
    *out = NULL;
    int rc = sqlite3_prepare_v2(sqlite->db, "SELECT size, bytes FROM \"blob\" WHERE sha256=?", -1,
                                out, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(*out, 1, hex, -1, SQLITE_STATIC);
        rc = sqlite3_step(*out);
    }
    if (rc == SQLITE_ROW)
        return STORE_OK;
    int result = sqlite_result(sqlite, rc, "reading a blob", err);
    return result == STORE_OK ? STORE_NONE : result;
}

static int put_new(struct store_sqlite *sqlite, const char *hex, const void *bytes, size_t len,
                   struct err *err)
{
    if (len <= LIMIT_BLOB_IN_ROW)
        return insert(sqlite, hex, len ? bytes : "", len, err);
    int result = put_file(sqlite, hex, bytes, len, err);
    return result == STORE_OK ? insert(sqlite, hex, NULL, len, err) : result;
}

static int touch(struct store_sqlite *sqlite, const char *hex, struct err *err);

int sqlite_blob_put(struct store *store, const char *hex, const void *bytes, size_t len,
                    struct err *err)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    if (!is_digest(hex) || len > LIMIT_BLOB)
        return err_set(err, "bad_blob", "a blob of %zu bytes named \"%.70s\" cannot be kept", len,
                       hex);
    sqlite3_stmt *found;
    int result = find(sqlite, hex, &found, err);
    sqlite3_finalize(found);
    if (result != STORE_NONE)
        return result == STORE_OK ? touch(sqlite, hex, err) : result;
    if (!sqlite3_get_autocommit(sqlite->db))
        return put_new(sqlite, hex, bytes, len, err);
    if ((result = sqlite_begin(store, err)) != STORE_OK)
        return result;
    if ((result = put_new(sqlite, hex, bytes, len, err)) == STORE_OK)
        result = sqlite_commit(store, err);
    if (result != STORE_OK)
        sqlite_rollback(store);
    return result;
}

int sqlite_blob_get(struct store *store, const char *hex, struct arena *arena, char **bytes,
                    size_t *len, struct err *err)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    sqlite3_stmt *found = NULL;
    char digest[HASH_HEX];
    if (!is_digest(hex))
        return STORE_NONE;
    int result = find(sqlite, hex, &found, err);
    if (result != STORE_OK)
        goto out;
    *len = (size_t)sqlite3_column_int64(found, 0);
    if (sqlite3_column_type(found, 1) == SQLITE_NULL) {
        *bytes = arena_alloc(arena, *len + 1);
        if (read_file(sqlite, hex, *bytes, *len) < 0) {
            result = err_set(err, "blob_corrupt", "%s/blobs/%.2s/%s is missing or too short",
                             sqlite->dir, hex, hex);
            goto out;
        }
    } else {
        *len = (size_t)sqlite3_column_bytes(found, 1);
        *bytes = arena_memdup(arena, sqlite3_column_blob(found, 1), *len);
    }
    hash_hex(*bytes, *len, digest);
    if (strcmp(digest, hex) != 0)
        result = err_set(err, "blob_corrupt", "the blob %s in %s is damaged: its sha256 is %s", hex,
                         sqlite->dir, digest);
out:
    sqlite3_finalize(found);
    return result;
}

int sqlite_blob_list(struct store *store, const char *after, size_t max, struct arena *arena,
                     struct store_blob **blobs, size_t *count, struct err *err)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    sqlite3_stmt *row = NULL;
    *count = 0;
    *blobs = arena_alloc(arena, max * sizeof(**blobs));
    int rc = sqlite3_prepare_v2(sqlite->db,
                                "SELECT sha256, size, created_at FROM \"blob\" WHERE sha256>? "
                                "ORDER BY sha256 LIMIT ?",
                                -1, &row, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(row, 1, after ? after : "", -1, SQLITE_STATIC);
        sqlite3_bind_int64(row, 2, (int64_t)max);
        rc = sqlite3_step(row);
    }
    for (; rc == SQLITE_ROW && *count < max; rc = sqlite3_step(row)) {
        struct store_blob *blob = &(*blobs)[(*count)++];
        snprintf(blob->hex, sizeof(blob->hex), "%s", (const char *)sqlite3_column_text(row, 0));
        blob->size = sqlite3_column_int64(row, 1);
        blob->put_at = sqlite3_column_int64(row, 2);
    }
    int result = sqlite_result(sqlite, rc, "listing blobs", err);
    sqlite3_finalize(row);
    return result;
}

static int run_on(struct store_sqlite *sqlite, const char *sql, const char *hex, int64_t number,
                  struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(sqlite->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, hex, -1, SQLITE_STATIC);
        if (sqlite3_bind_parameter_count(statement) > 1)
            sqlite3_bind_int64(statement, 2, number);
        rc = sqlite3_step(statement);
    }
    int result = sqlite_result(sqlite, rc, "changing a blob", err);
    sqlite3_finalize(statement);
    return result;
}

/* The row goes first: a row never names what is not there. */
int sqlite_blob_del(struct store *store, const char *hex, struct err *err)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    struct blob_paths paths = paths_of(hex);
    int result = run_on(sqlite, "DELETE FROM \"blob\" WHERE sha256=?", hex, 0, err);
    crash_point("ledger.blob.deleted");
    if (result == STORE_OK)
        unlinkat(sqlite->dir_fd, paths.file, 0);
    return result;
}

/* So that what is put again now is not removed for its age before anything names it. */
static int touch(struct store_sqlite *sqlite, const char *hex, struct err *err)
{
    static const char sql[] = "UPDATE \"blob\" SET created_at=max(created_at,?2) WHERE sha256=?1 "
                              "AND created_at<?2-43200000";
    return run_on(sqlite, sql, hex, time_wall_ms(), err);
}

static int clear_temporary(struct store_sqlite *sqlite)
{
    int fd = openat(sqlite->dir_fd, "blobs/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder)
        return -1;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (is_digest(entry->d_name))
            unlinkat(fd, entry->d_name, 0);
    closedir(folder);
    return 0;
}

int sqlite_blob_prepare(struct store_sqlite *sqlite, struct err *err)
{
    const char *folders[] = {"blobs", "blobs/tmp"};
    for (size_t i = 0; i < 2; i++)
        if (mkdirat(sqlite->dir_fd, folders[i], 0700) < 0 && errno != EEXIST)
            return err_errno(err, "state_unwritable", "cannot make %s/%s", sqlite->dir, folders[i]);
    if (clear_temporary(sqlite) < 0)
        return err_errno(err, "state_unwritable", "cannot read %s/blobs/tmp", sqlite->dir);
    return 0;
}
