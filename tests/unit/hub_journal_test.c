/* The shared logs: their words, and that each text is appended once whatever a death left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "folder_fixture.h"
#include "hub/chronicle_text.h"
#include "hub/journal.h"

static struct journal *open_it(void)
{
    struct err err = {0};
    const struct journal_place place = {
        in_dir("cursor.json"), in_dir("shared/logs"), {"one.md", "two.md"}};
    struct journal *journal = journal_open(&place, &err);
    if (!journal)
        print_message("%s\n", err.message);
    return journal;
}

static int put(struct journal *journal, int64_t seq, const char *one, const char *two)
{
    struct err err;
    const char *texts[] = {one, two};
    return journal_write(journal, seq, texts, &err);
}

static const char *file_text(const char *name)
{
    static char text[1 << 16];
    FILE *file = fopen(in_dir(name), "r");
    size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file)
        fclose(file);
    text[len] = '\0';
    return text;
}

static void write_file(const char *name, const char *text, const char *mode)
{
    FILE *file = fopen(in_dir(name), mode);
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

#define ONE "shared/logs/one.md"
#define TWO "shared/logs/two.md"

static void texts_are_appended_and_the_cursor_moves(void **state)
{
    struct journal *journal = open_it();
    assert_non_null(journal);
    assert_int_equal(journal_seq(journal), 0);
    assert_int_equal(put(journal, 3, "a\n", "x\n"), 0);
    assert_int_equal(put(journal, 3, "a\n", "x\n"), 0); /* a repeat */
    assert_int_equal(put(journal, 5, "b\n", NULL), 0);
    assert_int_equal(put(journal, 7, "", ""), 0);
    assert_int_equal(journal_seq(journal), 7);
    journal_close(journal);
    assert_string_equal(file_text(ONE), "a\nb\n");
    assert_string_equal(file_text(TWO), "x\n");
    journal = open_it();
    assert_int_equal(journal_seq(journal), 5); /* what had no text is looked at again */
    journal_close(journal);
}

static void what_people_wrote_stays(void **state)
{
    struct journal *journal = open_it();
    assert_int_equal(put(journal, 1, "a\n", NULL), 0);
    write_file(ONE, "A person was here", "a");
    assert_int_equal(put(journal, 2, "b\n", NULL), 0);
    assert_string_equal(file_text(ONE), "a\nA person was here\nb\n");
    write_file(ONE, "all new\n", "w");
    assert_int_equal(put(journal, 3, "c\n", NULL), 0);
    assert_string_equal(file_text(ONE), "all new\nc\n");
    journal_close(journal);
}

/* The cursor named both texts; what of them is in the files when the process died? */
static void what_a_death_left_open_is_completed_once(void **state)
{
    static const struct {
        const char *there, *after;
    } cases[] = {
        {"old\n", "old\nnew line\nsecond\n"},
        {"old\nnew", "old\nnew line\nsecond\n"},
        {"old\nnew line\n", "old\nnew line\nsecond\n"},
        {"old\nnew line\nsecond\n", "old\nnew line\nsecond\n"},
        {"old\nnew line\nsecond\nand a person\n", "old\nnew line\nsecond\nand a person\n"},
        {"old\nby a person\nnew line\nsecond\n", "old\nby a person\nnew line\nsecond\n"},
        {"old\nby a person\n", "old\nby a person\nnew line\nsecond\n"},
        {"", "new line\nsecond\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mkdir(in_dir("shared"), 0700);
        mkdir(in_dir("shared/logs"), 0700);
        write_file(ONE, cases[i].there, "w");
        write_file(TWO, "", "w");
        write_file("cursor.json",
                   "{\"v\":1,\"seq\":9,\"pending\":[{\"offset\":4,\"text\":\"new "
                   "line\\nsecond\\n\"},{\"offset\":0,\"text\":\"two\\n\"}]}",
                   "w");
        for (int again = 0; again < 2; again++) {
            struct journal *journal = open_it();
            assert_non_null(journal);
            assert_int_equal(journal_seq(journal), 9);
            journal_close(journal);
            assert_string_equal(file_text(ONE), cases[i].after);
            assert_string_equal(file_text(TWO), "two\n");
        }
        assert_null(strstr(file_text("cursor.json"), "new line"));
    }
}

static void a_failed_append_is_made_up_for(void **state)
{
    struct journal *journal = open_it();
    assert_int_equal(put(journal, 1, "a\n", "x\n"), 0);
    assert_int_equal(remove(in_dir(TWO)), 0);
    assert_int_equal(mkdir(in_dir(TWO), 0700), 0); /* cannot be appended to */
    assert_int_equal(put(journal, 2, "b\n", "y\n"), -1);
    assert_int_equal(journal_seq(journal), 1);
    assert_int_equal(rmdir(in_dir(TWO)), 0);
    assert_int_equal(put(journal, 2, "b\n", "y\n"), 0);
    assert_string_equal(file_text(ONE), "a\nb\n");
    assert_string_equal(file_text(TWO), "y\n");
    journal_close(journal);
}

static void links_and_damage_are_refused(void **state)
{
    struct journal *journal = open_it();
    write_file("elsewhere", "mine\n", "w");
    assert_int_equal(symlink(in_dir("elsewhere"), in_dir(ONE)), 0);
    assert_int_equal(put(journal, 1, "a\n", NULL), -1);
    assert_string_equal(file_text("elsewhere"), "mine\n");
    journal_close(journal);
    write_file("cursor.json", "{\"v\":1", "w");
    assert_null(open_it());
    assert_string_equal(file_text("cursor.json"), "{\"v\":1");
}

static void without_a_folder_nothing_is_written(void **state)
{
    struct err err;
    const struct journal_place place = {in_dir("cursor.json"), NULL, {"one.md", "two.md"}};
    struct journal *journal = journal_open(&place, &err);
    assert_int_equal(put(journal, 5, "a\n", "x\n"), 0);
    assert_int_equal(journal_seq(journal), 5);
    assert_int_equal(access(in_dir("cursor.json"), F_OK), -1);
    assert_int_equal(put(journal, 2000, "a\n", "x\n"), 0);
    journal_close(journal);
    journal = journal_open(&place, &err);
    assert_int_equal(journal_seq(journal), 2000);
    journal_close(journal);
}

static const char *line_of(const char *json)
{
    struct buf out = {0};
    json_t *body = json_loads(json, 0, NULL);
    assert_non_null(body);
    chronicle_line(&out, 1000LL * 86400 + 3600000, body);
    const char *line = arena_strdup(&arena, buf_text(&out));
    json_decref(body);
    buf_fini(&out);
    return line;
}

static void a_line_says_how_it_ended(void **state)
{
    static const struct {
        const char *json, *line;
    } cases[] = {
        {"{\"agent\":\"a\",\"state\":\"done\",\"status\":\"complete\",\"what\":\"Mesh it\"}",
         "a: Completed — Mesh it\n"},
        {"{\"agent\":\"a\",\"state\":\"done\",\"status\":\"partial\",\"what\":\"Mesh it\"}",
         "a: Partial — Mesh it\n"},
        {"{\"agent\":\"a\",\"state\":\"failed\",\"status\":\"blocked\",\"failure_class\":"
         "\"blocked\",\"what\":\"x\"}",
         "a: Blocked — x\n"},
        {"{\"agent\":\"a\",\"state\":\"failed\",\"status\":\"failed\",\"failure_class\":"
         "\"budget\",\"what\":\"x\"}",
         "a: Failed (budget) — x\n"},
        {"{\"agent\":\"a\",\"state\":\"timed_out\",\"failure_class\":\"timeout\",\"what\":\"x\"}",
         "a: Failed (timeout) — x\n"},
        {"{\"agent\":\"a\",\"state\":\"cancelled\",\"failure_class\":\"cancelled\",\"what\":\"x\"}",
         "a: Cancelled — x\n"},
        {"{\"agent\":\"a\",\"state\":\"done\",\"what\":\" \\n\\t \"}",
         "a: Completed — (no title)\n"},
        {"{\"agent\":\"a\",\"state\":\"done\"}", "a: Completed — (no title)\n"},
    };
    setenv("TZ", "UTC0", 1);
    tzset();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(line_of(cases[i].json),
                            arena_printf(&arena, "[1970-01-02 01:00] %s", cases[i].line));
    const char *forged = line_of("{\"agent\":\"a\",\"state\":\"done\",\"what\":\"one\\n[2026-01-01 "
                                 "00:00] b: Completed — lie\\u2028two\\u0085three\\r\"}");
    assert_string_equal(forged, "[1970-01-02 01:00] a: Completed — one [2026-01-01 00:00] b: "
                                "Completed — lie two three\n");
    struct buf long_text = {0};
    for (int i = 0; i < 200; i++)
        buf_puts(&long_text, "ä");
    const char *cut =
        line_of(arena_printf(&arena, "{\"agent\":\"a\",\"what\":\"%s\"}", buf_text(&long_text)));
    buf_fini(&long_text);
    assert_non_null(strstr(cut, "ä…\n"));
    setenv("TZ", "XXX-2", 1);
    tzset();
    assert_non_null(strstr(line_of(cases[0].json), "[1970-01-02 03:00]"));
    unsetenv("TZ");
    tzset();
}

static void routine_has_no_line(void **state)
{
    static const struct {
        const char *json;
        bool has_line;
    } cases[] = {
        {"{\"agent\":\"a\",\"kind\":\"ask\"}", true},
        {"{\"agent\":\"a\",\"kind\":\"delegation\"}", true},
        {"{\"agent\":\"a\",\"kind\":\"heartbeat\"}", false},
        {"{\"agent\":\"a\",\"kind\":\"cron\"}", false},
        {"{\"kind\":\"ask\"}", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *body = json_loads(cases[i].json, 0, NULL);
        assert_int_equal(chronicle_has_line(body), cases[i].has_line);
        json_decref(body);
    }
}

static void a_section_has_the_parts_of_a_plan(void **state)
{
    struct buf out = {0};
    json_t *one = json_loads("{\"by\":\"manager\",\"child\":\"t-1\",\"agent\":\"webster\",\"mode\":"
                             "\"sync\",\"what\":\"Find\\n## sources\",\"objective\":\"Design it\"}",
                             0, NULL);
    json_t *two =
        json_loads("{\"by\":\"manager\",\"child\":\"t-2\",\"agent\":\"nx-expert\",\"mode\":"
                   "\"async\",\"what\":\"Model\",\"objective\":\"Design it\"}",
                   0, NULL);
    const json_t *const delegated[] = {one, two};
    const char *const wants[] = {NULL, "a result that fits its JSON Schema"};
    const struct chronicle_plan plan = {90000000, NULL, delegated, wants, 2};
    setenv("TZ", "UTC0", 1);
    tzset();
    chronicle_section(&out, &plan);
    assert_string_equal(buf_text(&out),
                        "## [1970-01-02 01:00] Design it\n\n"
                        "**Objective:** Design it\n\n"
                        "**Tasks created:**\n"
                        "- t-1 — Find ## sources\n"
                        "- t-2 — Model\n\n"
                        "**Agent assignments:**\n"
                        "- webster: t-1 (sync)\n"
                        "- nx-expert: t-2 (async)\n\n"
                        "**Dependencies:** manager waits for those marked sync (1 of 2)\n\n"
                        "**Expected output:**\n"
                        "- webster: a result as text\n"
                        "- nx-expert: a result that fits its JSON Schema\n\n");
    unsetenv("TZ");
    tzset();
    buf_fini(&out);
    json_decref(one);
    json_decref(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(texts_are_appended_and_the_cursor_moves),
        FOLDER_TEST(what_people_wrote_stays),
        FOLDER_TEST(what_a_death_left_open_is_completed_once),
        FOLDER_TEST(a_failed_append_is_made_up_for),
        FOLDER_TEST(links_and_damage_are_refused),
        FOLDER_TEST(without_a_folder_nothing_is_written),
        FOLDER_TEST(a_line_says_how_it_ended),
        FOLDER_TEST(routine_has_no_line),
        FOLDER_TEST(a_section_has_the_parts_of_a_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
