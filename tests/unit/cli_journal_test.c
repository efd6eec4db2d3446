/* Entries of systemd's journal as lines of a log: whose they are, how bad, about what, in both forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/journal.h"
#include "config/config.h"

static bool read_entry(const char *text, struct arena *arena, struct log_line *line)
{
    static const struct config config = {.company = "acme"};
    static const struct service service = {.config = &config, .scope = SERVICE_USER, .name = "acme"};
    json_t *entry = json_parse(text, strlen(text), NULL);
    assert_non_null(entry);
    bool is_ours = journal_read(&service, entry, arena, line);
    json_decref(entry);
    return is_ours;
}

#define AT "\"__REALTIME_TIMESTAMP\":\"1763823845123456\","
#define HUB AT "\"_SYSTEMD_USER_UNIT\":\"hq-acme-hub.service\","
#define STAMP "2025-11-22T15:04:05.123Z"

static void our_lines_have_level_and_subject(void **state)
{
    struct arena arena = {0};
    struct log_line line;
    assert_true(read_entry("{" HUB "\"PRIORITY\":\"4\",\"MESSAGE\":\"hub t-7k: it: broke\"}", &arena, &line));
    assert_string_equal(log_line_text(&line, &arena), STAMP " warn  hub t-7k: it: broke");
    assert_string_equal(line.about, "t-7k");
    assert_true(read_entry("{" HUB "\"PRIORITY\":\"6\",\"MESSAGE\":\"{\\\"level\\\":\\\"error\\\",\\\"who\\\":\\\"hub\\\","
                           "\\\"pid\\\":7,\\\"msg\\\":\\\"gone\\\",\\\"run\\\":\\\"r-1\\\"}\"}",
                           &arena, &line));
    assert_string_equal(log_line_text(&line, &arena), STAMP " error hub r-1: gone");
    assert_true(read_entry("{" HUB "\"PRIORITY\":\"6\",\"MESSAGE\":\"==1==ERROR: a sanitizer\"}", &arena, &line));
    assert_string_equal(line.name, "hub");
    assert_int_equal(line.level, LOG_INFO);
    arena_fini(&arena);
}

static void a_time_of_the_line_s_own_counts(void **state)
{
    struct arena arena = {0};
    struct log_line line;
    assert_true(read_entry("{" HUB "\"PRIORITY\":\"6\",\"MESSAGE\":\"2024-01-02T03:04:05.678Z error hub: old\"}",
                           &arena, &line));
    assert_string_equal(log_line_text(&line, &arena), "2024-01-02T03:04:05.678Z error hub: old");
    arena_fini(&arena);
}

static void words_of_systemd_and_of_others_are_told_apart(void **state)
{
    struct arena arena = {0};
    struct log_line line;
    assert_true(read_entry("{" AT "\"_SYSTEMD_USER_UNIT\":\"init.scope\",\"USER_UNIT\":\"hq-acme-hub.service\","
                           "\"PRIORITY\":\"6\",\"MESSAGE\":\"Started the hub: well.\"}",
                           &arena, &line));
    assert_string_equal(log_line_text(&line, &arena), STAMP " info  systemd: Started the hub: well.");
    assert_false(read_entry("{" AT "\"_SYSTEMD_USER_UNIT\":\"other.service\",\"MESSAGE\":\"x\"}", &arena, &line));
    assert_true(read_entry("{" HUB "\"MESSAGE\":[27,91,50,74,120,255]}", &arena, &line));
    assert_string_equal(line.message, " [2Jx\xEF\xBF\xBD");
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_lines_have_level_and_subject),
        cmocka_unit_test(a_time_of_the_line_s_own_counts),
        cmocka_unit_test(words_of_systemd_and_of_others_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
