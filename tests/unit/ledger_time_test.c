/* What time and deaths do: leases, re-attachment, crashes, cancelling, deadlines, jumps of clocks.
 */
#include "ledger_case.h"

#include <stdio.h>

#include "base/str.h"

static void an_expired_lease_goes_to_the_next(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    case_pass(c, LIMIT_LEASE_MS - 1);
    assert_null(case_claim(c, "ada", "n1"));
    case_pass(c, 1);
    const struct task *task = case_task(c, "t-1");
    assert_string_equal(task->state, TASK_QUEUED);
    assert_int_equal(task->deaths, 1);
    assert_int_equal(task->tries, 0);
    assert_int_equal(case_events(c, "t-1", "lease.expired"), 1);
    int64_t next = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(next, fence + 1);
    assert_int_equal(case_finish(c, "t-1", fence, "1"), LEDGER_LOST);
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, NULL), EXTEND_LOST);
    assert_int_equal(case_finish(c, "t-1", next, "2"), LEDGER_OK);
    case_assert_clean(c);
}

static void extending_keeps_a_lease(void **state)
{
    struct ledger_case *c = *state;
    char note[128];
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    for (int i = 0; i < 10; i++) {
        case_pass(c, LIMIT_EXTEND_MS);
        assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, NULL), EXTEND_OK);
    }
    assert_int_equal(case_task(c, "t-1")->deaths, 0);
    assert_int_equal(case_extend(c, "ada", "n2", "t-1", fence, NULL), EXTEND_LOST);
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence + 1, NULL), EXTEND_LOST);
    assert_int_equal(case_extend(c, "ada", "n1", "t-none", fence, NULL), EXTEND_LOST);
    ledger_task_note(c->ledger, "t-1", note);
    assert_string_equal(note, "at work");
    assert_int_equal(ledger_agent_seen_ms(c->ledger, "ada"), 0);
    assert_int_equal(ledger_agent_seen_ms(c->ledger, "bob"), -1);
    case_pass(c, 700);
    assert_int_equal(ledger_agent_seen_ms(c->ledger, "ada"), 700);
    case_finish(c, "t-1", fence, "1");
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, NULL), EXTEND_LOST);
}

static void a_late_finish_counts_while_nobody_claimed(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    case_pass(c, LIMIT_LEASE_MS);
    case_assert_state(c, "t-1", TASK_QUEUED);
    assert_int_equal(case_finish(c, "t-1", fence, "1"), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_DONE);
    case_assert_clean(c);
}

static void a_late_sign_of_life_takes_the_lease_up_again(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    case_pass(c, LIMIT_LEASE_MS);
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, NULL), EXTEND_OK);
    case_assert_state(c, "t-1", TASK_WORKING);
    assert_int_equal(case_task(c, "t-1")->deaths, 0);
    assert_null(case_claim(c, "ada", "n1"));
    case_pass(c, LIMIT_LEASE_MS);
    case_register(c, "ada", "n2");
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, NULL), EXTEND_LOST);
    assert_int_equal(case_finish(c, "t-1", fence, "1"), LEDGER_LOST);
    case_claim_id(c, "ada", "n2", "t-1");
    case_assert_clean(c);
}

static void a_new_process_frees_the_old_ones_work(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_register(c, "ada", "n1"), LEDGER_OK);
    assert_int_equal(c->outcome.incarnation, 1);
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, NULL), EXTEND_OK);
    assert_int_equal(case_register(c, "ada", "n2"), LEDGER_OK);
    assert_int_equal(c->outcome.incarnation, 2);
    const struct task *task = case_task(c, "t-1");
    assert_string_equal(task->state, TASK_QUEUED);
    assert_null(task->worker);
    assert_int_equal(task->deaths, 1);
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, NULL), EXTEND_LOST);
    assert_int_equal(case_finish(c, "t-1", fence, "1"), LEDGER_LOST);
    assert_null(case_claim(c, "ada", "n1"));
    assert_int_equal(c->outcome.status, LEDGER_LOST);
    case_claim_id(c, "ada", "n2", "t-1");
    case_assert_clean(c);
}

static void twenty_deaths_are_a_crash(void **state)
{
    struct ledger_case *c = *state;
    char nonce[16];
    case_submit(c, "t-1", "ada", "main");
    for (int i = 0; i < LIMIT_DEATHS; i++) {
        snprintf(nonce, sizeof(nonce), "n%d", i);
        case_register(c, "ada", nonce);
        if (i % 2) {
            case_claim_id(c, "ada", nonce, "t-1");
            case_pass(c, LIMIT_LEASE_MS);
        } else {
            case_claim_id(c, "ada", nonce, "t-1");
        }
        if (i % 2 == 0) {
            snprintf(nonce, sizeof(nonce), "m%d", i);
            case_register(c, "ada", nonce);
        }
    }
    const struct task *task = case_task(c, "t-1");
    assert_string_equal(task->state, TASK_FAILED);
    assert_string_equal(task->failure_class, "crashed");
    assert_string_equal(task->failure_message, "Its worker died 20 times on it.");
    assert_string_equal(case_handoff(c, "t-1")->status, "failed");
    case_assert_clean(c);
}

static void a_restart_gives_every_lease_a_full_term(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    case_pass(c, LIMIT_LEASE_MS - 100);
    case_restart(c);
    case_pass(c, LIMIT_LEASE_MS - 1);
    case_assert_state(c, "t-1", TASK_WORKING);
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, NULL), EXTEND_OK);
    case_restart(c);
    case_pass(c, LIMIT_LEASE_MS);
    case_assert_state(c, "t-1", TASK_QUEUED);
    case_assert_clean(c);
}

static void time_never_goes_back_over_a_restart(void **state)
{
    struct ledger_case *c = *state;
    case_submit(c, "t-1", "ada", "main");
    case_pass(c, 500000);
    case_submit(c, "t-2", "ada", "main");
    int64_t before = ledger_now(c->ledger);
    c->wall -= 3600000;
    case_restart(c);
    assert_true(ledger_now(c->ledger) >= before);
    case_submit(c, "t-3", "ada", "main");
    assert_true(case_task(c, "t-3")->created_at >= case_task(c, "t-2")->created_at);
    case_assert_clean(c);
}

static void a_jump_of_the_clock_kills_nobody(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    __atomic_add_fetch(&c->wall, 7200000, __ATOMIC_SEQ_CST);
    case_pass(c, LIMIT_LEASE_MS);
    case_assert_state(c, "t-1", TASK_WORKING);
    assert_int_equal(case_events(c, "system", "clock.jumped"), 1);
    __atomic_add_fetch(&c->wall, 50000, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&c->boot, 50000, __ATOMIC_SEQ_CST);
    case_pass(c, 0);
    case_assert_state(c, "t-1", TASK_WORKING);
    assert_int_equal(case_events(c, "system", "clock.suspended"), 1);
    assert_int_equal(case_finish(c, "t-1", fence, "1"), LEDGER_OK);
    case_assert_clean(c);
}

static void cancelling_reaches_the_tree(void **state)
{
    struct ledger_case *c = *state;
    const char *reason;
    struct wait wait = {.kind = "task", .id = "t-2"};
    case_register(c, "ada", "n1");
    case_register(c, "bob", "n1");
    case_submit(c, "t-1", "ada", "main");
    case_submit(c, "t-after", "ada", "main");
    int64_t one = case_claim_id(c, "ada", "n1", "t-1");
    case_submit_child(c, "t-2", "bob", "t-1");
    case_submit_child(c, "t-3", "bob", "t-2");
    case_submit_child(c, "t-4", "cyd", "t-2");
    int64_t two = case_claim_id(c, "bob", "n1", "t-2");
    assert_int_equal(case_park(c, "t-1", one, "all", &wait, 1), LEDGER_OK);
    assert_int_equal(case_cancel(c, "t-1"), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_CANCELLED);
    case_assert_state(c, "t-2", TASK_WORKING);
    case_assert_state(c, "t-3", TASK_CANCELLED);
    case_assert_state(c, "t-4", TASK_CANCELLED);
    assert_string_equal(case_handoff(c, "t-3")->status, "failed");
    assert_string_equal(case_task(c, "t-3")->failure_class, "cancelled");
    assert_int_equal(case_extend(c, "bob", "n1", "t-2", two, &reason), EXTEND_CANCEL);
    assert_string_equal(reason, "cancelled");
    assert_int_equal(case_submit_child(c, "t-5", "bob", "t-1"), LEDGER_REFUSED);
    assert_int_equal(case_finish(c, "t-2", two, "\"half\""), LEDGER_OK);
    case_assert_state(c, "t-2", TASK_CANCELLED);
    assert_string_equal(case_handoff(c, "t-2")->result, "\"half\"");
    assert_int_equal(case_cancel(c, "t-1"), LEDGER_CONFLICT);
    assert_string_equal(c->outcome.code, "already_ended");
    case_claim_id(c, "ada", "n1", "t-after");
    case_assert_clean(c);
}

static void who_does_not_stop_is_stopped(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    case_cancel(c, "t-1");
    for (int i = 0; i < 3; i++) {
        case_assert_state(c, "t-1", TASK_WORKING);
        assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, NULL), EXTEND_CANCEL);
        case_pass(c, LIMIT_EXTEND_MS);
    }
    case_assert_state(c, "t-1", TASK_CANCELLED);
    assert_int_equal(case_finish(c, "t-1", fence, "1"), LEDGER_LOST);
    case_assert_clean(c);
}

static void a_cancelled_turn_does_not_go_on(void **state)
{
    struct ledger_case *c = *state;
    struct wait wait = {.kind = "signal", .id = "s"};
    static const char *const ids[] = {"t-1", "t-2", "t-3", "t-4"};
    int64_t fences[4];
    case_register(c, "ada", "n1");
    for (int i = 0; i < 4; i++) {
        case_submit(c, ids[i], "ada", NULL);
        fences[i] = case_claim_id(c, "ada", "n1", ids[i]);
        case_cancel(c, ids[i]);
    }
    assert_int_equal(case_park(c, "t-1", fences[0], "all", &wait, 1), LEDGER_OK);
    assert_int_equal(
        case_op(c, (struct op){.type = OP_RELEASE, .task_id = "t-2", .fence = fences[1]}), 0);
    assert_int_equal(
        case_op(c, (struct op){.type = OP_FAIL_TRY, .task_id = "t-3", .fence = fences[2]}), 0);
    case_register(c, "ada", "n2");
    for (int i = 0; i < 4; i++)
        case_assert_state(c, ids[i], TASK_CANCELLED);
    case_assert_clean(c);
}

static void deadlines_end_tasks(void **state)
{
    struct ledger_case *c = *state;
    const char *reason;
    int64_t until = ledger_now(c->ledger) + 5000;
    struct task queued = {.id = "t-q", .agent = "ada", .kind = "ask", .deadline_at = until};
    struct task working = {.id = "t-w", .agent = "bob", .kind = "ask", .deadline_at = until};
    struct task child = {.id = "t-c",
                         .agent = "cyd",
                         .kind = "delegation",
                         .parent = "t-w",
                         .deadline_at = until + 99999};
    case_register(c, "bob", "n1");
    case_op(c, (struct op){.type = OP_SUBMIT, .task = &queued});
    case_op(c, (struct op){.type = OP_SUBMIT, .task = &working});
    case_op(c, (struct op){.type = OP_SUBMIT, .task = &child});
    assert_int_equal(case_task(c, "t-c")->deadline_at, until - LIMIT_WRAP_UP_MIN_MS);
    int64_t fence = case_claim_id(c, "bob", "n1", "t-w");
    case_pass(c, 4999);
    case_assert_state(c, "t-q", TASK_QUEUED);
    case_pass(c, 1);
    case_assert_state(c, "t-q", TASK_TIMED_OUT);
    case_assert_state(c, "t-c", TASK_TIMED_OUT);
    assert_string_equal(case_task(c, "t-q")->failure_class, "timeout");
    assert_int_equal(case_extend(c, "bob", "n1", "t-w", fence, &reason), EXTEND_CANCEL);
    assert_string_equal(reason, "timeout");
    assert_int_equal(case_finish(c, "t-w", fence, "1"), LEDGER_OK);
    case_assert_state(c, "t-w", TASK_TIMED_OUT);
    case_assert_clean(c);
}

/* More than one slice of everything at once. */
static void many_due_at_once(void **state)
{
    struct ledger_case *c = *state;
    char id[16];
    case_register(c, "ada", "n1");
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "t-%d", i);
        case_submit(c, id, "ada", NULL);
        assert_int_equal(case_claim_id(c, "ada", "n1", id), 1);
    }
    case_pass(c, LIMIT_LEASE_MS);
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "t-%d", i);
        case_assert_state(c, id, TASK_QUEUED);
    }
    struct ledger_counts counts;
    ledger_count(c->ledger, "ada", &counts, &c->err);
    assert_int_equal(counts.queued, 100);
    assert_int_equal(counts.working, 0);
    case_restart(c);
    ledger_count(c->ledger, "ada", &counts, &c->err);
    assert_int_equal(counts.queued, 100);
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_expired_lease_goes_to_the_next),
        CASE(extending_keeps_a_lease),
        CASE(a_late_finish_counts_while_nobody_claimed),
        CASE(a_late_sign_of_life_takes_the_lease_up_again),
        CASE(a_new_process_frees_the_old_ones_work),
        CASE(twenty_deaths_are_a_crash),
        CASE(a_restart_gives_every_lease_a_full_term),
        CASE(time_never_goes_back_over_a_restart),
        CASE(a_jump_of_the_clock_kills_nobody),
        CASE(cancelling_reaches_the_tree),
        CASE(who_does_not_stop_is_stopped),
        CASE(a_cancelled_turn_does_not_go_on),
        CASE(deadlines_end_tasks),
        CASE(many_due_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
