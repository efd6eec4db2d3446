/* The life of a task: submitted once, claimed by fence, recorded, ended. */
#include "ledger_case.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "ledger/commit.h"

static void task_lives(void **state)
{
    struct ledger_case *c = *state;
    assert_int_equal(case_register(c, "ada", "n1"), LEDGER_OK);
    assert_int_equal(c->outcome.incarnation, 1);
    assert_int_equal(case_submit(c, "t-1", "ada", "main"), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_QUEUED);
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(fence, 1);
    assert_null(case_claim(c, "ada", "n1"));
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, NULL), EXTEND_OK);
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
    assert_int_equal(case_events(c, "t-1", "task.submitted"), 1);
    assert_int_equal(case_events(c, "t-1", "task.claimed"), 1);
    assert_int_equal(case_events(c, "t-1", "call.intended"), 1);
    assert_int_equal(case_events(c, "t-1", "call.recorded"), 1);
    assert_int_equal(case_events(c, "t-1", "task.finished"), 1);
    assert_int_equal(case_events(c, "system", "agent.registered"), 1);
    case_assert_clean(c);
}

static void same_id_is_one_task(void **state)
{
    struct ledger_case *c = *state;
    struct task other = {.id = "t-1", .agent = "ada", .session = "main", .instruction = "else"};
    assert_int_equal(case_submit(c, "t-1", "ada", "main"), LEDGER_OK);
    assert_int_equal(case_submit(c, "t-1", "ada", "main"), LEDGER_DUP);
    assert_string_equal(c->outcome.existing, "t-1");
    assert_int_equal(case_op(c, (struct op){.type = OP_SUBMIT, .task = &other}), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "key_reused");
    assert_int_equal(case_events(c, "t-1", "task.submitted"), 1);
    case_restart(c);
    assert_int_equal(case_submit(c, "t-1", "ada", "main"), LEDGER_DUP);
    case_assert_clean(c);
}

static void submit_fills_what_is_the_ledgers(void **state)
{
    struct ledger_case *c = *state;
    struct task asked = {.id = "t-1",
                         .agent = "ada",
                         .kind = "ask",
                         .caller = "me",
                         .fence = 9,
                         .tries = 9,
                         .state = TASK_DONE,
                         .finish_no = 4,
                         .worker = "nobody"};
    assert_int_equal(case_op(c, (struct op){.type = OP_SUBMIT, .task = &asked}), LEDGER_OK);
    assert_int_equal(case_submit(c, "t-2", "ada", "main"), LEDGER_OK);
    const struct task *task = case_task(c, "t-1");
    assert_int_equal(task->seq, 1);
    assert_int_equal(case_task(c, "t-2")->seq, 2);
    assert_string_equal(task->root, "t-1");
    assert_string_equal(task->session, "ask:t-1");
    assert_string_equal(task->state, TASK_QUEUED);
    assert_string_equal(task->path, "[\"ada\"]");
    assert_int_equal(task->fence, 0);
    assert_int_equal(task->max_tries, LIMIT_TRIES);
    assert_int_equal(task->finish_no, 0);
    assert_null(task->worker);
    assert_int_equal(task->created_at, ledger_now(c->ledger));
    const char *uuid = arena_strdup(&c->arena, case_session(c, "ada", "main")->id);
    assert_int_equal(strlen(uuid), 36);
    assert_int_equal(uuid[14], '8');
    assert_string_not_equal(uuid, case_session(c, "ada", "ask:t-1")->id);
    case_assert_clean(c);
}

static void long_texts_become_blobs(void **state)
{
    struct ledger_case *c = *state;
    char *text = malloc(LIMIT_INLINE + 102), *bytes;
    size_t len;
    memset(text, 'x', LIMIT_INLINE + 101);
    text[LIMIT_INLINE + 101] = '\0';
    struct task task = {.id = "t-1", .agent = "ada", .kind = "ask", .instruction = text};
    case_register(c, "ada", "n1");
    assert_int_equal(case_op(c, (struct op){.type = OP_SUBMIT, .task = &task}), LEDGER_OK);
    const struct task *row = case_task(c, "t-1");
    assert_null(row->instruction);
    assert_int_equal(
        ledger_blob_get(c->ledger, row->instruction_blob, &c->arena, &bytes, &len, &c->err), 0);
    assert_int_equal(len, LIMIT_INLINE + 101);
    assert_memory_equal(bytes, text, len);

    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    text[0] = text[LIMIT_INLINE + 100] = '"';
    struct call call = {.step = 1, .request = text, .response = text};
    assert_int_equal(
        case_op(
            c,
            (struct op){.type = OP_CALL_INTEND, .task_id = "t-1", .fence = fence, .call = &call}),
        LEDGER_OK);
    assert_int_equal(
        case_op(
            c,
            (struct op){.type = OP_CALL_RECORD, .task_id = "t-1", .fence = fence, .call = &call}),
        LEDGER_OK);
    const struct call *recorded = case_call(c, "t-1", 1, 0);
    assert_null(recorded->request);
    assert_null(recorded->response);
    assert_non_null(recorded->request_blob);
    assert_string_equal(recorded->response_blob, recorded->request_blob);
    free(text);
}

static void large_results_are_named(void **state)
{
    struct ledger_case *c = *state;
    char *text = malloc(LIMIT_BLOB_IN_ROW + 3), *bytes;
    size_t len;
    memset(text, 'y', LIMIT_BLOB_IN_ROW + 2);
    text[0] = text[LIMIT_BLOB_IN_ROW + 1] = '"';
    text[LIMIT_BLOB_IN_ROW + 2] = '\0';
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_finish(c, "t-1", fence, text), LEDGER_OK);
    json_t *result = json_loads(case_handoff(c, "t-1")->result, 0, NULL);
    const char *hex = json_get_text(result, "$blob", "");
    assert_int_equal(ledger_blob_get(c->ledger, hex, &c->arena, &bytes, &len, &c->err), 0);
    assert_int_equal(len, LIMIT_BLOB_IN_ROW + 2);
    json_decref(result);
    free(text);
}

static void a_full_queue_is_busy(void **state)
{
    struct ledger_case *c = *state;
    struct ledger_counts counts = {.queued = LIMIT_QUEUE_PER_AGENT - 2, .working = 1};
    tally_set(&c->ledger->tally, "ada", &counts);
    assert_int_equal(case_submit(c, "t-1", "ada", "main"), LEDGER_OK);
    assert_int_equal(case_submit(c, "t-2", "ada", "main"), LEDGER_BUSY);
    assert_string_equal(c->outcome.code, "queue_full");
    assert_int_equal(case_submit(c, "t-2", "bob", "main"), LEDGER_OK);
}

static void a_stale_fence_is_refused(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t first = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_intend(c, "t-1", first, 1, 0), LEDGER_OK);
    assert_int_equal(case_op(c, (struct op){.type = OP_RELEASE, .task_id = "t-1", .fence = first}),
                     LEDGER_OK);
    assert_int_equal(case_record(c, "t-1", first, 1, 0), LEDGER_LOST);
    int64_t second = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(second, first + 1);
    assert_int_equal(case_record(c, "t-1", first, 1, 0), LEDGER_LOST);
    assert_int_equal(case_finish(c, "t-1", first, "1"), LEDGER_LOST);
    assert_int_equal(case_finish(c, "t-1", second + 1, "1"), LEDGER_LOST);
    assert_int_equal(case_finish(c, "t-1", second, "1"), LEDGER_OK);
    assert_int_equal(case_finish(c, "t-1", second, "2"), LEDGER_LOST);
    assert_string_equal(case_handoff(c, "t-1")->result, "1");
    assert_int_equal(case_finish(c, "t-none", 1, "1"), LEDGER_NONE);
    const struct task *task = case_task(c, "t-1");
    assert_int_equal(task->tries, 0);
    assert_int_equal(task->deaths, 0);
    case_assert_clean(c);
}

static void a_failed_op_undoes_its_batch_only(void **state)
{
    struct ledger_case *c = *state;
    struct task one = {.id = "t-1", .agent = "ada", .kind = "ask", .instruction = "x"};
    struct op ops[] = {
        {.type = OP_SUBMIT, .task = &one},
        {.type = OP_CANCEL, .task_id = "t-none", .cancel = {.reason = "cancelled"}},
    };
    assert_int_equal(case_apply(c, ops, 2), LEDGER_NONE);
    assert_int_equal(c->outcome.index, 1);
    struct task row = {.id = "t-1"};
    assert_int_equal(ledger_get(c->ledger, &task_record, &row, &c->arena, &c->err), LEDGER_NONE);
    struct ledger_counts counts;
    ledger_count(c->ledger, "ada", &counts, &c->err);
    assert_int_equal(counts.queued, 0);
    assert_int_equal(case_apply(c, ops, 1), LEDGER_OK);
    case_assert_clean(c);
}

static void a_batch_is_bounded(void **state)
{
    struct ledger_case *c = *state;
    struct op ops[LIMIT_BATCH_OPS + 1];
    struct event event = {.stream = "system", .type = "test.noted"};
    for (size_t i = 0; i <= LIMIT_BATCH_OPS; i++)
        ops[i] = (struct op){.type = OP_EVENT, .event = &event};
    assert_int_equal(case_apply(c, ops, LIMIT_BATCH_OPS + 1), LEDGER_REFUSED);
    assert_int_equal(case_apply(c, ops, LIMIT_BATCH_OPS), LEDGER_OK);
    ops[0].type = (enum op_type)99;
    assert_int_equal(case_apply(c, ops, 1), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "bad_op");
}

static int apply_as(struct ledger_case *c, const char *actor, const char *request, struct op op)
{
    struct batch batch = {.request_id = request, .actor = actor, .ops = &op, .count = 1};
    assert_int_equal(ledger_apply(c->ledger, &batch, &c->outcome, &c->err), 0);
    return (int)c->outcome.status;
}

static void a_repeated_request_gets_its_first_answer(void **state)
{
    struct ledger_case *c = *state;
    struct agent agent = {.id = "ada", .nonce = "n1"};
    struct op submit = {.type = OP_SUBMIT,
                        .task = &(struct task){.id = "t-1", .agent = "ada", .kind = "ask"}};
    struct op reg = {.type = OP_REGISTER, .reg = {.agent = &agent}};
    assert_int_equal(apply_as(c, "agent:ada", "r1", reg), LEDGER_OK);
    assert_int_equal(apply_as(c, "operator", "r2", submit), LEDGER_OK);
    assert_int_equal(apply_as(c, "operator", "r2", submit), LEDGER_OK);
    assert_int_equal(apply_as(c, "operator", "r3", submit), LEDGER_DUP);
    assert_int_equal(apply_as(c, "person:eve", "r2", submit), LEDGER_DUP);
    case_restart(c);
    assert_int_equal(apply_as(c, "operator", "r2", submit), LEDGER_OK);
    agent.nonce = "n2";
    assert_int_equal(apply_as(c, "agent:ada", "r1", reg), LEDGER_OK);
    assert_int_equal(c->outcome.incarnation, 1);
    case_pass(c, LIMIT_REQUEST_KEPT_MS + 2 * 60000);
    assert_int_equal(apply_as(c, "operator", "r2", submit), LEDGER_DUP);
    assert_int_equal(case_events(c, "t-1", "task.submitted"), 1);
    case_assert_clean(c);
}

static void a_repeated_claim_gets_the_same_tasks(void **state)
{
    struct ledger_case *c = *state;
    struct task *tasks;
    size_t count;
    case_register(c, "ada", "n1");
    for (int i = 0; i < 3; i++) {
        char id[16];
        snprintf(id, sizeof(id), "t-%d", i);
        case_submit(c, id, "ada", NULL);
    }
    struct claim claim = {.request_id = "q1", .agent = "ada", .nonce = "n1", .max = 2};
    for (int again = 0; again < 2; again++) {
        assert_int_equal(
            ledger_claim(c->ledger, &claim, &c->arena, &tasks, &count, &c->outcome, &c->err), 0);
        assert_int_equal(count, 2);
        assert_string_equal(tasks[0].id, "t-0");
        assert_string_equal(tasks[1].id, "t-1");
        assert_int_equal(tasks[0].fence, 1);
    }
    case_finish(c, "t-0", 1, "1");
    assert_int_equal(
        ledger_claim(c->ledger, &claim, &c->arena, &tasks, &count, &c->outcome, &c->err), 0);
    assert_int_equal(count, 1);
    assert_string_equal(tasks[0].id, "t-1");
    claim.nonce = "n0";
    assert_int_equal(
        ledger_claim(c->ledger, &claim, &c->arena, &tasks, &count, &c->outcome, &c->err), 0);
    assert_int_equal(c->outcome.status, LEDGER_LOST);
    assert_int_equal(count, 0);
}

static void claims_go_by_priority_then_age(void **state)
{
    struct ledger_case *c = *state;
    static const int64_t priorities[] = {2, 0, 1, 0, 2};
    static const char *const ids[] = {"t-0", "t-1", "t-2", "t-3", "t-4"};
    static const char *const order[] = {"t-1", "t-3", "t-2", "t-0", "t-4"};
    case_register(c, "ada", "n1");
    for (size_t i = 0; i < 5; i++) {
        struct task task = {.id = ids[i], .agent = "ada", .kind = "ask", .priority = priorities[i]};
        case_op(c, (struct op){.type = OP_SUBMIT, .task = &task});
    }
    for (size_t i = 0; i < 5; i++)
        case_claim_id(c, "ada", "n1", order[i]);
}

/* More than a page of tasks that are not ready stand in front of one that is. */
static void what_is_not_ready_is_stepped_over(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    for (int i = 0; i < 40; i++) {
        char id[16];
        snprintf(id, sizeof(id), "t-%d", i);
        struct task task = {.id = id, .agent = "ada", .kind = "ask"};
        task.ready_at = i < 39 ? ledger_now(c->ledger) + 60000 : 0;
        case_op(c, (struct op){.type = OP_SUBMIT, .task = &task});
    }
    case_claim_id(c, "ada", "n1", "t-39");
    assert_null(case_claim(c, "ada", "n1"));
    case_pass(c, 60000);
    case_claim_id(c, "ada", "n1", "t-0");
}

static void recorded_is_final(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_record(c, "t-1", fence, 1, 1), LEDGER_NONE);
    assert_int_equal(case_intend(c, "t-1", fence, 1, 1), LEDGER_OK);
    assert_int_equal(case_record(c, "t-1", fence, 1, 1), LEDGER_OK);
    assert_int_equal(case_record(c, "t-1", fence, 1, 1), LEDGER_CONFLICT);
    assert_int_equal(case_intend(c, "t-1", fence, 1, 1), LEDGER_CONFLICT);
    const struct call *call = case_call(c, "t-1", 1, 1);
    assert_string_equal(call->state, CALL_RECORDED);
    assert_string_equal(call->kind, "tool");
    assert_string_equal(call->name, "x");
    case_assert_clean(c);
}

static void an_intended_call_may_be_repeated(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    case_intend(c, "t-1", fence, 1, 1);
    case_intend(c, "t-1", fence, 1, 2);
    case_register(c, "ada", "n2");
    int64_t next = case_claim_id(c, "ada", "n2", "t-1");
    assert_int_equal(case_intend(c, "t-1", next, 1, 1), LEDGER_OK);
    assert_int_equal(case_call(c, "t-1", 1, 1)->fence, next);
    struct call unknown = {.step = 1, .idx = 2, .state = CALL_UNKNOWN, .response = "\"?\""};
    assert_int_equal(
        case_op(
            c,
            (struct op){.type = OP_CALL_RECORD, .task_id = "t-1", .fence = next, .call = &unknown}),
        LEDGER_OK);
    assert_string_equal(case_call(c, "t-1", 1, 2)->state, CALL_UNKNOWN);
    assert_int_equal(case_events(c, "t-1", "call.unknown"), 1);
}

static void failed_tries_back_off_and_end(void **state)
{
    struct ledger_case *c = *state;
    struct op fail = {.type = OP_FAIL_TRY,
                      .task_id = "t-1",
                      .fail = {.failure_class = "unreachable", .failure_message = "no route"}};
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    for (int i = 1; i <= LIMIT_TRIES; i++) {
        fail.fence = case_claim_id(c, "ada", "n1", "t-1");
        assert_int_equal(case_op(c, fail), LEDGER_OK);
        assert_int_equal(case_task(c, "t-1")->tries, i);
        if (i == LIMIT_TRIES)
            break;
        assert_null(case_claim(c, "ada", "n1"));
        case_pass(c, (1000 << (i - 1)) - 1);
        assert_null(case_claim(c, "ada", "n1"));
        case_pass(c, 1);
    }
    const struct task *task = case_task(c, "t-1");
    assert_string_equal(task->state, TASK_FAILED);
    assert_string_equal(task->failure_class, "unreachable");
    assert_string_equal(task->failure_message, "no route");
    assert_string_equal(case_handoff(c, "t-1")->status, "failed");
    case_assert_clean(c);
}

static void a_retry_may_name_its_time(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    struct op fail = {.type = OP_FAIL_TRY, .task_id = "t-1"};
    fail.fence = case_claim_id(c, "ada", "n1", "t-1");
    fail.fail.retry_at = ledger_now(c->ledger) + 7000;
    assert_int_equal(case_op(c, fail), LEDGER_OK);
    case_pass(c, 6999);
    assert_null(case_claim(c, "ada", "n1"));
    case_pass(c, 1);
    case_claim_id(c, "ada", "n1", "t-1");
}

static void a_handoff_says_how_it_ended(void **state)
{
    struct ledger_case *c = *state;
    static const struct {
        const char *id, *status, *state, *class;
    } cases[] = {
        {"t-1", "complete", TASK_DONE, NULL},
        {"t-2", "partial", TASK_DONE, NULL},
        {"t-3", "blocked", TASK_FAILED, "blocked"},
        {"t-4", "failed", TASK_FAILED, "failed"},
    };
    case_register(c, "ada", "n1");
    for (size_t i = 0; i < 4; i++) {
        struct handoff handoff = {.status = cases[i].status, .task = "t-other", .agent = "eve"};
        case_submit(c, cases[i].id, "ada", NULL);
        struct op op = {.type = OP_FINISH, .task_id = cases[i].id, .finish = {.handoff = &handoff}};
        op.fence = case_claim_id(c, "ada", "n1", cases[i].id);
        assert_int_equal(case_op(c, op), LEDGER_OK);
        case_assert_state(c, cases[i].id, cases[i].state);
        assert_true(str_eq(case_task(c, cases[i].id)->failure_class, cases[i].class));
        assert_string_equal(case_handoff(c, cases[i].id)->agent, "ada");
    }
    struct handoff bad = {.status = "great"};
    case_submit(c, "t-5", "ada", NULL);
    struct op op = {.type = OP_FINISH, .task_id = "t-5", .finish = {.handoff = &bad}};
    op.fence = case_claim_id(c, "ada", "n1", "t-5");
    assert_int_equal(case_op(c, op), LEDGER_REFUSED);
    case_assert_clean(c);
}

static void a_tree_has_limits(void **state)
{
    struct ledger_case *c = *state;
    struct task root = {.id = "t-0", .agent = "ada", .kind = "ask", .caller = "me"};
    struct op submit = {.type = OP_SUBMIT,
                        .task = &root,
                        .root_limits = "{\"depth\":2,\"tasks\":5,\"live\":4,\"wall_ms\":60000}"};
    case_register(c, "ada", "n1");
    assert_int_equal(case_op(c, submit), LEDGER_OK);
    int64_t deadline = case_task(c, "t-0")->deadline_at;
    assert_int_equal(deadline, ledger_now(c->ledger) + 60000);
    assert_int_equal(case_submit_child(c, "t-1", "bob", "t-0"), LEDGER_OK);
    assert_int_equal(case_submit_child(c, "t-2", "cyd", "t-1"), LEDGER_OK);
    assert_string_equal(case_task(c, "t-2")->path, "[\"ada\",\"bob\",\"cyd\"]");
    assert_string_equal(case_task(c, "t-2")->root, "t-0");
    assert_int_equal(case_task(c, "t-2")->depth, 2);
    assert_int_equal(case_task(c, "t-2")->deadline_at, deadline - 6000 - 5400);
    assert_int_equal(case_submit_child(c, "t-3", "dan", "t-2"), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "limits");
    assert_int_equal(case_submit_child(c, "t-3", "dan", "t-1"), LEDGER_OK);
    assert_int_equal(case_submit_child(c, "t-4", "dan", "t-1"), LEDGER_REFUSED); /* live */
    case_register(c, "dan", "n1");
    case_finish(c, "t-3", case_claim_id(c, "dan", "n1", "t-3"), "1");
    assert_int_equal(case_submit_child(c, "t-4", "dan", "t-1"), LEDGER_OK);
    case_finish(c, "t-4", case_claim_id(c, "dan", "n1", "t-4"), "1");
    assert_int_equal(case_submit_child(c, "t-5", "dan", "t-1"), LEDGER_REFUSED); /* tasks */
    assert_int_equal(case_submit_child(c, "t-5", "dan", "t-3"), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "parent_ended");
    case_assert_clean(c);
}

static void lists_have_their_order(void **state)
{
    struct ledger_case *c = *state;
    void *rows;
    size_t count;
    static const char *const ids[] = {"t-a0", "t-a1", "t-b0", "t-b1"};
    for (size_t i = 0; i < 4; i++)
        case_submit(c, ids[i], i % 2 ? "bob" : "ada", "main");
    case_register(c, "ada", "n1");
    case_finish(c, "t-a0", case_claim_id(c, "ada", "n1", "t-a0"), "1");
#define LIST(list, a, b, cursor, max)                                                              \
    assert_int_equal(                                                                              \
        ledger_query(c->ledger, list, a, b, cursor, max, &c->arena, &rows, &count, &c->err), 0)
#define ID(i) (((struct task *)rows)[i].id)
    LIST(LIST_TASKS, NULL, NULL, 0, 3);
    assert_int_equal(count, 3);
    assert_string_equal(ID(0), "t-b1");
    LIST(LIST_TASKS, NULL, NULL, 2, 3);
    assert_int_equal(count, 1);
    LIST(LIST_TASKS, "ada", TASK_DONE, 0, 0);
    assert_int_equal(count, 1);
    LIST(LIST_TASKS, "bob", NULL, 0, 0);
    assert_string_equal(ID(0), "t-b1");
    assert_string_equal(ID(1), "t-a1");
    LIST(LIST_TASKS, NULL, TASK_QUEUED, 0, 0);
    assert_int_equal(count, 3);
    LIST(LIST_TASKS_OPEN, NULL, NULL, 0, 0);
    assert_int_equal(count, 3);
    assert_string_equal(ID(0), "t-a1");
    LIST(LIST_TASKS_OPEN, NULL, NULL, 2, 1);
    assert_int_equal(count, 1);
    assert_string_equal(ID(0), "t-b0");
    LIST(LIST_TASKS_BY_PREFIX, "t-a", NULL, 0, 0);
    assert_int_equal(count, 2);
    LIST(LIST_TASKS_OF_SESSION, "ada", "main", 0, 0);
    assert_int_equal(count, 1);
    LIST(LIST_TASKS_OF_SESSION, "ada", "main", 1, 0);
    assert_int_equal(count, 0);
    LIST(LIST_SESSIONS, "bob", NULL, 0, 0);
    assert_int_equal(count, 1);
    LIST(LIST_AGENTS, NULL, NULL, 0, 0);
    assert_int_equal(count, 1);
#undef LIST
#undef ID
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(task_lives),
        CASE(same_id_is_one_task),
        CASE(submit_fills_what_is_the_ledgers),
        CASE(long_texts_become_blobs),
        CASE(large_results_are_named),
        CASE(a_full_queue_is_busy),
        CASE(a_stale_fence_is_refused),
        CASE(a_failed_op_undoes_its_batch_only),
        CASE(a_batch_is_bounded),
        CASE(a_repeated_request_gets_its_first_answer),
        CASE(a_repeated_claim_gets_the_same_tasks),
        CASE(claims_go_by_priority_then_age),
        CASE(what_is_not_ready_is_stepped_over),
        CASE(recorded_is_final),
        CASE(an_intended_call_may_be_repeated),
        CASE(failed_tries_back_off_and_end),
        CASE(a_retry_may_name_its_time),
        CASE(a_handoff_says_how_it_ended),
        CASE(a_tree_has_limits),
        CASE(lists_have_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
