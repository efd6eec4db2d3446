/* The fixture of the store tests. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "ledger/column.h"
#include "ledger_fixture.h"

struct fixture memory_fixture = {.in_memory = true}, sqlite_fixture;

void fixture_open(struct fixture *fixture)
{
    fixture->store =
        fixture->in_memory ? store_mem_open() : store_sqlite_open(fixture->dir, &fixture->err);
    if (!fixture->store)
        fail_msg("%s", fixture->err.message);
    if (fixture->store->ops->migrate(fixture->store, &fixture->err) != STORE_OK)
        fail_msg("%s", fixture->err.message);
}

void fixture_close(struct fixture *fixture)
{
    if (fixture->store)
        fixture->store->ops->close(fixture->store);
    fixture->store = NULL;
}

int fixture_setup(void **state)
{
    struct fixture *fixture = *state;
    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/hq-store-XXXXXX");
    if (!fixture->in_memory && !mkdtemp(fixture->dir))
        return -1;
    fixture_open(fixture);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(fixture);
    arena_fini(&fixture->arena);
    if (!fixture->in_memory)
        nftw(fixture->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

void fixture_reopen(struct fixture *fixture)
{
    if (fixture->in_memory) {
        store_mem_reopen(fixture->store);
        return;
    }
    fixture_close(fixture);
    fixture_open(fixture);
}

void begin(struct fixture *fixture)
{
    OK(fixture->store->ops->begin(fixture->store, &fixture->err));
}

void commit(struct fixture *fixture)
{
    OK(fixture->store->ops->commit(fixture->store, &fixture->err));
}

void put(struct fixture *fixture, const struct record *record, const void *row)
{
    OK(fixture->store->ops->put(fixture->store, record, row, &fixture->err));
}

int get(struct fixture *fixture, const struct record *record, void *row)
{
    return fixture->store->ops->get(fixture->store, record, row, &fixture->arena, &fixture->err);
}

void put_meta(struct fixture *fixture, const char *name, const char *value)
{
    put(fixture, &meta_record, &(struct meta){name, value});
}

const char *get_meta(struct fixture *fixture, const char *name)
{
    struct meta meta = {.name = name};
    return get(fixture, &meta_record, &meta) == STORE_OK ? meta.value : NULL;
}

size_t scan(struct fixture *fixture, const struct scan *scan, void **rows)
{
    size_t count;
    OK(fixture->store->ops->scan(fixture->store, scan, &fixture->arena, rows, &count,
                                 &fixture->err));
    return count;
}

int blob_put(struct fixture *fixture, const char *bytes, size_t len, char *hex)
{
    hash_hex(bytes, len, hex);
    return fixture->store->ops->blob_put(fixture->store, hex, bytes, len, &fixture->err);
}

int blob_get(struct fixture *fixture, const char *hex, char **bytes, size_t *len)
{
    return fixture->store->ops->blob_get(fixture->store, hex, &fixture->arena, bytes, len,
                                         &fixture->err);
}

static unsigned seed;

void dice_seed(unsigned value)
{
    seed = value;
}

unsigned dice(unsigned sides)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % sides;
}

static bool is_number(const struct field *field)
{
    return field->type != FIELD_TEXT && field->type != FIELD_JSON;
}

void make_up(struct fixture *fixture, const struct record *record, void *row, int number)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        bool is_key = i < record->key_count, names = i + 1 == record->key_count;
        struct value value = {.is_int = is_number(field)};
        value.number = names || strcmp(field->name, "seq") == 0 || strcmp(field->name, "no") == 0
                           ? number
                           : (int)dice(3);
        if (!value.is_int && names)
            value.text = arena_printf(&fixture->arena, "row-%03d", number);
        else if (!value.is_int && (is_key || dice(4) > 0))
            value.text = arena_printf(&fixture->arena, "%c\xc3\xa4", 'a' + (int)dice(3));
        column_set(field, row, value);
    }
}

void assert_same_row(const struct record *record, const void *left, const void *right)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        if (column_compare(column_get(field, left), column_get(field, right)) != 0)
            fail_msg("%s.%s differs", record->name, field->name);
    }
}
