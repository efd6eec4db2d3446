/* Routing: who can be asked, who is best, and why. Pure: a snapshot goes in, a decision comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/json.h"
#include "config/config.h"
#include "engine/allowance.h"
#include "hub/routing.h"

static const char *const none[] = {NULL};
static const char *const all[] = {"*", NULL};
static const char *const fea[] = {"fea", "structural-analysis", NULL};
static const char *const research[] = {"research", "literature", NULL};
static const char *const optimization[] = {"optimization", "fea", NULL};
static const char *const webster_alias[] = {"librarian", NULL};

static const struct config_agent agents[] = {
    {.id = "manager", .aliases = none, .capabilities = none, .delegates = all, .revisits = none},
    {.id = "tech-lead", .aliases = none, .capabilities = fea, .delegates = none, .revisits = none},
    {.id = "optimizer", .aliases = none, .capabilities = optimization, .delegates = none,
     .revisits = none},
    {.id = "webster", .aliases = webster_alias, .capabilities = research, .delegates = none,
     .revisits = none},
};
static const struct config config = {.agents = agents, .agent_count = 4};

/* All of them idle, alive and free of charge. */
static void idle(struct route_agent snapshot[4])
{
    for (size_t i = 0; i < 4; i++)
        snapshot[i] = (struct route_agent){.config = &agents[i], .price = -1};
}

static const char *chosen(const struct route_query *query, const struct route_agent *snapshot,
                          struct arena *arena)
{
    struct route_decision decision;
    route_decide(query, snapshot, 4, arena, &decision);
    return decision.able ? decision.candidates[0].agent->config->id : "";
}

static const char *why_not(const char *agent, const struct route_query *query,
                           const struct route_agent *snapshot, struct arena *arena)
{
    struct route_decision decision;
    route_decide(query, snapshot, 4, arena, &decision);
    for (size_t i = 0; i < decision.count; i++)
        if (strcmp(decision.candidates[i].agent->config->id, agent) == 0)
            return decision.candidates[i].excluded ? decision.candidates[i].excluded : "";
    return "absent";
}

static void a_capability_finds_those_who_have_it(void **state)
{
    struct arena arena = {0};
    struct route_agent snapshot[4];
    struct route_query query = {.config = &config, .capability = "research", .micro_usd_left = -1};
    idle(snapshot);
    assert_string_equal(chosen(&query, snapshot, &arena), "webster");
    assert_string_equal(why_not("manager", &query, snapshot, &arena),
                        "it does not have this capability");
    query.capability = "gardening";
    assert_string_equal(chosen(&query, snapshot, &arena), "");
    arena_fini(&arena);
}

static void what_is_impossible_is_filtered_with_its_reason(void **state)
{
    struct arena arena = {0};
    struct route_agent snapshot[4];
    struct route_query query = {.config = &config, .capability = "fea", .micro_usd_left = -1};
    idle(snapshot);
    assert_string_equal(chosen(&query, snapshot, &arena), "tech-lead"); /* a tie: the file's order */
    snapshot[1].paused = true;
    assert_string_equal(chosen(&query, snapshot, &arena), "optimizer");
    assert_string_equal(why_not("tech-lead", &query, snapshot, &arena), "it is paused");
    snapshot[2].breaker_open = true;
    assert_string_equal(chosen(&query, snapshot, &arena), "");
    assert_string_equal(why_not("optimizer", &query, snapshot, &arena), "it is held after failures");
    idle(snapshot);
    snapshot[1].seen_ms = -1;
    assert_string_equal(why_not("tech-lead", &query, snapshot, &arena), "it has never been seen");
    snapshot[2].queued = 10000;
    assert_string_equal(why_not("optimizer", &query, snapshot, &arena), "its queue is full");
    idle(snapshot);
    snapshot[1].price = 501;
    query.micro_usd_left = 500;
    assert_string_equal(why_not("tech-lead", &query, snapshot, &arena),
                        "a call of its model costs more than is left");
    arena_fini(&arena);
}

static void authority_and_the_path_are_looked_at(void **state)
{
    struct arena arena = {0};
    struct route_agent snapshot[4];
    struct route_query query = {.config = &config, .capability = "fea", .caller = "webster",
                                .micro_usd_left = -1};
    idle(snapshot);
    assert_string_equal(why_not("tech-lead", &query, snapshot, &arena),
                        "the caller may not delegate to it");
    query.caller = "manager";
    query.path = json_pack("[s,s]", "manager", "tech-lead");
    assert_string_equal(chosen(&query, snapshot, &arena), "optimizer");
    assert_string_equal(why_not("tech-lead", &query, snapshot, &arena),
                        "it is on the path of this request already");
    json_decref((json_t *)query.path);
    query = (struct route_query){.config = &config, .capability = "fea", .caller = "tech-lead",
                                 .micro_usd_left = -1};
    assert_string_equal(why_not("tech-lead", &query, snapshot, &arena), "it is the one that asks");
    arena_fini(&arena);
}

static void the_less_busy_cheaper_and_luckier_one_wins(void **state)
{
    struct arena arena = {0};
    struct route_agent snapshot[4];
    struct route_query query = {.config = &config, .capability = "fea", .micro_usd_left = -1};
    idle(snapshot);
    snapshot[1].queued = 3;
    assert_string_equal(chosen(&query, snapshot, &arena), "optimizer");
    idle(snapshot);
    snapshot[1].price = 1000;
    snapshot[2].price = 100;
    assert_string_equal(chosen(&query, snapshot, &arena), "optimizer");
    idle(snapshot);
    snapshot[1].failed = 5;
    snapshot[2].done = 5;
    assert_string_equal(chosen(&query, snapshot, &arena), "optimizer");
    snapshot[2].seen_ms = 61000; /* down: better than nobody, worse than anybody */
    assert_string_equal(chosen(&query, snapshot, &arena), "tech-lead");
    snapshot[1].paused = true;
    assert_string_equal(chosen(&query, snapshot, &arena), "optimizer");
    arena_fini(&arena);
}

static void words_of_a_text_choose(void **state)
{
    static const struct {
        const char *text, *agent;
    } cases[] = {
        {"Please OPTIMIZE the bracket", "optimizer"},
        {"an optimizing run, optimized twice", "optimizer"},
        {"do some researching in the literature", "webster"},
        {"Ask the librarian", "webster"},
        {"a structural check of the frame", "tech-lead"},
        {"nothing that anybody knows", ""},
        {"researcher", "webster"},
        {"re: search", ""},
        {"", ""},
    };
    struct arena arena = {0};
    struct route_agent snapshot[4];
    idle(snapshot);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct route_query query = {.config = &config, .text = cases[i].text, .micro_usd_left = -1};
        const char *agent = chosen(&query, snapshot, &arena);
        if (strcmp(agent, cases[i].agent) != 0)
            fail_msg("\"%s\" went to \"%s\", not to \"%s\"", cases[i].text, agent, cases[i].agent);
    }
    arena_fini(&arena);
}

static void a_whole_capability_is_worth_more_than_a_part(void **state)
{
    struct arena arena = {0};
    struct route_agent snapshot[4];
    struct route_decision decision;
    struct route_query query = {.config = &config, .text = "structural literature",
                                .micro_usd_left = -1};
    idle(snapshot);
    route_decide(&query, snapshot, 4, &arena, &decision);
    assert_string_equal(decision.candidates[0].agent->config->id, "webster");
    assert_string_equal(decision.candidates[0].matched[0], "literature");
    assert_string_equal(decision.candidates[1].matched[0], "structural-analysis");
    assert_int_equal(decision.able, 2);
    json_t *json = route_to_json(&decision, 3);
    assert_string_equal(json_get_text(json, "chosen", ""), "webster");
    assert_int_equal(json_array_size(json_object_get(json, "candidates")), 3);
    assert_int_equal(json_get_int(json, "left_out", 0), 1);
    json_decref(json);
    arena_fini(&arena);
}

static void a_period_begins_where_people_begin_it(void **state)
{
    static const struct {
        const char *per, *owner;
    } cases[] = {
        {"hour", "company:2026-11-22T14"}, {"day", "company:2026-11-22"},
        {"week", "company:2026-11-16"},    {"month", "company:2026-11"},
    };
    struct arena arena = {0};
    const int64_t sunday = 1795357800000; /* 2026-11-22T14:30:00Z */
    for (size_t i = 0; i < 4; i++) {
        struct config company = {.budget_per = cases[i].per};
        assert_string_equal(allowance_period(&company, sunday, &arena), cases[i].owner);
    }
    struct config company = {.budget_per = "week"};
    assert_string_equal(allowance_period(&company, sunday + 24 * 3600000LL, &arena),
                        "company:2026-11-23");
    arena_fini(&arena);
}

static void the_less_of_two_limits_holds(void **state)
{
    struct arena arena = {0};
    struct root_budget budget;
    struct config company = {.limit_micro_usd = -1, .limit_tokens = -1, .budget_micro_usd = -1};
    struct amount nothing = {-1, -1}, asked = {500, -1};
    assert_false(allowance_budget(&company, 0, &nothing, &arena, &budget));
    assert_true(allowance_budget(&company, 0, &asked, &arena, &budget));
    assert_int_equal(budget.limit.micro_usd, 500);
    assert_null(budget.company);
    company.limit_micro_usd = 100;
    company.budget_micro_usd = 1000;
    company.budget_per = "day";
    assert_true(allowance_budget(&company, 0, &asked, &arena, &budget));
    assert_int_equal(budget.limit.micro_usd, 100);
    assert_int_equal(budget.limit.tokens, -1);
    assert_string_equal(budget.company, "company:1970-01-01");
    assert_int_equal(budget.company_limit.micro_usd, 1000);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_capability_finds_those_who_have_it),
        cmocka_unit_test(what_is_impossible_is_filtered_with_its_reason),
        cmocka_unit_test(authority_and_the_path_are_looked_at),
        cmocka_unit_test(the_less_busy_cheaper_and_luckier_one_wins),
        cmocka_unit_test(words_of_a_text_choose),
        cmocka_unit_test(a_whole_capability_is_worth_more_than_a_part),
        cmocka_unit_test(a_period_begins_where_people_begin_it),
        cmocka_unit_test(the_less_of_two_limits_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
