/* The life of a task: submitted once, claimed by fence, recorded, parked, ended. */
#include "ledger_case.h"

#include "base/str.h"

static void task_lives(void **state)
{
    struct ledger_case *c = *state;
    const char *reason;
    assert_int_equal(case_register(c, "ada", "n1"), LEDGER_OK);
    assert_int_equal(c->outcome.incarnation, 1);
    assert_int_equal(case_submit(c, "t-1", "ada", "main"), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_QUEUED);
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(fence, 1);
    assert_null(case_claim(c, "ada", "n1"));
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, &reason), EXTEND_OK);
    assert_int_equal(case_intend(c, "t-1", fence, 1, 0), LEDGER_OK);
    assert_int_equal(case_record(c, "t-1", fence, 1, 0), LEDGER_OK);
    assert_int_equal(case_finish(c, "t-1", fence, "\"done\""), LEDGER_OK);
    const struct task *task = case_task(c, "t-1");
    assert_string_equal(task->state, TASK_DONE);
    assert_int_equal(task->finish_no, 1);
    const struct handoff *handoff = case_handoff(c, "t-1");
    assert_string_equal(handoff->result, "\"done\"");
    assert_string_equal(handoff->run_id, "t-1/1");
    assert_string_equal(handoff->agent, "ada");
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(task_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
