/* The guard's records survive the way to JSON and back; of a long output both ends are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/hash.h"
#include "sys/guard_output.h"
#include "sys/guard_text.h"

static void a_command_round_trips(void **state)
{
    struct arena arena = {0};
    struct err err;
    const char *const env[] = {"A=1", "B=\"x\"\n", NULL}, *const folders[] = {"/a", "/b c", NULL};
    const char *const none[] = {NULL};
    const struct guard_command in = {.command = "echo \"hi\"\n",
                                     .workdir = "/a",
                                     .env = env,
                                     .writable = folders,
                                     .readable = none,
                                     .writable_files = folders,
                                     .programs = "/state/bin",
                                     .channel_fd = 17,
                                     .lock_path = "/run/t.lock",
                                     .input = "a\"b\n$(c)",
                                     .split = true,
                                     .errors_max = 77,
                                     .network = true,
                                     .timeout_ms = 1234,
                                     .output_max = 99,
                                     .disk_max = 1LL << 40,
                                     .processes_max = 7};
    struct guard_command out;
    const char *text = guard_command_print(&arena, &in);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
    assert_int_equal(guard_command_parse(&arena, text, strlen(text), &out, &err), 0);
    assert_string_equal(out.command, in.command);
    assert_string_equal(out.env[1], env[1]);
    assert_null(out.env[2]);
    assert_string_equal(out.writable[1], "/b c");
    assert_null(out.readable[0]);
    assert_string_equal(out.writable_files[1], "/b c");
    assert_string_equal(out.programs, "/state/bin");
    assert_int_equal(out.channel_fd, GUARD_PASSED_FD); /* the number in the guard, not ours */
    const struct guard_command bare = {.command = "x", .env = none};
    text = guard_command_print(&arena, &bare);
    assert_int_equal(guard_command_parse(&arena, text, strlen(text), &out, &err), 0);
    assert_int_equal(out.channel_fd, -1);
    assert_null(out.programs);
    text = guard_command_print(&arena, &in);
    assert_int_equal(guard_command_parse(&arena, text, strlen(text), &out, &err), 0);
    assert_string_equal(out.lock_path, "/run/t.lock");
    assert_true(out.network);
    assert_string_equal(out.input, in.input);
    assert_true(out.split);
    assert_int_equal(out.errors_max, 77);
    assert_int_equal(out.timeout_ms, 1234);
    assert_true(out.disk_max == 1LL << 40);
    assert_int_equal(guard_command_parse(&arena, "{}", 2, &out, &err), -1);
    assert_int_equal(guard_command_parse(&arena, "{", 1, &out, &err), -1);
    arena_fini(&arena);
}

static void a_report_round_trips(void **state)
{
    struct arena arena = {0};
    struct err err;
    const struct guard_report in = {.end = GUARD_DISK,
                                    .code = 3,
                                    .output = "a\tb\n",
                                    .dropped = 5,
                                    .errors = "e\n",
                                    .took_ms = 6,
                                    .message = "why"};
    struct guard_report out;
    const char *text = guard_report_print(&arena, &in);
    assert_int_equal(guard_report_parse(&arena, text, strlen(text), &out, &err), 0);
    assert_int_equal(out.end, GUARD_DISK);
    assert_string_equal(out.output, in.output);
    assert_int_equal(out.dropped, 5);
    assert_string_equal(out.errors, "e\n");
    assert_string_equal(out.message, "why");
    assert_int_equal(guard_report_parse(&arena, "{\"end\":\"x\"}", 11, &out, &err), -1);
    arena_fini(&arena);
}

/* Pieces of every length, against what the whole would give. */
static void both_ends_are_kept(void **state)
{
    char all[5000], wanted[200];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)('a' + i % 23);
    for (int round = 0; round < 500; round++) {
        struct arena arena = {0};
        struct output output;
        int64_t dropped;
        size_t len = rand_below(round < 250 ? 100 : sizeof(all));
        output_init(&output, 40);
        for (size_t at = 0; at < len;) {
            size_t piece = 1 + rand_below(60);
            if (piece > len - at)
                piece = len - at;
            output_put(&output, all + at, piece);
            at += piece;
        }
        const char *text = output_text(&output, &arena, &dropped);
        if (len <= 40) {
            assert_int_equal(dropped, 0);
            snprintf(wanted, sizeof(wanted), "%.*s", (int)len, all);
        } else {
            assert_int_equal(dropped, len - 40);
            snprintf(wanted, sizeof(wanted), "%.20s\n[... %zu bytes dropped here ...]\n%.20s", all,
                     len - 40, all + len - 20);
            if (dropped == 0)
                snprintf(wanted, sizeof(wanted), "%.40s", all);
        }
        assert_string_equal(text, wanted);
        output_fini(&output);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_round_trips),
        cmocka_unit_test(a_report_round_trips),
        cmocka_unit_test(both_ends_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
