/* The inbox as a terminal shows it: what agents wrote moves no cursor, and every line fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "cli/inbox_text.h"

static void foreign_text_moves_no_cursor(void **state)
{
    struct buf out = {0};
    inbox_put_foreign(&out,
                      "a\x1b[2Jb\n\tc\r\u202e\xc2\x85"
                      "d\n",
                      "> ");
    assert_string_equal(buf_text(&out), "> a\uFFFD[2Jb\n> \tc\uFFFD\uFFFD\uFFFDd\n");
    buf_fini(&out);
}

static void lists_fit_eighty_columns(void **state)
{
    struct inbox_look look = {.utf8 = true, .columns = 80};
    struct buf out = {0};
    assert_true(time_parse_rfc3339("2026-11-22T12:00:00Z", &look.now_ms));
    json_t *items = json_loads(
        "[{\"id\":\"g-7k2mabcd\",\"kind\":\"question\",\"asked_by\":\"auditor\",\"title\":"
        "\"Which of the three materials shall be \\u202etaken for the mirror's "
        "support?\",\"yours\":true,"
        "\"state\":\"pending\",\"created_at\":\"2026-11-22T11:51:00Z\",\"expires_at\":"
        "\"2026-11-23T11:51:00Z\"},"
        "{\"id\":\"g-3d4e5f6g\",\"kind\":\"gate\",\"asked_by\":\"operator\",\"title\":\"release\","
        "\"yours\":false,\"deciders\":[\"role:lead\",\"person:ceo\"],\"state\":\"pending\","
        "\"created_at\":\"2026-11-22T11:59:50Z\"}]",
        0, NULL);
    inbox_print_list(items, false, &look, &out);
    assert_string_equal(
        buf_text(&out),
        "ITEM       FROM         WAITS FOR     AGE     EXPIRES WHAT\n"
        "g-7k2mabcd auditor      you           9m00s   23h51m  Which of the three materi…\n"
        "g-3d4e5f6g operator     lead, ceo     10s     -       release\n");
    json_decref(items);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_text_moves_no_cursor),
        cmocka_unit_test(lists_fit_eighty_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
