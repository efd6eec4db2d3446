/* Records survive the way to JSON and back; ids are what ledger.md says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "wire/call.h"
#include "wire/task.h"

static void records_round_trip(void **state)
{
    struct arena arena = {0};
    struct err err;
    struct task in = {.id = "t-1", .agent = "manager", .state = TASK_QUEUED, .fence = 3,
                      .blocked = true, .path = "[\"manager\"]", .created_at = 1795359845123};
    struct task out = {0};
    json_t *json = record_to_json(&task_record, &in);
    assert_string_equal(json_get_text(json, "created_at", ""), "2026-11-22T15:04:05.123Z");
    assert_true(json_is_array(json_object_get(json, "path")));
    assert_null(json_object_get(json, "parent"));
    assert_int_equal(record_from_json(&task_record, json, &out, &arena, &err), 0);
    assert_string_equal(out.id, "t-1");
    assert_int_equal(out.fence, 3);
    assert_true(out.blocked);
    assert_string_equal(out.path, "[\"manager\"]");
    assert_int_equal(out.created_at, in.created_at);
    json_decref(json);
    arena_fini(&arena);
}

static void wrong_types_are_named(void **state)
{
    struct arena arena = {0};
    struct err err;
    struct task out = {0};
    json_t *json = json_pack("{s:s}", "fence", "three");
    assert_int_equal(record_from_json(&task_record, json, &out, &arena, &err), -1);
    assert_string_equal(err.message, "task.fence has the wrong type");
    json_decref(json);
    arena_fini(&arena);
}

static void same_request_same_id(void **state)
{
    char a[TASK_ID_TEXT], b[TASK_ID_TEXT], c[TASK_ID_TEXT];
    task_id("hook", "outside:manager", "manager", "k1", a);
    task_id("hook", "outside:manager", "manager", "k1", b);
    task_id("hook", "outside:manager", "manager", "k2", c);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_int_equal(strlen(a), 28);
    assert_memory_equal(a, "t-", 2);
}

static void body_hash_sees_the_body_only(void **state)
{
    struct task one = {.agent = "a", .instruction = "x", .fence = 1};
    struct task two = {.agent = "a", .instruction = "x", .fence = 2};
    char h1[65], h2[65];
    task_body_hash(&one, h1);
    task_body_hash(&two, h2);
    assert_string_equal(h1, h2);
    two.instruction = "y";
    task_body_hash(&two, h2);
    assert_string_not_equal(h1, h2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_round_trip),
        cmocka_unit_test(wrong_types_are_named),
        cmocka_unit_test(same_request_same_id),
        cmocka_unit_test(body_hash_sees_the_body_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
