/* The store as a test double: rows copied into maps, walks by sorting, an undo log for
 * transactions, and faults on order. Simple before fast. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "ledger/column.h"
#include "ledger/schema.h"
#include "ledger/store.h"

enum { FAULT_KINDS = FAULT_READ_IO + 1 };

struct mem_blob {
    size_t len;
    int64_t put_at;
    char bytes[];
};

/* What a key held before a change; NULL: nothing. */
struct undo {
    struct map *map;
    char *key;
    void *old;
};

struct store_mem {
    struct store store;
    struct map *tables; /* one per schema_tables[] */
    struct map blobs;
    struct undo *log;
    size_t log_count, log_cap, log_saved;
    bool in_transaction, keep;
    int faults[FAULT_KINDS]; /* calls until it fails; 0: never */
};

static struct store_mem *mem_of(struct store *store)
{
    return (struct store_mem *)store;
}

static bool fault_is_due(struct store_mem *mem, enum store_fault fault)
{
    return mem->faults[fault] > 0 && --mem->faults[fault] == 0;
}

/* ---- rows ---- */

static struct map *table_of(struct store_mem *mem, const struct record *record)
{
    assert(record->size);
    return &mem->tables[schema_table(record) - schema_tables];
}

/* The key as text; lengths keep ("a","bc") and ("ab","c") apart. The caller frees it. */
static char *key_of(const struct record *record, const void *row)
{
    struct buf buf = {0};
    for (size_t i = 0; i < record->key_count; i++) {
        struct value value = column_get(&record->fields[i], row);
        assert(!value_is_null(value));
        if (value.is_int)
            buf_printf(&buf, "%lld,", (long long)value.number);
        else
            buf_printf(&buf, "%zu:%s,", strlen(value.text), value.text);
    }
    return buf_take(&buf);
}

/* One block: the struct and its texts behind it. */
static void *row_dup(const struct record *record, const void *from)
{
    size_t size = record->size;
    for (size_t i = 0; i < record->field_count; i++) {
        struct value value = column_get(&record->fields[i], from);
        size += value.text ? strlen(value.text) + 1 : 0;
    }
    char *row = mem_alloc(size), *at = row + record->size;
    memcpy(row, from, record->size);
    for (size_t i = 0; i < record->field_count; i++) {
        struct value value = column_get(&record->fields[i], from);
        if (!value.text)
            continue;
        size_t len = strlen(value.text) + 1;
        memcpy(at, value.text, len);
        column_set(&record->fields[i], row, (struct value){.text = at});
        at += len;
    }
    return row;
}

/* ---- changes and their undoing ---- */

static void *map_swap(struct map *map, const char *key, void *value)
{
    return value ? map_put(map, key, value) : map_take(map, key);
}

static void change(struct store_mem *mem, struct map *map, char *key, void *value)
{
    void *old = map_swap(map, key, value);
    if (!mem->in_transaction) {
        free(old);
        free(key);
        return;
    }
    if (mem->log_count == mem->log_cap) {
        mem->log_cap = mem->log_cap ? mem->log_cap * 2 : 64;
        mem->log = mem_realloc(mem->log, mem->log_cap * sizeof(*mem->log));
    }
    mem->log[mem->log_count++] = (struct undo){map, key, old};
}

static void undo_to(struct store_mem *mem, size_t mark)
{
    while (mem->log_count > mark) {
        struct undo *undo = &mem->log[--mem->log_count];
        free(map_swap(undo->map, undo->key, undo->old));
        free(undo->key);
    }
}

static void forget_undo(struct store_mem *mem)
{
    for (size_t i = 0; i < mem->log_count; i++) {
        free(mem->log[i].old);
        free(mem->log[i].key);
    }
    mem->log_count = 0;
    mem->in_transaction = false;
}

static int mem_migrate(struct store *store, struct err *err)
{
    return STORE_OK;
}

static int mem_begin(struct store *store, struct err *err)
{
    struct store_mem *mem = mem_of(store);
    assert(!mem->in_transaction);
    mem->in_transaction = true;
    mem->log_saved = 0;
    return STORE_OK;
}

static void mem_rollback(struct store *store)
{
    struct store_mem *mem = mem_of(store);
    undo_to(mem, 0);
    mem->in_transaction = false;
}

static int mem_commit(struct store *store, struct err *err)
{
    struct store_mem *mem = mem_of(store);
    assert(mem->in_transaction);
    if (fault_is_due(mem, FAULT_COMMIT_IO)) {
        mem_rollback(store);
        return err_set(err, "store_io", "the double was told to fail this commit");
    }
    if (fault_is_due(mem, FAULT_COMMIT_FULL)) {
        mem_rollback(store);
        err_set(err, "store_full", "the double was told that the disk is full");
        return STORE_FULL;
    }
    forget_undo(mem);
    return STORE_OK;
}

static int mem_save(struct store *store, struct err *err)
{
    struct store_mem *mem = mem_of(store);
    assert(mem->in_transaction);
    mem->log_saved = mem->log_count;
    return STORE_OK;
}

static int mem_release(struct store *store, struct err *err)
{
    mem_of(store)->log_saved = 0;
    return STORE_OK;
}

static int mem_undo(struct store *store, struct err *err)
{
    struct store_mem *mem = mem_of(store);
    undo_to(mem, mem->log_saved);
    return STORE_OK;
}

/* ---- one row ---- */

static int read_fault(struct store_mem *mem, struct err *err)
{
    if (fault_is_due(mem, FAULT_READ_IO))
        return err_set(err, "store_io", "the double was told to fail this read");
    return 0;
}

static int mem_get(struct store *store, const struct record *record, void *row, struct arena *arena,
                   struct err *err)
{
    struct store_mem *mem = mem_of(store);
    if (read_fault(mem, err) < 0)
        return -1;
    char *key = key_of(record, row);
    const void *found = map_get(table_of(mem, record), key);
    free(key);
    if (!found)
        return STORE_NONE;
    record_copy(record, row, found, arena);
    return STORE_OK;
}

static bool same_in(const struct record *record, const struct schema_index *index, const void *a,
                    const void *b)
{
    for (size_t i = 0; i < SCHEMA_COLUMNS && index->columns[i]; i++) {
        const struct field *field = column_find(record, index->columns[i]);
        struct value left = column_get(field, a), right = column_get(field, b);
        if (value_is_null(left) || value_is_null(right) || column_compare(left, right) != 0)
            return false;
    }
    return true;
}

/* Returns -1 when another row has the same columns of a unique index. */
static int check_unique(struct store_mem *mem, const struct record *record, const void *row,
                        const void *before, struct err *err)
{
    const struct schema_table *table = schema_table(record);
    for (size_t i = 0; i < table->index_count; i++) {
        const struct schema_index *index = &table->indexes[i];
        if (!index->unique || (before && same_in(record, index, row, before)))
            continue;
        const char *key;
        void *other;
        for (size_t at = 0; map_next(table_of(mem, record), &at, &key, &other);)
            if (other != before && same_in(record, index, row, other))
                return err_set(err, "store_constraint", "a second row in the unique index %s",
                               index->name);
    }
    return 0;
}

static int mem_put(struct store *store, const struct record *record, const void *row,
                   struct err *err)
{
    struct store_mem *mem = mem_of(store);
    if (fault_is_due(mem, FAULT_PUT_IO))
        return err_set(err, "store_io", "the double was told to fail this write");
    char *key = key_of(record, row);
    if (check_unique(mem, record, row, map_get(table_of(mem, record), key), err) < 0) {
        free(key);
        return -1;
    }
    change(mem, table_of(mem, record), key, row_dup(record, row));
    return STORE_OK;
}

static int mem_del(struct store *store, const struct record *record, const void *row,
                   struct err *err)
{
    struct store_mem *mem = mem_of(store);
    if (fault_is_due(mem, FAULT_PUT_IO))
        return err_set(err, "store_io", "the double was told to fail this write");
    char *key = key_of(record, row);
    if (!map_get(table_of(mem, record), key)) {
        free(key);
        return STORE_OK;
    }
    change(mem, table_of(mem, record), key, NULL);
    return STORE_OK;
}

/* ---- walks ---- */

struct walk {
    const struct scan *scan;
    const struct field *columns[SCHEMA_ORDER];
    size_t column_count;
};

static bool walk_takes(const struct walk *walk, const void *row)
{
    const struct scan *scan = walk->scan;
    for (size_t i = 0; i < scan->eq_count; i++)
        if (column_compare(column_get(walk->columns[i], row), scan->eq[i]) != 0)
            return false;
    if (!scan->has_low && !scan->has_high)
        return true;
    struct value value = column_get(walk->columns[scan->eq_count], row);
    if (value_is_null(value))
        return false;
    return (!scan->has_low || column_compare(value, scan->low) >= 0) &&
           (!scan->has_high || column_compare(value, scan->high) <= 0);
}

static int walk_compare(const void *a, const void *b, void *arg)
{
    const struct walk *walk = arg;
    for (size_t i = 0; i < walk->column_count; i++) {
        int order = column_compare(column_get(walk->columns[i], *(void *const *)a),
                                   column_get(walk->columns[i], *(void *const *)b));
        if (order != 0)
            return walk->scan->descending ? -order : order;
    }
    return 0;
}

/* Returns the rows in order, all of them; the caller frees the array, not the rows. */
static void **walk_collect(struct store_mem *mem, const struct scan *scan, size_t *count)
{
    struct walk walk = {.scan = scan};
    walk.column_count = schema_order(scan->record, scan->index, walk.columns);
    assert(scan->eq_count + (scan->has_low || scan->has_high) <= walk.column_count);
    const struct map *table = table_of(mem, scan->record);
    void **found = mem_alloc((table->count + 1) * sizeof(*found)), *row;
    const char *key;
    *count = 0;
    for (size_t at = 0; map_next(table, &at, &key, &row);)
        if (walk_takes(&walk, row))
            found[(*count)++] = row;
    qsort_r(found, *count, sizeof(*found), walk_compare, &walk);
    return found;
}

static int mem_scan(struct store *store, const struct scan *scan, struct arena *arena, void **rows,
                    size_t *count, struct err *err)
{
    struct store_mem *mem = mem_of(store);
    if (read_fault(mem, err) < 0)
        return -1;
    size_t size = scan->record->size;
    void **found = walk_collect(mem, scan, count);
    if (scan->max && *count > scan->max)
        *count = scan->max;
    *rows = arena_alloc(arena, *count * size + 1);
    for (size_t i = 0; i < *count; i++)
        record_copy(scan->record, (char *)*rows + i * size, found[i], arena);
    free(found);
    return STORE_OK;
}

static int mem_count(struct store *store, const struct scan *scan, int64_t *count, struct err *err)
{
    struct store_mem *mem = mem_of(store);
    if (read_fault(mem, err) < 0)
        return -1;
    size_t rows;
    free(walk_collect(mem, scan, &rows));
    *count = (int64_t)rows;
    return STORE_OK;
}

/* ---- blobs ---- */

static int mem_blob_put(struct store *store, const char *hex, const void *bytes, size_t len,
                        struct err *err)
{
    struct store_mem *mem = mem_of(store);
    if (fault_is_due(mem, FAULT_PUT_IO))
        return err_set(err, "store_io", "the double was told to fail this write");
    if (map_get(&mem->blobs, hex))
        return STORE_OK;
    struct mem_blob *blob = mem_alloc(sizeof(*blob) + len + 1);
    blob->len = len;
    blob->put_at = time_wall_ms();
    if (len)
        memcpy(blob->bytes, bytes, len);
    change(mem, &mem->blobs, mem_strdup(hex), blob);
    return STORE_OK;
}

static int mem_blob_get(struct store *store, const char *hex, struct arena *arena, char **bytes,
                        size_t *len, struct err *err)
{
    struct store_mem *mem = mem_of(store);
    if (read_fault(mem, err) < 0)
        return -1;
    const struct mem_blob *blob = map_get(&mem->blobs, hex);
    if (!blob)
        return STORE_NONE;
    *bytes = arena_memdup(arena, blob->bytes, blob->len);
    *len = blob->len;
    return STORE_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct store_blob *)a)->hex, ((const struct store_blob *)b)->hex);
}

static int mem_blob_list(struct store *store, const char *after, size_t max, struct arena *arena,
                         struct store_blob **blobs, size_t *count, struct err *err)
{
    struct store_mem *mem = mem_of(store);
    const char *key;
    void *value;
    *count = 0;
    *blobs = arena_alloc(arena, (mem->blobs.count + 1) * sizeof(**blobs));
    for (size_t at = 0; map_next(&mem->blobs, &at, &key, &value);) {
        const struct mem_blob *blob = value;
        if (!blob || (after && strcmp(key, after) <= 0))
            continue;
        struct store_blob *out = &(*blobs)[(*count)++];
        snprintf(out->hex, sizeof(out->hex), "%s", key);
        out->size = (int64_t)blob->len;
        out->put_at = blob->put_at;
    }
    qsort(*blobs, *count, sizeof(**blobs), by_name);
    *count = *count < max ? *count : max;
    return STORE_OK;
}

static int mem_blob_del(struct store *store, const char *hex, struct err *err)
{
    free(map_take(&mem_of(store)->blobs, hex));
    return STORE_OK;
}

/* ---- care, close ---- */

static int mem_care(struct store *store, bool *more, struct err *err)
{
    *more = false;
    return STORE_OK;
}

static int mem_backup(struct store *store, const char *path, bool *more, struct err *err)
{
    *more = false;
    return err_set(err, "unsupported", "the store in memory keeps no files to back up");
}

static int mem_check(struct store *store, struct arena *arena, struct store_check *check,
                     struct err *err)
{
    check->more = false;
    return STORE_OK;
}

static void mem_free_reserve(struct store *store)
{
}

static bool mem_keep_reserve(struct store *store)
{
    return true;
}

static void mem_close(struct store *store)
{
    if (mem_of(store)->keep)
        store_mem_reopen(store);
    else
        store_mem_free(store);
}

static const struct store_ops mem_ops = {
    .migrate = mem_migrate,
    .begin = mem_begin,
    .commit = mem_commit,
    .rollback = mem_rollback,
    .save = mem_save,
    .release = mem_release,
    .undo = mem_undo,
    .get = mem_get,
    .put = mem_put,
    .del = mem_del,
    .scan = mem_scan,
    .count = mem_count,
    .blob_put = mem_blob_put,
    .blob_get = mem_blob_get,
    .blob_list = mem_blob_list,
    .blob_del = mem_blob_del,
    .care = mem_care,
    .backup = mem_backup,
    .check = mem_check,
    .free_reserve = mem_free_reserve,
    .keep_reserve = mem_keep_reserve,
    .close = mem_close,
};

struct store *store_mem_open(void)
{
    struct store_mem *mem = mem_zalloc(sizeof(*mem));
    mem->store.ops = &mem_ops;
    mem->tables = mem_zalloc(schema_table_count * sizeof(*mem->tables));
    return &mem->store;
}

void store_mem_keep(struct store *store)
{
    mem_of(store)->keep = true;
}

void store_mem_reopen(struct store *store)
{
    mem_rollback(store);
    memset(mem_of(store)->faults, 0, sizeof(mem_of(store)->faults));
}

void store_mem_free(struct store *store)
{
    struct store_mem *mem = mem_of(store);
    mem_rollback(store);
    for (size_t i = 0; i < schema_table_count; i++)
        map_free(&mem->tables[i]);
    map_free(&mem->blobs);
    free(mem->tables);
    free(mem->log);
    free(mem);
}

void store_mem_fail(struct store *store, enum store_fault fault, int nth)
{
    mem_of(store)->faults[fault] = nth;
}
