/* The ledger's store on SQLite: one connection, WAL, synchronous=FULL, locking_mode=EXCLUSIVE.
 * Opening, transactions, closing; rows, schema, blobs and care have files of their own. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/mem.h"
#include "ledger/store_sqlite.h"

/* ---- transactions ---- */

static int say(struct store *store, enum sqlite_word word, struct err *err)
{
    static const char *const words[] = {"BEGIN IMMEDIATE", "COMMIT", "SAVEPOINT batch",
                                        "RELEASE batch"};
    struct store_sqlite *sqlite = sqlite_of(store);
    sqlite3_stmt **statement = &sqlite->words[word];
    int rc = *statement ? SQLITE_OK
                        : sqlite3_prepare_v3(sqlite->db, words[word], -1, SQLITE_PREPARE_PERSISTENT,
                                             statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(*statement);
    int result = sqlite_result(sqlite, rc, words[word], err);
    sqlite3_reset(*statement);
    return result;
}

int sqlite_begin(struct store *store, struct err *err)
{
    return say(store, WORD_BEGIN, err);
}

int sqlite_commit(struct store *store, struct err *err)
{
    crash_point("ledger.commit.before");
    int result = say(store, WORD_COMMIT, err);
    if (result == STORE_OK)
        crash_point("ledger.commit.after");
    return result;
}

void sqlite_rollback(struct store *store)
{
    sqlite3 *db = sqlite_of(store)->db;
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

static int save(struct store *store, struct err *err)
{
    return say(store, WORD_SAVE, err);
}

static int release(struct store *store, struct err *err)
{
    return say(store, WORD_RELEASE, err);
}

static int undo(struct store *store, struct err *err)
{
    return sqlite_exec(sqlite_of(store), "ROLLBACK TO batch; RELEASE batch", err);
}

/* ---- opening ---- */

/* SQLite's own mutexes are not needed: the ledger's mutex lets one caller in at a time. */
static void configure_once(void)
{
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_initialize();
    sqlite3_soft_heap_limit64(SQLITE_HEAP);
}

static int open_dir(struct store_sqlite *sqlite, struct err *err)
{
    struct stat st;
    if (mkdir(sqlite->dir, 0700) < 0 && errno != EEXIST)
        return err_errno(err, "state_unwritable", "cannot make the state folder %s", sqlite->dir);
    sqlite->dir_fd = open(sqlite->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (sqlite->dir_fd < 0 || fstat(sqlite->dir_fd, &st) < 0)
        return err_errno(err, "state_unwritable", "cannot open the state folder %s", sqlite->dir);
    if ((st.st_mode & 077) && fchmod(sqlite->dir_fd, 0700) < 0)
        return err_errno(err, "state_unwritable",
                         "others can read the state folder %s and its mode cannot be changed",
                         sqlite->dir);
    return 0;
}

/* Makes the file before SQLite does, for its mode. An existing one is not opened here: closing that
 * descriptor would drop the locks of a connection in this process. */
static int make_file(struct store_sqlite *sqlite, struct err *err)
{
    int fd = openat(sqlite->dir_fd, "ledger.db", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) {
        if (fchmodat(sqlite->dir_fd, "ledger.db", 0600, 0) == 0)
            return 0;
        return err_errno(err, "state_unwritable", "cannot keep %s/ledger.db to its owner",
                         sqlite->dir);
    }
    if (fd < 0)
        return err_errno(err, "state_unwritable", "cannot make %s/ledger.db", sqlite->dir);
    close(fd);
    fsync(sqlite->dir_fd);
    return 0;
}

static int open_db(struct store_sqlite *sqlite, struct err *err)
{
    struct arena arena = {0};
    const char *path = arena_printf(&arena, "%s/ledger.db", sqlite->dir);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(path, &sqlite->db, flags, NULL);
    int result = 0;
    if (rc != SQLITE_OK)
        result = err_set(err, "state_unwritable", "cannot open %s: %s", path,
                         sqlite->db ? sqlite3_errmsg(sqlite->db) : sqlite3_errstr(rc));
    arena_fini(&arena);
    return result;
}

/* Whoever cannot get the lock is the second hub. */
static void name_second_hub(struct store_sqlite *sqlite, struct err *err)
{
    if (strcmp(err->code, "store_busy") != 0)
        return;
    err_set(err, "second_hub", "another hub has the ledger in %s open", sqlite->dir);
    err_hint(err, "one company has one hub: `hq status` shows it, `hq down` stops it");
}

/* Looking at a file in WAL mode makes an empty WAL beside it; a refused folder gets it removed. */
static void drop_empty_wal(struct store_sqlite *sqlite)
{
    struct stat st;
    if (fstatat(sqlite->dir_fd, "ledger.db-wal", &st, 0) == 0 && st.st_size == 0)
        unlinkat(sqlite->dir_fd, "ledger.db-wal", 0);
}

/* Takes the lock and looks at the version before anything is written. Should that refuse, closing
 * must not fold the WAL into the file either. */
static int take_lock(struct store_sqlite *sqlite, struct err *err)
{
    struct err own = {0};
    int64_t ignored, pages = 1;
    sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int result = sqlite_exec(sqlite, "PRAGMA locking_mode=EXCLUSIVE", &own);
    if (result == STORE_OK)
        result = sqlite_number(sqlite, "PRAGMA schema_version", &ignored, &own);
    if (result == STORE_OK)
        result = sqlite_check_version(sqlite, SCHEMA_VERSION, &own);
    if (result == STORE_OK)
        result = sqlite_number(sqlite, "PRAGMA page_count", &pages, &own);
    if (result == STORE_OK && pages == 0) /* counts only before the first page is written */
        result = sqlite_exec(sqlite, "PRAGMA auto_vacuum=INCREMENTAL", &own);
    if (result == STORE_OK)
        result = sqlite_exec(sqlite, "BEGIN EXCLUSIVE; COMMIT", &own);
    if (result == STORE_OK)
        return STORE_OK;
    if (strcmp(own.code, "newer_schema") == 0)
        drop_empty_wal(sqlite);
    name_second_hub(sqlite, &own);
    if (err)
        *err = own;
    return result;
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct store_sqlite *sqlite = arg;
    sqlite->wal_pages = pages;
    if (pages >= SQLITE_WAL_BACKSTOP)
        sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return SQLITE_OK;
}

static int set_up(struct store_sqlite *sqlite, struct err *err)
{
    struct arena arena = {0};
    int result = sqlite_exec(
        sqlite,
        arena_printf(&arena,
                     "PRAGMA journal_mode=WAL;"
                     "PRAGMA synchronous=FULL; PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY;"
                     "PRAGMA journal_size_limit=%d; PRAGMA trusted_schema=OFF;"
                     "PRAGMA cell_size_check=ON",
                     SQLITE_CACHE_KIB, SQLITE_WAL_KEPT),
        err);
    arena_fini(&arena);
    if (result != STORE_OK)
        return result;
    sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    /* Plans are made without looking at bound values; otherwise every new value of a column that a
     * partial index speaks of would have the statement compiled again. */
    sqlite3_db_config(sqlite->db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
    sqlite3_wal_hook(sqlite->db, on_commit, sqlite);
    sqlite_keep_reserve(&sqlite->store);
    return sqlite_blob_prepare(sqlite, err);
}

static void close_store(struct store *store)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    if (sqlite->db) {
        sqlite_rollback(store);
        sqlite_backup_drop(sqlite);
        sqlite_finalize_all(sqlite);
        sqlite3_close(sqlite->db);
    }
    if (sqlite->dir_fd >= 0)
        close(sqlite->dir_fd);
    free(sqlite->dir);
    free(sqlite);
}

static const struct store_ops sqlite_ops = {
    .migrate = sqlite_migrate,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .save = save,
    .release = release,
    .undo = undo,
    .get = sqlite_get,
    .put = sqlite_put,
    .del = sqlite_del,
    .scan = sqlite_scan,
    .count = sqlite_count,
    .blob_put = sqlite_blob_put,
    .blob_get = sqlite_blob_get,
    .blob_list = sqlite_blob_list,
    .blob_del = sqlite_blob_del,
    .care = sqlite_care,
    .backup = sqlite_backup,
    .check = sqlite_check,
    .free_reserve = sqlite_free_reserve,
    .keep_reserve = sqlite_keep_reserve,
    .close = close_store,
};

struct store *store_sqlite_open(const char *dir, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_once);
    struct store_sqlite *sqlite = mem_zalloc(sizeof(*sqlite));
    sqlite->store.ops = &sqlite_ops;
    sqlite->dir = mem_strdup(dir);
    sqlite->dir_fd = -1;
    if (open_dir(sqlite, err) == 0 && make_file(sqlite, err) == 0 && open_db(sqlite, err) == 0 &&
        take_lock(sqlite, err) == 0 && set_up(sqlite, err) == 0)
        return &sqlite->store;
    close_store(&sqlite->store);
    return NULL;
}
