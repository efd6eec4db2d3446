/* Rows in and out of SQLite by their descriptions: SQL is built once per shape and kept prepared.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "ledger/column.h"
#include "ledger/store_sqlite.h"

/* ---- results ---- */

/* SQLite names ENOSPC only; a quota is an I/O error to it, told apart by errno right after the call
 * (sqlite3_system_errno is 0 for a failed COMMIT). */
static bool is_full(int rc, int number)
{
    return (rc & 0xff) == SQLITE_FULL ||
           ((rc & 0xff) == SQLITE_IOERR &&
            (number == ENOSPC || number == EDQUOT || number == EFBIG));
}

static const char *code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "store_busy";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "store_corrupt";
    case SQLITE_CONSTRAINT:
        return "store_constraint";
    default:
        return "store_io";
    }
}

int sqlite_result(struct store_sqlite *sqlite, int rc, const char *what, struct err *err)
{
    int number = errno;
    if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
        return STORE_OK;
    if (is_full(rc, number)) {
        err_set(err, "store_full", "%s: no space is left in %s", what, sqlite->dir);
        err_hint(err, "free some disk space; nothing that was acknowledged is lost");
        sqlite_rollback(&sqlite->store);
        return STORE_FULL;
    }
    err_set(err, code_of(rc), "%s: %s (%s, code %d)", what, sqlite3_errmsg(sqlite->db), sqlite->dir,
            rc);
    if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
        err_hint(err, "stop the company and put back a backup of %s/ledger.db", sqlite->dir);
    return -1;
}

int sqlite_exec(struct store_sqlite *sqlite, const char *sql, struct err *err)
{
    return sqlite_result(sqlite, sqlite3_exec(sqlite->db, sql, NULL, NULL, NULL), sql, err);
}

int sqlite_number(struct store_sqlite *sqlite, const char *sql, int64_t *number, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(sqlite->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *number = sqlite3_column_int64(statement, 0);
    int result = sqlite_result(sqlite, rc, sql, err);
    sqlite3_finalize(statement);
    return result;
}

/* ---- SQL ---- */

static void put_columns(struct buf *sql, const struct record *record)
{
    for (size_t i = 0; i < record->field_count; i++)
        buf_printf(sql, "%s\"%s\"", i ? "," : "", record->fields[i].name);
}

static void put_key_condition(struct buf *sql, const struct record *record)
{
    for (size_t i = 0; i < record->key_count; i++)
        buf_printf(sql, "%s\"%s\"=?", i ? " AND " : " WHERE ", record->fields[i].name);
}

/* A row of these is all in one place: writing it anew costs less than looking what has changed. */
static bool is_plain(const struct record *record)
{
    const struct schema_table *table = schema_table(record);
    return table->clustered && table->index_count == 0;
}

static void put_insert(struct buf *sql, const struct record *record)
{
    buf_printf(sql, "INSERT %sINTO \"%s\"(", is_plain(record) ? "OR REPLACE " : "", record->name);
    put_columns(sql, record);
    buf_puts(sql, ") VALUES(");
    for (size_t i = 0; i < record->field_count; i++)
        buf_puts(sql, i ? ",?" : "?");
    buf_putc(sql, ')');
}

static void put_update(struct buf *sql, const struct record *record, uint64_t mask)
{
    const char *separator = "";
    buf_printf(sql, "UPDATE \"%s\" SET ", record->name);
    for (size_t i = 0; i < record->field_count; i++) {
        if (!(mask >> i & 1))
            continue;
        buf_printf(sql, "%s\"%s\"=?", separator, record->fields[i].name);
        separator = ",";
    }
    put_key_condition(sql, record);
}

/* The shape of a walk: how many columns are equal and which to NULL, which bounds, which way. */
enum { SHAPE_NULLS = 4, SHAPE_LOW = 1 << 8, SHAPE_HIGH = 1 << 9, SHAPE_DESCENDING = 1 << 10 };

static uint64_t shape_of(const struct scan *scan)
{
    uint64_t shape = scan->eq_count;
    for (size_t i = 0; i < scan->eq_count; i++)
        if (value_is_null(scan->eq[i]))
            shape |= (uint64_t)1 << (SHAPE_NULLS + i);
    shape |= scan->has_low ? SHAPE_LOW : 0;
    shape |= scan->has_high ? SHAPE_HIGH : 0;
    shape |= scan->descending ? SHAPE_DESCENDING : 0;
    return shape;
}

static void put_conditions(struct buf *sql, const struct field *const *columns, uint64_t shape,
                           const char *where)
{
    const char *separator = " WHERE ";
    size_t count = shape & 7;
    for (size_t i = 0; i < count; i++) {
        bool null = shape >> (SHAPE_NULLS + i) & 1;
        buf_printf(sql, "%s\"%s\"%s", separator, columns[i]->name, null ? " IS NULL" : "=?");
        separator = " AND ";
    }
    if (shape & SHAPE_LOW) {
        buf_printf(sql, "%s\"%s\">=?", separator, columns[count]->name);
        separator = " AND ";
    }
    if (shape & SHAPE_HIGH) {
        buf_printf(sql, "%s\"%s\"<=?", separator, columns[count]->name);
        separator = " AND ";
    }
    if (where) /* says to SQLite, which does not know the bound values, that the index will do */
        buf_printf(sql, "%s%s", separator, where);
}

static void put_walk(struct buf *sql, const struct statement_key *key)
{
    const struct field *columns[SCHEMA_ORDER];
    size_t count = schema_order(key->record, key->index ? key->index->name : NULL, columns);
    buf_printf(sql, " FROM \"%s\"", key->record->name);
    if (key->index)
        buf_printf(sql, " INDEXED BY \"%s\"", key->index->name);
    put_conditions(sql, columns, key->shape, key->index ? key->index->where : NULL);
    if (key->kind == STATEMENT_COUNT)
        return;
    for (size_t i = 0; i < count; i++)
        buf_printf(sql, "%s\"%s\"%s", i ? "," : " ORDER BY ", columns[i]->name,
                   key->shape & SHAPE_DESCENDING ? " DESC" : "");
    buf_puts(sql, " LIMIT ?");
}

static void put_sql(struct buf *sql, const struct statement_key *key)
{
    switch (key->kind) {
    case STATEMENT_GET:
        buf_puts(sql, "SELECT ");
        put_columns(sql, key->record);
        buf_printf(sql, " FROM \"%s\"", key->record->name);
        put_key_condition(sql, key->record);
        break;
    case STATEMENT_INSERT:
        put_insert(sql, key->record);
        break;
    case STATEMENT_UPDATE:
        put_update(sql, key->record, key->shape);
        break;
    case STATEMENT_DEL:
        buf_printf(sql, "DELETE FROM \"%s\"", key->record->name);
        put_key_condition(sql, key->record);
        break;
    case STATEMENT_SCAN:
        buf_puts(sql, "SELECT ");
        put_columns(sql, key->record);
        put_walk(sql, key);
        break;
    case STATEMENT_COUNT:
        buf_puts(sql, "SELECT count(*)");
        put_walk(sql, key);
        break;
    }
}

/* ---- the cache ---- */

static bool key_eq(const struct statement_key *a, const struct statement_key *b)
{
    return a->kind == b->kind && a->record == b->record && a->index == b->index &&
           a->shape == b->shape;
}

/* Returns the slot that holds the key, or the one to use for it. */
static struct statement *find_slot(struct store_sqlite *sqlite, const struct statement_key *key)
{
    struct statement *oldest = &sqlite->statements[0];
    for (size_t i = 0; i < SQLITE_STATEMENTS; i++) {
        struct statement *slot = &sqlite->statements[i];
        if (slot->handle && key_eq(&slot->key, key))
            return slot;
        if (slot->used < oldest->used)
            oldest = slot;
    }
    sqlite3_finalize(oldest->handle);
    *oldest = (struct statement){.key = *key};
    return oldest;
}

static int prepare(struct store_sqlite *sqlite, struct statement_key key, sqlite3_stmt **out,
                   struct err *err)
{
    struct statement *slot = find_slot(sqlite, &key);
    slot->used = ++sqlite->clock;
    if (!slot->handle) {
        struct buf sql = {0};
        put_sql(&sql, &key);
        int rc = sqlite3_prepare_v3(sqlite->db, sql.bytes, -1, SQLITE_PREPARE_PERSISTENT,
                                    &slot->handle, NULL);
        int result = sqlite_result(sqlite, rc, sql.bytes, err);
        buf_fini(&sql);
        if (result != STORE_OK) {
            *slot = (struct statement){0};
            return result;
        }
    }
    *out = slot->handle;
    return STORE_OK;
}

void sqlite_finalize_all(struct store_sqlite *sqlite)
{
    for (size_t i = 0; i < SQLITE_STATEMENTS; i++)
        sqlite3_finalize(sqlite->statements[i].handle);
    for (size_t i = 0; i < SQLITE_WORDS; i++)
        sqlite3_finalize(sqlite->words[i]);
    memset(sqlite->words, 0, sizeof(sqlite->words));
    memset(sqlite->statements, 0, sizeof(sqlite->statements));
}

/* ---- values ---- */

static void bind(sqlite3_stmt *statement, int at, struct value value)
{
    if (value.is_int)
        sqlite3_bind_int64(statement, at, value.number);
    else if (value.text)
        sqlite3_bind_text(statement, at, value.text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, at);
}

static int bind_key(sqlite3_stmt *statement, int at, const struct record *record, const void *row)
{
    for (size_t i = 0; i < record->key_count; i++)
        bind(statement, at++, column_get(&record->fields[i], row));
    return at;
}

/* Borrowed until the next step. */
static struct value column_at(sqlite3_stmt *statement, int at)
{
    switch (sqlite3_column_type(statement, at)) {
    case SQLITE_INTEGER:
        return (struct value){.is_int = true, .number = sqlite3_column_int64(statement, at)};
    case SQLITE_NULL:
        return (struct value){0};
    default:
        return (struct value){.text = (const char *)sqlite3_column_text(statement, at)};
    }
}

static void read_row(sqlite3_stmt *statement, const struct record *record, void *row,
                     struct arena *arena)
{
    for (size_t i = 0; i < record->field_count; i++) {
        struct value value = column_at(statement, (int)i);
        if (value.text)
            value.text =
                arena_memdup(arena, value.text, (size_t)sqlite3_column_bytes(statement, (int)i));
        column_set(&record->fields[i], row, value);
    }
}

static void done_with(sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

/* ---- one row ---- */

/* Steps to the row's stored form: STORE_OK (the caller is done_with it), STORE_NONE or -1. */
static int find_row(struct store_sqlite *sqlite, const struct record *record, const void *row,
                    sqlite3_stmt **out, struct err *err)
{
    assert(record->size && record->field_count <= 64);
    sqlite3_stmt *statement;
    int result =
        prepare(sqlite, (struct statement_key){STATEMENT_GET, record, NULL, 0}, &statement, err);
    if (result != STORE_OK)
        return result;
    bind_key(statement, 1, record, row);
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *out = statement;
        return STORE_OK;
    }
    result = sqlite_result(sqlite, rc, "reading a row", err);
    done_with(statement);
    return result == STORE_OK ? STORE_NONE : result;
}

int sqlite_get(struct store *store, const struct record *record, void *row, struct arena *arena,
               struct err *err)
{
    sqlite3_stmt *statement;
    int result = find_row(sqlite_of(store), record, row, &statement, err);
    if (result != STORE_OK)
        return result;
    read_row(statement, record, row, arena);
    done_with(statement);
    return STORE_OK;
}

static int run(struct store_sqlite *sqlite, sqlite3_stmt *statement, const char *what,
               struct err *err)
{
    int rc = sqlite3_step(statement);
    int result = sqlite_result(sqlite, rc, what, err);
    done_with(statement);
    return result;
}

static int insert_row(struct store_sqlite *sqlite, const struct record *record, const void *row,
                      struct err *err)
{
    sqlite3_stmt *statement;
    int result =
        prepare(sqlite, (struct statement_key){STATEMENT_INSERT, record, NULL, 0}, &statement, err);
    if (result != STORE_OK)
        return result;
    for (size_t i = 0; i < record->field_count; i++)
        bind(statement, (int)i + 1, column_get(&record->fields[i], row));
    return run(sqlite, statement, "writing a row", err);
}

static int update_row(struct store_sqlite *sqlite, const struct record *record, const void *row,
                      uint64_t mask, struct err *err)
{
    sqlite3_stmt *statement;
    int at = 1;
    int result = prepare(sqlite, (struct statement_key){STATEMENT_UPDATE, record, NULL, mask},
                         &statement, err);
    if (result != STORE_OK)
        return result;
    for (size_t i = 0; i < record->field_count; i++)
        if (mask >> i & 1)
            bind(statement, at++, column_get(&record->fields[i], row));
    bind_key(statement, at, record, row);
    return run(sqlite, statement, "changing a row", err);
}

/* Only changed columns are written: an UPDATE renews every index that it names a column of, and a
 * task has a dozen. */
int sqlite_put(struct store *store, const struct record *record, const void *row, struct err *err)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    sqlite3_stmt *statement;
    uint64_t mask = 0;
    int result = is_plain(record) ? STORE_NONE : find_row(sqlite, record, row, &statement, err);
    if (result == STORE_NONE)
        return insert_row(sqlite, record, row, err);
    if (result != STORE_OK)
        return result;
    for (size_t i = record->key_count; i < record->field_count; i++)
        if (column_compare(column_at(statement, (int)i), column_get(&record->fields[i], row)) != 0)
            mask |= (uint64_t)1 << i;
    done_with(statement);
    return mask ? update_row(sqlite, record, row, mask, err) : STORE_OK;
}

int sqlite_del(struct store *store, const struct record *record, const void *row, struct err *err)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    sqlite3_stmt *statement;
    int result =
        prepare(sqlite, (struct statement_key){STATEMENT_DEL, record, NULL, 0}, &statement, err);
    if (result != STORE_OK)
        return result;
    bind_key(statement, 1, record, row);
    return run(sqlite, statement, "deleting a row", err);
}

/* ---- walks ---- */

static int prepare_walk(struct store_sqlite *sqlite, enum statement_kind kind,
                        const struct scan *scan, sqlite3_stmt **statement, struct err *err)
{
    struct statement_key key = {kind, scan->record, NULL, shape_of(scan)};
    if (scan->index) {
        key.index = schema_index(schema_table(scan->record), scan->index);
        assert(key.index);
    }
    if (kind == STATEMENT_COUNT)
        key.shape &= ~(uint64_t)SHAPE_DESCENDING;
    int at = 1, result = prepare(sqlite, key, statement, err);
    if (result != STORE_OK)
        return result;
    for (size_t i = 0; i < scan->eq_count; i++)
        if (!value_is_null(scan->eq[i]))
            bind(*statement, at++, scan->eq[i]);
    if (scan->has_low)
        bind(*statement, at++, scan->low);
    if (scan->has_high)
        bind(*statement, at++, scan->high);
    if (kind == STATEMENT_SCAN)
        sqlite3_bind_int64(*statement, at, scan->max ? (int64_t)scan->max : -1);
    return STORE_OK;
}

int sqlite_scan(struct store *store, const struct scan *scan, struct arena *arena, void **rows,
                size_t *count, struct err *err)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    size_t size = scan->record->size;
    struct buf found = {0};
    sqlite3_stmt *statement;
    int rc, result = prepare_walk(sqlite, STATEMENT_SCAN, scan, &statement, err);
    if (result != STORE_OK)
        return result;
    *count = 0;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        void *row = buf_room(&found, size);
        memset(row, 0, size);
        read_row(statement, scan->record, row, arena);
        buf_grow(&found, size);
        ++*count;
    }
    result = sqlite_result(sqlite, rc, "walking an index", err);
    done_with(statement);
    *rows = arena_memdup(arena, buf_text(&found), found.len);
    buf_fini(&found);
    return result;
}

int sqlite_count(struct store *store, const struct scan *scan, int64_t *count, struct err *err)
{
    struct store_sqlite *sqlite = sqlite_of(store);
    sqlite3_stmt *statement;
    int result = prepare_walk(sqlite, STATEMENT_COUNT, scan, &statement, err);
    if (result != STORE_OK)
        return result;
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *count = sqlite3_column_int64(statement, 0);
    result = sqlite_result(sqlite, rc, "counting rows", err);
    done_with(statement);
    return result;
}
