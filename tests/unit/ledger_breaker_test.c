/* The breaker of an agent: opens after failures in a row, for longer each time, closed by success.
 */
#include "ledger_case.h"

#include <stdio.h>

#include "base/str.h"

static struct breaker look(struct ledger_case *c, bool open)
{
    struct agent agent = {.id = "ada"};
    struct breaker breaker;
    assert_int_equal(ledger_get(c->ledger, &agent_record, &agent, &c->arena, &c->err), 0);
    if (breaker_look(&agent, ledger_now(c->ledger), &breaker) != open)
        fail_msg("the breaker is %s: %s", open ? "closed" : "open",
                 agent.breaker ? agent.breaker : "(none)");
    return breaker;
}

static int64_t begin(struct ledger_case *c, const char **id)
{
    static int number;
    *id = arena_printf(&c->arena, "t-%d", ++number);
    struct task task = {.id = *id, .agent = "ada", .kind = "ask", .max_tries = 1};
    assert_int_equal(case_op(c, (struct op){.type = OP_SUBMIT, .task = &task}), LEDGER_OK);
    return case_claim_id(c, "ada", "n1", *id);
}

static void fail_as(struct ledger_case *c, const char *class)
{
    const char *id;
    int64_t fence = begin(c, &id);
    struct op op = {.type = OP_FAIL_TRY, .task_id = id, .fence = fence};
    op.fail.failure_class = class;
    op.fail.failure_message = "It is broken.";
    assert_int_equal(case_op(c, op), LEDGER_OK);
    case_assert_state(c, id, TASK_FAILED);
}

static void succeed(struct ledger_case *c)
{
    const char *id;
    int64_t fence = begin(c, &id);
    assert_int_equal(case_finish(c, id, fence, "1"), LEDGER_OK);
}

static void it_opens_after_failures_in_a_row(void **state)
{
    static const char *const classes[] = {"timeout", "unreachable", "malformed", "failed"};
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    for (int i = 0; i < 4; i++)
        fail_as(c, classes[i]);
    assert_int_equal(look(c, false).failures, 4);
    succeed(c);
    assert_int_equal(look(c, false).failures, 0);
    assert_int_equal(case_events(c, "system", "agent.breaker_closed"), 0);
    for (int i = 0; i < 4; i++)
        fail_as(c, "failed");
    look(c, false);
    fail_as(c, "malformed");
    struct breaker breaker = look(c, true);
    assert_int_equal(breaker.failures, 5);
    assert_int_equal(breaker.opened, 1);
    assert_int_equal(breaker.until, ledger_now(c->ledger) + LIMIT_BREAKER_FIRST_MS);
    assert_string_equal(breaker.reason, "malformed: It is broken.");
    assert_int_equal(case_events(c, "system", "agent.breaker_opened"), 1);
    case_register(c, "ada", "n2"); /* its new process changes nothing */
    case_restart(c);
    look(c, true);
    case_register(c, "ada", "n1");
    fail_as(c, "failed"); /* what people ask still runs, and prolongs nothing */
    assert_int_equal(look(c, true).until, breaker.until);
    case_pass(c, LIMIT_BREAKER_FIRST_MS);
    look(c, false);
    succeed(c);
    assert_int_equal(look(c, false).opened, 0);
    assert_int_equal(case_events(c, "system", "agent.breaker_closed"), 1);
    case_assert_clean(c);
}

static void it_opens_for_longer_each_time(void **state)
{
    static const int64_t terms[] = {60000, 120000, 240000, 480000, 600000, 600000};
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    for (int i = 0; i < 4; i++)
        fail_as(c, "failed");
    for (int i = 0; i < 6; i++) {
        fail_as(c, "failed"); /* the one try after each term */
        assert_int_equal(look(c, true).until, ledger_now(c->ledger) + terms[i]);
        case_pass(c, terms[i] - 1);
        look(c, true);
        case_pass(c, 1);
        look(c, false);
    }
    succeed(c);
    for (int i = 0; i < 5; i++)
        fail_as(c, "failed");
    assert_int_equal(look(c, true).until, ledger_now(c->ledger) + terms[0]);
    case_assert_clean(c);
}

static void what_is_not_its_fault_does_not_count(void **state)
{
    static const char *const classes[] = {"refused", "budget", "loop", "blocked", "cancelled"};
    struct ledger_case *c = *state;
    struct wait wait = {.kind = "signal", .id = "s1"};
    const char *id;
    case_register(c, "ada", "n1");
    for (int i = 0; i < 10; i++)
        fail_as(c, classes[i % 5]);
    for (int i = 0; i < 6; i++) { /* its time runs out while it waits for others */
        id = arena_printf(&c->arena, "t-w%d", i);
        struct task task = {.id = id, .agent = "ada", .kind = "ask"};
        task.deadline_at = ledger_now(c->ledger) + 1000;
        case_op(c, (struct op){.type = OP_SUBMIT, .task = &task});
        case_park(c, id, case_claim_id(c, "ada", "n1", id), "all", &wait, 1);
        case_pass(c, 1001);
        case_assert_state(c, id, TASK_TIMED_OUT);
    }
    assert_int_equal(look(c, false).failures, 0);
    for (int i = 0; i < 5; i++) { /* nobody serves it in time */
        id = arena_printf(&c->arena, "t-q%d", i);
        struct task task = {.id = id, .agent = "ada", .kind = "ask"};
        task.deadline_at = ledger_now(c->ledger) + 1000;
        case_op(c, (struct op){.type = OP_SUBMIT, .task = &task});
        case_pass(c, 1001);
    }
    assert_string_equal(look(c, true).reason, "timeout: The deadline passed.");
    case_assert_clean(c);
}

static void a_long_reason_is_cut_between_characters(void **state)
{
    struct ledger_case *c = *state;
    char text[1001];
    const char *id;
    case_register(c, "ada", "n1");
    for (int i = 0; i < 1000; i += 2)
        memcpy(text + i, "é", 2);
    text[1000] = '\0';
    int64_t fence = begin(c, &id);
    struct op op = {.type = OP_FAIL_TRY, .task_id = id, .fence = fence};
    op.fail.failure_message = text;
    case_op(c, op);
    struct breaker breaker = look(c, false);
    assert_true(str_is_utf8(breaker.reason, strlen(breaker.reason)));
    assert_true(strlen(breaker.reason) >= sizeof(breaker.reason) - 2);
    case_assert_clean(c);
}

static void odd_rows_are_closed(void **state)
{
    struct breaker breaker;
    struct agent agent = {.id = "x", .breaker = "{\"until\":7,\"failures\":\"x\""};
    assert_false(breaker_look(&agent, 5, &breaker));
    agent.breaker = "{\"until\":\"soon\",\"reason\":null}";
    assert_false(breaker_look(&agent, 5, &breaker));
    assert_string_equal(breaker.reason, "");
    agent.breaker = NULL;
    assert_false(breaker_look(&agent, 5, &breaker));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_opens_after_failures_in_a_row),     CASE(it_opens_for_longer_each_time),
        CASE(what_is_not_its_fault_does_not_count), CASE(a_long_reason_is_cut_between_characters),
        cmocka_unit_test(odd_rows_are_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
