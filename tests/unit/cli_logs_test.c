/* Several log files read as one: order in time, lines without a time, tails, half lines, growth. */
#include <fcntl.h>
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
#include "cli/logs.h"

static char dir[] = "/tmp/hq-logs-XXXXXX";

static int make_dir(void **state)
{
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char path[128];
    for (const char *name = "ab"; *name; name++) {
        snprintf(path, sizeof(path), "%s/%c.log", dir, *name);
        unlink(path);
    }
    return rmdir(dir);
}

static const char *path_of(char name, char path[128])
{
    snprintf(path, 128, "%s/%c.log", dir, name);
    return path;
}

static void append(char name, const char *text)
{
    char path[128];
    int fd = open(path_of(name, path), O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void empty(char name)
{
    char path[128];
    unlink(path_of(name, path));
}

#define AT(s) "2026-11-22T15:04:0" s "Z info  x: "

static void lines_are_merged_by_time(void **state)
{
    char a[128], b[128];
    struct arena arena = {0};
    struct log_line *lines = NULL;
    struct log_file one = {.name = "a", .path = path_of('a', a)};
    struct log_file two = {.name = "b", .path = path_of('b', b)};
    append('a', AT("1.000") "first\n" AT("3.000") "third\nSUMMARY: a sanitizer\n  #0 frame\n");
    append('b', AT("2.000") "second\n" AT("3.000") "also third\n");
    size_t count = log_file_read(&one, 1 << 20, &arena, &lines, 0);
    count = log_file_read(&two, 1 << 20, &arena, &lines, count);
    assert_int_equal(count, 6);
    log_lines_sort(lines, count);
    static const char *const ends[] = {"first",       "second", "x: third",
                                       "a sanitizer", "frame",  "also third"};
    for (size_t i = 0; i < count; i++)
        assert_non_null(strstr(lines[i].text, ends[i]));
    log_file_close(&one);
    log_file_close(&two);
    arena_fini(&arena);
    empty('a');
    empty('b');
}

static void half_lines_wait_for_their_end(void **state)
{
    char a[128];
    struct arena arena = {0};
    struct log_line *lines = NULL;
    struct log_file file = {.name = "a", .path = path_of('a', a)};
    assert_int_equal(log_file_read(&file, 100, &arena, &lines, 0), 0);
    append('a', AT("1.000") "one\n2026-11-22T15:04:02.0");
    assert_int_equal(log_file_read(&file, 100, &arena, &lines, 0), 1);
    assert_int_equal(log_file_read(&file, 100, &arena, &lines, 0), 0);
    append('a', "\n");
    assert_int_equal(log_file_read(&file, 100, &arena, &lines, 0), 1);
    assert_string_equal(lines[0].text, "2026-11-22T15:04:02.0");
    assert_string_equal(lines[0].stamp, "2026-11-22T15:04:01.000Z");
    log_file_close(&file);
    arena_fini(&arena);
    empty('a');
}

static void a_tail_begins_with_a_whole_line(void **state)
{
    char a[128];
    struct arena arena = {0};
    struct log_line *lines = NULL;
    struct log_file file = {.name = "a", .path = path_of('a', a)};
    for (int i = 0; i < 100; i++)
        append('a', AT("1.000") "a line of about fifty bytes\n");
    size_t count = log_file_read(&file, 500, &arena, &lines, 0);
    assert_in_range(count, 6, 10);
    for (size_t i = 0; i < count; i++)
        assert_memory_equal(lines[i].text, "2026-", 5);
    log_file_close(&file);
    arena_fini(&arena);
    empty('a');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_merged_by_time),
        cmocka_unit_test(half_lines_wait_for_their_end),
        cmocka_unit_test(a_tail_begins_with_a_whole_line),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
