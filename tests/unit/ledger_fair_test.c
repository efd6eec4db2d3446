/* Who is next: in turn by request, the less urgent after a while, and nobody twice in the line. */
#include "ledger_case.h"

#include <stdio.h>

#include "base/str.h"

static void submit(struct ledger_case *c, const char *id, const char *parent, int64_t priority)
{
    struct task task = {.id = id, .agent = parent ? "ada" : "boss", .parent = parent};
    task.caller = "operator";
    task.kind = parent ? "delegation" : "ask";
    task.parent_step = -1;
    task.instruction = id;
    task.priority = priority;
    if (case_op(c, (struct op){.type = OP_SUBMIT, .task = &task}) != LEDGER_OK)
        fail_msg("%s: %s", id, c->outcome.message);
}

/* `count` tasks of one request for ada: <root>-1, <root>-2 … */
static void submit_many(struct ledger_case *c, const char *root, int count, int64_t priority)
{
    char id[32];
    submit(c, root, NULL, priority); /* its children have it too */
    for (int i = 1; i <= count; i++) {
        snprintf(id, sizeof(id), "%s-%d", root, i);
        submit(c, id, root, priority);
    }
}

static struct task *claim(struct ledger_case *c, const char *id)
{
    struct task *task = case_claim(c, "ada", "n1");
    if (!task || !str_eq(task->id, id))
        fail_msg("%s was claimed, not %s", task ? task->id : "nothing", id);
    return task;
}

static void a_flood_of_one_request_starves_no_other(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    submit_many(c, "t-a", 1000, 1);
    submit_many(c, "t-b", 1, 1);
    submit_many(c, "t-c", 2, 1);
    claim(c, "t-a-1");
    claim(c, "t-b-1");
    claim(c, "t-c-1");
    claim(c, "t-a-2");
    claim(c, "t-c-2");
    claim(c, "t-a-3");
    submit_many(c, "t-d", 1, 1); /* who comes later has its turn in the next round */
    claim(c, "t-a-4");
    claim(c, "t-d-1");
    claim(c, "t-a-5");
    case_assert_clean(c);
}

static void many_at_once_come_in_the_same_order(void **state)
{
    struct ledger_case *c = *state;
    const char *expected[] = {"t-a-1", "t-b-1", "t-a-2", "t-b-2", "t-a-3", "t-a-4", "t-a-5"};
    struct claim asked = {.agent = "ada", .nonce = "n1", .max = 7};
    struct task *tasks;
    size_t count;
    case_register(c, "ada", "n1");
    submit_many(c, "t-a", 30, 1);
    submit_many(c, "t-b", 2, 1);
    ledger_claim(c->ledger, &asked, &c->arena, &tasks, &count, &c->outcome, &c->err);
    assert_int_equal(count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(tasks[i].id, expected[i]);
    asked.max = 64;
    ledger_claim(c->ledger, &asked, &c->arena, &tasks, &count, &c->outcome, &c->err);
    assert_int_equal(count, 25);
    case_assert_clean(c);
}

static void a_restart_keeps_the_order(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    submit_many(c, "t-a", 20, 1);
    submit_many(c, "t-b", 3, 1);
    claim(c, "t-a-1");
    claim(c, "t-b-1");
    claim(c, "t-a-2");
    case_restart(c);
    submit_many(c, "t-c", 1, 1);
    submit(c, "t-a-21", "t-a", 1);
    claim(c, "t-b-2");
    claim(c, "t-a-3");
    claim(c, "t-b-3");
    claim(c, "t-c-1");
    for (int i = 4; i <= 21; i++) {
        char id[16];
        snprintf(id, sizeof(id), "t-a-%d", i);
        claim(c, id);
    }
    case_restart(c); /* nothing is queued: the round goes on where it was */
    submit_many(c, "t-d", 1, 1);
    assert_true(case_task(c, "t-d-1")->rank > case_task(c, "t-a-21")->rank);
    case_assert_clean(c);
}

/* Those who had their turn have ended: nothing but the queue itself tells how far it was. */
static void a_restart_knows_the_round_by_who_waits(void **state)
{
    struct ledger_case *c = *state;
    char id[16];
    case_register(c, "ada", "n1");
    submit_many(c, "t-a", 20, 1);
    for (int i = 1; i <= 10; i++) {
        snprintf(id, sizeof(id), "t-a-%d", i);
        assert_int_equal(case_finish(c, id, claim(c, id)->fence, "1"), LEDGER_OK);
    }
    case_restart(c);
    submit_many(c, "t-b", 3, 1);
    claim(c, "t-a-11");
    claim(c, "t-b-1");
    claim(c, "t-a-12");
    claim(c, "t-b-2");
    case_assert_clean(c);
}

static void who_comes_back_is_next(void **state)
{
    struct ledger_case *c = *state;
    struct wait wait = {.kind = "signal", .id = "s1"};
    struct event event = {.stream = "signal:s1", .type = "signal.sent"};
    case_register(c, "ada", "n1");
    submit_many(c, "t-a", 9, 1);
    submit_many(c, "t-b", 9, 1);
    int64_t fence = claim(c, "t-a-1")->fence;
    case_park(c, "t-a-1", fence, "all", &wait, 1);
    claim(c, "t-b-1");
    claim(c, "t-a-2");
    claim(c, "t-b-2");
    case_restart(c);
    case_op(c, (struct op){.type = OP_EVENT, .event = &event});
    fence = claim(c, "t-a-1")->fence;
    case_op(c, (struct op){.type = OP_RELEASE, .task_id = "t-a-1", .fence = fence});
    fence = claim(c, "t-a-1")->fence;
    case_op(c, (struct op){.type = OP_FAIL_TRY, .task_id = "t-a-1", .fence = fence});
    claim(c, "t-a-3"); /* while the other's retry is not due */
    case_pass(c, 1000);
    claim(c, "t-a-1");
    claim(c, "t-b-3");
    case_assert_clean(c);
}

static void many_that_are_not_due_are_passed(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    submit(c, "t-a", NULL, 0);
    for (int i = 0; i < 40; i++) {
        char id[16];
        snprintf(id, sizeof(id), "t-late-%d", i);
        struct task task = {.id = id, .agent = "ada", .ready_at = ledger_now(c->ledger) + 60000};
        case_op(c, (struct op){.type = OP_SUBMIT, .task = &task});
    }
    submit(c, "t-now", "t-a", 0);
    submit(c, "t-b", NULL, 2);
    submit(c, "t-now-2", "t-b", 2);
    claim(c, "t-now");
    claim(c, "t-now-2");
    assert_null(case_claim(c, "ada", "n1"));
    case_pass(c, 60000);
    claim(c, "t-late-0");
    case_assert_clean(c);
}

/* How many claims until `id` has its turn. */
static int claims_until(struct ledger_case *c, const char *id, int most)
{
    for (int i = 1; i <= most; i++)
        if (str_eq(case_claim(c, "ada", "n1")->id, id))
            return i;
    return most + 1;
}

static void the_less_urgent_grow_old(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    submit_many(c, "t-cron", 2, 2);
    submit_many(c, "t-a", 30, 0);
    assert_int_equal(claims_until(c, "t-cron-1", 10), 11);
    case_pass(c, LIMIT_AGEING_MS);
    case_register(c, "ada", "n1");
    assert_int_equal(claims_until(c, "t-cron-1", 5), 6);
    case_pass(c, LIMIT_AGEING_MS);
    assert_int_equal(claims_until(c, "t-cron-1", 10), 4);
    assert_int_equal(claims_until(c, "t-cron-2", 10), 4);
    case_assert_clean(c);
}

static void old_work_does_not_take_over(void **state)
{
    struct ledger_case *c = *state;
    int urgent = 0;
    case_register(c, "ada", "n1");
    submit_many(c, "t-cron", 100, 2);
    case_pass(c, 10 * LIMIT_AGEING_MS);
    submit_many(c, "t-a", 40, 0);
    for (int i = 0; i < 40; i++)
        urgent += case_claim(c, "ada", "n1")->priority == 0;
    assert_int_equal(urgent, 30);
    case_assert_clean(c);
}

static void there_are_so_many_priorities(void **state)
{
    struct ledger_case *c = *state;
    const int64_t bad[] = {-1, LIMIT_PRIORITIES, INT64_MIN, INT64_MAX};
    char id[16];
    case_register(c, "boss", "n1");
    for (int i = 0; i < 4; i++) {
        struct task task = {.id = "t-bad", .agent = "boss", .priority = bad[i]};
        assert_int_equal(case_op(c, (struct op){.type = OP_SUBMIT, .task = &task}), LEDGER_REFUSED);
        assert_string_equal(c->outcome.code, "bad_priority");
    }
    for (int i = LIMIT_PRIORITIES - 1; i >= 0; i--) {
        snprintf(id, sizeof(id), "t-%d", i);
        submit(c, id, NULL, i);
    }
    for (int i = 0; i < LIMIT_PRIORITIES; i++) {
        snprintf(id, sizeof(id), "t-%d", i);
        case_claim_id(c, "boss", "n1", id);
    }
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_flood_of_one_request_starves_no_other),
        CASE(many_at_once_come_in_the_same_order),
        CASE(a_restart_keeps_the_order),
        CASE(a_restart_knows_the_round_by_who_waits),
        CASE(who_comes_back_is_next),
        CASE(many_that_are_not_due_are_passed),
        CASE(the_less_urgent_grow_old),
        CASE(old_work_does_not_take_over),
        CASE(there_are_so_many_priorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
