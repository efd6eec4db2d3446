/* Inside of the SQLite store: what its files share. Nobody outside store_sqlite*.c and its test
 * includes this. One connection per company, ever: two in WAL mode can meet a corruption race of
 * this SQLite version, and closing any other descriptor of the file would drop its locks. */
#ifndef HQ_LEDGER_STORE_SQLITE_H
#define HQ_LEDGER_STORE_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "ledger/schema.h"
#include "ledger/store.h"

enum {
    SQLITE_STATEMENTS = 128,    /* prepared at once, about 4 kB each */
    SQLITE_RESERVE = 4 << 20,   /* frees room for some hundred finishes on a full disk */
    SQLITE_WAL_PAGES = 512,     /* care checkpoints from here on: 2 MB copies in ~1 ms */
    SQLITE_WAL_BACKSTOP = 8192, /* a commit checkpoints itself when nobody takes care: 32 MB */
    SQLITE_WAL_KEPT = 32 << 20, /* all that the backstop allows: a file cut grows again, and each fsync
                                 * of a growing file costs a commit of the file system too */
    SQLITE_CACHE_KIB = 1024,
    SQLITE_HEAP = 3 << 20,         /* soft: clean pages are given up first */
    SQLITE_APPLICATION = 0x6871a1, /* marks the file as ours (PRAGMA application_id) */
};

enum statement_kind {
    STATEMENT_GET,
    STATEMENT_INSERT,
    STATEMENT_UPDATE,
    STATEMENT_DEL,
    STATEMENT_SCAN,
    STATEMENT_COUNT
};

/* What SQL a statement has: UPDATE's shape is the mask of changed columns, SCAN's the bounds. */
struct statement_key {
    enum statement_kind kind;
    const struct record *record;
    const struct schema_index *index;
    uint64_t shape;
};

struct statement {
    struct statement_key key;
    sqlite3_stmt *handle;
    uint64_t used; /* for throwing out the one unused for longest */
};

/* The words around every transaction. */
enum sqlite_word { WORD_BEGIN, WORD_COMMIT, WORD_SAVE, WORD_RELEASE, SQLITE_WORDS };

struct store_sqlite {
    struct store store;
    sqlite3 *db;
    char *dir;
    int dir_fd;
    struct statement statements[SQLITE_STATEMENTS];
    uint64_t clock;
    sqlite3_stmt *words[SQLITE_WORDS];
    int wal_pages; /* after the last commit */
    bool has_reserve;
    struct {
        sqlite3 *db;
        sqlite3_backup *handle;
        char *path;
        int blob_dir; /* 0..255: next two-digit folder to copy */
    } copy;
};

static inline struct store_sqlite *sqlite_of(struct store *store)
{
    return (struct store_sqlite *)store;
}

/* ---- store_sqlite_statement.c ---- */

/* Maps a result code: 0 for OK, ROW, DONE; STORE_FULL (the transaction is then rolled back); else
 * -1 with a sentence that starts with `what`. */
int sqlite_result(struct store_sqlite *sqlite, int rc, const char *what, struct err *err);

/* Runs SQL without results. */
int sqlite_exec(struct store_sqlite *sqlite, const char *sql, struct err *err);

/* Runs SQL whose first column is a number; `fallback` where there is no row. */
int sqlite_number(struct store_sqlite *sqlite, const char *sql, int64_t *number, struct err *err);

/* Ends the compiled statements, before the file is closed. */
void sqlite_finalize_all(struct store_sqlite *sqlite);

/* The store's calls, as store.h promises them. */
int sqlite_get(struct store *, const struct record *, void *row, struct arena *, struct err *);
int sqlite_put(struct store *, const struct record *, const void *row, struct err *);
int sqlite_del(struct store *, const struct record *, const void *row, struct err *);
int sqlite_scan(struct store *, const struct scan *, struct arena *, void **rows, size_t *count,
                struct err *);
int sqlite_count(struct store *, const struct scan *, int64_t *count, struct err *);

/* ---- store_sqlite_schema.c ---- */

/* One step of migration: leads from version `to` - 1 to `to`. */
struct schema_step {
    int to;
    const char *sql;
};

/* Refuses a file that is newer than `version` or not a ledger. Changes nothing. */
int sqlite_check_version(struct store_sqlite *sqlite, int version, struct err *err);

/* Brings the file to `version`: a new file from the descriptions, an old one by the steps, after a
 * copy to ledger.db.before-v<version>. In one transaction. */
int sqlite_migrate_to(struct store_sqlite *sqlite, int version, const struct schema_step *steps,
                      size_t count, struct err *err);
int sqlite_migrate(struct store *, struct err *);

/* ---- store_sqlite_blob.c ---- */

/* As in store.h: whole and synced under its hash, or not at all. */
int sqlite_blob_put(struct store *, const char *hex, const void *bytes, size_t len, struct err *);
int sqlite_blob_get(struct store *, const char *hex, struct arena *, char **bytes, size_t *len,
                    struct err *);

int sqlite_blob_list(struct store *, const char *after, size_t max, struct arena *,
                     struct store_blob **blobs, size_t *count, struct err *);
int sqlite_blob_del(struct store *, const char *hex, struct err *);

/* Makes DIR/blobs and removes what a crash left half written. */
int sqlite_blob_prepare(struct store_sqlite *sqlite, struct err *err);

/* ---- store_sqlite_care.c ---- */

/* As in store.h: one short piece of work each, *more while there is more. */
int sqlite_care(struct store *, bool *more, struct err *);
int sqlite_backup(struct store *, const char *path, bool *more, struct err *);
void sqlite_backup_drop(struct store_sqlite *sqlite); /* gives up a copy that is under way */
int sqlite_check(struct store *, struct arena *, struct store_check *, struct err *);
void sqlite_free_reserve(struct store *);
bool sqlite_keep_reserve(struct store *);

/* ---- store_sqlite.c ---- */

/* As in store.h: one transaction at a time. */
int sqlite_begin(struct store *, struct err *);
int sqlite_commit(struct store *, struct err *);
void sqlite_rollback(struct store *);

#endif
