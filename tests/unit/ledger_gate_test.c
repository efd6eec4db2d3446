/* Limits of providers: who finds no place stands in line without a thread, and is called. */
#include "ledger_case.h"

#include <stdio.h>

#include "base/json.h"
#include "base/str.h"

enum { MINUTE = 60000 };

/* `count` claimed tasks of ada's: t-1, t-2 …, all at fence 1. */
static void begin(struct ledger_case *c, int count, int64_t concurrent, int64_t per_minute)
{
    struct ledger_provider provider = {"m", concurrent, per_minute};
    ledger_set_providers(c->ledger, &provider, 1);
    case_register(c, "ada", "n1");
    for (int i = 1; i <= count; i++) {
        char id[16];
        snprintf(id, sizeof(id), "t-%d", i);
        struct task task = {.id = id, .agent = "ada", .kind = "ask"};
        case_op(c, (struct op){.type = OP_SUBMIT, .task = &task});
        case_claim_id(c, "ada", "n1", id);
    }
}

/* Of each task, by its digit: the step that it asked for last. */
static int64_t steps[10];

static const char *ask(struct ledger_case *c, const char *id, int64_t fence)
{
    int rc = case_reserve(c, id, fence, ++steps[id[2] - '0'], (struct amount){-1, -1});
    if (rc != LEDGER_OK)
        fail_msg("%s: %s", id, c->outcome.message);
    return c->outcome.state;
}

static void answer(struct ledger_case *c, const char *id, int64_t fence)
{
    assert_int_equal(case_answer(c, id, fence, steps[id[2] - '0'], (struct amount){-1, 3}),
                     LEDGER_OK);
}

/* Works on the next that is ready, until it is this one's turn to ask again. */
static int64_t again(struct ledger_case *c, const char *id)
{
    int64_t fence = case_claim_id(c, "ada", "n1", id);
    assert_string_equal(ask(c, id, fence), TASK_WORKING);
    return fence;
}

static void who_finds_no_place_is_parked(void **state)
{
    struct ledger_case *c = *state;
    begin(c, 3, 1, 0);
    assert_string_equal(ask(c, "t-1", 1), TASK_WORKING);
    assert_string_equal(case_task(c, "t-1")->provider, "m");
    assert_string_equal(ask(c, "t-2", 1), TASK_WAITING);
    case_assert_state(c, "t-2", TASK_WAITING);
    assert_null(case_task(c, "t-2")->provider);
    assert_null(case_task(c, "t-2")->worker);
    assert_int_equal(case_events(c, "t-2", "call.deferred"), 1);
    assert_int_equal(case_events(c, "t-2", "call.intended"), 0);
    assert_int_equal(case_op(c, (struct op){.type = OP_RELEASE, .task_id = "t-2", .fence = 1}),
                     LEDGER_LOST);
    assert_string_equal(ask(c, "t-3", 1), TASK_WAITING);
    case_pass(c, 0);
    assert_null(case_claim(c, "ada", "n1"));
    case_assert_clean(c);
    answer(c, "t-1", 1);
    assert_null(case_task(c, "t-1")->provider);
    case_pass(c, 0);                 /* what the commit thread does by itself */
    int64_t fence = again(c, "t-2"); /* first come, first served */
    assert_null(case_claim(c, "ada", "n1"));
    assert_string_equal(ask(c, "t-1", 1), TASK_WAITING);
    answer(c, "t-2", fence);
    case_pass(c, 0);
    fence = again(c, "t-3");
    answer(c, "t-3", fence);
    case_pass(c, 0);
    again(c, "t-1");
    case_assert_clean(c);
}

/* Nothing of the test's clock or sweep: a freed place alone calls the next. */
static void a_freed_place_wakes_by_itself(void **state)
{
    struct ledger_case *c = *state;
    begin(c, 2, 1, 0);
    ask(c, "t-1", 1);
    ask(c, "t-2", 1);
    answer(c, "t-1", 1);
    for (int i = 0; i < 20000; i++) {
        if (str_eq(case_task(c, "t-2")->state, TASK_QUEUED))
            break;
        ledger_wait(c->ledger, 1, &c->arena, &(const char **){NULL}, &(size_t){0});
    }
    case_assert_state(c, "t-2", TASK_QUEUED);
    again(c, "t-2");
    case_assert_clean(c);
}

static void drop(struct ledger_case *c)
{
    struct call call = {.step = steps[1]};
    case_op(c, (struct op){.type = OP_CALL_DROP, .task_id = "t-1", .fence = 1, .call = &call});
}

static void fail_try(struct ledger_case *c)
{
    case_op(c, (struct op){.type = OP_FAIL_TRY, .task_id = "t-1", .fence = 1});
}

static void park(struct ledger_case *c, const char *id)
{
    struct wait wait = {.kind = "signal", .id = "never"};
    assert_int_equal(case_park(c, id, 1, "all", &wait, 1), LEDGER_OK);
}

static void release(struct ledger_case *c)
{
    case_op(c, (struct op){.type = OP_RELEASE, .task_id = "t-1", .fence = 1});
    case_cancel(c, "t-1"); /* so that the other one is claimed next */
}

static void park_first(struct ledger_case *c)
{
    park(c, "t-1");
}

static void finish(struct ledger_case *c)
{
    case_finish(c, "t-1", 1, "1");
}

static void cancel(struct ledger_case *c)
{
    case_cancel(c, "t-1");
    case_pass(c, LIMIT_LEASE_MS + 1);
}

static void ask_another(struct ledger_case *c)
{
    struct call call = {.step = 1, .kind = "model", .name = "other/x"};
    case_op(c, (struct op){.type = OP_CALL_INTEND, .task_id = "t-1", .fence = 1, .call = &call});
}

static void every_end_gives_the_place_back(void **state)
{
    void (*const ends[])(struct ledger_case *) = {drop,   fail_try, release,    park_first,
                                                  finish, cancel,   ask_another};
    struct ledger_case *c = *state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        void *fresh;
        assert_int_equal(c->sqlite ? case_setup_sqlite(&fresh) : case_setup_mem(&fresh), 0);
        begin(fresh, 2, 1, 0);
        ask(fresh, "t-1", 1);
        assert_string_equal(ask(fresh, "t-2", 1), TASK_WAITING);
        ends[i](fresh);
        case_pass(fresh, 0);
        if (!str_eq(case_task(fresh, "t-2")->state, TASK_QUEUED))
            fail_msg("end %zu gives no place back", i);
        again(fresh, "t-2");
        case_assert_clean(fresh);
        case_teardown(&fresh);
    }
}

static void a_dead_process_gives_its_places_back(void **state)
{
    struct ledger_case *c = *state;
    begin(c, 3, 2, 0);
    ask(c, "t-1", 1);
    ask(c, "t-2", 1);
    assert_string_equal(ask(c, "t-3", 1), TASK_WAITING);
    case_restart(c);
    begin(c, 0, 2, 0);
    for (int i = 1; i <= 2; i++) { /* the places are taken still; its timer brings it back */
        case_pass(c, 3000);
        int64_t fence = case_claim_id(c, "ada", "n1", "t-3");
        assert_string_equal(ask(c, "t-3", fence), TASK_WAITING);
    }
    case_register(c, "ada", "n2");
    case_pass(c, 0);
    case_assert_state(c, "t-3", TASK_QUEUED);
    assert_null(case_task(c, "t-1")->provider);
    case_assert_clean(c);
}

static void a_minute_has_so_many_starts(void **state)
{
    struct ledger_case *c = *state;
    begin(c, 5, 0, 2);
    ask(c, "t-1", 1);
    answer(c, "t-1", 1);
    case_pass(c, 10000);
    assert_string_equal(ask(c, "t-2", 1), TASK_WORKING);
    park(c, "t-1");
    park(c, "t-2");
    int64_t now = ledger_now(c->ledger);
    assert_string_equal(ask(c, "t-3", 1), TASK_WAITING);
    assert_int_equal(case_task(c, "t-3")->ready_at, now + 50000);
    assert_string_equal(ask(c, "t-4", 1), TASK_WAITING);
    assert_int_equal(case_task(c, "t-4")->ready_at, now + MINUTE);
    assert_string_equal(ask(c, "t-5", 1), TASK_WAITING); /* behind t-3's start to come */
    assert_int_equal(case_task(c, "t-5")->ready_at, now + 50000 + MINUTE);
    for (int i = 0; i < 49; i++)
        case_pass(c, 1000);
    assert_null(case_claim(c, "ada", "n1"));
    case_pass(c, 1000);
    again(c, "t-3");
    assert_null(case_claim(c, "ada", "n1"));
    case_pass(c, 10000);
    again(c, "t-4");
    case_assert_clean(c);
}

static void who_does_not_come_loses_its_place(void **state)
{
    struct ledger_case *c = *state;
    begin(c, 3, 1, 0);
    ask(c, "t-1", 1);
    ask(c, "t-2", 1);
    ask(c, "t-3", 1);
    answer(c, "t-1", 1);
    case_pass(c, 0);
    case_assert_state(c, "t-2", TASK_QUEUED); /* called; nobody claims it */
    case_assert_state(c, "t-3", TASK_WAITING);
    assert_string_equal(ask(c, "t-1", 1), TASK_WAITING); /* the place is kept for t-2 */
    case_pass(c, 2001);
    case_pass(c, 0);
    case_assert_state(c, "t-3", TASK_QUEUED);
    case_cancel(c, "t-2");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1"); /* its timer; the place is t-3's now */
    assert_string_equal(ask(c, "t-1", fence), TASK_WAITING);
    again(c, "t-3");
    case_assert_clean(c);
}

static void who_has_ended_is_not_called(void **state)
{
    struct ledger_case *c = *state;
    begin(c, 3, 1, 0);
    ask(c, "t-1", 1);
    ask(c, "t-2", 1);
    ask(c, "t-3", 1);
    case_cancel(c, "t-2");
    answer(c, "t-1", 1);
    case_pass(c, 0);
    case_pass(c, 0);
    again(c, "t-3");
    case_assert_clean(c);
}

static void others_are_not_held_up(void **state)
{
    struct ledger_case *c = *state;
    struct ledger_provider other = {"other", 0, 0};
    begin(c, 3, 1, 1);
    ledger_set_providers(c->ledger, &other, 1);
    ask(c, "t-1", 1);
    assert_string_equal(ask(c, "t-2", 1), TASK_WAITING);
    assert_int_equal(case_intend(c, "t-3", 1, 1, 0), LEDGER_OK); /* a model of nobody's */
    assert_null(case_task(c, "t-3")->provider);
    assert_int_equal(case_intend(c, "t-3", 1, 1, 1), LEDGER_OK); /* a tool */
    struct call call = {.step = 2, .kind = "model", .name = "other/x"};
    case_op(c, (struct op){.type = OP_CALL_INTEND, .task_id = "t-3", .fence = 1, .call = &call});
    assert_string_equal(case_task(c, "t-3")->provider, "other");
    case_assert_clean(c);
}

/* The limits hold inside one batch as well: what it did before counts. */
static void a_refused_batch_takes_no_place(void **state)
{
    struct ledger_case *c = *state;
    begin(c, 2, 1, 0);
    struct call call = {.step = 1, .kind = "model", .name = "m/x"};
    struct op ops[] = {
        {.type = OP_CALL_INTEND, .task_id = "t-1", .fence = 1, .call = &call},
        {.type = OP_CALL_INTEND, .task_id = "t-2", .fence = 1, .call = &call},
        {.type = OP_CALL_INTEND, .task_id = "t-2", .fence = 7, .call = &call},
    };
    assert_int_equal(case_apply(c, ops, 3), LEDGER_LOST);
    assert_null(case_task(c, "t-1")->provider);
    assert_int_equal(case_apply(c, ops, 2), LEDGER_OK);
    assert_string_equal(c->outcome.state, TASK_WAITING);
    assert_string_equal(case_task(c, "t-1")->provider, "m");
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(who_finds_no_place_is_parked),   CASE(a_freed_place_wakes_by_itself),
        CASE(every_end_gives_the_place_back), CASE(a_dead_process_gives_its_places_back),
        CASE(a_minute_has_so_many_starts),    CASE(who_does_not_come_loses_its_place),
        CASE(who_has_ended_is_not_called),    CASE(others_are_not_held_up),
        CASE(a_refused_batch_takes_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
