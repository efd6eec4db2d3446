/* The same events come out wherever the stream is cut; recorded provider streams as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "net/sse.h"

static int collect(void *ctx, const char *name, const char *data, size_t len)
{
    struct buf *seen = ctx;
    assert_int_equal(strlen(data) <= len, 1);
    buf_printf(seen, "[%s|", name);
    buf_put(seen, data, len);
    buf_puts(seen, "]");
    return 0;
}

static void feed_cut(const char *bytes, size_t len, size_t cut, struct buf *seen)
{
    struct sse sse;
    sse_init(&sse, collect, seen);
    assert_int_equal(sse_feed(&sse, bytes, cut), 0);
    assert_int_equal(sse_feed(&sse, bytes + cut, len - cut), 0);
    assert_int_equal(sse_end(&sse), 0);
    sse_fini(&sse);
}

static void gives(const char *bytes, const char *expect)
{
    size_t len = strlen(bytes);
    for (size_t cut = 0; cut <= len; cut++) {
        struct buf seen = {0};
        feed_cut(bytes, len, cut, &seen);
        if (strcmp(buf_text(&seen), expect) != 0)
            fail_msg("cut at %zu: %s", cut, buf_text(&seen));
        buf_fini(&seen);
    }
}

static void fields_are_read_as_the_standard_says(void **state)
{
    gives("data: a\n\n", "[|a]");
    gives("data:a\r\n\r\ndata:  b\r\rdata: c\n\n", "[|a][| b][|c]");
    gives("\xEF\xBB\xBF"
          "data: a\n\n\xEF\xBB\xBF"
          "data: b\n\n",
          "[|a]");
    gives(": comment\ndata: a\n: more\ndata: b\n\n", "[|a\nb]");
    gives("event: x\ndata: 1\n\ndata: 2\n\n", "[x|1][|2]");
    gives("event: x\n\ndata: 2\n\n", "[|2]");
    gives("data\n\n", "[|]");
    gives("data\ndata\n\n", "[|\n]");
    gives("data: a:b: c\nid: 1\nretry: 10\nunknown: y\ndata\r\n\r\n\r\n\r\n", "[|a:b: c\n]");
    gives("Data: a\n data: b\ndatax: c\n\n", "");
    gives("", "");
}

static void the_last_event_needs_no_blank_line(void **state)
{
    gives("data: a\n\ndata: [DONE]", "[|a][|[DONE]]");
    gives("data: a\n\nevent: e\ndata: b\n", "[|a][e|b]");
    gives("data: a\r\n\r\nevent: nothing", "[|a]");
}

static void bytes_pass_unchanged(void **state)
{
    static const char stream[] = "data: \0\xff\x80\n\n";
    struct buf seen = {0};
    feed_cut(stream, sizeof(stream) - 1, 4, &seen);
    assert_int_equal(seen.len, 6);
    assert_memory_equal(seen.bytes, "[|\0\xff\x80]", 6);
    buf_fini(&seen);
}

static void endless_lines_are_refused(void **state)
{
    static char block[65536];
    struct buf seen = {0};
    struct sse sse;
    int rc = 0;
    size_t fed = 0;
    memset(block, 'x', sizeof(block));
    sse_init(&sse, collect, &seen);
    for (; rc == 0 && fed <= 2 * (size_t)LIMIT_SSE_LINE; fed += sizeof(block))
        rc = sse_feed(&sse, block, sizeof(block));
    assert_int_equal(rc, -1);
    assert_true(fed <= (size_t)LIMIT_SSE_LINE + 2 * sizeof(block));
    sse_fini(&sse);
    /* … and so is an event of endlessly many lines. */
    sse_init(&sse, collect, &seen);
    memcpy(block, "data:", 5);
    block[sizeof(block) - 1] = '\n';
    for (rc = 0, fed = 0; rc == 0 && fed <= 2 * (size_t)LIMIT_SSE_LINE; fed += sizeof(block))
        rc = sse_feed(&sse, block, sizeof(block));
    assert_int_equal(rc, -1);
    sse_fini(&sse);
    buf_fini(&seen);
}

static int stop_at_once(void *ctx, const char *name, const char *data, size_t len)
{
    (*(int *)ctx)++;
    return 7;
}

static int note_id(void *ctx, const char *name, const char *data, size_t len)
{
    struct sse *sse = ctx;
    assert_string_equal(buf_text(&sse->id), data);
    return 0;
}

static void the_last_id_is_of_whole_events(void **state)
{
    static const char stream[] =
        "data:\n\nid: 1\ndata: 1\n\ndata: 1\n\nid:2\n\nid: a\0b\ndata: 2\n\nid\ndata\n\nid: 3\n";
    struct sse sse;
    for (size_t cut = 0; cut < sizeof(stream); cut++) {
        sse_init(&sse, note_id, &sse);
        assert_int_equal(sse_feed(&sse, stream, cut), 0);
        assert_int_equal(sse_feed(&sse, stream + cut, sizeof(stream) - 1 - cut), 0);
        assert_string_equal(buf_text(&sse.id), "");
        assert_int_equal(sse_feed(&sse, "\n", 1), 0);
        assert_string_equal(buf_text(&sse.id), "3");
        sse_fini(&sse);
    }
}

static void the_reader_may_stop(void **state)
{
    struct sse sse;
    int count = 0;
    sse_init(&sse, stop_at_once, &count);
    assert_int_equal(sse_feed(&sse, "data: a\n\ndata: b\n\n", 18), 7);
    assert_int_equal(count, 1);
    sse_fini(&sse);
}

static void check_recorded(const char *path)
{
    static char bytes[4 << 20];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    struct buf whole = {0};
    feed_cut(bytes, len, 0, &whole);
    assert_true(whole.len > 0);
    size_t step = len / 200 + 1;
    for (size_t cut = 1; cut < len; cut += step) {
        struct buf seen = {0};
        feed_cut(bytes, len, cut, &seen);
        assert_int_equal(seen.len, whole.len);
        assert_memory_equal(seen.bytes, whole.bytes, whole.len);
        buf_fini(&seen);
    }
    buf_fini(&whole);
}

static int check_folder(const char *root, const char *sub)
{
    char path[4096];
    int count = 0;
    snprintf(path, sizeof(path), "%s/provider-streams/%s", root, sub);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!strstr(entry->d_name, ".sse"))
            continue;
        snprintf(path, sizeof(path), "%s/provider-streams/%s/%s", root, sub, entry->d_name);
        check_recorded(path);
        count++;
    }
    if (dir)
        closedir(dir);
    return count;
}

static void recorded_streams_survive_every_cut(void **state)
{
    static const char *const subs[] = {"anthropic", "google", "openai-chat", "openai-responses"};
    const char *root = getenv("HQ_FIXTURES");
    if (!root) {
        printf("# HQ_FIXTURES is not set: the recorded provider streams were skipped\n");
        return;
    }
    for (size_t i = 0; i < sizeof(subs) / sizeof(*subs); i++)
        assert_true(check_folder(root, subs[i]) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_as_the_standard_says),
        cmocka_unit_test(the_last_event_needs_no_blank_line),
        cmocka_unit_test(bytes_pass_unchanged),
        cmocka_unit_test(endless_lines_are_refused),
        cmocka_unit_test(the_last_id_is_of_whole_events),
        cmocka_unit_test(the_reader_may_stop),
        cmocka_unit_test(recorded_streams_survive_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
