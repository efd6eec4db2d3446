/* A call that another task answers: delegated, waited for, answered once, given up, handed on. */
#include "ledger_case.h"

#include <stdio.h>

#include "base/json.h"
#include "base/str.h"

enum { NONE = -1 };

static struct delegation ask_for(struct task *child, int64_t idx, const char *mode)
{
    return (struct delegation){
        .step = 1, .idx = idx, .child = child, .mode = mode, .limit = {NONE, NONE}};
}

/* ada works on t-p. */
static int64_t begin(struct ledger_case *c)
{
    static const char *const agents[] = {"ada", "bob", "cyd"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(case_register(c, agents[i], "n1"), LEDGER_OK);
    assert_int_equal(case_submit(c, "t-p", "ada", "main"), LEDGER_OK);
    return case_claim_id(c, "ada", "n1", "t-p");
}

static int delegate(struct ledger_case *c, const char *parent, int64_t fence, int64_t idx,
                    const char *child, const char *agent)
{
    struct task task = {.id = child, .agent = agent, .instruction = child};
    struct delegation ask = ask_for(&task, idx, "sync");
    return case_delegate(c, parent, fence, &ask);
}

static json_t *answer_of(struct ledger_case *c, const char *task, int64_t idx)
{
    const struct call *call = case_call(c, task, 1, idx);
    if (!str_eq(call->state, CALL_RECORDED))
        fail_msg("call 1.%d is %s", (int)idx, call->state);
    json_t *answer = json_loads(call->response, 0, NULL);
    assert_non_null(answer);
    assert_int_equal(json_get_bool(answer, "is_error", false), call->is_error);
    return answer;
}

static void assert_answer(struct ledger_case *c, const char *task, int64_t idx, const char *key,
                          const char *value)
{
    json_t *answer = answer_of(c, task, idx);
    const char *found = json_get_text(answer, key, NULL);
    if (!str_eq(found, value))
        fail_msg("call 1.%d has %s = %s, not %s", (int)idx, key, found ? found : "nothing",
                 value ? value : "nothing");
    json_decref(answer);
}

static int64_t finish(struct ledger_case *c, const char *agent, const char *id, const char *result)
{
    int64_t fence = case_claim_id(c, agent, "n1", id);
    assert_int_equal(case_finish(c, id, fence, result), LEDGER_OK);
    return fence;
}

static void a_child_has_its_place(void **state)
{
    struct ledger_case *c = *state;
    struct task parent = {.id = "t-p",
                          .agent = "ada",
                          .kind = "ask",
                          .priority = 2,
                          .instruction = "all of it\nin detail",
                          .grant = "{\"tools\":[\"read\",\"exec\"]}"};
    struct task child = {.id = "t-c",
                         .agent = "bob",
                         .instruction = "a part",
                         .caller = "somebody",
                         .parent = "t-none",
                         .grant = "{\"tools\":[\"exec\",\"write\"]}"};
    struct delegation ask = ask_for(&child, 3, "sync");
    ask.routing = "{\"chosen\":\"bob\"}";
    case_register(c, "ada", "n1");
    assert_int_equal(case_op(c, (struct op){.type = OP_SUBMIT, .task = &parent}), LEDGER_OK);
    int64_t fence = case_claim_id(c, "ada", "n1", "t-p");
    assert_int_equal(case_delegate(c, "t-p", fence, &ask), LEDGER_OK);
    assert_string_equal(c->outcome.state, TASK_WORKING);
    const struct task *task = case_task(c, "t-c");
    assert_string_equal(task->parent, "t-p");
    assert_int_equal(task->parent_step, 1);
    assert_int_equal(task->parent_index, 3);
    assert_string_equal(task->root, "t-p");
    assert_string_equal(task->caller, "agent:ada");
    assert_string_equal(task->kind, "delegation");
    assert_string_equal(task->path, "[\"ada\",\"bob\"]");
    assert_int_equal(task->depth, 1);
    assert_int_equal(task->priority, 2);
    assert_string_equal(task->grant, "{\"tools\":[\"exec\"]}");
    assert_non_null(task->ask_hash);
    assert_int_equal(case_task(c, "t-p")->children, 1);
    const struct call *call = case_call(c, "t-p", 1, 3);
    assert_string_equal(call->state, CALL_WAITING);
    assert_string_equal(call->child, "t-c");
    assert_int_equal(case_events(c, "t-c", "task.submitted"), 1);
    assert_int_equal(case_events(c, "t-c", "task.routed"), 1);
    assert_int_equal(case_events(c, "t-p", "call.waiting"), 1);
    case_assert_clean(c);
}

static void a_grant_only_narrows(void **state)
{
    struct ledger_case *c = *state;
    static const struct {
        const char *above, *given, *granted;
    } cases[] = {
        {NULL, NULL, NULL},
        {NULL, "{\"tools\":[\"read\"]}", "{\"tools\":[\"read\"]}"},
        {"{\"tools\":[\"read\"]}", NULL, "{\"tools\":[\"read\"]}"},
        {"{\"tools\":[\"read\"]}", "{}", "{\"tools\":[\"read\"]}"},
        {"{\"tools\":[]}", "{\"tools\":[\"exec\"]}", "{\"tools\":[]}"},
    };
    case_register(c, "ada", "n1");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char p[16], k[16];
        snprintf(p, sizeof(p), "t-p%zu", i);
        snprintf(k, sizeof(k), "t-c%zu", i);
        struct task parent = {.id = p, .agent = "ada", .kind = "ask", .grant = cases[i].above};
        struct task child = {.id = k, .agent = "bob", .grant = cases[i].given};
        struct delegation ask = ask_for(&child, 1, "sync");
        case_op(c, (struct op){.type = OP_SUBMIT, .task = &parent});
        assert_int_equal(case_delegate(c, p, case_claim_id(c, "ada", "n1", p), &ask), LEDGER_OK);
        assert_true(str_eq(case_task(c, k)->grant, cases[i].granted));
    }
}

static void a_step_waits_for_all_its_calls(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    assert_int_equal(delegate(c, "t-p", fence, 1, "t-1", "bob"), LEDGER_OK);
    assert_int_equal(delegate(c, "t-p", fence, 2, "t-2", "cyd"), LEDGER_OK);
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    assert_string_equal(c->outcome.state, TASK_WAITING);
    assert_null(case_task(c, "t-p")->worker);
    case_assert_clean(c);
    finish(c, "cyd", "t-2", "\"two\"");
    case_assert_state(c, "t-p", TASK_WAITING);
    case_restart(c);
    finish(c, "bob", "t-1", "{\"n\":1}");
    case_claim_id(c, "ada", "n1", "t-p");
    assert_answer(c, "t-p", 1, "text", "{\"n\":1}");
    assert_answer(c, "t-p", 2, "text", "two");
    assert_answer(c, "t-p", 2, "agent", "cyd");
    assert_answer(c, "t-p", 2, "task", "t-2");
    assert_answer(c, "t-p", 2, "state", TASK_DONE);
    assert_answer(c, "t-p", 2, "status", "complete");
    case_assert_clean(c);
}

static void an_answer_carries_the_handoff(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    struct handoff handoff = {.status = "partial",
                              .result = "\"half\"",
                              .confidence = "low",
                              .notes = "no time",
                              .artefacts = "[{\"name\":\"a.md\"}]"};
    assert_int_equal(delegate(c, "t-p", fence, 1, "t-1", "bob"), LEDGER_OK);
    struct op op = {.type = OP_FINISH, .task_id = "t-1", .finish = {.handoff = &handoff}};
    op.fence = case_claim_id(c, "bob", "n1", "t-1");
    assert_int_equal(case_op(c, op), LEDGER_OK);
    assert_answer(c, "t-p", 1, "status", "partial");
    assert_answer(c, "t-p", 1, "confidence", "low");
    assert_answer(c, "t-p", 1, "notes", "no time");
    json_t *answer = answer_of(c, "t-p", 1);
    assert_string_equal(
        json_get_text(json_array_get(json_object_get(answer, "artefacts"), 0), "name", ""), "a.md");
    json_decref(answer);
    /* it has ended before the parent parks: nothing is left to wait for */
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    assert_string_equal(c->outcome.state, TASK_QUEUED);
    case_claim_id(c, "ada", "n1", "t-p");
    case_assert_clean(c);
}

static void async_is_answered_at_once(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    struct task child = {.id = "t-1", .agent = "bob", .instruction = "slowly"};
    struct delegation ask = ask_for(&child, 1, "async");
    assert_int_equal(case_delegate(c, "t-p", fence, &ask), LEDGER_OK);
    assert_answer(c, "t-p", 1, "task", "t-1");
    assert_answer(c, "t-p", 1, "state", TASK_QUEUED);
    const char *response = case_call(c, "t-p", 1, 1)->response;
    assert_int_equal(case_finish(c, "t-p", fence, "1"), LEDGER_OK);
    finish(c, "bob", "t-1", "\"late\"");
    assert_string_equal(case_call(c, "t-p", 1, 1)->response, response);
    case_assert_clean(c);
}

static void the_same_delegation_again_changes_nothing(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    struct task child = {.id = "t-1", .agent = "bob", .instruction = "once"};
    struct delegation ask = ask_for(&child, 1, "sync");
    struct op again = {.type = OP_DELEGATE, .task_id = "t-p", .fence = fence, .delegation = &ask};
    assert_int_equal(case_op(c, again), LEDGER_NONE);
    assert_string_equal(c->outcome.code, "no_call");
    assert_int_equal(case_delegate(c, "t-p", fence, &ask), LEDGER_OK);
    assert_int_equal(case_op(c, again), LEDGER_OK);
    assert_int_equal(case_intend(c, "t-p", fence, 1, 1), LEDGER_CONFLICT);
    assert_string_equal(c->outcome.code, "waiting");
    assert_int_equal(case_record(c, "t-p", fence, 1, 1), LEDGER_CONFLICT);
    finish(c, "bob", "t-1", "1");
    assert_int_equal(case_op(c, again), LEDGER_OK);
    assert_int_equal(case_task(c, "t-p")->children, 1);
    assert_int_equal(case_events(c, "t-1", "task.submitted"), 1);
    assert_int_equal(case_events(c, "chronicle", "task.delegated"), 1);
    again.fence++;
    assert_int_equal(case_op(c, again), LEDGER_LOST);
    ask.mode = "maybe";
    again.fence--;
    assert_int_equal(case_op(c, again), LEDGER_REFUSED);
    case_assert_clean(c);
}

static void a_refusal_of_the_caller_is_an_answer(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    struct delegation ask = {.step = 1,
                             .idx = 1,
                             .refused_class = "unreachable",
                             .refused_code = "breaker",
                             .refused_message = "bob does not answer."};
    assert_int_equal(case_delegate(c, "t-p", fence, &ask), LEDGER_OK);
    assert_string_equal(c->outcome.state, TASK_WORKING);
    assert_true(case_call(c, "t-p", 1, 1)->is_error);
    assert_answer(c, "t-p", 1, "text", "bob does not answer.");
    assert_answer(c, "t-p", 1, "failure_class", "unreachable");
    assert_answer(c, "t-p", 1, "code", "breaker");
    assert_int_equal(case_events(c, "t-p", "delegation.refused"), 1);
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    case_assert_state(c, "t-p", TASK_QUEUED);
    case_assert_clean(c);
}

static void patience_ends_and_the_task_goes_on(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    struct task one = {.id = "t-1", .agent = "bob", .instruction = "slow"};
    struct task two = {.id = "t-2", .agent = "cyd", .instruction = "slower"};
    struct delegation first = ask_for(&one, 1, "sync"), second = ask_for(&two, 2, "sync");
    first.patience_ms = 2500;
    second.patience_ms = 9000;
    assert_int_equal(case_delegate(c, "t-p", fence, &first), LEDGER_OK);
    assert_int_equal(case_delegate(c, "t-p", fence, &second), LEDGER_OK);
    case_pass(c, 500);
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    assert_int_equal(case_task(c, "t-p")->ready_at, ledger_now(c->ledger) + 2000);
    case_assert_clean(c);
    case_pass(c, 1999);
    assert_string_equal(case_call(c, "t-p", 1, 1)->state, CALL_WAITING);
    case_restart(c);
    case_pass(c, 1);
    assert_answer(c, "t-p", 1, "text", "No reply within 2.500 s. The task goes on: t-1.");
    assert_answer(c, "t-p", 1, "status", "timeout");
    assert_answer(c, "t-p", 1, "task", "t-1");
    assert_false(case_call(c, "t-p", 1, 1)->is_error);
    case_assert_state(c, "t-p", TASK_WAITING);
    case_assert_clean(c);
    finish(c, "cyd", "t-2", "\"in time\"");
    fence = case_claim_id(c, "ada", "n1", "t-p");
    assert_int_equal(case_finish(c, "t-p", fence, "1"), LEDGER_OK);
    finish(c, "bob", "t-1", "\"too late\"");
    assert_answer(c, "t-p", 1, "status", "timeout");
    assert_answer(c, "t-p", 2, "text", "in time");
    case_assert_clean(c);
}

static void patience_may_be_over_before_the_park(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    struct task one = {.id = "t-1", .agent = "bob", .instruction = "slow"};
    struct delegation ask = ask_for(&one, 1, "sync");
    ask.patience_ms = 1000;
    assert_int_equal(case_delegate(c, "t-p", fence, &ask), LEDGER_OK);
    case_pass(c, 1000);
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    assert_answer(c, "t-p", 1, "status", "timeout");
    case_assert_state(c, "t-p", TASK_QUEUED);
    case_claim_id(c, "ada", "n1", "t-p");
    case_assert_clean(c);
}

/* Only patience is left of the waits: the parent must not sit until it is over. */
static void patience_alone_is_no_wait(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    struct task one = {.id = "t-1", .agent = "bob", .instruction = "quick"};
    struct delegation ask = ask_for(&one, 1, "sync");
    ask.patience_ms = 60000;
    assert_int_equal(case_delegate(c, "t-p", fence, &ask), LEDGER_OK);
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    finish(c, "bob", "t-1", "1");
    case_claim_id(c, "ada", "n1", "t-p");
    case_pass(c, 60000);
    assert_answer(c, "t-p", 1, "status", "complete");
    case_assert_clean(c);
}

static void a_childs_deadline_is_an_answer(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    struct task one = {.id = "t-1", .agent = "bob", .instruction = "quick"};
    struct delegation ask = ask_for(&one, 1, "sync");
    one.deadline_at = ledger_now(c->ledger) + 3000;
    assert_int_equal(case_delegate(c, "t-p", fence, &ask), LEDGER_OK);
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    case_pass(c, 3000);
    case_assert_state(c, "t-1", TASK_TIMED_OUT);
    assert_true(case_call(c, "t-p", 1, 1)->is_error);
    assert_answer(c, "t-p", 1, "failure_class", "timeout");
    assert_answer(c, "t-p", 1, "state", TASK_TIMED_OUT);
    case_claim_id(c, "ada", "n1", "t-p");
    case_assert_clean(c);
}

static void cancelling_goes_down_not_up(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    struct task two = {.id = "t-2", .agent = "cyd", .instruction = "below"};
    struct delegation ask = ask_for(&two, 1, "sync");
    ask.patience_ms = 5000;
    assert_int_equal(delegate(c, "t-p", fence, 1, "t-1", "bob"), LEDGER_OK);
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    int64_t below = case_claim_id(c, "bob", "n1", "t-1");
    assert_int_equal(case_delegate(c, "t-1", below, &ask), LEDGER_OK);
    assert_int_equal(case_park_step(c, "t-1", below, 1), LEDGER_OK);
    assert_int_equal(case_cancel(c, "t-1"), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_CANCELLED);
    case_assert_state(c, "t-2", TASK_CANCELLED);
    assert_string_equal(case_call(c, "t-1", 1, 1)->state, CALL_UNKNOWN);
    assert_answer(c, "t-p", 1, "failure_class", "cancelled");
    case_pass(c, 5000);
    case_claim_id(c, "ada", "n1", "t-p");
    case_assert_clean(c);
}

static void cancelling_a_parked_parent_ends_all(void **state)
{
    struct ledger_case *c = *state;
    const char *reason;
    int64_t fence = begin(c);
    assert_int_equal(delegate(c, "t-p", fence, 1, "t-1", "bob"), LEDGER_OK);
    assert_int_equal(delegate(c, "t-p", fence, 2, "t-2", "cyd"), LEDGER_OK);
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    int64_t held = case_claim_id(c, "bob", "n1", "t-1");
    assert_int_equal(case_cancel(c, "t-p"), LEDGER_OK);
    case_assert_state(c, "t-p", TASK_CANCELLED);
    case_assert_state(c, "t-2", TASK_CANCELLED);
    assert_string_equal(case_call(c, "t-p", 1, 1)->state, CALL_UNKNOWN);
    assert_string_equal(case_call(c, "t-p", 1, 2)->state, CALL_UNKNOWN);
    assert_int_equal(case_events(c, "t-p", "call.unknown"), 2);
    assert_int_equal(case_extend(c, "bob", "n1", "t-1", held, &reason), EXTEND_CANCEL);
    case_assert_clean(c);
    assert_int_equal(case_finish(c, "t-1", held, "1"), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_CANCELLED);
    case_assert_clean(c);
}

/* Who is told to stop cannot start more: the delegation is where it stops. */
static void a_cancelled_task_delegates_nothing(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    struct task one = {.id = "t-1", .agent = "bob", .instruction = "x"}, row = {.id = "t-1"};
    struct task below = {.id = "t-2", .agent = "bob", .kind = "delegation", .parent = "t-p"};
    struct call call = {.step = 1, .idx = 1, .kind = "tool"};
    struct delegation ask = ask_for(&one, 1, "sync");
    struct op ops[] = {
        {.type = OP_CALL_INTEND, .task_id = "t-p", .fence = fence, .call = &call},
        {.type = OP_DELEGATE, .task_id = "t-p", .fence = fence, .delegation = &ask},
        {.type = OP_PARK, .task_id = "t-p", .fence = fence, .park = {.of_step = true, .step = 1}},
    };
    assert_int_equal(case_cancel(c, "t-p"), LEDGER_OK);
    assert_int_equal(case_op(c, (struct op){.type = OP_SUBMIT, .task = &below}), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "parent_ended");
    assert_int_equal(case_apply(c, ops, 3), LEDGER_OK);
    assert_string_equal(c->outcome.state, TASK_CANCELLED);
    assert_int_equal(ledger_get(c->ledger, &task_record, &row, &c->arena, &c->err), LEDGER_NONE);
    case_assert_clean(c);
}

static void what_comes_behind_the_end_is_not_done(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c);
    struct handoff handoff = {.status = "complete", .result = "1"};
    struct call call = {.step = 1, .idx = 1, .kind = "tool"};
    struct op ops[] = {
        {.type = OP_FINISH, .task_id = "t-p", .fence = fence, .finish = {.handoff = &handoff}},
        {.type = OP_CALL_INTEND, .task_id = "t-p", .fence = fence, .call = &call},
    };
    struct op stale[] = {ops[0], ops[1]};
    stale[1].fence++;
    assert_int_equal(case_apply(c, stale, 2), LEDGER_LOST);
    case_assert_state(c, "t-p", TASK_WORKING);
    struct batch batch = {.request_id = "r1", .actor = "agent:ada", .ops = ops, .count = 2};
    for (int again = 0; again < 2; again++) {
        assert_int_equal(ledger_apply(c->ledger, &batch, &c->outcome, &c->err), 0);
        assert_int_equal(c->outcome.status, LEDGER_OK);
        assert_string_equal(c->outcome.state, TASK_DONE);
    }
    assert_int_equal(case_events(c, "t-p", "call.intended"), 0);
    assert_int_equal(case_op(c, ops[1]), LEDGER_LOST); /* a batch of its own is told */
    struct event event = {.stream = "system", .type = "x.y"};
    assert_int_equal(case_op(c, (struct op){.type = OP_EVENT, .event = &event}), LEDGER_OK);
    assert_string_equal(c->outcome.state, "");
}

static void the_chronicle_tells_of_every_end(void **state)
{
    struct ledger_case *c = *state;
    struct event *events;
    size_t count;
    int64_t fence = begin(c);
    struct task one = {.id = "t-1", .agent = "bob", .name = NULL};
    char text[200] = "\n  ";
    for (int i = 0; i < 70; i++)
        strcat(text, "ä");
    one.instruction = text;
    struct delegation ask = ask_for(&one, 1, "sync");
    assert_int_equal(case_delegate(c, "t-p", fence, &ask), LEDGER_OK);
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    finish(c, "bob", "t-1", "1");
    finish(c, "ada", "t-p", "1");
    assert_int_equal(ledger_read(c->ledger, "chronicle", 1, 0, &c->arena, &events, &count, &c->err),
                     0);
    assert_int_equal(count, 3);
    json_t *sent = json_loads(events[0].body, 0, NULL), *done = json_loads(events[1].body, 0, NULL);
    assert_string_equal(events[0].type, "task.delegated");
    assert_string_equal(json_get_text(sent, "root", ""), "t-p");
    assert_string_equal(json_get_text(sent, "by", ""), "ada");
    assert_string_equal(json_get_text(sent, "child", ""), "t-1");
    assert_string_equal(json_get_text(sent, "agent", ""), "bob");
    assert_string_equal(json_get_text(sent, "mode", ""), "sync");
    assert_string_equal(json_get_text(sent, "objective", ""), "do it");
    assert_int_equal(strlen(json_get_text(sent, "what", "")), 120);
    assert_string_equal(events[1].type, "task.completed");
    assert_string_equal(json_get_text(done, "task", ""), "t-1");
    assert_string_equal(json_get_text(done, "state", ""), TASK_DONE);
    assert_string_equal(json_get_text(done, "status", ""), "complete");
    assert_string_equal(events[2].type, "task.completed");
    json_decref(sent);
    json_decref(done);
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_child_has_its_place),
        CASE(a_grant_only_narrows),
        CASE(a_step_waits_for_all_its_calls),
        CASE(an_answer_carries_the_handoff),
        CASE(async_is_answered_at_once),
        CASE(the_same_delegation_again_changes_nothing),
        CASE(a_refusal_of_the_caller_is_an_answer),
        CASE(patience_ends_and_the_task_goes_on),
        CASE(patience_may_be_over_before_the_park),
        CASE(patience_alone_is_no_wait),
        CASE(a_childs_deadline_is_an_answer),
        CASE(cancelling_goes_down_not_up),
        CASE(cancelling_a_parked_parent_ends_all),
        CASE(a_cancelled_task_delegates_nothing),
        CASE(what_comes_behind_the_end_is_not_done),
        CASE(the_chronicle_tells_of_every_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
