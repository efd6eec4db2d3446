/* Delegation over the hub's API: who may ask whom, what is refused with which words, what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "hub_company.h"

/* An agent's turn: a claimed task with its fence. */
struct turn {
    struct company *place;
    const char *agent, *token, *task;
    int64_t fence;
};

/* The same of a task whose tools are `tools` at most. */
static struct turn begin_granted(struct company *place, const char *agent, const char *tools)
{
    struct turn turn = {.place = place, .agent = agent};
    turn.token = arena_printf(&place->arena, "%s.token", agent);
    json_t *answer =
        call(place, "operator.token", "POST", "/v1/tasks",
             arena_printf(&place->arena,
                          "{\"agent\":\"%s\",\"instruction\":\"x\",\"key\":\"g\",\"tools\":%s}",
                          agent, tools));
    assert_int_equal(place->status, 201);
    turn.task = arena_strdup(&place->arena,
                             json_get_text(json_object_get(answer, "task"), "id", ""));
    json_decref(answer);
    turn.fence = claim(place, agent);
    return turn;
}

static struct turn begin(struct company *place, const char *agent)
{
    struct turn turn = {.place = place, .agent = agent};
    turn.token = arena_printf(&place->arena, "%s.token", agent);
    turn.task = submit(place, agent, "turn");
    turn.fence = claim(place, agent);
    assert_true(turn.fence > 0);
    return turn;
}

/* The model's answer asked for `count` tool calls: the model call is recorded, they are intended. */
static const char *intended(const struct turn *turn, int count)
{
    const char *ops = arena_printf(&turn->place->arena,
                                   "{\"op\":\"call_intend\",\"task\":\"%s\",\"fence\":%lld,"
                                   "\"call\":{\"step\":0,\"idx\":0,\"kind\":\"model\",\"name\":\"d/m\"}},"
                                   "{\"op\":\"call_record\",\"task\":\"%s\",\"fence\":%lld,"
                                   "\"call\":{\"step\":0,\"idx\":0,\"response\":{}}}",
                                   turn->task, (long long)turn->fence, turn->task,
                                   (long long)turn->fence);
    for (int i = 1; i <= count; i++)
        ops = arena_printf(&turn->place->arena,
                           "%s,{\"op\":\"call_intend\",\"task\":\"%s\",\"fence\":%lld,"
                           "\"call\":{\"step\":0,\"idx\":%d,\"kind\":\"tool\",\"name\":\"delegate\"}}",
                           ops, turn->task, (long long)turn->fence, i);
    return ops;
}

/* One batch: call 1 is intended and delegated with `fields`, and the turn parks. */
static json_t *delegate(const struct turn *turn, const char *fields)
{
    const char *body =
        arena_printf(&turn->place->arena,
                     "{\"request\":\"r-%s\",\"ops\":[%s,{\"op\":\"delegate\",\"task\":\"%s\","
                     "\"fence\":%lld,\"step\":0,\"idx\":1,\"mode\":\"sync\",%s},{\"op\":\"park\","
                     "\"task\":\"%s\",\"fence\":%lld,\"of_step\":0}]}",
                     turn->task, intended(turn, 1), turn->task, (long long)turn->fence, fields,
                     turn->task, (long long)turn->fence);
    return call(turn->place, turn->token, "POST", "/v1/batch", body);
}

/* The response of call 1, or what the call is. */
static json_t *call_of(const struct turn *turn)
{
    json_t *answer = call(turn->place, "operator.token", "GET",
                          arena_printf(&turn->place->arena, "/v1/tasks/%s?full=1", turn->task), NULL);
    json_t *found = json_incref(json_array_get(json_object_get(answer, "calls"), 1));
    json_decref(answer);
    return found;
}

static bool has_event(struct company *place, const char *stream, const char *type, const char *words)
{
    bool found = false;
    json_t *answer = call(place, "operator.token", "GET",
                          arena_printf(&place->arena, "/v1/events?stream=%s", stream), NULL);
    const json_t *items = json_object_get(answer, "items");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *event = json_array_get(items, i);
        const char *body = json_print(&place->arena, json_object_get(event, "body"));
        found |= strcmp(json_get_text(event, "type", ""), type) == 0 && strstr(body, words);
    }
    json_decref(answer);
    return found;
}

/* The delegation is refused: the call's result says so, with class, code and words. */
static void refused(void **state, const char *agent, const char *fields, const char *class,
                    const char *code, const char *words)
{
    company_teardown(state);
    assert_int_equal(company_setup(state), 0);
    struct company *place = *state;
    struct turn turn = begin(place, agent);
    json_t *answer = delegate(&turn, fields);
    if (place->status != 200)
        fail_msg("%s: %d %s", fields, place->status, json_print(&place->arena, answer));
    json_decref(answer);
    json_t *one = call_of(&turn);
    const json_t *response = json_object_get(one, "response");
    if (strcmp(json_get_text(response, "failure_class", ""), class) != 0 ||
        strcmp(json_get_text(response, "code", ""), code) != 0 ||
        !strstr(json_get_text(response, "text", ""), words))
        fail_msg("%s: %s", fields, json_print(&place->arena, one));
    assert_true(has_event(place, turn.task, "delegation.refused", code));
    json_decref(one);
}

static void a_delegation_parks_and_its_result_comes_back(void **state)
{
    struct company *place = *state;
    struct turn manager = begin(place, "manager");
    json_t *answer = delegate(&manager, "\"agent\":\"technical\",\"instruction\":\"look\","
                                        "\"tools\":[\"read\",\"delegate\"],\"session\":\"Main\"");
    assert_string_equal(json_get_text(answer, "state", ""), "waiting");
    json_decref(answer);
    json_t *one = call_of(&manager);
    const char *child = arena_strdup(&place->arena, json_get_text(one, "child", ""));
    assert_string_equal(json_get_text(one, "state", ""), "waiting");
    json_decref(one);
    json_t *row = call(place, "manager.token", "GET",
                       arena_printf(&place->arena, "/v1/tasks/%s", child), NULL);
    const json_t *task = json_object_get(row, "task");
    assert_string_equal(json_get_text(task, "agent", ""), "tech-lead");
    assert_string_equal(json_get_text(task, "caller", ""), "agent:manager");
    assert_string_equal(json_get_text(task, "session", ""), "main");
    assert_non_null(json_object_get(row, "now"));
    assert_int_equal(json_array_size(json_object_get(json_object_get(task, "grant"), "tools")), 2);
    json_decref(row);
    int64_t fence = claim(place, "tech-lead");
    json_decref(call(place, "tech-lead.token", "POST", "/v1/batch",
                     arena_printf(&place->arena,
                                  "{\"request\":\"f\",\"ops\":[{\"op\":\"finish\",\"task\":\"%s\","
                                  "\"fence\":%lld,\"handoff\":{\"v\":1,\"status\":\"complete\","
                                  "\"result\":\"seen\"}}]}",
                                  child, (long long)fence)));
    assert_int_equal(place->status, 200);
    one = call_of(&manager);
    assert_string_equal(json_get_text(json_object_get(one, "response"), "result", ""), "seen");
    json_decref(one);
    assert_true(claim(place, "manager") > manager.fence);
}

static void a_capability_is_routed_and_the_decision_kept(void **state)
{
    struct company *place = *state;
    claim(place, "webster");
    struct turn manager = begin(place, "manager");
    json_decref(delegate(&manager, "\"capability\":\"research\",\"instruction\":\"find\""));
    json_t *one = call_of(&manager);
    const char *child = arena_strdup(&place->arena, json_get_text(one, "child", ""));
    json_decref(one);
    assert_true(has_event(place, child, "task.routed", "\"chosen\":\"webster\""));
    assert_true(has_event(place, child, "task.routed", "it does not have this capability"));
}

static void who_may_not_is_told_who_may(void **state)
{
    refused(state, "auditor", "\"agent\":\"optimizer\",\"instruction\":\"x\"", "refused",
            "not_allowed",
            "auditor may not delegate to optimizer (only manager, tech-lead may). Ask: hq ask manager");
    refused(state, "tech-lead", "\"agent\":\"manager\",\"instruction\":\"x\"", "refused",
            "not_allowed", "(nobody may)");
    refused(state, "manager", "\"agent\":\"webstr\",\"instruction\":\"x\"", "refused",
            "unknown_agent", "did you mean webster?");
    refused(state, "optimizer", "\"agent\":\"auditr\",\"instruction\":\"x\"", "refused",
            "unknown_agent", "You may ask: webster.");
    refused(state, "manager", "\"capability\":\"gardening\",\"instruction\":\"x\"", "refused",
            "no_candidate", "no agent has the capability");
}

static void bad_wishes_are_answered_not_thrown(void **state)
{
    static const char *const fields[][2] = {
        {"\"agent\":\"auditor\",\"instruction\":\" \"", "instruction is empty"},
        {"\"agent\":\"auditor\"", "instruction is empty"},
        {"\"agent\":\"auditor\",\"capability\":\"x\",\"instruction\":\"x\"", "either the agent or"},
        {"\"instruction\":\"x\"", "either the agent or"},
        {"\"agent\":\"auditor\",\"instruction\":\"x\",\"result_schema\":[]", "must be a JSON Schema"},
        {"\"agent\":\"auditor\",\"instruction\":\"x\",\"deadline_ms\":-5", "in the future"},
        {"\"agent\":\"auditor\",\"instruction\":\"x\",\"deadline_ms\":\"soon\"", "in the future"},
        {"\"agent\":\"auditor\",\"instruction\":\"x\",\"patience_ms\":-1", "time to wait"},
        {"\"agent\":\"auditor\",\"instruction\":\"x\",\"budget\":{\"micro_usd\":-1}", "0 or more"},
        {"\"agent\":\"auditor\",\"instruction\":\"x\",\"budget\":7", "0 or more"},
        {"\"agent\":\"auditor\",\"instruction\":\"x\",\"budget\":{\"tokens\":1e9}", "0 or more"},
        {"\"agent\":\"auditor\",\"instruction\":\"x\",\"tools\":\"all\"", "list of tool names"},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        refused(state, "manager", fields[i][0], "refused", "bad_request", fields[i][1]);
}

/* As `hq ask` in an agent's exec sends it. */
static const char *asking(const struct turn *turn, int64_t fence, const char *key, const char *agent)
{
    return arena_printf(&turn->place->arena,
                        "{\"kind\":\"delegation\",\"parent\":\"%s\",\"fence\":%lld,\"key\":\"%s\","
                        "\"agent\":\"%s\",\"instruction\":\"do %s\"}",
                        turn->task, (long long)fence, key, agent, key);
}

static void grants_only_narrow_on_the_way_down(void **state)
{
    struct company *place = *state;
    struct turn bound = begin_granted(place, "manager", "[\"read\",\"exec\"]");
    json_decref(delegate(&bound, "\"agent\":\"webster\",\"instruction\":\"x\""));
    json_t *one = call_of(&bound);
    const json_t *response = json_object_get(one, "response");
    assert_string_equal(json_get_text(response, "code", ""), "grant");
    assert_string_equal(json_get_text(response, "text", ""),
                        "this task was given no right to delegate: do the work yourself");
    json_decref(one);
    company_teardown(state);
    assert_int_equal(company_setup(state), 0);
    place = *state;
    struct turn some = begin_granted(place, "manager", "[\"read\",\"delegate\"]");
    const char *more = arena_printf(
        &place->arena,
        "{\"kind\":\"delegation\",\"parent\":\"%s\",\"fence\":%lld,\"key\":\"k\","
        "\"agent\":\"webster\",\"instruction\":\"x\",\"tools\":[\"read\",\"exec\"]}",
        some.task, (long long)some.fence);
    expect(place, some.token, "POST", "/v1/tasks", more, 403, "grant");
    json_decref(delegate(&some, "\"agent\":\"webster\",\"instruction\":\"x\""));
    one = call_of(&some);
    json_t *row = call(place, "operator.token", "GET",
                       arena_printf(&place->arena, "/v1/tasks/%s", json_get_text(one, "child", "")),
                       NULL);
    const json_t *grant = json_object_get(json_object_get(row, "task"), "grant");
    assert_string_equal(json_print(&place->arena, json_object_get(grant, "tools")),
                        "[\"read\",\"delegate\"]");
    json_decref(row);
    json_decref(one);
}

static void a_program_in_an_exec_asks_as_its_agent(void **state)
{
    struct company *place = *state;
    struct turn turn = begin(place, "optimizer");
    const char *good = asking(&turn, turn.fence, "k1", "webster");
    expect(place, turn.token, "POST", "/v1/tasks", good, 201, NULL);
    expect(place, turn.token, "POST", "/v1/tasks", good, 200, NULL);
    expect(place, turn.token, "POST", "/v1/tasks", asking(&turn, turn.fence, "k2", "auditor"), 403,
           "not_allowed");
    assert_true(has_event(place, turn.task, "delegation.refused",
                          "optimizer may not delegate to auditor (only manager, tech-lead may)"));
    assert_true(has_event(place, turn.task, "delegation.refused", "\"to\":\"auditor\""));
    expect(place, turn.token, "POST", "/v1/tasks", asking(&turn, turn.fence, "k3", "websterr"), 422,
           "unknown_agent");
    expect(place, turn.token, "POST", "/v1/tasks", asking(&turn, turn.fence - 1, "k4", "webster"),
           409, "lost");
    expect(place, "auditor.token", "POST", "/v1/tasks", good, 403, "not_allowed");
    expect(place, turn.token, "POST", "/v1/tasks",
           "{\"kind\":\"delegation\",\"agent\":\"webster\",\"instruction\":\"x\",\"key\":\"k\"}", 403,
           "not_allowed");
    expect(place, turn.token, "POST", "/v1/tasks",
           "{\"kind\":\"ask\",\"agent\":\"webster\",\"instruction\":\"x\",\"key\":\"k\"}", 403,
           "not_allowed");
    assert_true(has_event(place, "system", "access.refused", "auditor does not work on task"));
    assert_true(has_event(place, "system", "access.refused", "no longer current"));
    assert_true(has_event(place, "system", "access.refused", "may not submit a task of kind ask"));
}

static void an_agent_sees_its_own_and_all_below(void **state)
{
    struct company *place = *state;
    struct turn manager = begin(place, "manager");
    json_decref(delegate(&manager, "\"agent\":\"tech-lead\",\"instruction\":\"look\""));
    json_t *one = call_of(&manager);
    const char *middle = arena_strdup(&place->arena, json_get_text(one, "child", ""));
    json_decref(one);
    struct turn lead = {place, "tech-lead", "tech-lead.token", middle, claim(place, "tech-lead")};
    json_decref(delegate(&lead, "\"agent\":\"webster\",\"instruction\":\"find\""));
    one = call_of(&lead);
    const char *below = arena_printf(&place->arena, "/v1/tasks/%s", json_get_text(one, "child", ""));
    json_decref(one);
    expect(place, "manager.token", "GET", below, NULL, 200, NULL);
    expect(place, "tech-lead.token", "GET", below, NULL, 200, NULL);
    expect(place, "auditor.token", "GET", below, NULL, 404, "unknown_task");
    const char *above = arena_printf(&place->arena, "/v1/tasks/%s", manager.task);
    expect(place, "tech-lead.token", "GET", above, NULL, 404, "unknown_task");
    const char *cancel = arena_printf(&place->arena, "%s/cancel", below);
    expect(place, "manager.token", "POST", cancel, NULL, 403, "not_allowed");
    expect(place, "webster.token", "POST", cancel, NULL, 403, "not_allowed");
    json_t *list = call(place, "manager.token", "GET", "/v1/tasks", NULL);
    assert_int_equal(json_array_size(json_object_get(list, "items")), 2);
    json_decref(list);
    json_t *tree = call(place, "operator.token", "GET",
                        arena_printf(&place->arena, "%s/tree", below), NULL);
    assert_int_equal(json_array_size(json_object_get(tree, "items")), 3);
    json_decref(tree);
    tree = call(place, "tech-lead.token", "GET", arena_printf(&place->arena, "%s/tree", below), NULL);
    assert_int_equal(json_array_size(json_object_get(tree, "items")), 2);
    json_decref(tree);
    json_t *status = call(place, "operator.token", "GET", "/v1/status", NULL);
    const json_t *chain = json_array_get(json_object_get(status, "chains"), 0);
    assert_string_equal(json_print(&place->arena, json_object_get(chain, "agents")),
                        "[\"manager\",\"tech-lead\",\"webster\"]");
    assert_string_equal(json_get_text(chain, "ends", ""), "agent");
    json_decref(status);
    expect(place, "tech-lead.token", "POST", cancel, NULL, 200, NULL);
    expect(place, "tech-lead.token", "POST", cancel, NULL, 409, "already_ended");
}

static void who_works_on_what_is_told_to_people_only(void **state)
{
    struct company *place = *state;
    submit(place, "webster", "secret plans");
    json_t *answer = call(place, "manager.token", "GET", "/v1/agents", NULL);
    const json_t *items = json_object_get(answer, "items");
    assert_non_null(json_object_get(json_array_get(items, 0), "open"));
    assert_null(json_object_get(json_array_get(items, 4), "open"));
    assert_int_equal(json_get_int(json_array_get(items, 4), "queued", 0), 1);
    json_decref(answer);
    answer = call(place, "operator.token", "GET", "/v1/agents", NULL);
    items = json_object_get(answer, "items");
    assert_int_equal(json_array_size(json_object_get(json_array_get(items, 4), "open")), 1);
    json_decref(answer);
}

static void sessions_of_others_need_the_right_to_ask_them(void **state)
{
    struct company *place = *state;
    submit(place, "webster", "s");
    expect(place, "optimizer.token", "GET", "/v1/sessions?agent=webster", NULL, 200, NULL);
    expect(place, "auditor.token", "GET", "/v1/sessions?agent=auditor", NULL, 200, NULL);
    json_t *answer = call(place, "auditor.token", "GET", "/v1/sessions?agent=webster", NULL);
    assert_int_equal(place->status, 403);
    assert_non_null(strstr(json_get_text(json_object_get(answer, "error"), "message", ""),
                           "agents.auditor.delegates"));
    json_decref(answer);
    expect(place, "auditor.token", "GET", "/v1/sessions/webster/history?session=x", NULL, 403,
           "not_allowed");
}

static void people_route_note_reassign_and_count(void **state)
{
    struct company *place = *state;
    claim(place, "webster");
    json_t *answer = call(place, "operator.token", "POST", "/v1/route",
                          "{\"text\":\"a review of the literature\"}");
    assert_string_equal(json_get_text(answer, "chosen", ""), "webster");
    assert_int_equal(json_array_size(json_object_get(answer, "candidates")), 5);
    json_decref(answer);
    const char *wish = "{\"agent\":\"auto\",\"instruction\":\"research bolts\",\"key\":\"a\"}";
    expect(place, "operator.token", "POST", "/v1/tasks", wish, 201, NULL);
    expect(place, "operator.token", "POST", "/v1/tasks", wish, 200, NULL);
    expect(place, "operator.token", "POST", "/v1/tasks",
           "{\"capability\":\"gardening\",\"instruction\":\"x\",\"key\":\"b\"}", 422, "no_candidate");
    expect(place, "operator.token", "POST", "/v1/tasks",
           "{\"agent\":\"webster\",\"instruction\":\"x\",\"key\":\"c\",\"budget\":{\"micro_usd\":-1}}",
           400, "bad_budget");
    expect(place, "webster.hooks.token", "POST", "/v1/tasks",
           "{\"kind\":\"hook\",\"agent\":\"auto\",\"instruction\":\"x\",\"key\":\"d\"}", 403,
           "not_allowed");
    const char *id = submit(place, "auditor", "n");
    const char *path = arena_printf(&place->arena, "/v1/tasks/%s", id);
    const char *note = arena_printf(&place->arena, "%s/note", path);
    expect(place, "operator.token", "POST", note, "{\"text\":\"look at 3\"}", 201, NULL);
    expect(place, "operator.token", "POST", note, "{\"text\":\" \"}", 400, "bad_request");
    expect(place, "auditor.token", "POST", note, "{\"text\":\"x\"}", 403, "not_allowed");
    answer = call(place, "operator.token", "GET", path, NULL);
    const json_t *kept = json_array_get(json_object_get(answer, "notes"), 0);
    assert_string_equal(json_get_text(kept, "text", ""), "look at 3");
    json_decref(answer);
    expect(place, "operator.token", "GET", "/v1/usage?by=agent", NULL, 200, NULL);
    expect(place, "operator.token", "GET", "/v1/usage?by=task", NULL, 200, NULL);
    expect(place, "operator.token", "GET", "/v1/usage?by=colour", NULL, 400, "bad_request");
    expect(place, "operator.token", "GET", "/v1/usage?by=day&from=yesterday", NULL, 400,
           "bad_request");
    expect(place, "auditor.token", "GET", "/v1/usage", NULL, 403, "not_allowed");
}

static void a_reassigned_task_keeps_its_place(void **state)
{
    struct company *place = *state;
    struct turn manager = begin(place, "manager");
    json_decref(delegate(&manager, "\"agent\":\"auditor\",\"instruction\":\"look\""));
    json_t *one = call_of(&manager);
    const char *child = arena_strdup(&place->arena, json_get_text(one, "child", ""));
    json_decref(one);
    const char *path = arena_printf(&place->arena, "/v1/tasks/%s/reassign", child);
    expect(place, "operator.token", "POST", path, "{\"agent\":\"webstr\"}", 404, "unknown_agent");
    expect(place, "operator.token", "POST", path, "{\"agent\":\"auditor\"}", 422, "same_agent");
    expect(place, "auditor.token", "POST", path, "{\"agent\":\"webster\"}", 403, "not_allowed");
    const char *wish = "{\"agent\":\"webster\",\"request\":\"r\"}";
    json_t *answer = call(place, "operator.token", "POST", path, wish);
    assert_int_equal(place->status, 201);
    const json_t *task = json_object_get(answer, "task");
    assert_string_equal(json_get_text(task, "retry_of", ""), child);
    assert_string_equal(json_get_text(task, "parent", ""), manager.task);
    assert_string_equal(json_get_text(task, "caller", ""), "agent:manager");
    one = call_of(&manager);
    assert_string_equal(json_get_text(one, "child", ""), json_get_text(task, "id", "?"));
    json_decref(one);
    json_decref(answer);
    expect(place, "operator.token", "POST", path, wish, 200, NULL);
    expect(place, "operator.token", "POST", path, "{\"agent\":\"manager\",\"request\":\"s\"}",
           409, "already_ended");
}

static void money_is_bounded_for_the_request_and_the_company(void **state)
{
    struct company *place = *state;
    place->config.limit_micro_usd = 9000;
    place->config.budget_micro_usd = 50000;
    place->config.budget_per = "day";
    const char *body = "{\"agent\":\"manager\",\"instruction\":\"x\",\"key\":\"b\","
                       "\"budget\":{\"micro_usd\":5000,\"tokens\":700}}";
    expect(place, "operator.token", "POST", "/v1/tasks", body, 201, NULL);
    const char *token = "manager.token";
    expect(place, token, "POST", "/v1/register",
           "{\"agent\":\"manager\",\"nonce\":\"n1\",\"version\":\"0.1.0\"}", 200, NULL);
    json_t *answer = call(place, token, "POST", "/v1/claim",
                          "{\"agent\":\"manager\",\"nonce\":\"n1\",\"max\":1}");
    assert_non_null(json_object_get(answer, "now"));
    const json_t *item = json_array_get(json_object_get(answer, "tasks"), 0);
    const json_t *budget = json_object_get(item, "budget");
    assert_int_equal(json_get_int(budget, "micro_usd", -1), 5000);
    assert_int_equal(json_get_int(budget, "tokens", -1), 700);
    const char *id =
        arena_strdup(&place->arena, json_get_text(json_object_get(item, "task"), "id", ""));
    const char *intend = arena_printf(
        &place->arena,
        "{\"request\":\"r\",\"ops\":[{\"op\":\"call_intend\",\"task\":\"%s\",\"fence\":1,"
        "\"reserve\":{\"micro_usd\":%d,\"tokens\":10},"
        "\"call\":{\"step\":0,\"idx\":0,\"kind\":\"model\",\"name\":\"demo/m\"}}]}",
        id, 1200);
    json_decref(call(place, token, "POST", "/v1/batch", intend));
    json_t *status = call(place, "operator.token", "GET", "/v1/status", NULL);
    const json_t *usd = json_object_get(json_object_get(status, "budget"), "usd");
    assert_int_equal(json_get_int(usd, "limit", 0), 50000);
    assert_int_equal(json_get_int(usd, "reserved", 0), 1200);
    assert_int_equal(json_get_int(usd, "spent", -1), 0);
    json_decref(status);
    json_decref(answer);
    answer = call(place, token, "POST", "/v1/batch",
                  arena_printf(&place->arena,
                               "{\"request\":\"s\",\"ops\":[{\"op\":\"call_drop\",\"task\":\"%s\","
                               "\"fence\":1,\"call\":{\"step\":0,\"idx\":0}}]}",
                               id));
    assert_string_equal(json_get_text(answer, "state", ""), "working");
    json_decref(answer);
    status = call(place, "operator.token", "GET", "/v1/status", NULL);
    usd = json_object_get(json_object_get(status, "budget"), "usd");
    assert_int_equal(json_get_int(usd, "reserved", -1), 0);
    json_decref(status);
    const char *dear = arena_printf(
        &place->arena,
        "{\"request\":\"t\",\"ops\":[{\"op\":\"call_intend\",\"task\":\"%s\",\"fence\":1,"
        "\"reserve\":{\"micro_usd\":5001,\"tokens\":10},"
        "\"call\":{\"step\":0,\"idx\":0,\"kind\":\"model\",\"name\":\"demo/m\"}}]}",
        id);
    answer = call(place, token, "POST", "/v1/batch", dear);
    assert_string_equal(json_get_text(answer, "state", ""), "failed");
    assert_string_equal(json_get_text(answer, "failure_class", ""), "budget");
    assert_non_null(json_get_text(answer, "failure_message", NULL));
    json_decref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(a_delegation_parks_and_its_result_comes_back),
        HUB_TEST(a_capability_is_routed_and_the_decision_kept),
        HUB_TEST(who_may_not_is_told_who_may),
        HUB_TEST(bad_wishes_are_answered_not_thrown),
        HUB_TEST(grants_only_narrow_on_the_way_down),
        HUB_TEST(a_program_in_an_exec_asks_as_its_agent),
        HUB_TEST(an_agent_sees_its_own_and_all_below),
        HUB_TEST(who_works_on_what_is_told_to_people_only),
        HUB_TEST(sessions_of_others_need_the_right_to_ask_them),
        HUB_TEST(a_reassigned_task_keeps_its_place),
        HUB_TEST(money_is_bounded_for_the_request_and_the_company),
        HUB_TEST(people_route_note_reassign_and_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
