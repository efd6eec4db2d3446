/* The hub's API over its unix socket: who may do what, and what comes back. The store is the double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/thread.h"
#include "base/time.h"
#include "config/config.h"
#include "config/secret.h"
#include "hub/hub.h"
#include "ledger/store.h"
#include "net/fetch.h"

static const char *const none[] = {NULL};
static const struct config_agent agents[] = {
    {.id = "manager", .name = "Manager", .port = 18800, .aliases = none, .capabilities = none,
     .delegates = none, .fallbacks = none, .tools_allow = none, .model = "demo/m"},
    {.id = "auditor", .name = "Auditor", .port = 18812, .aliases = none, .capabilities = none,
     .delegates = none, .fallbacks = none, .tools_allow = none, .model = "demo/m"},
};

struct company {
    struct arena arena;
    char dir[32];
    struct config config;
    struct hub *hub;
    struct fetch *fetch;
    int status;
};

static int setup(void **state)
{
    struct err err = {0};
    struct company *place = calloc(1, sizeof(*place));
    strcpy(place->dir, "/tmp/hq-hub-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    place->config = (struct config){
        .dir = place->dir,
        .company = "test",
        .ledger = "sqlite",
        .state = arena_printf(&place->arena, "%s/state", place->dir),
        .secrets = arena_printf(&place->arena, "%s/secrets", place->dir),
        .hub_address = "127.0.0.1",
        .hooks_path = "/hooks",
        .limit_depth = 4,
        .limit_tasks = 64,
        .limit_live = 16,
        .limit_wall_ms = 60000,
        .limit_fan_out = 8,
        .limit_micro_usd = -1,
        .limit_tokens = -1,
        .budget_micro_usd = -1,
        .agents = agents,
        .agent_count = 2,
    };
    assert_int_equal(mkdir(place->config.state, 0700), 0);
    assert_true(secret_make_tokens(&place->config, &err) >= 0);
    place->hub = hub_open(&place->config, store_mem_open(), &err);
    if (!place->hub)
        fail_msg("%s", err.message);
    place->fetch = fetch_open();
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct company *place = *state;
    char command[100];
    hub_close(place->hub);
    fetch_close(place->fetch);
    snprintf(command, sizeof(command), "rm -rf %s", place->dir);
    arena_fini(&place->arena);
    free(place);
    return system(command);
}

/* One exchange; the answer is a new reference, place->status its code. */
static json_t *call(struct company *place, const char *token_file, const char *method,
                    const char *path, const char *body)
{
    struct arena arena = {0};
    struct err err = {0};
    struct fetch_response response = {0};
    const char *token = token_file ? secret_read(&place->config, token_file, &arena, &err) : "";
    const char *headers[] = {arena_printf(&arena, "Authorization: Bearer %s", token), NULL};
    struct fetch_request request = {
        .method = method,
        .url = arena_printf(&arena, "http://hub%s", path),
        .unix_dir = place->config.state,
        .unix_name = "hub.sock",
        .headers = headers,
        .body = body,
        .body_len = body ? strlen(body) : 0,
        .total_ms = 20000,
    };
    if (fetch_run(place->fetch, &request, &response, &err) != FETCH_OK)
        fail_msg("%s %s: %s", method, path, err.message);
    place->status = response.status;
    json_t *answer = json_loadb(buf_text(&response.body), response.body.len, JSON_DECODE_ANY, NULL);
    fetch_response_fini(&response);
    arena_fini(&arena);
    return answer;
}

static void expect(struct company *place, const char *token, const char *method, const char *path,
                   const char *body, int status, const char *code)
{
    json_t *answer = call(place, token, method, path, body);
    if (place->status != status)
        fail_msg("%s %s %s: %d, not %d", method, path, body ? body : "", place->status, status);
    if (code)
        assert_string_equal(json_get_text(json_object_get(answer, "error"), "code", ""), code);
    json_decref(answer);
}

/* Submits a task and returns its id in the arena. */
static const char *submit(struct company *place, const char *agent, const char *key)
{
    const char *body = arena_printf(&place->arena,
                                    "{\"agent\":\"%s\",\"instruction\":\"work\",\"key\":\"%s\"}",
                                    agent, key);
    json_t *answer = call(place, "operator.token", "POST", "/v1/tasks", body);
    assert_int_equal(place->status, 201);
    const char *id = arena_strdup(
        &place->arena, json_get_text(json_object_get(answer, "task"), "id", ""));
    json_decref(answer);
    return id;
}

static int64_t claim(struct company *place, const char *agent)
{
    const char *token = arena_printf(&place->arena, "%s.token", agent);
    expect(place, token, "POST", "/v1/register",
           arena_printf(&place->arena,
                        "{\"agent\":\"%s\",\"nonce\":\"n1\",\"version\":\"0.1.0\"}", agent),
           200, NULL);
    json_t *answer = call(place, token, "POST", "/v1/claim",
                          arena_printf(&place->arena,
                                       "{\"agent\":\"%s\",\"nonce\":\"n1\",\"max\":1}", agent));
    assert_int_equal(place->status, 200);
    const json_t *item = json_array_get(json_object_get(answer, "tasks"), 0);
    int64_t fence = json_get_int(json_object_get(item, "task"), "fence", 0);
    assert_non_null(json_object_get(item, "session"));
    json_decref(answer);
    return fence;
}

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

#define HUB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
