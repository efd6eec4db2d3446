/* Lanes and waits: one turn at a time in a session, turns that park and are woken, delegation. */
#include "ledger_case.h"

#include <stdio.h>

#include "base/json.h"
#include "base/str.h"

static void a_lane_lets_one_out(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    case_submit(c, "t-2", "ada", "main");
    case_submit(c, "t-3", "ada", "main");
    case_submit(c, "t-4", "ada", "side");
    int64_t first = case_claim_id(c, "ada", "n1", "t-1");
    case_claim_id(c, "ada", "n1", "t-4");
    assert_null(case_claim(c, "ada", "n1"));
    assert_true(case_task(c, "t-2")->blocked);
    assert_string_equal(case_session(c, "ada", "main")->open_task, "t-1");
    case_finish(c, "t-1", first, "1");
    assert_string_equal(case_session(c, "ada", "main")->head, "t-1");
    int64_t second = case_claim_id(c, "ada", "n1", "t-2");
    assert_null(case_claim(c, "ada", "n1"));
    case_finish(c, "t-2", second, "1");
    case_finish(c, "t-3", case_claim_id(c, "ada", "n1", "t-3"), "1");
    assert_null(case_session(c, "ada", "main")->open_task);
    assert_int_equal(case_task(c, "t-3")->finish_no, 3);
    assert_int_equal(case_session(c, "ada", "main")->finished, 3);
    case_assert_clean(c);
}

static void a_lane_goes_to_people_first(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    for (int i = 1; i <= 4; i++) {
        char id[16];
        snprintf(id, sizeof(id), "t-%d", i);
        struct task task = {.id = id, .agent = "ada", .session = "main", .kind = "ask"};
        task.priority = i == 3 ? 0 : 1;
        case_op(c, (struct op){.type = OP_SUBMIT, .task = &task});
    }
    case_finish(c, "t-1", case_claim_id(c, "ada", "n1", "t-1"), "1");
    case_finish(c, "t-3", case_claim_id(c, "ada", "n1", "t-3"), "1");
    case_finish(c, "t-2", case_claim_id(c, "ada", "n1", "t-2"), "1");
    case_assert_clean(c);
}

static void a_parked_turn_keeps_its_lane(void **state)
{
    struct ledger_case *c = *state;
    struct wait wait = {.kind = "signal", .id = "s1"};
    struct event event = {.stream = "signal:s1", .type = "signal.sent"};
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    case_submit(c, "t-2", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_park(c, "t-1", fence, "all", &wait, 1), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_WAITING);
    assert_null(case_task(c, "t-1")->worker);
    assert_null(case_claim(c, "ada", "n1"));
    assert_int_equal(case_finish(c, "t-1", fence, "1"), LEDGER_LOST);
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, NULL), EXTEND_LOST);
    case_restart(c);
    assert_int_equal(case_op(c, (struct op){.type = OP_EVENT, .event = &event}), LEDGER_OK);
    int64_t again = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(again, fence + 1);
    assert_int_equal(case_events(c, "t-1", "task.parked"), 1);
    assert_int_equal(case_events(c, "t-1", "task.woken"), 1);
    case_finish(c, "t-1", again, "1");
    case_claim_id(c, "ada", "n1", "t-2");
    case_assert_clean(c);
}

static void a_signal_before_the_park_is_not_lost(void **state)
{
    struct ledger_case *c = *state;
    struct wait wait = {.kind = "approval", .id = "g-1"};
    struct event event = {.stream = "approval:g-1", .type = "approval.approved"};
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    case_op(c, (struct op){.type = OP_EVENT, .event = &event});
    assert_int_equal(case_park(c, "t-1", fence, "all", &wait, 1), LEDGER_OK);
    case_claim_id(c, "ada", "n1", "t-1");
    case_assert_clean(c);
}

/* The call is intended, the child is there, the parent waits for it. */
static void delegate(struct ledger_case *c, const char *parent, int64_t fence, const char *child,
                     const char *agent)
{
    struct task task = {.id = child, .agent = agent, .instruction = child};
    struct delegation ask = {
        .step = 1, .idx = 1, .child = &task, .mode = "sync", .limit = {-1, -1}};
    assert_int_equal(case_delegate(c, parent, fence, &ask), LEDGER_OK);
    assert_int_equal(case_park_step(c, parent, fence, 1), LEDGER_OK);
}

static void a_delegation_comes_back_as_a_recorded_call(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_register(c, "bob", "n1");
    case_submit(c, "t-p", "ada", "main");
    delegate(c, "t-p", case_claim_id(c, "ada", "n1", "t-p"), "t-c", "bob");
    case_assert_state(c, "t-p", TASK_WAITING);
    assert_int_equal(case_finish(c, "t-c", case_claim_id(c, "bob", "n1", "t-c"), "{\"n\":4}"),
                     LEDGER_OK);
    const struct call *call = case_call(c, "t-p", 1, 1);
    assert_string_equal(call->state, CALL_RECORDED);
    assert_false(call->is_error);
    json_t *answer = json_loads(call->response, 0, NULL);
    assert_string_equal(json_get_text(answer, "text", ""), "{\"n\":4}");
    assert_string_equal(json_get_text(answer, "task", ""), "t-c");
    assert_int_equal(json_get_int(json_object_get(answer, "result"), "n", 0), 4);
    json_decref(answer);
    case_claim_id(c, "ada", "n1", "t-p");
    case_assert_clean(c);
}

static void a_failed_delegation_is_an_error_to_read(void **state)
{
    struct ledger_case *c = *state;
    struct handoff handoff = {.status = "failed"};
    case_register(c, "ada", "n1");
    case_register(c, "bob", "n1");
    case_submit(c, "t-p", "ada", "main");
    delegate(c, "t-p", case_claim_id(c, "ada", "n1", "t-p"), "t-c", "bob");
    struct op finish = {.type = OP_FINISH,
                        .task_id = "t-c",
                        .finish = {&handoff, "unreachable", "The model does not answer."}};
    finish.fence = case_claim_id(c, "bob", "n1", "t-c");
    assert_int_equal(case_op(c, finish), LEDGER_OK);
    const struct call *call = case_call(c, "t-p", 1, 1);
    assert_true(call->is_error);
    json_t *answer = json_loads(call->response, 0, NULL);
    assert_string_equal(json_get_text(answer, "text", ""), "The model does not answer.");
    assert_string_equal(json_get_text(answer, "failure_class", ""), "unreachable");
    json_decref(answer);
    case_claim_id(c, "ada", "n1", "t-p");
}

/* The child ends between the parent's look and its park. */
static void no_wake_up_is_lost(void **state)
{
    struct ledger_case *c = *state;
    struct wait wait = {.kind = "task", .id = "t-c"};
    case_register(c, "ada", "n1");
    case_register(c, "bob", "n1");
    case_submit(c, "t-p", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-p");
    case_submit_child(c, "t-c", "bob", "t-p");
    case_finish(c, "t-c", case_claim_id(c, "bob", "n1", "t-c"), "1");
    assert_int_equal(case_park(c, "t-p", fence, "all", &wait, 1), LEDGER_OK);
    case_assert_state(c, "t-p", TASK_QUEUED);
    case_claim_id(c, "ada", "n1", "t-p");
    case_assert_clean(c);
}

static void all_waits_for_all_and_any_for_one(void **state)
{
    struct ledger_case *c = *state;
    struct wait waits[] = {{.kind = "task", .id = "t-a"},
                           {.kind = "task", .id = "t-b"},
                           {.kind = "signal", .id = "s"}};
    case_register(c, "ada", "n1");
    case_register(c, "bob", "n1");
    case_submit(c, "t-all", "ada", NULL);
    case_submit(c, "t-any", "ada", NULL);
    case_submit(c, "t-a", "bob", NULL);
    case_submit(c, "t-b", "bob", NULL);
    int64_t all = case_claim_id(c, "ada", "n1", "t-all");
    int64_t any = case_claim_id(c, "ada", "n1", "t-any");
    assert_int_equal(case_park(c, "t-all", all, "all", waits, 2), LEDGER_OK);
    assert_int_equal(case_park(c, "t-any", any, "any", waits, 3), LEDGER_OK);
    case_finish(c, "t-a", case_claim_id(c, "bob", "n1", "t-a"), "1");
    case_assert_state(c, "t-all", TASK_WAITING);
    case_claim_id(c, "ada", "n1", "t-any");
    case_assert_clean(c);
    case_finish(c, "t-b", case_claim_id(c, "bob", "n1", "t-b"), "1");
    case_claim_id(c, "ada", "n1", "t-all");
    case_assert_clean(c);
}

static void timers_wake(void **state)
{
    struct ledger_case *c = *state;
    char soon[24], late[24];
    snprintf(soon, sizeof(soon), "%lld", (long long)ledger_now(c->ledger) + 1000);
    snprintf(late, sizeof(late), "%lld", (long long)ledger_now(c->ledger) + 5000);
    struct wait waits[] = {{.kind = "rate", .id = soon}, {.kind = "timer", .id = late}};
    struct wait past = {.kind = "timer", .id = "17"};
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_park(c, "t-1", fence, "all", &past, 1), LEDGER_OK);
    fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_park(c, "t-1", fence, "all", waits, 2), LEDGER_OK);
    assert_int_equal(case_task(c, "t-1")->ready_at, ledger_now(c->ledger) + 1000);
    case_pass(c, 1000);
    case_assert_state(c, "t-1", TASK_WAITING);
    assert_int_equal(case_task(c, "t-1")->ready_at, ledger_now(c->ledger) + 4000);
    case_restart(c);
    case_pass(c, 3999);
    assert_null(case_claim(c, "ada", "n1"));
    case_pass(c, 1);
    case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_task(c, "t-1")->tries, 0);
    case_assert_clean(c);
}

static void a_timer_and_a_task_are_both_waited_for(void **state)
{
    struct ledger_case *c = *state;
    char due[24];
    snprintf(due, sizeof(due), "%lld", (long long)ledger_now(c->ledger) + 1000);
    struct wait waits[] = {{.kind = "timer", .id = due}, {.kind = "task", .id = "t-2"}};
    case_register(c, "ada", "n1");
    case_register(c, "bob", "n1");
    case_submit(c, "t-1", "ada", "main");
    case_submit(c, "t-2", "bob", "main");
    int64_t fence = case_claim_id(c, "bob", "n1", "t-2");
    case_park(c, "t-1", case_claim_id(c, "ada", "n1", "t-1"), "all", waits, 2);
    case_pass(c, 1000);
    case_assert_state(c, "t-1", TASK_WAITING);
    assert_int_equal(case_task(c, "t-1")->ready_at, 0);
    case_finish(c, "t-2", fence, "1");
    case_claim_id(c, "ada", "n1", "t-1");
    case_assert_clean(c);
}

static void a_park_must_make_sense(void **state)
{
    struct ledger_case *c = *state;
    struct wait nothing = {.kind = "task", .id = "t-none"}, self = {.kind = "task", .id = "t-1"};
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_park(c, "t-1", fence, "all", &nothing, 1), LEDGER_NONE);
    assert_int_equal(case_park(c, "t-1", fence, "all", &nothing, 0), LEDGER_REFUSED);
    assert_int_equal(case_park(c, "t-1", fence, "some", &nothing, 1), LEDGER_REFUSED);
    struct wait soon = {.kind = "timer", .id = "soon"}, luck = {.kind = "luck", .id = "1"};
    assert_int_equal(case_park(c, "t-1", fence, "all", &soon, 1), LEDGER_REFUSED);
    assert_int_equal(case_park(c, "t-1", fence, "all", &luck, 1), LEDGER_REFUSED);
    assert_int_equal(case_park(c, "t-1", fence, "all", &self, 1), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "loop");
    case_assert_state(c, "t-1", TASK_WORKING);
    case_assert_clean(c);
}

/* A calls B, and B calls into the session that A holds: neither could ever go on. */
static void a_circle_through_a_lane_is_refused(void **state)
{
    struct ledger_case *c = *state;
    struct wait wait = {.kind = "task", .id = "t-3"};
    struct task into = {.id = "t-3", .agent = "ada", .session = "main", .kind = "ask"};
    case_register(c, "ada", "n1");
    case_register(c, "bob", "n1");
    case_submit(c, "t-1", "ada", "main");
    delegate(c, "t-1", case_claim_id(c, "ada", "n1", "t-1"), "t-2", "bob");
    int64_t fence = case_claim_id(c, "bob", "n1", "t-2");
    struct op ops[] = {
        {.type = OP_SUBMIT, .task = &into},
        {.type = OP_PARK,
         .task_id = "t-2",
         .fence = fence,
         .park = {.mode = "all", .waits = &wait, .count = 1}},
    };
    assert_int_equal(case_apply(c, ops, 2), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "loop");
    into.session = "side";
    assert_int_equal(case_apply(c, ops, 2), LEDGER_OK);
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_lane_lets_one_out),
        CASE(a_lane_goes_to_people_first),
        CASE(a_parked_turn_keeps_its_lane),
        CASE(a_signal_before_the_park_is_not_lost),
        CASE(a_delegation_comes_back_as_a_recorded_call),
        CASE(a_failed_delegation_is_an_error_to_read),
        CASE(no_wake_up_is_lost),
        CASE(all_waits_for_all_and_any_for_one),
        CASE(timers_wake),
        CASE(a_timer_and_a_task_are_both_waited_for),
        CASE(a_park_must_make_sense),
        CASE(a_circle_through_a_lane_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
