/* What every store must do, asked of each of them: rows, walks, transactions, blobs, reopening. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ledger/column.h"
#include "ledger/rows.h"
#include "ledger/schema.h"
#include "ledger/store.h"
#include "wire/call.h"
#include "wire/effect.h"
#include "wire/task.h"

enum { ROWS = 48 };

struct fixture {
    bool in_memory;
    char dir[64];
    struct store *store;
    struct arena arena;
    struct err err;
};

static struct fixture memory_fixture = {.in_memory = true}, sqlite_fixture;

static void open_store(struct fixture *fixture)
{
    fixture->store =
        fixture->in_memory ? store_mem_open() : store_sqlite_open(fixture->dir, &fixture->err);
    if (!fixture->store)
        fail_msg("%s", fixture->err.message);
    if (fixture->store->ops->migrate(fixture->store, &fixture->err) != STORE_OK)
        fail_msg("%s", fixture->err.message);
}

static int setup(void **state)
{
    struct fixture *fixture = *state;
    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/hq-store-XXXXXX");
    if (!fixture->in_memory && !mkdtemp(fixture->dir))
        return -1;
    open_store(fixture);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    fixture->store->ops->close(fixture->store);
    arena_fini(&fixture->arena);
    if (!fixture->in_memory)
        nftw(fixture->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

/* As after a death: what was not committed must be gone. */
static void reopen(struct fixture *fixture)
{
    if (fixture->in_memory) {
        store_mem_reopen(fixture->store);
        return;
    }
    fixture->store->ops->close(fixture->store);
    open_store(fixture);
}

/* ---- short words for the operations ---- */

#define OK(call)                                                                                   \
    do {                                                                                           \
        int result_ = (call);                                                                      \
        if (result_ != STORE_OK)                                                                   \
            fail_msg("%s: %d, %s", #call, result_, fixture->err.message);                          \
    } while (0)

static void begin(struct fixture *fixture)
{
    OK(fixture->store->ops->begin(fixture->store, &fixture->err));
}

static void commit(struct fixture *fixture)
{
    OK(fixture->store->ops->commit(fixture->store, &fixture->err));
}

static void put(struct fixture *fixture, const struct record *record, const void *row)
{
    OK(fixture->store->ops->put(fixture->store, record, row, &fixture->err));
}

static int get(struct fixture *fixture, const struct record *record, void *row)
{
    return fixture->store->ops->get(fixture->store, record, row, &fixture->arena, &fixture->err);
}

static void put_meta(struct fixture *fixture, const char *name, const char *value)
{
    put(fixture, &meta_record, &(struct meta){name, value});
}

/* NULL: there is no such row. */
static const char *get_meta(struct fixture *fixture, const char *name)
{
    struct meta meta = {.name = name};
    return get(fixture, &meta_record, &meta) == STORE_OK ? meta.value : NULL;
}

static size_t scan(struct fixture *fixture, const struct scan *scan, void **rows)
{
    size_t count;
    OK(fixture->store->ops->scan(fixture->store, scan, &fixture->arena, rows, &count,
                                 &fixture->err));
    return count;
}

/* ---- rows made up for any record ---- */

static unsigned seed;

static unsigned dice(unsigned sides)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % sides;
}

static bool is_number(const struct field *field)
{
    return field->type != FIELD_TEXT && field->type != FIELD_JSON;
}

/* A number that names the row in the last key column; small random values elsewhere, some NULL. */
static void make_up(struct fixture *fixture, const struct record *record, void *row, int number)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        bool is_key = i < record->key_count, names = i + 1 == record->key_count;
        struct value value = {.is_int = is_number(field)};
        value.number = names || strcmp(field->name, "seq") == 0 ? number : (int)dice(3);
        if (!value.is_int && names)
            value.text = arena_printf(&fixture->arena, "row-%03d", number);
        else if (!value.is_int && (is_key || dice(4) > 0))
            value.text = arena_printf(&fixture->arena, "%c\xc3\xa4", 'a' + (int)dice(3));
        column_set(field, row, value);
    }
}

static void assert_same(const struct record *record, const void *left, const void *right)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        if (column_compare(column_get(field, left), column_get(field, right)) != 0)
            fail_msg("%s.%s differs", record->name, field->name);
    }
}

static void set_key(const struct record *record, void *to, const void *from)
{
    memset(to, 0, record->size);
    for (size_t i = 0; i < record->key_count; i++)
        column_set(&record->fields[i], to, column_get(&record->fields[i], from));
}

/* ---- one row ---- */

/* Every record: absent, put, got, each column changed and emptied by itself, deleted. */
static void rows_come_back(struct fixture *fixture, const struct record *record)
{
    void *row = arena_alloc(&fixture->arena, record->size);
    void *found = arena_alloc(&fixture->arena, record->size);
    make_up(fixture, record, row, 7);
    set_key(record, found, row);
    assert_int_equal(get(fixture, record, found), STORE_NONE);
    put(fixture, record, row);
    for (size_t i = record->key_count; i < 2 * record->field_count; i++) {
        const struct field *field = &record->fields[i % record->field_count];
        struct value value = {.is_int = is_number(field), .number = i & 1};
        if (i % record->field_count < record->key_count)
            continue;
        if (!value.is_int && i < record->field_count)
            value.text = "";
        column_set(field, row, value);
        put(fixture, record, row);
        set_key(record, found, row);
        OK(get(fixture, record, found));
        assert_same(record, row, found);
    }
    OK(fixture->store->ops->del(fixture->store, record, row, &fixture->err));
    OK(fixture->store->ops->del(fixture->store, record, row, &fixture->err));
    assert_int_equal(get(fixture, record, found), STORE_NONE);
}

static void every_record_comes_back(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    for (size_t i = 0; i < schema_table_count; i++)
        if (schema_tables[i].record->size)
            rows_come_back(fixture, schema_tables[i].record);
    commit(fixture);
}

static void extremes_come_back(void **state)
{
    struct fixture *fixture = *state;
    char *text = mem_alloc(300001);
    memset(text, 'x', 300000);
    text[300000] = '\0';
    struct call in = {.task = "t",
                      .step = INT64_MAX,
                      .idx = INT64_MIN,
                      .response = text,
                      .is_error = true,
                      .cost_micro_usd = -1};
    struct call out = {.task = "t", .step = INT64_MAX, .idx = INT64_MIN};
    put(fixture, &call_record, &in);
    OK(get(fixture, &call_record, &out));
    assert_same(&call_record, &in, &out);
    assert_null(out.plan);
    free(text);
}

static void keys_do_not_run_together(void **state)
{
    struct fixture *fixture = *state;
    struct inbox one = {.source = "a", .message_id = "bc", .task = "1"};
    struct inbox two = {.source = "ab", .message_id = "c", .task = "2"};
    put(fixture, &inbox_record, &one);
    put(fixture, &inbox_record, &two);
    struct inbox found = {.source = "a", .message_id = "bc"};
    OK(get(fixture, &inbox_record, &found));
    assert_string_equal(found.task, "1");
}

static void unique_index_refuses_a_second_row(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, &task_record, &(struct task){.id = "t-1", .seq = 1});
    put(fixture, &task_record, &(struct task){.id = "t-1", .seq = 1, .agent = "a"});
    int result = fixture->store->ops->put(fixture->store, &task_record,
                                          &(struct task){.id = "t-2", .seq = 1}, &fixture->err);
    assert_int_equal(result, -1);
    assert_string_equal(fixture->err.code, "store_constraint");
    assert_int_equal(get(fixture, &task_record, &(struct task){.id = "t-2"}), STORE_NONE);
}

/* ---- walks: each index against a list sorted here ---- */

static const struct field *order_fields[SCHEMA_ORDER];
static size_t order_count;

static int by_order(const void *left, const void *right)
{
    for (size_t i = 0; i < order_count; i++) {
        struct value a = column_get(order_fields[i], *(void *const *)left);
        struct value b = column_get(order_fields[i], *(void *const *)right);
        if (a.is_int && a.number != b.number)
            return a.number < b.number ? -1 : 1;
        if (!a.is_int && (!a.text || !b.text) && a.text != b.text)
            return a.text ? 1 : -1;
        if (!a.is_int && a.text && strcmp(a.text, b.text) != 0)
            return strcmp(a.text, b.text);
    }
    return 0;
}

/* The index's columns as schema.h lists them, then the primary key. */
static void set_order(const struct record *record, const struct schema_index *index)
{
    order_count = 0;
    for (size_t i = 0; index && i < SCHEMA_COLUMNS && index->columns[i]; i++) {
        order_fields[order_count] = column_find(record, index->columns[i]);
        assert_non_null(order_fields[order_count++]);
    }
    for (size_t i = 0; i < record->key_count; i++)
        order_fields[order_count++] = &record->fields[i];
}

static bool is_taken(const struct scan *scan, const void *row)
{
    for (size_t i = 0; i < scan->eq_count; i++) {
        struct value value = column_get(order_fields[i], row);
        if (value.is_int ? value.number != scan->eq[i].number
                         : (!value.text != !scan->eq[i].text ||
                            (value.text && strcmp(value.text, scan->eq[i].text) != 0)))
            return false;
    }
    if (!scan->has_low && !scan->has_high)
        return true;
    struct value value = column_get(order_fields[scan->eq_count], row);
    if (!value.is_int && !value.text)
        return false;
    int64_t low = value.is_int    ? value.number - scan->low.number
                  : scan->has_low ? strcmp(value.text, scan->low.text)
                                  : 0;
    int64_t high = value.is_int     ? value.number - scan->high.number
                   : scan->has_high ? strcmp(value.text, scan->high.text)
                                    : 0;
    return (!scan->has_low || low >= 0) && (!scan->has_high || high <= 0);
}

/* One walk and its count against the sorted rows. */
static void compare_walk(struct fixture *fixture, const struct scan *walk, void **sorted)
{
    void *rows;
    size_t count = scan(fixture, walk, &rows), at = 0;
    int64_t counted = -1;
    for (size_t i = 0; i < ROWS; i++) {
        void *row = sorted[walk->descending ? ROWS - 1 - i : i];
        if (!is_taken(walk, row))
            continue;
        if (!walk->max || at < walk->max)
            assert_same(walk->record, row, (char *)rows + at * walk->record->size);
        at++;
    }
    assert_int_equal(count, walk->max && at > walk->max ? walk->max : at);
    OK(fixture->store->ops->count(fixture->store, walk, &counted, &fixture->err));
    assert_int_equal(counted, at);
}

/* All prefixes of equal columns (taken from a row that is there), with and without bounds. */
static void walk_index(struct fixture *fixture, const struct record *record,
                       const struct schema_index *index, void **rows)
{
    size_t columns = 0;
    set_order(record, index);
    qsort(rows, ROWS, sizeof(*rows), by_order);
    while (index ? columns < SCHEMA_COLUMNS && index->columns[columns]
                 : columns < record->key_count)
        columns++;
    for (size_t round = 0; round < 6 * 8; round++) {
        struct scan walk = {.record = record,
                            .index = index ? index->name : NULL,
                            .descending = round & 1,
                            .max = round % 3 ? 0 : 5};
        const void *like = rows[dice(ROWS)], *bound = rows[dice(ROWS)];
        walk.eq_count = round / 8 < columns ? round / 8 : columns;
        walk.eq_count = walk.eq_count > 4 ? 4 : walk.eq_count;
        for (size_t i = 0; i < walk.eq_count; i++)
            walk.eq[i] = column_get(order_fields[i], like);
        walk.low = walk.high = walk.eq_count < columns
                                   ? column_get(order_fields[walk.eq_count], bound)
                                   : (struct value){0};
        if (!value_is_null(walk.low)) {
            walk.has_low = round & 2;
            walk.has_high = round & 4;
        }
        compare_walk(fixture, &walk, rows);
    }
}

static void walk_table(struct fixture *fixture, const struct schema_table *table)
{
    void *rows[ROWS];
    begin(fixture);
    for (int i = 0; i < ROWS; i++) {
        rows[i] = arena_alloc(&fixture->arena, table->record->size);
        make_up(fixture, table->record, rows[i], (i * 29) % ROWS);
        put(fixture, table->record, rows[i]);
    }
    commit(fixture);
    walk_index(fixture, table->record, NULL, rows);
    for (size_t i = 0; i < table->index_count; i++)
        walk_index(fixture, table->record, &table->indexes[i], rows);
}

static void every_index_walks_in_order(void **state)
{
    struct fixture *fixture = *state;
    seed = 1;
    for (size_t i = 0; i < schema_table_count; i++)
        if (schema_tables[i].record->size)
            walk_table(fixture, &schema_tables[i]);
}

/* What commands do to let people type the start of an id. */
static void ids_are_found_by_prefix(void **state)
{
    struct fixture *fixture = *state;
    const char *ids[] = {"t-ab", "t-abc", "t-abz9", "t-ac", "t-b"};
    for (int i = 0; i < 5; i++)
        put(fixture, &task_record, &(struct task){.id = ids[i], .seq = i + 1});
    struct scan walk = {.record = &task_record,
                        .has_low = true,
                        .has_high = true,
                        .low.text = "t-ab",
                        .high.text = "t-ab\x7f"};
    struct task *found;
    assert_int_equal(scan(fixture, &walk, (void **)&found), 3);
    assert_string_equal(found[0].id, "t-ab");
    assert_string_equal(found[2].id, "t-abz9");
}

static void empty_walk_is_no_error(void **state)
{
    struct fixture *fixture = *state;
    struct scan walk = {
        .record = &wait_record, .index = "wait_target", .eq_count = 1, .eq[0].text = "task"};
    void *rows;
    int64_t count = -1;
    assert_int_equal(scan(fixture, &walk, &rows), 0);
    OK(fixture->store->ops->count(fixture->store, &walk, &count, &fixture->err));
    assert_int_equal(count, 0);
}

/* ---- transactions ---- */

static void rollback_drops_and_commit_keeps(void **state)
{
    struct fixture *fixture = *state;
    put_meta(fixture, "kept", "1");
    begin(fixture);
    put_meta(fixture, "kept", "2");
    put_meta(fixture, "new", "2");
    assert_string_equal(get_meta(fixture, "kept"), "2");
    fixture->store->ops->rollback(fixture->store);
    assert_string_equal(get_meta(fixture, "kept"), "1");
    assert_null(get_meta(fixture, "new"));
    fixture->store->ops->rollback(fixture->store);
    begin(fixture);
    OK(fixture->store->ops->del(fixture->store, &meta_record, &(struct meta){"kept", NULL},
                                &fixture->err));
    put_meta(fixture, "new", "3");
    commit(fixture);
    fixture->store->ops->rollback(fixture->store);
    assert_null(get_meta(fixture, "kept"));
    assert_string_equal(get_meta(fixture, "new"), "3");
}

static void undo_drops_its_own_batch_only(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    put_meta(fixture, "a", "0");
    begin(fixture);
    OK(store->ops->save(store, &fixture->err));
    put_meta(fixture, "a", "1");
    OK(store->ops->release(store, &fixture->err));
    OK(store->ops->save(store, &fixture->err));
    put_meta(fixture, "a", "2");
    put_meta(fixture, "a", "3");
    put_meta(fixture, "b", "3");
    OK(store->ops->undo(store, &fixture->err));
    assert_string_equal(get_meta(fixture, "a"), "1");
    assert_null(get_meta(fixture, "b"));
    OK(store->ops->save(store, &fixture->err));
    put_meta(fixture, "c", "4");
    OK(store->ops->release(store, &fixture->err));
    commit(fixture);
    reopen(fixture);
    assert_string_equal(get_meta(fixture, "a"), "1");
    assert_null(get_meta(fixture, "b"));
    assert_string_equal(get_meta(fixture, "c"), "4");
}

static void released_batch_goes_with_the_group(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    begin(fixture);
    OK(store->ops->save(store, &fixture->err));
    put_meta(fixture, "a", "1");
    OK(store->ops->release(store, &fixture->err));
    store->ops->rollback(store);
    assert_null(get_meta(fixture, "a"));
}

static void reopening_keeps_what_was_committed(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    put_meta(fixture, "committed", "yes");
    commit(fixture);
    put_meta(fixture, "alone", "yes");
    begin(fixture);
    put_meta(fixture, "open", "yes");
    put_meta(fixture, "committed", "no");
    reopen(fixture);
    assert_string_equal(get_meta(fixture, "committed"), "yes");
    assert_string_equal(get_meta(fixture, "alone"), "yes");
    assert_null(get_meta(fixture, "open"));
}

/* ---- blobs ---- */

static int blob_put(struct fixture *fixture, const char *bytes, size_t len, char hex[HASH_HEX])
{
    hash_hex(bytes, len, hex);
    return fixture->store->ops->blob_put(fixture->store, hex, bytes, len, &fixture->err);
}

static int blob_get(struct fixture *fixture, const char *hex, char **bytes, size_t *len)
{
    return fixture->store->ops->blob_get(fixture->store, hex, &fixture->arena, bytes, len,
                                         &fixture->err);
}

static void blob_of_size(struct fixture *fixture, size_t len)
{
    char hex[HASH_HEX], *bytes = mem_alloc(len + 1), *found = NULL;
    size_t found_len = 1;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 7 + len);
    hash_hex(bytes, len, hex);
    assert_int_equal(blob_get(fixture, hex, &found, &found_len), STORE_NONE);
    OK(blob_put(fixture, bytes, len, hex));
    OK(blob_put(fixture, bytes, len, hex));
    reopen(fixture);
    OK(blob_get(fixture, hex, &found, &found_len));
    assert_int_equal(found_len, len);
    assert_memory_equal(found, bytes, len);
    assert_int_equal(found[len], '\0');
    free(bytes);
}

static void blobs_come_back(void **state)
{
    struct fixture *fixture = *state;
    char *bytes;
    size_t len;
    blob_of_size(fixture, 0);
    blob_of_size(fixture, 1);
    blob_of_size(fixture, 100000);
    blob_of_size(fixture, LIMIT_BLOB_IN_ROW);
    blob_of_size(fixture, LIMIT_BLOB_IN_ROW + 1);
    assert_int_equal(blob_get(fixture, "../../etc/passwd", &bytes, &len), STORE_NONE);
}

static void blobs_go_with_their_transaction(void **state)
{
    struct fixture *fixture = *state;
    char small[HASH_HEX], large[HASH_HEX], *found, *bytes = mem_zalloc(LIMIT_BLOB_IN_ROW + 2);
    size_t len;
    for (int round = 0; round < 2; round++) {
        begin(fixture);
        OK(blob_put(fixture, "small", 5, small));
        OK(blob_put(fixture, bytes, LIMIT_BLOB_IN_ROW + 2, large));
        if (round == 1)
            commit(fixture);
        reopen(fixture);
        int expected = round == 1 ? STORE_OK : STORE_NONE;
        assert_int_equal(blob_get(fixture, small, &found, &len), expected);
        assert_int_equal(blob_get(fixture, large, &found, &len), expected);
    }
    free(bytes);
}

/* ---- faults of the double ---- */

static void faults_come_when_told(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = fixture->store;
    put_meta(fixture, "a", "0");
    store_mem_fail(store, FAULT_PUT_IO, 2);
    begin(fixture);
    put_meta(fixture, "a", "1");
    assert_int_equal(store->ops->put(store, &meta_record, &(struct meta){"b", "1"}, &fixture->err),
                     -1);
    assert_string_equal(fixture->err.code, "store_io");
    store->ops->rollback(store);
    assert_string_equal(get_meta(fixture, "a"), "0");
    enum store_fault faults[] = {FAULT_COMMIT_IO, FAULT_COMMIT_FULL};
    for (int i = 0; i < 2; i++) {
        store_mem_fail(store, faults[i], 1);
        begin(fixture);
        put_meta(fixture, "a", "1");
        assert_int_equal(store->ops->commit(store, &fixture->err), i == 0 ? -1 : STORE_FULL);
        store->ops->rollback(store);
        assert_string_equal(get_meta(fixture, "a"), "0");
    }
    store_mem_fail(store, FAULT_READ_IO, 1);
    assert_int_equal(get(fixture, &meta_record, &(struct meta){.name = "a"}), -1);
    assert_string_equal(get_meta(fixture, "a"), "0");
}

static void kept_double_survives_close(void **state)
{
    struct fixture *fixture = *state;
    store_mem_keep(fixture->store);
    put_meta(fixture, "a", "1");
    begin(fixture);
    put_meta(fixture, "a", "2");
    fixture->store->ops->close(fixture->store);
    assert_string_equal(get_meta(fixture, "a"), "1");
    store_mem_free(fixture->store);
    open_store(fixture);
}

#define IN_MEMORY(test)                                                                            \
    {                                                                                              \
#test " (memory)", test, setup, teardown, &memory_fixture                                  \
    }
#define BOTH(test)                                                                                 \
    IN_MEMORY(test),                                                                               \
    {                                                                                              \
#test " (sqlite)", test, setup, teardown, &sqlite_fixture                                  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(every_record_comes_back),
        BOTH(extremes_come_back),
        BOTH(keys_do_not_run_together),
        BOTH(unique_index_refuses_a_second_row),
        BOTH(every_index_walks_in_order),
        BOTH(ids_are_found_by_prefix),
        BOTH(empty_walk_is_no_error),
        BOTH(rollback_drops_and_commit_keeps),
        BOTH(undo_drops_its_own_batch_only),
        BOTH(released_batch_goes_with_the_group),
        BOTH(reopening_keeps_what_was_committed),
        BOTH(blobs_come_back),
        BOTH(blobs_go_with_their_transaction),
        IN_MEMORY(faults_come_when_told),
        IN_MEMORY(kept_double_survives_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
