/* What every store must do with rows, transactions and blobs, asked of each of them. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ledger/column.h"
#include "ledger/schema.h"
#include "ledger_fixture.h"
#include "wire/call.h"
#include "wire/effect.h"
#include "wire/task.h"

static bool is_number(const struct field *field)
{
    return field->type != FIELD_TEXT && field->type != FIELD_JSON;
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
        assert_same_row(record, row, found);
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
    assert_same_row(&call_record, &in, &out);
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
    fixture_reopen(fixture);
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
    fixture_reopen(fixture);
    assert_string_equal(get_meta(fixture, "committed"), "yes");
    assert_string_equal(get_meta(fixture, "alone"), "yes");
    assert_null(get_meta(fixture, "open"));
}

/* ---- blobs ---- */

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
    fixture_reopen(fixture);
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
        fixture_reopen(fixture);
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
    fixture_open(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(every_record_comes_back),
        BOTH(extremes_come_back),
        BOTH(keys_do_not_run_together),
        BOTH(unique_index_refuses_a_second_row),
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
