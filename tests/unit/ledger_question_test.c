/* Tool calls that people answer: questions, and commands of which nobody knows whether they ran. */
#include "ledger_run_case.h"

#include "base/json.h"
#include "base/str.h"

static int64_t begin(struct ledger_case *c)
{
    case_register(c, "bob", "n1");
    case_submit(c, "t-1", "bob", NULL);
    return case_claim_id(c, "bob", "n1", "t-1");
}

static int ask(struct ledger_case *c, int64_t fence, struct approval approval)
{
    struct op op = {.type = OP_ASK, .task_id = "t-1", .fence = fence};
    op.approval = &approval;
    return case_op(c, op);
}

static struct approval question(int64_t idx)
{
    return (struct approval){
        .kind = "question", .call_step = 1, .call_idx = idx, .title = "Which alloy?"};
}

/* Asks as call 1.1; returns the approval's id. */
static const char *asked(struct ledger_case *c, int64_t fence, struct approval approval)
{
    case_intend(c, "t-1", fence, 1, approval.call_idx);
    if (ask(c, fence, approval) != LEDGER_OK)
        fail_msg("%s", c->outcome.message);
    return case_call(c, "t-1", 1, approval.call_idx)->child;
}

static int answer(struct ledger_case *c, const char *id, const char *value)
{
    return run_decide_approval(c, (struct decide){.approval = id,
                                                  .person = "person:bo",
                                                  .decision = APPROVAL_ANSWERED,
                                                  .answer = value});
}

static const char *said(struct ledger_case *c, int64_t idx, const char *member)
{
    json_t *response = json_loads(case_call(c, "t-1", 1, idx)->response, 0, NULL);
    const char *text = arena_strdup(&c->arena, json_get_text(response, member, ""));
    json_decref(response);
    return text;
}

static void a_question_waits_for_people(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    const char *id = asked(c, fence, question(1));
    const struct approval *row = run_approval(c, id);
    assert_string_equal(row->requester, "agent:bob");
    assert_string_equal(row->task, "t-1");
    assert_string_equal(case_call(c, "t-1", 1, 1)->state, CALL_WAITING);
    assert_int_equal(case_events(c, "inbox", "approval.asked"), 1);
    assert_int_equal(case_events(c, "t-1", "approval.asked"), 1);
    assert_int_equal(case_park_step(c, "t-1", fence, 1), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_WAITING);
    case_assert_clean(c);
    assert_int_equal(answer(c, id, "\"AlSi10Mg\""), LEDGER_OK);
    assert_string_equal(c->outcome.state, APPROVAL_ANSWERED);
    case_assert_state(c, "t-1", TASK_QUEUED);
    assert_string_equal(case_call(c, "t-1", 1, 1)->state, CALL_RECORDED);
    assert_string_equal(said(c, 1, "text"), "AlSi10Mg");
    assert_string_equal(said(c, 1, "by"), "person:bo");
    assert_false(case_call(c, "t-1", 1, 1)->is_error);
    case_assert_clean(c);
}

static void an_answer_before_the_park_is_not_missed(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    const char *id = asked(c, fence, question(1));
    assert_int_equal(answer(c, id, "7"), LEDGER_OK);
    assert_int_equal(case_park_step(c, "t-1", fence, 1), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_QUEUED);
    assert_string_equal(said(c, 1, "text"), "7");
    case_assert_clean(c);
}

static void questions_and_delegations_are_one_wait(void **state)
{
    struct ledger_case *c = *state;
    struct task child = {.id = "t-2", .agent = "cyd", .instruction = "help"};
    struct delegation sync = {
        .step = 1, .idx = 2, .child = &child, .mode = "sync", .limit = {-1, -1}};
    int64_t fence = begin(c);
    case_register(c, "cyd", "n2");
    const char *id = asked(c, fence, question(1));
    assert_int_equal(case_delegate(c, "t-1", fence, &sync), LEDGER_OK);
    case_park_step(c, "t-1", fence, 1);
    case_finish(c, "t-2", case_claim_id(c, "cyd", "n2", "t-2"), "1");
    case_assert_state(c, "t-1", TASK_WAITING);
    case_assert_clean(c);
    answer(c, id, "\"yes\"");
    case_assert_state(c, "t-1", TASK_QUEUED);
    case_assert_clean(c);
}

static void a_refused_question_is_an_error(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    const char *id = asked(c, fence, question(1));
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_APPROVED), LEDGER_REFUSED);
    assert_int_equal(answer(c, id, NULL), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "bad_answer");
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_REJECTED), LEDGER_OK);
    assert_true(case_call(c, "t-1", 1, 1)->is_error);
    assert_string_equal(said(c, 1, "state"), APPROVAL_REJECTED);
    assert_non_null(strstr(said(c, 1, "text"), "because"));
}

static void options_bind(void **state)
{
    struct ledger_case *c = *state;
    struct approval choice = question(1);
    choice.options = "[\"steel\",\"invar\"]";
    int64_t fence = begin(c);
    const char *id = asked(c, fence, choice);
    assert_int_equal(answer(c, id, "\"wood\""), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "bad_answer");
    assert_int_equal(answer(c, id, "\"invar\""), LEDGER_OK);
}

static void a_question_expires(void **state)
{
    struct ledger_case *c = *state;
    struct approval brief = question(1);
    int64_t fence = begin(c);
    brief.expires_at = ledger_now(c->ledger) + 5000;
    const char *id = asked(c, fence, brief);
    case_park_step(c, "t-1", fence, 1);
    case_pass(c, 5000);
    run_assert_approval(c, id, APPROVAL_EXPIRED);
    case_assert_state(c, "t-1", TASK_QUEUED);
    assert_true(case_call(c, "t-1", 1, 1)->is_error);
    assert_string_equal(said(c, 1, "state"), APPROVAL_EXPIRED);
    case_assert_clean(c);
}

static void who_has_ended_asks_nobody(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    const char *id = asked(c, fence, question(1));
    case_park_step(c, "t-1", fence, 1);
    assert_int_equal(case_cancel(c, "t-1"), LEDGER_OK);
    run_assert_approval(c, id, APPROVAL_CANCELLED);
    assert_string_equal(case_call(c, "t-1", 1, 1)->state, CALL_UNKNOWN);
    assert_int_equal(answer(c, id, "1"), LEDGER_CONFLICT);
    assert_string_equal(c->outcome.code, "decided");
    case_assert_clean(c);
}

static void questions_that_are_none(void **state)
{
    struct ledger_case *c = *state;
    struct approval bad = question(1);
    int64_t fence = begin(c);
    case_intend(c, "t-1", fence, 1, 1);
    bad.kind = "gate";
    assert_int_equal(ask(c, fence, bad), LEDGER_REFUSED);
    bad = question(1);
    bad.title = " ";
    assert_int_equal(ask(c, fence, bad), LEDGER_REFUSED);
    bad = question(1);
    bad.subject = "{";
    assert_int_equal(ask(c, fence, bad), LEDGER_REFUSED);
    bad = question(1);
    bad.form = "{\"typo\":1}";
    assert_int_equal(ask(c, fence, bad), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "bad_form");
    bad = question(1);
    bad.options = "[]";
    assert_int_equal(ask(c, fence, bad), LEDGER_REFUSED);
    assert_int_equal(ask(c, fence, question(7)), LEDGER_NONE);
    assert_int_equal(ask(c, fence + 1, question(1)), LEDGER_LOST);
    assert_int_equal(ask(c, fence, question(1)), LEDGER_OK);
    assert_int_equal(ask(c, fence, question(1)), LEDGER_OK); /* the same again: nothing new */
    assert_int_equal(case_events(c, "inbox", "approval.asked"), 1);
    case_assert_clean(c);
}

/* ---- a command that was running when the process died ---- */

static const char *ambiguous(struct ledger_case *c, int64_t *fence)
{
    *fence = begin(c);
    struct call call = {
        .step = 1, .idx = 1, .kind = "tool", .name = "exec", .plan = "{\"cwd\":\"/x\"}"};
    case_op(c,
            (struct op){.type = OP_CALL_INTEND, .task_id = "t-1", .fence = *fence, .call = &call});
    case_register(c, "bob", "n2"); /* the process died; a new one claims */
    *fence = case_claim_id(c, "bob", "n2", "t-1");
    struct approval approval = {
        .kind = "ambiguous", .call_step = 1, .call_idx = 1, .title = "Run it again?"};
    assert_int_equal(ask(c, *fence, approval), LEDGER_OK);
    assert_int_equal(case_park_step(c, "t-1", *fence, 1), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_WAITING);
    return case_call(c, "t-1", 1, 1)->child;
}

static void approved_it_runs_again(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence;
    const char *id = ambiguous(c, &fence);
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_APPROVED), LEDGER_OK);
    const struct call *call = case_call(c, "t-1", 1, 1);
    assert_string_equal(call->state, CALL_INTENDED);
    assert_null(call->child);
    json_t *plan = json_loads(call->plan, 0, NULL);
    assert_string_equal(json_get_text(plan, "again", ""), id);
    assert_string_equal(json_get_text(plan, "cwd", ""), "/x");
    json_decref(plan);
    case_assert_state(c, "t-1", TASK_QUEUED);
    case_assert_clean(c);
    /* who runs it intends it anew, and may lose it again */
    fence = case_claim_id(c, "bob", "n2", "t-1");
    struct call again = {.step = 1, .idx = 1, .kind = "tool", .name = "exec"};
    assert_int_equal(
        case_op(
            c,
            (struct op){.type = OP_CALL_INTEND, .task_id = "t-1", .fence = fence, .call = &again}),
        LEDGER_OK);
    assert_null(case_call(c, "t-1", 1, 1)->plan);
    struct approval approval = {
        .kind = "ambiguous", .call_step = 1, .call_idx = 1, .title = "Once more?"};
    assert_int_equal(ask(c, fence, approval), LEDGER_OK);
    assert_string_not_equal(case_call(c, "t-1", 1, 1)->child, id);
    case_assert_clean(c);
}

static void rejected_the_model_is_told(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence;
    const char *id = ambiguous(c, &fence);
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_REJECTED), LEDGER_OK);
    const struct call *call = case_call(c, "t-1", 1, 1);
    assert_string_equal(call->state, CALL_UNKNOWN);
    assert_true(call->is_error);
    assert_non_null(strstr(said(c, 1, "text"), "It may have run in part"));
    assert_non_null(strstr(call->response, "\"unknown\":true"));
    case_assert_state(c, "t-1", TASK_QUEUED);
    case_assert_clean(c);
}

/* ---- in a run ---- */

static void a_steps_agent_asks(void **state)
{
    struct ledger_case *c = *state;
    size_t count;
    run_define(c);
    run_start(c, "t-0");
    case_register(c, "bob", "n1");
    run_step_task(c, "r-0", "a", "t-1", "bob");
    int64_t fence = case_claim_id(c, "bob", "n1", "t-1");
    const char *id = asked(c, fence, question(1));
    assert_string_equal(run_approval(c, id)->root, "t-0");
    case_park_step(c, "t-1", fence, 1);
    case_cancel(c, "t-0");
    run_pending(c, &count);
    assert_int_equal(count, 0);
    case_assert_state(c, "t-1", TASK_CANCELLED);
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_question_waits_for_people),
        CASE(an_answer_before_the_park_is_not_missed),
        CASE(questions_and_delegations_are_one_wait),
        CASE(a_refused_question_is_an_error),
        CASE(options_bind),
        CASE(a_question_expires),
        CASE(who_has_ended_asks_nobody),
        CASE(questions_that_are_none),
        CASE(approved_it_runs_again),
        CASE(rejected_the_model_is_told),
        CASE(a_steps_agent_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
