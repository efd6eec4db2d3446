/* The hub's API over its unix socket: who may do what, and what comes back. The store is the double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/thread.h"
#include "base/time.h"
#include "hub_company.h"

static void strangers_and_doors_are_kept_to_their_rights(void **state)
{
    struct company *place = *state;
    const char *hook = "{\"agent\":\"manager\",\"kind\":\"hook\",\"instruction\":\"x\",\"key\":\"a\"}";
    const char *ask = "{\"agent\":\"manager\",\"kind\":\"ask\",\"instruction\":\"x\",\"key\":\"a\"}";
    expect(place, NULL, "GET", "/v1/status", NULL, 401, "unauthorized");
    expect(place, "manager.hooks.token", "GET", "/v1/tasks", NULL, 403, "not_allowed");
    expect(place, "manager.hooks.token", "GET", "/v1/status", NULL, 403, "not_allowed");
    expect(place, "manager.hooks.token", "POST", "/v1/tasks", ask, 403, "not_allowed");
    expect(place, "auditor.hooks.token", "POST", "/v1/tasks", hook, 403, "not_allowed");
    expect(place, "manager.token", "POST", "/v1/tasks", hook, 403, "not_allowed");
    expect(place, "manager.hooks.token", "POST", "/v1/tasks", hook, 201, NULL);
    const char *id = submit(place, "manager", "other");
    const char *path = arena_printf(&place->arena, "/v1/tasks/%s", id);
    expect(place, "manager.hooks.token", "GET", path, NULL, 404, "unknown_task");
    expect(place, "auditor.token", "GET", path, NULL, 404, "unknown_task");
    expect(place, "manager.token", "GET", path, NULL, 200, NULL);
    expect(place, "manager.token", "POST", arena_printf(&place->arena, "%s/cancel", path), NULL,
           403, "not_allowed");
    expect(place, "auditor.token", "POST", "/v1/register",
           "{\"agent\":\"manager\",\"nonce\":\"n\",\"version\":\"0.1.0\"}", 403, "not_allowed");
}

static const char *finishing(struct company *place, const char *request, const char *id, int fence,
                             const char *result)
{
    return arena_printf(&place->arena,
                        "{\"request\":\"%s\",\"ops\":[{\"op\":\"finish\",\"task\":\"%s\",\"fence\":%d,"
                        "\"handoff\":{\"v\":1,\"status\":\"complete\",\"result\":\"%s\"}}]}",
                        request, id, fence, result);
}

static void nobody_writes_for_another_agent(void **state)
{
    struct company *place = *state;
    const char *id = submit(place, "manager", "k");
    int64_t fence = claim(place, "manager");
    const char *forged = finishing(place, "r1", id, (int)fence, "forged");
    expect(place, "auditor.token", "POST", "/v1/batch", forged, 403, "not_allowed");
    expect(place, "operator.token", "POST", "/v1/batch", forged, 403, "not_allowed");
    expect(place, "manager.hooks.token", "POST", "/v1/batch", forged, 403, "not_allowed");
    const char *stale = finishing(place, "r2", id, (int)fence - 1, "stale");
    expect(place, "manager.token", "POST", "/v1/batch", stale, 409, "lost");
    const char *good = finishing(place, "r3", id, (int)fence, "good");
    expect(place, "manager.token", "POST", "/v1/batch", good, 200, NULL);
    expect(place, "manager.token", "POST", "/v1/batch", good, 200, NULL); /* same request id */
    json_t *answer = call(place, "operator.token", "GET",
                          arena_printf(&place->arena, "/v1/tasks/%s", id), NULL);
    assert_string_equal(json_get_text(json_object_get(answer, "handoff"), "result", ""), "good");
    json_decref(answer);
}

static void bad_requests_are_told_what_is_wrong(void **state)
{
    struct company *place = *state;
    char *deep = calloc(1, 12000);
    memset(deep, '[', 5000);
    memset(deep + 5000, ']', 5000);
    const char *token = "operator.token";
    expect(place, token, "POST", "/v1/tasks", deep, 400, "bad_json");
    expect(place, token, "POST", "/v1/tasks", "{\"a\":1,\"a\":2}", 400, "bad_json");
    expect(place, token, "POST", "/v1/tasks", "[]", 400, "bad_request");
    expect(place, token, "POST", "/v1/tasks",
           "{\"agent\":\"manger\",\"instruction\":\"x\",\"key\":\"k\"}", 404, "unknown_agent");
    expect(place, token, "POST", "/v1/tasks", "{\"agent\":\"manager\",\"instruction\":\"\",\"key\":\"k\"}",
           400, "empty_instruction");
    expect(place, token, "POST", "/v1/tasks", "{\"agent\":\"manager\",\"instruction\":\"x\"}", 400,
           "bad_request");
    expect(place, token, "POST", "/v1/tasks",
           "{\"agent\":\"manager\",\"instruction\":\"x\",\"key\":\"k\",\"deadline_ms\":-5}", 400,
           "bad_deadline");
    expect(place, token, "POST", "/v1/tasks", "{\"agent\":7,\"instruction\":\"x\",\"key\":\"k\"}", 400,
           "bad_request");
    expect(place, token, "GET", "/v1/tasks/t-nothing", NULL, 404, "unknown_task");
    expect(place, token, "GET", "/v1/nowhere", NULL, 404, NULL);
    expect(place, token, "DELETE", "/v1/tasks", NULL, 405, NULL);
    free(deep);
}

static void the_same_key_is_the_same_task(void **state)
{
    struct company *place = *state;
    const char *one = submit(place, "manager", "same");
    json_t *answer = call(place, "operator.token", "POST", "/v1/tasks",
                          "{\"agent\":\"manager\",\"instruction\":\"work\",\"key\":\"same\"}");
    assert_int_equal(place->status, 200);
    assert_string_equal(json_get_text(json_object_get(answer, "task"), "id", ""), one);
    json_decref(answer);
    expect(place, "operator.token", "POST", "/v1/tasks",
           "{\"agent\":\"manager\",\"instruction\":\"other\",\"key\":\"same\"}", 409, "key_reused");
}

static void what_has_ended_cannot_be_cancelled(void **state)
{
    struct company *place = *state;
    const char *id = submit(place, "manager", "c");
    const char *path = arena_printf(&place->arena, "/v1/tasks/%s/cancel", id);
    expect(place, "operator.token", "POST", path, NULL, 200, NULL);
    expect(place, "operator.token", "POST", path, NULL, 409, "already_ended");
    expect(place, "operator.token", "POST", arena_printf(&place->arena, "/v1/tasks/%s/retry", id),
           "{\"request\":\"r\"}", 201, NULL);
    expect(place, "operator.token", "POST", arena_printf(&place->arena, "/v1/tasks/%s/retry", id),
           "{\"request\":\"r\"}", 200, NULL);
}

struct waiting {
    struct company place;
    json_t *answer;
};

static void *wait_for_work(void *arg)
{
    struct waiting *waiting = arg;
    waiting->answer = call(&waiting->place, "auditor.token", "POST", "/v1/claim",
                           "{\"agent\":\"auditor\",\"nonce\":\"n1\",\"max\":1,\"wait_ms\":15000}");
    return NULL;
}

static void a_parked_claim_gets_the_next_task(void **state)
{
    struct company *place = *state;
    pthread_t thread;
    expect(place, "auditor.token", "POST", "/v1/register",
           "{\"agent\":\"auditor\",\"nonce\":\"n1\",\"version\":\"0.1.0\"}", 200, NULL);
    struct waiting waiting = {.place = *place};
    waiting.place.fetch = fetch_open();
    assert_int_equal(thread_start(&thread, "claim", wait_for_work, &waiting), 0);
    const char *id = submit(place, "auditor", "p");
    pthread_join(thread, NULL);
    assert_int_equal(waiting.place.status, 200);
    const json_t *item = json_array_get(json_object_get(waiting.answer, "tasks"), 0);
    assert_string_equal(json_get_text(json_object_get(item, "task"), "id", ""), id);
    json_decref(waiting.answer);
    fetch_close(waiting.place.fetch);
}

static void the_hub_tells_how_it_is(void **state)
{
    struct company *place = *state;
    submit(place, "manager", "s");
    json_t *answer = call(place, "operator.token", "GET", "/v1/status", NULL);
    const json_t *manager = json_array_get(json_object_get(answer, "agents"), 0);
    assert_string_equal(json_get_text(answer, "company", ""), "test");
    assert_int_equal(json_get_int(manager, "queued", -1), 1);
    assert_int_equal(json_array_size(json_object_get(manager, "open")), 1);
    json_decref(answer);
    answer = call(place, "operator.token", "POST", "/v1/admin/check", NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "findings")), 0);
    json_decref(answer);
    expect(place, NULL, "GET", "/healthz", NULL, 200, NULL);
    expect(place, NULL, "GET", "/metrics", NULL, 200, NULL);
}

static void the_company_bounds_how_long_a_request_takes(void **state)
{
    struct company *place = *state;
    int64_t deadline, created;
    json_t *answer = call(place, "operator.token", "POST", "/v1/tasks",
                          "{\"agent\":\"manager\",\"instruction\":\"x\",\"key\":\"w\","
                          "\"deadline_ms\":7200000}");
    const json_t *task = json_object_get(answer, "task");
    assert_true(time_parse_rfc3339(json_get_text(task, "deadline_at", ""), &deadline));
    assert_true(time_parse_rfc3339(json_get_text(task, "created_at", ""), &created));
    assert_int_equal(deadline - created, place->config.limit_wall_ms);
    json_decref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(strangers_and_doors_are_kept_to_their_rights),
        HUB_TEST(nobody_writes_for_another_agent),
        HUB_TEST(bad_requests_are_told_what_is_wrong),
        HUB_TEST(the_same_key_is_the_same_task),
        HUB_TEST(what_has_ended_cannot_be_cancelled),
        HUB_TEST(a_parked_claim_gets_the_next_task),
        HUB_TEST(the_hub_tells_how_it_is),
        HUB_TEST(the_company_bounds_how_long_a_request_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
