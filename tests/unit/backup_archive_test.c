/* The archive: what goes in comes out, and nothing that was changed, cut off or foreign is taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "backup/archive.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "ledger/schema.h"

enum { BIG = 3 * BACKUP_CHUNK + 700 };

struct made {
    char dir[64];
    char path[80];
    struct arena arena;
    struct buf bytes; /* of the archive */
    struct archive archive;
    struct err err;
};

static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void fill(unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)next_random();
}

static char long_path[600];

static void write_members(struct archive_writer *writer, struct err *err)
{
    static unsigned char big[BIG];
    struct backup_member member = {.path = "state/ledger.db", .mtime = 1700000000};
    fill(big, BIG);
    int fd = memfd_create("big", MFD_CLOEXEC);
    assert_int_equal(file_write(fd, big, BIG), 0);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(archive_add(writer, &member, fd, INT64_MAX, err), 0);
    close(fd);
    member = (struct backup_member){.path = "hq.yaml", .executable = true};
    assert_int_equal(archive_add_bytes(writer, &member, "company: x\n", 11, err), 0);
    member.path = "empty";
    assert_int_equal(archive_add_bytes(writer, &member, "", 0, err), 0);
    for (size_t i = 0; i + 1 < sizeof(long_path); i++)
        long_path[i] = i % 90 == 89 ? '/' : 'x';
    member.path = long_path;
    assert_int_equal(archive_add_bytes(writer, &member, "deep", 4, err), 0);
}

static int setup(void **state)
{
    struct made *made = calloc(1, sizeof(*made));
    int64_t size;
    struct backup_info info = {.format = BACKUP_FORMAT,
                               .hq = "0.1.0",
                               .company = "acme",
                               .created_at = "2026-11-22T15:04:05.000Z",
                               .schema = SCHEMA_VERSION,
                               .events = 7};
    seed = 88172645463325252ull;
    snprintf(made->dir, sizeof(made->dir), "/tmp/hq-archive-XXXXXX");
    assert_non_null(mkdtemp(made->dir));
    snprintf(made->path, sizeof(made->path), "%s/x.hqb.tar", made->dir);
    struct archive_writer *writer = archive_create(made->path, &info, NULL, &made->err);
    assert_non_null(writer);
    write_members(writer, &made->err);
    assert_int_equal(archive_finish(writer, &size, &made->err), 0);
    FILE *file = fopen(made->path, "rb");
    assert_int_equal(file_read(fileno(file), SIZE_MAX / 2, &made->bytes), 0);
    fclose(file);
    assert_int_equal(made->bytes.len, size);
    *state = made;
    return 0;
}

static int teardown(void **state)
{
    struct made *made = *state;
    folder_remove(made->dir, &made->err);
    arena_fini(&made->arena);
    buf_fini(&made->bytes);
    free(made);
    return 0;
}

/* Checks these bytes as a file. */
static int check(struct made *made, const void *bytes, size_t len)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);
    assert_int_equal(file_write(fd, bytes, len), 0);
    made->err = (struct err){0};
    int rc = archive_check(fd, "x.tar", NULL, &made->arena, &made->archive, &made->err);
    close(fd);
    return rc;
}

static void what_goes_in_comes_out(void **state)
{
    struct made *made = *state;
    if (check(made, made->bytes.bytes, made->bytes.len) < 0)
        fail_msg("%s", made->err.message);
    const struct backup_members *members = &made->archive.members;
    assert_int_equal(members->count, 4);
    assert_string_equal(members->list[0].path, "state/ledger.db");
    assert_int_equal(members->list[0].size, BIG);
    assert_int_equal(members->list[0].mtime, 1700000000);
    assert_int_equal(members->list[0].chunk_count, 4);
    assert_true(members->list[1].executable);
    assert_int_equal(members->list[2].size, 0);
    assert_string_equal(members->list[3].path, long_path);
    assert_string_equal(made->archive.info.company, "acme");
    assert_int_equal(made->archive.info.events, 7);
    assert_memory_equal(made->bytes.bytes + members->list[1].at, "company: x\n", 11);
}

/* Every bit counts: contents, headers, padding, manifest, end. */
static void a_flipped_bit_is_refused_with_its_place(void **state)
{
    struct made *made = *state;
    size_t len = made->bytes.len;
    for (int i = 0; i < 400; i++) {
        /* half of them where the structure is: around the members' ends and behind them */
        size_t at = i % 3 == 0   ? next_random() % len
                    : i % 3 == 1 ? len - 1 - next_random() % 9000
                                 : next_random() % 1024; /* the head */
        unsigned bit = next_random() % 8;
        made->bytes.bytes[at] ^= (char)(1 << bit);
        if (check(made, made->bytes.bytes, len) == 0)
            fail_msg("bit %u of byte %zu of %zu was changed, and that was not seen", bit, at, len);
        if (!strstr(made->err.message, "byte") && !strstr(made->err.message, "begins with"))
            fail_msg("no place is named: %s", made->err.message);
        made->bytes.bytes[at] ^= (char)(1 << bit);
        arena_fini(&made->arena);
    }
    assert_int_equal(check(made, made->bytes.bytes, len), 0);
}

static void the_place_is_the_right_one(void **state)
{
    struct made *made = *state;
    assert_int_equal(check(made, made->bytes.bytes, made->bytes.len), 0);
    int64_t at = made->archive.members.list[0].at + 2 * BACKUP_CHUNK + 5;
    char wanted[160];
    made->bytes.bytes[at] ^= 1;
    assert_int_equal(check(made, made->bytes.bytes, made->bytes.len), -1);
    snprintf(wanted, sizeof(wanted),
             "state/ledger.db differs in bytes 2097152-3145727 of the member, at %lld of the file",
             (long long)at - 5);
    assert_non_null(strstr(made->err.message, wanted));
    assert_string_equal(made->err.code, "damaged");
}

static void a_file_that_was_cut_off_is_refused_with_its_place(void **state)
{
    struct made *made = *state;
    for (int i = 0; i < 300; i++) {
        size_t len = made->bytes.len, cut = i % 2 ? next_random() % len : len - 1 - (size_t)i * 20;
        assert_int_equal(check(made, made->bytes.bytes, cut), -1);
        if (cut > USTAR_BLOCK && !strstr(made->err.message, "at byte"))
            fail_msg("cut at %zu: no place is named: %s", cut, made->err.message);
        arena_fini(&made->arena);
    }
    assert_int_equal(check(made, made->bytes.bytes, 500000), -1);
    assert_string_equal(made->err.code, "truncated");
    assert_non_null(
        strstr(made->err.message, "in the middle of state/ledger.db, at byte 498464 of"));
}

static void what_is_foreign_is_refused(void **state)
{
    struct made *made = *state;
    static const char gzip[] = "\x1f\x8b\x08 and so on";
    assert_int_equal(check(made, "", 0), -1);
    assert_string_equal(made->err.code, "not_a_backup");
    assert_int_equal(check(made, gzip, sizeof(gzip)), -1);
    assert_non_null(strstr(made->err.message, "begins with \\x1f\\x8b\\x08\\x20and"));
    assert_non_null(strstr(made->err.hint, "gunzip"));
    /* a tar, but not ours: without the head */
    assert_int_equal(
        check(made, made->bytes.bytes + 2 * USTAR_BLOCK, made->bytes.len - 2 * USTAR_BLOCK), -1);
    assert_non_null(strstr(made->err.message, "tar file that begins with state/ledger.db"));
}

static void something_behind_the_end_is_refused(void **state)
{
    struct made *made = *state;
    buf_putc(&made->bytes, 'x');
    assert_int_equal(check(made, made->bytes.bytes, made->bytes.len), -1);
    assert_non_null(strstr(made->err.message, "1 bytes stand behind its end"));
}

/* A whole archive of a version to come: told so, before anything else of it is read. */
static void what_is_newer_is_refused_with_what_to_do(void **state)
{
    struct made *made = *state;
    int64_t size;
    struct backup_info info = {.format = BACKUP_FORMAT,
                               .hq = "9.9",
                               .company = "acme",
                               .created_at = "2036-11-22T15:04:05.000Z",
                               .schema = SCHEMA_VERSION + 1};
    const char *path = arena_printf(&made->arena, "%s/newer", made->dir);
    for (int i = 0; i < 2; i++) {
        struct archive_writer *writer = archive_create(path, &info, NULL, &made->err);
        assert_int_equal(archive_finish(writer, &size, &made->err), 0);
        FILE *file = fopen(path, "rb");
        int rc =
            archive_check(fileno(file), "x.tar", NULL, &made->arena, &made->archive, &made->err);
        fclose(file);
        unlink(path);
        assert_int_equal(rc, -1);
        assert_string_equal(made->err.code, i ? "newer_backup" : "newer_schema");
        assert_non_null(strstr(made->err.hint, "hq 9.9"));
        info.format = BACKUP_FORMAT + 1;
    }
}

static void a_backup_never_overwrites(void **state)
{
    struct made *made = *state;
    struct backup_info info = {
        .format = 1, .hq = "0", .company = "acme", .created_at = "2026-11-22T15:04:05.000Z"};
    assert_null(archive_create(made->path, &info, NULL, &made->err));
    assert_string_equal(made->err.code, "exists");
    assert_int_equal(check(made, made->bytes.bytes, made->bytes.len), 0);
}

static void large_sizes_and_odd_paths_have_headers(void **state)
{
    static const char *const odd[] = {"../x", "/x", "a/../b", "a//b", "./a", "", "a/", "a\nb"};
    unsigned char header[USTAR_HEADER];
    struct ustar_entry entry = {.size = INT64_C(9) << 33, .mtime = 5, .path = "x"}, read;
    size_t size = ustar_put(&entry, header);
    assert_int_equal(ustar_header_size(header), size);
    assert_true(ustar_get(header, size, &read));
    assert_int_equal(read.size, entry.size);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        snprintf(entry.path, sizeof(entry.path), "%s", odd[i]);
        size = ustar_put(&entry, header);
        assert_false(ustar_get(header, size, &read));
    }
    for (size_t len = 1; len <= USTAR_PATH; len++) {
        for (size_t k = 0; k < len; k++)
            entry.path[k] = k % 70 == 69 && k + 1 < len ? '/' : 'p';
        entry.path[len] = '\0';
        size = ustar_put(&entry, header);
        assert_int_equal(ustar_header_size(header), size);
        assert_true(ustar_get(header, size, &read));
        assert_string_equal(read.path, entry.path);
    }
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_goes_in_comes_out),
        T(a_flipped_bit_is_refused_with_its_place),
        T(the_place_is_the_right_one),
        T(a_file_that_was_cut_off_is_refused_with_its_place),
        T(what_is_foreign_is_refused),
        T(something_behind_the_end_is_refused),
        T(what_is_newer_is_refused_with_what_to_do),
        T(a_backup_never_overwrites),
        T(large_sizes_and_odd_paths_have_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
