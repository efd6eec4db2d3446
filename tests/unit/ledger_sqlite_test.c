/* What only the SQLite store has: its lock, versions, plans, copies, care, and damage noticed. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "ledger/schema.h"
#include "ledger/store_sqlite.h"
#include "ledger_fixture.h"
#include "wire/task.h"

static const char *path_in(struct fixture *fixture, const char *name)
{
    return arena_printf(&fixture->arena, "%s/%s", fixture->dir, name);
}

/* Names, sizes and bytes of the folder's files, as one digest. */
static const char *folder_digest(struct fixture *fixture)
{
    struct dirent **entries;
    struct buf all = {0};
    char hex[HASH_HEX];
    int count = scandir(fixture->dir, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        int fd = open(path_in(fixture, entries[i]->d_name), O_RDONLY);
        buf_puts(&all, entries[i]->d_name);
        for (ssize_t got; (got = read(fd, buf_room(&all, 65536), 65536)) > 0;)
            buf_grow(&all, (size_t)got);
        close(fd);
        free(entries[i]);
    }
    free(entries);
    hash_hex(buf_text(&all), all.len, hex);
    buf_fini(&all);
    return arena_strdup(&fixture->arena, hex);
}

static struct store_sqlite *inside(struct fixture *fixture)
{
    return (struct store_sqlite *)fixture->store;
}

static void run_sql(struct fixture *fixture, const char *sql)
{
    OK(sqlite_exec(inside(fixture), sql, &fixture->err));
}

static int64_t number(struct fixture *fixture, const char *sql)
{
    int64_t found = -1;
    OK(sqlite_number(inside(fixture), sql, &found, &fixture->err));
    return found;
}

/* Damages `len` bytes of a file at `at`; the store must be closed (or the file not the database).
 */
static void damage(struct fixture *fixture, const char *name, off_t at, size_t len)
{
    char junk[4096];
    int fd = open(path_in(fixture, name), O_WRONLY);
    assert_true(fd >= 0);
    memset(junk, 0x5a, sizeof(junk));
    assert_int_equal(pwrite(fd, junk, len, at), len);
    close(fd);
}

/* ---- opening ---- */

static void second_hub_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    assert_null(store_sqlite_open(fixture->dir, &err));
    assert_string_equal(err.code, "second_hub");
    assert_non_null(strstr(err.message, fixture->dir));
    pid_t child = fork();
    if (child == 0)
        _exit(store_sqlite_open(fixture->dir, &err) ? 1 : str_eq(err.code, "second_hub") ? 0 : 2);
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    put_meta(fixture, "still", "mine");
    assert_null(store_sqlite_open(fixture->dir, &err));
}

static void files_are_their_owners_alone(void **state)
{
    struct fixture *fixture = *state;
    struct stat st;
    const char *names[] = {"ledger.db", "ledger.db-wal", "reserve"};
    put_meta(fixture, "a", "1");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stat(path_in(fixture, names[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    stat(fixture->dir, &st);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(path_in(fixture, "ledger.db-shm"), &st), -1);
}

static void folder_that_cannot_be_made_is_named(void **state)
{
    struct err err = {0};
    assert_null(store_sqlite_open("/proc/no/such", &err));
    assert_string_equal(err.code, "state_unwritable");
    assert_non_null(strstr(err.message, "/proc/no/such"));
}

static void newer_schema_is_refused_unchanged(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    put_meta(fixture, "a", "1");
    run_sql(fixture, "PRAGMA user_version=99");
    fixture_close(fixture);
    const char *before = folder_digest(fixture);
    assert_null(store_sqlite_open(fixture->dir, &err));
    assert_string_equal(err.code, "newer_schema");
    assert_non_null(strstr(err.message, "99"));
    assert_string_equal(folder_digest(fixture), before);
}

/* The newer hub was killed: its rows are still in the WAL and must stay there. */
static void newer_schema_in_the_wal_is_refused_unchanged(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    sqlite3_db_config(inside(fixture)->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    run_sql(fixture, "PRAGMA user_version=99");
    fixture_close(fixture);
    struct stat st;
    assert_int_equal(stat(path_in(fixture, "ledger.db-wal"), &st), 0);
    assert_true(st.st_size > 0);
    const char *before = folder_digest(fixture);
    assert_null(store_sqlite_open(fixture->dir, &err));
    assert_string_equal(err.code, "newer_schema");
    assert_string_equal(folder_digest(fixture), before);
}

static void foreign_database_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    run_sql(fixture, "PRAGMA application_id=5");
    fixture_close(fixture);
    assert_null(store_sqlite_open(fixture->dir, &err));
    assert_string_equal(err.code, "not_a_ledger");
    damage(fixture, "ledger.db", 0, 100);
    assert_null(store_sqlite_open(fixture->dir, &err));
    assert_string_equal(err.code, "store_corrupt");
}

/* ---- schema ---- */

static void columns_are_the_descriptions(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < schema_table_count; i++) {
        const struct record *record = schema_tables[i].record;
        sqlite3_stmt *info = NULL;
        sqlite3_prepare_v2(inside(fixture)->db,
                           arena_printf(&fixture->arena, "PRAGMA table_info(\"%s\")", record->name),
                           -1, &info, NULL);
        for (size_t at = 0; at < record->field_count; at++) {
            assert_int_equal(sqlite3_step(info), SQLITE_ROW);
            const struct field *field = &record->fields[at];
            bool is_text = field->type == FIELD_TEXT || field->type == FIELD_JSON;
            assert_string_equal(sqlite3_column_text(info, 1), field->name);
            assert_string_equal(sqlite3_column_text(info, 2), is_text ? "TEXT" : "INTEGER");
            assert_int_equal(sqlite3_column_int(info, 5), at < record->key_count ? at + 1 : 0);
        }
        assert_int_equal(sqlite3_step(info), SQLITE_DONE);
        sqlite3_finalize(info);
    }
    assert_int_equal(number(fixture, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(number(fixture, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(number(fixture, "PRAGMA synchronous"), 2);
}

static void other_columns_are_refused(void **state)
{
    struct fixture *fixture = *state;
    run_sql(fixture, "ALTER TABLE root DROP COLUMN tasks_live");
    assert_int_equal(fixture->store->ops->migrate(fixture->store, &fixture->err), -1);
    assert_string_equal(fixture->err.code, "schema_differs");
    assert_non_null(strstr(fixture->err.message, "root"));
}

static void migration_goes_forward_after_a_copy(void **state)
{
    struct fixture *fixture = *state;
    const struct schema_step steps[] = {
        {SCHEMA_VERSION, "not SQL: an older step is not run again"},
        {SCHEMA_VERSION + 1,
         "ALTER TABLE budget ADD COLUMN colour TEXT; UPDATE budget SET colour='red'"},
        {SCHEMA_VERSION + 2, "ALTER TABLE budget ADD COLUMN size INTEGER NOT NULL DEFAULT 0"},
    };
    run_sql(fixture, "INSERT INTO budget(id, limit_value) VALUES('b', 7)");
    OK(sqlite_migrate_to(inside(fixture), SCHEMA_VERSION + 2, steps, 3, &fixture->err));
    assert_int_equal(number(fixture, "PRAGMA user_version"), SCHEMA_VERSION + 2);
    assert_int_equal(number(fixture, "SELECT count(*) FROM budget WHERE colour='red' AND size=0 "
                                     "AND limit_value=7"),
                     1);
    sqlite3 *copy;
    char name[40];
    snprintf(name, sizeof(name), "ledger.db.before-v%d", SCHEMA_VERSION + 2);
    const char *copy_path = path_in(fixture, name);
    assert_int_equal(sqlite3_open(copy_path, &copy), SQLITE_OK);
    assert_int_equal(sqlite3_exec(copy, "SELECT limit_value FROM budget", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(copy, "SELECT colour FROM budget", NULL, NULL, NULL),
                     SQLITE_ERROR);
    sqlite3_close(copy);
}

static void failed_migration_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct schema_step steps[] = {
        {SCHEMA_VERSION + 1, "ALTER TABLE budget ADD COLUMN colour TEXT"},
        {SCHEMA_VERSION + 2, "ALTER TABLE no_such_table ADD COLUMN x TEXT"},
    };
    assert_int_equal(sqlite_migrate_to(inside(fixture), SCHEMA_VERSION + 2, steps, 2, &fixture->err), -1);
    assert_int_equal(number(fixture, "PRAGMA user_version"), SCHEMA_VERSION);
    OK(fixture->store->ops->migrate(fixture->store, &fixture->err));
}

/* ---- plans: no walk may sort, and none may look at every row unless it was asked to ---- */

static bool plan_sorts(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *plan = NULL;
    bool sorts = false;
    char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
    assert_int_equal(sqlite3_prepare_v2(db, explain, -1, &plan, NULL), SQLITE_OK);
    while (sqlite3_step(plan) == SQLITE_ROW)
        if (strstr((const char *)sqlite3_column_text(plan, 3), "TEMP B-TREE"))
            sorts = true;
    sqlite3_finalize(plan);
    sqlite3_free(explain);
    return sorts;
}

/* A partial index is asked only by walks that say something of every column in its condition. */
static bool may_walk(const struct schema_index *index, const struct scan *walk)
{
    char quoted[64];
    for (size_t i = 0; index && index->where && i < SCHEMA_COLUMNS && index->columns[i]; i++) {
        int len = snprintf(quoted, sizeof(quoted), "\"%s\"", index->columns[i]);
        const char *at = strstr(index->where, quoted);
        bool is_bound = i == walk->eq_count && walk->has_low;
        if (at && (at[len] == '>' ? !is_bound : i >= walk->eq_count))
            return false;
    }
    return true;
}

/* Walks one index with 0 to all of its columns given, and a bound behind them. */
static void plan_index(struct fixture *fixture, const struct record *record, const char *index)
{
    const struct field *columns[SCHEMA_ORDER];
    size_t count = schema_order(record, index, columns);
    void *rows;
    for (size_t eq = 0; eq < 4 && eq < count; eq++) {
        for (int way = 0; way < 4; way++) {
            struct scan walk = {.record = record,
                                .index = index,
                                .eq_count = eq,
                                .descending = way & 1,
                                .has_low = way & 2,
                                .max = 10};
            for (size_t i = 0; i <= eq && i < count; i++) {
                struct value value = {.text = "x"};
                if (columns[i]->type != FIELD_TEXT && columns[i]->type != FIELD_JSON)
                    value = (struct value){.is_int = true, .number = 1};
                if (i < eq)
                    walk.eq[i] = value;
                else
                    walk.low = value;
            }
            if (!index || may_walk(schema_index(schema_table(record), index), &walk))
                scan(fixture, &walk, &rows);
        }
    }
}

static void no_walk_sorts(void **state)
{
    struct fixture *fixture = *state;
    size_t seen = 0;
    for (size_t i = 0; i < schema_table_count; i++) {
        if (!schema_tables[i].record->size)
            continue;
        plan_index(fixture, schema_tables[i].record, NULL);
        for (size_t k = 0; k < schema_tables[i].index_count; k++) {
            plan_index(fixture, schema_tables[i].record, schema_tables[i].indexes[k].name);
            for (size_t at = 0; at < SQLITE_STATEMENTS; at++) {
                sqlite3_stmt *statement = inside(fixture)->statements[at].handle;
                if (statement && plan_sorts(inside(fixture)->db, sqlite3_sql(statement)))
                    fail_msg("this sorts: %s", sqlite3_sql(statement));
                seen += statement != NULL;
            }
        }
    }
    assert_true(seen > 100);
}

/* ---- a death in the middle ---- */

static void killed_in_mid_transaction_keeps_the_commit(void **state)
{
    struct fixture *fixture = *state;
    char small[HASH_HEX], *bytes;
    size_t len;
    int status;
    fixture_close(fixture);
    pid_t child = fork();
    if (child == 0) {
        fixture_open(fixture);
        begin(fixture);
        put_meta(fixture, "a", "committed");
        commit(fixture);
        blob_put(fixture, "blob", 4, small);
        begin(fixture);
        put_meta(fixture, "a", "open");
        for (int i = 0; i < 3000; i++) /* more than the cache holds: some of it is in the WAL */
            put_meta(fixture, arena_printf(&fixture->arena, "row %d", i),
                     "a text that is long enough to fill pages of the cache with rows: "
                     "a text that is long enough to fill pages of the cache with rows: "
                     "a text that is long enough to fill pages of the cache with rows");
        kill(getpid(), SIGKILL);
    }
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    fixture_open(fixture);
    assert_string_equal(get_meta(fixture, "a"), "committed");
    assert_null(get_meta(fixture, "row 0"));
    hash_hex("blob", 4, small);
    OK(blob_get(fixture, small, &bytes, &len));
    assert_int_equal(number(fixture, "SELECT count(*) FROM meta"), 1);
}

/* ---- damage ---- */

static void damaged_blobs_are_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct store_check check = {0};
    char small[HASH_HEX], large[HASH_HEX], *found;
    char *bytes = mem_zalloc(LIMIT_BLOB_IN_ROW + 1);
    size_t len;
    OK(blob_put(fixture, "small", 5, small));
    OK(blob_put(fixture, bytes, LIMIT_BLOB_IN_ROW + 1, large));
    free(bytes);
    const char *file = arena_printf(&fixture->arena, "blobs/%.2s/%s", large, large);
    damage(fixture, file, 1000, 1);
    assert_int_equal(blob_get(fixture, large, &found, &len), -1);
    assert_string_equal(fixture->err.code, "blob_corrupt");
    assert_int_equal(truncate(path_in(fixture, file), 10), 0);
    assert_int_equal(blob_get(fixture, large, &found, &len), -1);
    run_sql(fixture, "UPDATE blob SET bytes=x'736d616c6b' WHERE size=5");
    assert_int_equal(blob_get(fixture, small, &found, &len), -1);
    assert_non_null(strstr(fixture->err.message, small));
    do
        OK(fixture->store->ops->check(fixture->store, &fixture->arena, &check, &fixture->err));
    while (check.more);
    assert_int_equal(check.count, 1);
    assert_non_null(strstr(check.findings[0], "has 10 bytes"));
}

static void damaged_page_is_found_by_check(void **state)
{
    struct fixture *fixture = *state;
    struct store_check check = {0};
    begin(fixture);
    for (int i = 0; i < 200; i++)
        put(fixture, &task_record,
            &(struct task){.id = arena_printf(&fixture->arena, "t-%03d", i),
                           .seq = i + 1,
                           .instruction = "some words that fill the page of the table"});
    commit(fixture);
    do
        OK(fixture->store->ops->check(fixture->store, &fixture->arena, &check, &fixture->err));
    while (check.more);
    assert_int_equal(check.count, 0);
    int64_t page = number(fixture, "SELECT rootpage FROM sqlite_schema WHERE name='task'");
    fixture_close(fixture);
    damage(fixture, "ledger.db", (page - 1) * 4096, 4096);
    fixture_open(fixture);
    check = (struct store_check){0};
    do
        OK(fixture->store->ops->check(fixture->store, &fixture->arena, &check, &fixture->err));
    while (check.more);
    assert_true(check.count > 0);
    assert_non_null(strstr(check.findings[0], "task"));
}

/* ---- copies and care ---- */

static void copy_is_whole_though_rows_are_written_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    char large[HASH_HEX], *bytes = mem_zalloc(LIMIT_BLOB_IN_ROW + 5), *found;
    const char *to = path_in(fixture, "copy"), *path = path_in(fixture, "copy/ledger.db");
    struct fixture copy = {.in_memory = false};
    size_t len, slices = 0;
    bool more = true;
    assert_int_equal(mkdir(to, 0700), 0);
    OK(blob_put(fixture, bytes, LIMIT_BLOB_IN_ROW + 5, large));
    run_sql(fixture, "INSERT INTO request WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 "
                     "FROM n WHERE i<3000) SELECT i, hex(randomblob(300)), i FROM n");
    for (; more; slices++) {
        OK(fixture->store->ops->backup(fixture->store, path, &more, &fixture->err));
        if (slices == 4)
            put_meta(fixture, "meanwhile", "yes");
    }
    assert_true(slices > 5);
    assert_int_equal(fixture->store->ops->backup(fixture->store, path, &more, &fixture->err), -1);
    assert_string_equal(fixture->err.code, "exists");
    rename(path_in(fixture, "copy/ledger.db.blobs"), path_in(fixture, "copy/blobs"));
    snprintf(copy.dir, sizeof(copy.dir), "%s", to);
    fixture_open(&copy);
    assert_string_equal(get_meta(&copy, "meanwhile"), "yes");
    assert_int_equal(number(&copy, "SELECT count(*) FROM request"), 3000);
    OK(blob_get(&copy, large, &found, &len));
    assert_memory_equal(found, bytes, len);
    fixture_close(&copy);
    arena_fini(&copy.arena);
    free(bytes);
}

static void care_checkpoints_and_gives_pages_back(void **state)
{
    struct fixture *fixture = *state;
    bool more = true;
    run_sql(fixture, "INSERT INTO request WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 "
                     "FROM n WHERE i<8000) SELECT i, hex(randomblob(400)), i FROM n");
    assert_true(inside(fixture)->wal_pages >= SQLITE_WAL_PAGES);
    OK(fixture->store->ops->care(fixture->store, &more, &fixture->err));
    assert_true(more);
    put_meta(fixture, "next", "starts the WAL's file again");
    assert_true(inside(fixture)->wal_pages < 20);
    int64_t before = number(fixture, "PRAGMA page_count");
    run_sql(fixture, "DELETE FROM request");
    for (int i = 0; more && i < 1000; i++)
        OK(fixture->store->ops->care(fixture->store, &more, &fixture->err));
    assert_false(more);
    assert_true(number(fixture, "PRAGMA page_count") < before / 2);
    begin(fixture);
    OK(fixture->store->ops->care(fixture->store, &more, &fixture->err));
    fixture->store->ops->rollback(fixture->store);
}

static void reserve_comes_back_with_care(void **state)
{
    struct fixture *fixture = *state;
    struct stat st;
    bool more;
    fixture->store->ops->free_reserve(fixture->store);
    assert_int_equal(stat(path_in(fixture, "reserve"), &st), -1);
    OK(fixture->store->ops->care(fixture->store, &more, &fixture->err));
    assert_int_equal(stat(path_in(fixture, "reserve"), &st), 0);
    assert_int_equal(st.st_size, SQLITE_RESERVE);
    assert_true(st.st_blocks * 512 >= SQLITE_RESERVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SQLITE(second_hub_is_refused),
        ON_SQLITE(files_are_their_owners_alone),
        ON_SQLITE(folder_that_cannot_be_made_is_named),
        ON_SQLITE(newer_schema_is_refused_unchanged),
        ON_SQLITE(newer_schema_in_the_wal_is_refused_unchanged),
        ON_SQLITE(foreign_database_is_refused),
        ON_SQLITE(columns_are_the_descriptions),
        ON_SQLITE(other_columns_are_refused),
        ON_SQLITE(migration_goes_forward_after_a_copy),
        ON_SQLITE(failed_migration_changes_nothing),
        ON_SQLITE(no_walk_sorts),
        ON_SQLITE(killed_in_mid_transaction_keeps_the_commit),
        ON_SQLITE(damaged_blobs_are_noticed),
        ON_SQLITE(damaged_page_is_found_by_check),
        ON_SQLITE(copy_is_whole_though_rows_are_written_meanwhile),
        ON_SQLITE(care_checkpoints_and_gives_pages_back),
        ON_SQLITE(reserve_comes_back_with_care),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
