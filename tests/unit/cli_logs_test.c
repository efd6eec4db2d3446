/* Logs of several processes read as one: both forms of lines, order in time, lines without a time, tails,
 * half lines, growth, rotations under the reader, and what is asked for. */
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
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pattern.h"
#include "base/time.h"
#include "cli/log_file.h"

static char dir[] = "/tmp/hq-logs-XXXXXX";
static const struct log_wish everything;

static int make_dir(void **state)
{
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static int empty_dir(void **state)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -f %s/*", dir);
    return system(command);
}

static const char *path_of(const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", dir, name);
    return path;
}

static void append(const char *name, const char *text)
{
    char path[128];
    int fd = open(path_of(name, path), O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void move(const char *from, const char *to)
{
    char old[128], new[128];
    assert_int_equal(rename(path_of(from, old), path_of(to, new)), 0);
}

#define AT(s) "2026-11-22T15:04:0" s "Z info  x: "

/* The messages of a page, joined with "|"; the page is emptied. */
static const char *said(struct log_page *page)
{
    static char text[4096];
    text[0] = '\0';
    for (size_t i = 0; i < page->count; i++) {
        strcat(text, i ? "|" : "");
        strcat(text, page->lines[i].message);
    }
    log_page_clear(page);
    return text;
}

static void parse(const char *text, struct log_line *line, struct arena *arena)
{
    *line = (struct log_line){.name = "manager"};
    log_line_parse(text, strlen(text), arena, line);
}

static void both_forms_are_one(void **state)
{
    struct arena arena = {0};
    struct log_line text, json;
    parse("2026-11-22T15:04:05.123Z warn  manager t-7k: it: broke", &text, &arena);
    parse("{\"time\":\"2026-11-22T15:04:05.123Z\",\"level\":\"warn\",\"who\":\"manager\",\"pid\":7,"
          "\"msg\":\"it: broke\",\"task\":\"t-7k\",\"code\":\"lost\"}",
          &json, &arena);
    assert_string_equal(log_line_text(&text, &arena), log_line_text(&json, &arena));
    assert_string_equal(text.about, "t-7k");
    assert_int_equal(text.level, LOG_WARN);
    json_t *object = log_line_json(&json, &arena);
    assert_string_equal(json_get_text(object, "task", ""), "t-7k");
    assert_string_equal(json_get_text(object, "code", ""), "lost");
    assert_int_equal(json_get_int(object, "pid", 0), 7);
    json_decref(object);
    arena_fini(&arena);
}

static void what_is_no_line_of_ours_is_text_without_controls(void **state)
{
    static const char *const others[] = {"", "==12==ERROR: AddressSanitizer", "{\"level\":\"info\"}", "{",
                                         "2026-11-22T15:04:05.123Z loud  x: y", "2026-11-22T15:04:05.123Z info  x y z: w"};
    struct arena arena = {0};
    struct log_line line;
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        parse(others[i], &line, &arena);
        assert_int_equal(line.level, LOG_NO_LEVEL);
        assert_string_equal(log_line_text(&line, &arena), others[i]);
    }
    parse("\x1b[2Jgone\xff\xc2\x9b", &line, &arena);
    assert_string_equal(line.message, " [2Jgone\xEF\xBF\xBD ");
    arena_fini(&arena);
}

static void lines_are_merged_by_time(void **state)
{
    char a[128], b[128];
    struct arena arena = {0};
    struct log_file one = {.path = path_of("a", a)}, two = {.path = path_of("b", b)};
    struct log_page pages[] = {{.name = "a", .wish = &everything}, {.name = "b", .wish = &everything}};
    size_t count;
    append("a", AT("1.000") "first\n" AT("3.000") "third\nSUMMARY: a sanitizer\n  #0 frame\n");
    append("b", AT("2.000") "second\n" AT("3.000") "also third\n");
    log_file_read(&one, SIZE_MAX, &pages[0]);
    log_file_read(&two, SIZE_MAX, &pages[1]);
    const struct log_line **lines = log_pages_merge(pages, 2, 0, &arena, &count);
    assert_int_equal(count, 6);
    static const char *const order[] = {"first",      "second",  "third", "SUMMARY: a sanitizer",
                                        "  #0 frame", "also third"};
    for (size_t i = 0; i < count; i++)
        assert_string_equal(lines[i]->message, order[i]);
    assert_string_equal(log_pages_merge(pages, 2, 1, &arena, &count)[0]->message, "also third");
    for (int i = 0; i < 2; i++)
        log_page_clear(&pages[i]);
    log_file_close(&one);
    log_file_close(&two);
    arena_fini(&arena);
}

static void half_lines_wait_for_their_end(void **state)
{
    char a[128];
    struct log_file file = {.path = path_of("a", a)};
    struct log_page page = {.name = "a", .wish = &everything};
    log_file_read(&file, 100, &page);
    assert_string_equal(said(&page), "");
    append("a", AT("1.000") "one\n2026-11-22T15:04:02.0");
    log_file_read(&file, 100, &page);
    assert_string_equal(said(&page), "one");
    append("a", "\n");
    log_file_read(&file, 100, &page);
    assert_string_equal(page.lines[0].stamp, "2026-11-22T15:04:01.000Z");
    assert_string_equal(said(&page), "2026-11-22T15:04:02.0");
    log_file_close(&file);
}

static void a_tail_begins_with_a_whole_line_and_in_an_old_file(void **state)
{
    char a[128];
    struct log_file file = {.path = path_of("a", a)};
    struct log_page page = {.name = "a", .wish = &everything};
    for (int i = 0; i < 100; i++)
        append("a.1", AT("1.000") "a line of about fifty bytes\n");
    append("a", AT("2.000") "new\n");
    log_file_read(&file, 500, &page);
    assert_in_range(page.count, 6, 10);
    for (size_t i = 0; i + 1 < page.count; i++)
        assert_string_equal(page.lines[i].message, "a line of about fifty bytes");
    assert_string_equal(page.lines[page.count - 1].message, "new");
    log_page_clear(&page);
    log_file_close(&file);
}

/* Reads until the page has something; the reader waits a little at a rotation. */
static const char *hear(struct log_file *file, struct log_page *page, size_t lines)
{
    int64_t until = time_boot_ms() + 10000;
    while (page->count < lines && time_boot_ms() < until) {
        log_file_read(file, SIZE_MAX, page);
        usleep(1000);
    }
    return said(page);
}

static void a_reader_goes_on_over_rotations(void **state)
{
    char a[128];
    struct log_file file = {.path = path_of("a", a)};
    struct log_page page = {.name = "a", .wish = &everything};
    append("a.2", AT("0.000") "zero\n");
    append("a.1", AT("1.000") "one\n");
    append("a", AT("2.000") "two\n");
    log_file_read(&file, SIZE_MAX, &page);
    assert_string_equal(said(&page), "zero|one|two");
    move("a.2", "a.3");
    move("a.1", "a.2");
    move("a", "a.1");
    append("a", AT("4.000") "four\n");
    append("a.1", AT("3.000") "three, into the old file\n");
    assert_string_equal(hear(&file, &page, 2), "three, into the old file|four");
    for (int i = 0; i < 2; i++) { /* twice while nobody reads */
        move("a.1", "a.2");
        move("a", "a.1");
        append("a", i ? AT("6.000") "six\n" : AT("5.000") "five\n");
    }
    assert_string_equal(hear(&file, &page, 2), "five|six");
    log_file_read(&file, SIZE_MAX, &page);
    assert_string_equal(said(&page), "");
    log_file_close(&file);
}

static void only_what_is_asked_for_is_kept(void **state)
{
    char a[128];
    struct err err;
    struct log_wish wish = {.least = LOG_WARN};
    struct log_page page = {.name = "a", .wish = &wish};
    struct log_file file = {.path = path_of("a", a)};
    append("a", "2026-11-22T15:04:01.000Z info  x t-1: one\nits trace\n"
                "2026-11-22T15:04:02.000Z warn  x t-1: two\nanother trace\n"
                "2026-11-22T15:04:03.000Z error x: three of t-1\n"
                "2026-11-22T15:04:04.000Z error x t-2: four\n");
    log_file_read(&file, SIZE_MAX, &page);
    assert_string_equal(said(&page), "two|another trace|three of t-1|four");
    log_file_close(&file);
    wish = (struct log_wish){.task = "t-1", .most = 1};
    log_file_read(&file, SIZE_MAX, &page);
    assert_string_equal(said(&page), "one|its trace|two|another trace|three of t-1");
    log_file_close(&file);
    wish = (struct log_wish){.grep = pattern_open("^(one|f.ur)$", &err)};
    assert_true(time_parse_rfc3339("2026-11-22T15:04:02Z", &wish.since_ms));
    log_file_read(&file, SIZE_MAX, &page);
    assert_string_equal(said(&page), "four");
    log_file_close(&file);
    pattern_close(wish.grep);
}

static void a_long_log_keeps_no_more_than_its_end(void **state)
{
    struct log_wish wish = {.most = 10};
    struct log_page page = {.name = "a", .wish = &wish};
    char text[80];
    for (int i = 0; i < 20000; i++) {
        snprintf(text, sizeof(text), AT("1.000") "%d", i);
        log_page_add(&page, text, strlen(text));
        assert_true(page.count < 2000);
    }
    assert_string_equal(page.lines[page.count - 1].message, "19999");
    log_page_clear(&page);
}

#define LOGS_TEST(name) cmocka_unit_test_setup(name, empty_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOGS_TEST(both_forms_are_one),
        LOGS_TEST(what_is_no_line_of_ours_is_text_without_controls),
        LOGS_TEST(lines_are_merged_by_time),
        LOGS_TEST(half_lines_wait_for_their_end),
        LOGS_TEST(a_tail_begins_with_a_whole_line_and_in_an_old_file),
        LOGS_TEST(a_reader_goes_on_over_rotations),
        LOGS_TEST(only_what_is_asked_for_is_kept),
        LOGS_TEST(a_long_log_keeps_no_more_than_its_end),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
