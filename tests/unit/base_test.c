/* The base room: texts, times, maps, digests, bounded JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/map.h"
#include "base/str.h"
#include "base/time.h"

static void arena_keeps_everything_apart(void **state)
{
    struct arena arena = {0};
    char *texts[2000];
    for (int i = 0; i < 2000; i++)
        texts[i] = arena_printf(&arena, "%d-%s", i, i % 97 == 0 ? "a longer text now and then" : "x");
    char *large = arena_alloc(&arena, 100000);
    memset(large, 'z', 100000);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(atoi(texts[i]), i);
    arena_fini(&arena);
}

static void utf8_is_checked_and_cleaned(void **state)
{
    struct arena arena = {0};
    assert_true(str_is_utf8("h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10));
    assert_false(str_is_utf8("\xc0\xaf", 2));         /* overlong */
    assert_false(str_is_utf8("\xed\xa0\x80", 3));     /* surrogate */
    assert_false(str_is_utf8("\xf4\x90\x80\x80", 4)); /* above U+10FFFF */
    assert_false(str_is_utf8("a\0b", 3));
    assert_string_equal(str_clean_utf8(&arena, "a\xff" "b\0c", 5), "a\xef\xbf\xbd" "b\xef\xbf\xbd" "c");
    assert_int_equal(str_utf8_cut("a\xe2\x82\xac", 4, 3), 1);
    arena_fini(&arena);
}

static void nearest_word_is_found_or_not(void **state)
{
    const char *words[] = {"status", "start", "stop", "task", NULL};
    assert_string_equal(str_nearest("staus", words), "status");
    assert_string_equal(str_nearest("tsak", words), "task");
    assert_null(str_nearest("elephant", words));
}

static void durations_and_times_parse(void **state)
{
    int64_t ms = 0;
    char text[TIME_TEXT];
    assert_true(time_parse_duration("1h30m", &ms) && ms == 5400000);
    assert_true(time_parse_duration("250ms", &ms) && ms == 250);
    assert_false(time_parse_duration("30", &ms));
    assert_false(time_parse_duration("", &ms));
    assert_false(time_parse_duration("9999999999999d", &ms));
    assert_true(time_parse_rfc3339("2026-11-22T15:04:05.123Z", &ms));
    time_rfc3339(ms, text);
    assert_string_equal(text, "2026-11-22T15:04:05.123Z");
    assert_true(time_parse_rfc3339("2026-11-22T16:04:05+01:00", &ms));
    time_rfc3339(ms, text);
    assert_string_equal(text, "2026-11-22T15:04:05.000Z");
    assert_false(time_parse_rfc3339("2026-13-22T15:04:05Z", &ms));
    assert_false(time_parse_rfc3339("2026-02-29T15:04:05Z", &ms));
    assert_false(time_parse_rfc3339("2026-11-22T-5:04:05Z", &ms));
    assert_false(time_parse_rfc3339("2026-11-22T15:04:05+1:00", &ms));
    assert_false(time_parse_rfc3339("2026-11-22", &ms));
    assert_true(time_parse_rfc3339("1969-12-31T23:59:59.5Z", &ms) && ms == -500);
    time_rfc3339(ms, text);
    assert_string_equal(text, "1969-12-31T23:59:59.500Z");
    time_print_duration(130000, text);
    assert_string_equal(text, "2m10s");
}

static void map_survives_growth_and_removal(void **state)
{
    struct map map = {0};
    char key[32];
    for (uintptr_t i = 1; i <= 5000; i++) {
        snprintf(key, sizeof(key), "key-%d", (int)i);
        assert_null(map_put(&map, key, (void *)i));
    }
    for (uintptr_t i = 1; i <= 5000; i += 2) {
        snprintf(key, sizeof(key), "key-%d", (int)i);
        assert_ptr_equal(map_take(&map, key), (void *)i);
    }
    for (uintptr_t i = 1; i <= 5000; i++) {
        snprintf(key, sizeof(key), "key-%d", (int)i);
        assert_ptr_equal(map_get(&map, key), i % 2 ? NULL : (void *)i);
    }
    assert_int_equal(map.count, 2500);
    map_fini(&map);
}

static void digests_match_the_standard(void **state)
{
    char hex[HASH_HEX], id[27];
    hash_hex("abc", 3, hex); /* FIPS 180-4 example */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_crockford("abc", 3, 26, id);
    assert_int_equal(strlen(id), 26);
    assert_string_equal(id, "q9w1dfwf077ymga183f5vbh24e"); /* the digest in 5-bit groups */
    assert_true(hash_secret_eq("s3cret", "s3cret"));
    assert_false(hash_secret_eq("s3cret", "s3cre"));
    assert_false(hash_secret_eq(NULL, NULL));
    assert_false(hash_secret_eq("", ""));
}

static void json_is_bounded(void **state)
{
    struct err err;
    char deep[10001];
    memset(deep, '[', 5000);
    memset(deep + 5000, ']', 5000);
    assert_null(json_parse(deep, 10000, &err));
    assert_non_null(strstr(err.message, "deeper than 64"));
    assert_null(json_parse("{\"a\":1,\"a\":2}", 13, &err));
    assert_null(json_parse("\"a\xff\"", 4, &err));
    assert_null(json_parse("\"a\\u0000b\"", 10, &err));
    assert_non_null(strstr(err.message, "\\u0000 is not allowed"));
    json_t *value = json_parse("{\"s\":\"[[[[\",\"n\":7,\"b\":true}", 27, &err);
    assert_non_null(value);
    assert_int_equal(json_get_int(value, "n", 0), 7);
    assert_true(json_get_bool(value, "b", false));
    assert_string_equal(json_get_text(value, "n", "?"), "?");
    json_decref(value);
}

static void buffers_grow_and_give(void **state)
{
    struct buf buf = {0};
    for (int i = 0; i < 1000; i++)
        buf_printf(&buf, "%d,", i);
    assert_int_equal(buf.len, 3890);
    buf_drop(&buf, 2);
    assert_memory_equal(buf_text(&buf), "1,2,", 4);
    buf_fini(&buf);
    assert_string_equal(buf_text(&buf), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_keeps_everything_apart),
        cmocka_unit_test(utf8_is_checked_and_cleaned),
        cmocka_unit_test(nearest_word_is_found_or_not),
        cmocka_unit_test(durations_and_times_parse),
        cmocka_unit_test(map_survives_growth_and_removal),
        cmocka_unit_test(digests_match_the_standard),
        cmocka_unit_test(json_is_bounded),
        cmocka_unit_test(buffers_grow_and_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
