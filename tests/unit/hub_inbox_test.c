/* Who may do what with people's and the runner's tokens, and the inbox over HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/time.h"
#include "hub_company.h"

static void people_read_everything_and_give_no_work(void **state)
{
    struct company *place = *state;
    const char *id = submit(place, "manager", "k1");
    const char *path = arena_printf(&place->arena, "/v1/tasks/%s", id);
    expect(place, "person.eve.token", "GET", path, NULL, 200, NULL);
    expect(place, "person.eve.token", "GET", "/v1/status", NULL, 200, NULL);
    expect(place, "person.eve.token", "GET", "/v1/events?stream=system", NULL, 200, NULL);
    expect(place, "person.eve.token", "GET", "/v1/sessions?agent=manager", NULL, 200, NULL);
    expect(place, "person.eve.token", "POST", "/v1/tasks",
           "{\"agent\":\"manager\",\"instruction\":\"x\",\"key\":\"k2\"}", 403, "not_allowed");
    expect(place, "person.eve.token", "POST", "/v1/register",
           "{\"agent\":\"manager\",\"nonce\":\"n\",\"version\":\"0.1.0\"}", 403, "not_allowed");
    expect(place, "person.eve.token", "POST", "/v1/admin/check", "{}", 403, "not_allowed");
    expect(place, "person.eve.token", "POST",
           arena_printf(&place->arena, "/v1/tasks/%s/cancel", id), "{}", 403, "not_allowed");
}

static void the_runner_works_for_its_queue_only(void **state)
{
    struct company *place = *state;
    const char *id = submit(place, "manager", "k1");
    expect(place, "runner.token", "POST", "/v1/register",
           "{\"agent\":\"hq.runner\",\"nonce\":\"n\",\"version\":\"0.1.0\"}", 200, NULL);
    expect(place, "runner.token", "POST", "/v1/claim",
           "{\"agent\":\"hq.runner\",\"nonce\":\"n\",\"max\":1}", 200, NULL);
    expect(place, "runner.token", "POST", "/v1/register",
           "{\"agent\":\"manager\",\"nonce\":\"n\",\"version\":\"0.1.0\"}", 403, "not_allowed");
    expect(place, "manager.token", "POST", "/v1/register",
           "{\"agent\":\"hq.runner\",\"nonce\":\"n\",\"version\":\"0.1.0\"}", 403, "not_allowed");
    expect(place, "runner.token", "GET", arena_printf(&place->arena, "/v1/tasks/%s", id), NULL, 404,
           "unknown_task");
    expect(place, "runner.token", "GET", "/v1/status", NULL, 403, "not_allowed");
    expect(place, "runner.token", "GET",
           arena_printf(&place->arena, "/v1/blobs/%064d?task=%s", 0, id), NULL, 404,
           "unknown_task");
    expect(place, "runner.token", "POST", "/v1/tasks",
           "{\"agent\":\"manager\",\"instruction\":\"x\",\"key\":\"k2\"}", 403, "not_allowed");
    expect(place, "runner.token", "POST", "/v1/batch",
           arena_printf(&place->arena,
                        "{\"request\":\"r\",\"ops\":[{\"op\":\"delegate\",\"task\":\"%s\","
                        "\"fence\":1,\"step\":0,\"idx\":1,\"agent\":\"manager\"}]}",
                        id),
           400, "bad_request");
}

/* Lets the manager ask: a task that waits behind a question; returns the item's id in the arena. */
static const char *ask(struct company *place, const char *task, const char *more)
{
    struct arena *arena = &place->arena;
    long long fence = (long long)claim(place, "manager");
    const char *op = arena_printf(arena, "\"task\":\"%s\",\"fence\":%lld", task, fence);
    expect(place, "manager.token", "POST", "/v1/batch",
           arena_printf(arena,
                        "{\"request\":\"%s\",\"ops\":[{\"op\":\"call_intend\",%s,\"call\":{"
                        "\"step\":0,\"idx\":1,\"kind\":\"tool\",\"name\":\"ask_human\"}},"
                        "{\"op\":\"ask\",%s,\"step\":0,\"idx\":1,\"kind\":\"question\",\"title\":"
                        "\"Which?\",\"subject\":\"{\\\"show\\\":\\\"Which one?\\\"}\"%s},"
                        "{\"op\":\"park\",%s,\"of_step\":0}]}",
                        task, op, op, more, op),
           200, NULL);
    json_t *answer = call(place, "operator.token", "GET", "/v1/inbox", NULL);
    const json_t *items = json_object_get(answer, "items");
    const json_t *item = json_array_get(items, json_array_size(items) - 1);
    assert_string_equal(json_get_text(item, "task", ""), task);
    const char *id = arena_strdup(arena, json_get_text(item, "id", ""));
    json_decref(answer);
    return id;
}

static json_t *item(struct company *place, const char *token, const char *id)
{
    json_t *answer =
        call(place, token, "GET", arena_printf(&place->arena, "/v1/inbox/%s", id), NULL);
    assert_int_equal(place->status, 200);
    json_t *found = json_incref(json_object_get(answer, "item"));
    json_decref(answer);
    return found;
}

static void say(struct company *place, const char *person, const char *id, const char *body,
                int status, const char *code)
{
    const char *path = arena_printf(&place->arena, "/v1/inbox/%s", id);
    expect(place, person, "POST", path, body, status, code);
}

static void an_item_shows_what_is_asked_and_what_follows(void **state)
{
    struct company *place = *state;
    const char *id = ask(place, submit(place, "manager", "k1"), "");
    json_t *shown = item(place, "person.eve.token", id + 2);
    assert_string_equal(json_get_text(shown, "subject", ""), "{\"show\":\"Which one?\"}");
    assert_string_equal(json_get_text(shown, "preview", ""), "Which one?");
    assert_string_equal(json_get_text(shown, "requester", ""), "agent:manager");
    assert_int_equal(strlen(json_get_text(shown, "subject_hash", "")), 64);
    assert_true(json_get_bool(shown, "yours", false));
    assert_non_null(json_object_get(shown, "cost"));
    const json_t *causes = json_object_get(shown, "causes");
    assert_non_null(json_object_get(causes, "answer"));
    assert_null(json_object_get(causes, "approve"));
    json_decref(shown);
    expect(place, "person.eve.token", "GET", "/v1/inbox/g-nothing", NULL, 404, "unknown_item");
    expect(place, "person.eve.token", "GET", "/v1/inbox/g-", NULL, 200, NULL);
    json_t *status = call(place, "operator.token", "GET", "/v1/status", NULL);
    assert_int_equal(json_get_int(status, "inbox", 0), 1);
    json_decref(status);
}

static void words_that_do_not_do_change_nothing(void **state)
{
    static const struct {
        const char *person, *body;
        int status;
        const char *code;
    } cases[] = {
        {"person.max.token", "{\"decision\":\"answered\",\"answer\":\"a\"}", 403, "not_a_decider"},
        {"operator.token", "{\"decision\":\"answered\",\"answer\":\"a\"}", 403, "not_a_decider"},
        {"person.eve.token", "{\"decision\":\"maybe\"}", 400, "bad_request"},
        {"person.eve.token", "{}", 400, "bad_request"},
        {"person.eve.token", "{\"decision\":\"approved\"}", 422, "bad_decision"},
        {"person.eve.token", "{\"decision\":\"changes_requested\",\"feedback\":\"x\"}", 422,
         "bad_decision"},
        {"person.eve.token", "{\"decision\":\"answered\"}", 422, "bad_answer"},
        {"person.eve.token", "{\"decision\":\"answered\",\"answer\":\"c\"}", 422, "bad_answer"},
        {"person.eve.token", "{\"decision\":\"rejected\",\"feedback\":\" \"}", 422,
         "reason_missing"},
        {"person.eve.token",
         "{\"decision\":\"answered\",\"answer\":\"a\",\"subject_hash\":\"0123\"}", 409,
         "other_bytes"},
        {"manager.token", "{\"decision\":\"answered\",\"answer\":\"a\"}", 403, "not_allowed"},
        {"runner.token", "{\"decision\":\"answered\",\"answer\":\"a\"}", 403, "not_allowed"},
        {"manager.hooks.token", "{\"decision\":\"answered\",\"answer\":\"a\"}", 403, "not_allowed"},
    };
    struct company *place = *state;
    const char *id = ask(place, submit(place, "manager", "k1"),
                         ",\"deciders\":[\"role:finance\"],\"options\":[\"a\",\"b\"]");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        say(place, cases[i].person, id, cases[i].body, cases[i].status, cases[i].code);
    json_t *shown = item(place, "operator.token", id);
    assert_string_equal(json_get_text(shown, "state", ""), "pending");
    assert_false(json_get_bool(shown, "yours", true));
    json_decref(shown);
}

static void the_first_word_wins_and_a_repeat_is_the_same_word(void **state)
{
    static const char once[] = "{\"decision\":\"answered\",\"answer\":\"a\",\"request\":\"r1\","
                               "\"via\":\"cli\"}";
    struct company *place = *state;
    const char *id = ask(place, submit(place, "manager", "k1"), "");
    say(place, "operator.token", id, once, 200, NULL);
    say(place, "operator.token", id, once, 200, NULL); /* its answer was lost on the way */
    say(place, "person.eve.token", id, "{\"decision\":\"answered\",\"answer\":\"b\"}", 409,
        "decided");
    json_t *shown = item(place, "operator.token", id);
    assert_string_equal(json_get_text(shown, "state", ""), "answered");
    assert_string_equal(json_get_text(shown, "answer", ""), "a");
    assert_string_equal(json_get_text(shown, "decided_by", ""), "lea");
    json_decref(shown);
    json_t *answer = call(place, "operator.token", "GET", "/v1/inbox", NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "items")), 0);
    json_decref(answer);
    answer = call(place, "operator.token", "GET", "/v1/inbox?state=all", NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "items")), 1);
    json_decref(answer);
}

/* The asker keeps time to read that nobody answered. */
static void a_question_ends_before_its_task(void **state)
{
    struct company *place = *state;
    json_t *made = call(place, "operator.token", "POST", "/v1/tasks",
                        "{\"agent\":\"manager\",\"instruction\":\"work\",\"key\":\"k1\","
                        "\"deadline_ms\":50000}");
    const char *task = json_get_text(json_object_get(made, "task"), "id", "");
    const char *id = ask(place, task, ",\"expires_ms\":86400000");
    json_t *shown = item(place, "operator.token", id);
    int64_t expires, deadline;
    assert_true(time_parse_rfc3339(json_get_text(shown, "expires_at", ""), &expires));
    assert_true(time_parse_rfc3339(json_get_text(json_object_get(made, "task"), "deadline_at", ""),
                                   &deadline));
    assert_in_range(deadline - expires, 1000, 5000);
    json_decref(shown);
    json_decref(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(people_read_everything_and_give_no_work),
        HUB_TEST(the_runner_works_for_its_queue_only),
        HUB_TEST(an_item_shows_what_is_asked_and_what_follows),
        HUB_TEST(words_that_do_not_do_change_nothing),
        HUB_TEST(the_first_word_wins_and_a_repeat_is_the_same_word),
        HUB_TEST(a_question_ends_before_its_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
