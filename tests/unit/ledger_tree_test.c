/* The tree's rules: each refusal with its class, its code and a sentence that says what to do; and
 * a task given to another agent, in its place. */
#include "ledger_case.h"

#include <stdio.h>

#include "base/json.h"
#include "base/str.h"
#include "ledger/commit.h"

struct asked {
    const char *id, *agent, *text, *session, *mode;
    bool may_revisit;
    int64_t deadline_at;
    struct amount limit;
};

/* The next call of its parent's first step; returns its index. */
static int64_t delegate(struct ledger_case *c, const char *parent, int64_t fence,
                        const struct asked *asked)
{
    static int64_t idx;
    struct task child = {.id = asked->id,
                         .agent = asked->agent,
                         .instruction = asked->text ? asked->text : asked->id,
                         .session = asked->session,
                         .deadline_at = asked->deadline_at};
    struct delegation ask = {.step = 1,
                             .idx = ++idx,
                             .child = &child,
                             .mode = asked->mode ? asked->mode : "sync",
                             .limit = {-1, -1},
                             .may_revisit = asked->may_revisit};
    if (asked->limit.tokens)
        ask.limit = asked->limit;
    int rc = case_delegate(c, parent, fence, &ask);
    if (rc)
        fail_msg("%s", c->outcome.message);
    return idx;
}

static void assert_sent(struct ledger_case *c, const char *parent, int64_t fence,
                        const struct asked *asked)
{
    int64_t idx = delegate(c, parent, fence, asked);
    const struct call *call = case_call(c, parent, 1, idx);
    if (call->is_error)
        fail_msg("%s was refused: %s", asked->id, call->response);
    assert_string_equal(call->child, asked->id);
}

static void assert_refused(struct ledger_case *c, const char *parent, int64_t fence,
                           const struct asked *asked, const char *class, const char *code,
                           const char *says)
{
    struct task row = {.id = asked->id};
    int64_t seq = c->ledger->next_seq;
    const struct call *call = case_call(c, parent, 1, delegate(c, parent, fence, asked));
    assert_string_equal(call->state, CALL_RECORDED);
    json_t *answer = json_loads(call->response, 0, NULL);
    const char *text = json_get_text(answer, "text", "");
    assert_true(json_get_bool(answer, "is_error", false));
    if (!str_eq(json_get_text(answer, "failure_class", ""), class) ||
        !str_eq(json_get_text(answer, "code", ""), code) || !strstr(text, says))
        fail_msg("not %s, %s, \"%s\": %s", class, code, says, call->response);
    assert_true(strlen(text) < sizeof(c->outcome.message) - 1); /* whole */
    json_decref(answer);
    assert_int_equal(ledger_get(c->ledger, &task_record, &row, &c->arena, &c->err), LEDGER_NONE);
    assert_int_equal(c->ledger->next_seq, seq);
    assert_string_equal(c->outcome.state, TASK_WORKING);
    case_assert_clean(c);
}

static int64_t begin(struct ledger_case *c, const char *limits, const struct root_budget *budget)
{
    static const char *const agents[] = {"ada", "bob", "cyd", "dan"};
    struct task task = {
        .id = "t-p", .agent = "ada", .session = "main", .kind = "ask", .instruction = "all of it"};
    struct op op = {.type = OP_SUBMIT, .task = &task, .root_limits = limits, .root_budget = budget};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(case_register(c, agents[i], "n1"), LEDGER_OK);
    assert_int_equal(case_op(c, op), LEDGER_OK);
    return case_claim_id(c, "ada", "n1", "t-p");
}

static void no_agent_twice_on_a_path(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, NULL, NULL);
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "bob"});
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    fence = case_claim_id(c, "bob", "n1", "t-1");
    assert_refused(c, "t-1", fence, &(struct asked){.id = "t-2", .agent = "ada"}, "loop", "path",
                   "(ada > bob)");
    assert_int_equal(case_events(c, "t-1", "delegation.refused"), 1);
    assert_sent(c, "t-1", fence, &(struct asked){.id = "t-2", .agent = "bob"});
    assert_sent(c, "t-1", fence, &(struct asked){.id = "t-3", .agent = "ada", .may_revisit = true});
    struct task below = {.id = "t-4", .agent = "ada", .kind = "delegation", .parent = "t-1"};
    struct op submit = {.type = OP_SUBMIT, .task = &below};
    assert_int_equal(case_op(c, submit), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "path");
    submit.may_revisit = true;
    assert_int_equal(case_op(c, submit), LEDGER_OK);
    case_assert_clean(c);
}

static void a_sub_agent_of_itself_is_bounded_by_depth(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, "{\"depth\":2}", NULL);
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "ada"});
    fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_sent(c, "t-1", fence, &(struct asked){.id = "t-2", .agent = "ada"});
    fence = case_claim_id(c, "ada", "n1", "t-2");
    assert_refused(c, "t-2", fence, &(struct asked){.id = "t-3", .agent = "ada"}, "refused",
                   "limits", "3 levels below the request; limits.depth allows 2");
}

static void a_tree_has_so_many_tasks(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, "{\"tasks\":3,\"live\":2,\"fan_out\":9}", NULL);
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "bob"});
    assert_refused(c, "t-p", fence, &(struct asked){.id = "t-2", .agent = "cyd"}, "refused",
                   "limits", "2 open tasks; limits.live allows 2");
    case_finish(c, "t-1", case_claim_id(c, "bob", "n1", "t-1"), "1");
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-2", .agent = "cyd"});
    assert_refused(c, "t-p", fence, &(struct asked){.id = "t-3", .agent = "dan"}, "refused",
                   "limits", "3 tasks; limits.tasks allows 3");
}

static void a_task_fans_out_so_far(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, "{\"fan_out\":2}", NULL);
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "bob"});
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-2", .agent = "cyd", .mode = "async"});
    case_finish(c, "t-1", case_claim_id(c, "bob", "n1", "t-1"), "1");
    assert_refused(c, "t-p", fence, &(struct asked){.id = "t-3", .agent = "dan"}, "refused",
                   "fan_out", "2 times; limits.fan_out allows 2");
    fence = case_claim_id(c, "cyd", "n1", "t-2");
    assert_sent(c, "t-2", fence, &(struct asked){.id = "t-4", .agent = "dan"});
}

static void the_same_question_is_asked_twice_at_most(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, NULL, NULL);
    struct asked ask = {.id = "t-1", .agent = "bob", .text = "why?"};
    assert_sent(c, "t-p", fence, &ask);
    ask.id = "t-2";
    assert_refused(c, "t-p", fence, &ask, "loop", "same_question", "task t-1 is queued");
    assert_int_equal(case_cancel(c, "t-1"), LEDGER_OK);
    assert_sent(c, "t-p", fence, &ask); /* once more: it ended badly */
    assert_int_equal(case_cancel(c, "t-2"), LEDGER_OK);
    ask.id = "t-3";
    assert_refused(c, "t-p", fence, &ask, "loop", "same_question", "2 times in this request");
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-4", .agent = "cyd", .text = "why?"});
    case_finish(c, "t-4", case_claim_id(c, "cyd", "n1", "t-4"), "\"so\"");
    assert_refused(c, "t-p", fence, &(struct asked){.id = "t-5", .agent = "cyd", .text = "why?"},
                   "loop", "same_question", "the result is with task t-4");
    assert_refused(c, "t-p", fence,
                   &(struct asked){.id = "t-5", .agent = "ada", .text = "all of it"}, "loop",
                   "same_question", "the task that you work on");
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-5", .agent = "cyd", .text = "why not?"});
    assert_int_equal(case_submit(c, "t-other", "bob", NULL), LEDGER_OK);
    struct task elsewhere = {.id = "t-6",
                             .agent = "cyd",
                             .kind = "delegation",
                             .parent = "t-other",
                             .instruction = "why?"};
    assert_int_equal(case_op(c, (struct op){.type = OP_SUBMIT, .task = &elsewhere}), LEDGER_OK);
}

/* As a blob or as text: the same words are the same question. */
static void long_questions_are_compared_too(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, NULL, NULL);
    char *text = malloc(LIMIT_INLINE + 2);
    memset(text, 'q', LIMIT_INLINE + 1);
    text[LIMIT_INLINE + 1] = '\0';
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "bob", .text = text});
    assert_null(case_task(c, "t-1")->instruction);
    assert_refused(c, "t-p", fence, &(struct asked){.id = "t-2", .agent = "bob", .text = text},
                   "loop", "same_question", "t-1");
    struct task blob = {.id = "t-3",
                        .agent = "bob",
                        .kind = "delegation",
                        .parent = "t-p",
                        .instruction_blob = case_task(c, "t-1")->instruction_blob};
    assert_int_equal(case_op(c, (struct op){.type = OP_SUBMIT, .task = &blob}), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "same_question");
    free(text);
}

static void waiting_in_a_lane_of_ones_own_is_a_circle(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, NULL, NULL);
    assert_refused(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "ada", .session = "main"},
                   "loop", "circle", "Session main of ada belongs to task t-p");
    assert_sent(c, "t-p", fence,
                &(struct asked){.id = "t-1", .agent = "ada", .session = "main", .mode = "async"});
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-2", .agent = "bob"});
    /* t-p has not parked yet, and will wait all the same */
    int64_t below = case_claim_id(c, "bob", "n1", "t-2");
    struct asked ask = {.id = "t-3", .agent = "ada", .session = "main", .may_revisit = true};
    assert_refused(c, "t-2", below, &ask, "loop", "circle", "cannot end before yours");
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    assert_refused(c, "t-2", below, &ask, "loop", "circle", "cannot end before yours");
    ask.session = "side";
    assert_sent(c, "t-2", below, &ask);
    /* another's lane is only a queue */
    assert_int_equal(case_submit(c, "t-busy", "cyd", "main"), LEDGER_OK);
    assert_sent(c, "t-2", below, &(struct asked){.id = "t-4", .agent = "cyd", .session = "main"});
    case_assert_clean(c);
}

static void a_child_has_less_time(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, "{\"wall_ms\":100000}", NULL), now = ledger_now(c->ledger);
    assert_refused(c, "t-p", fence,
                   &(struct asked){.id = "t-1", .agent = "bob", .deadline_at = now - 250},
                   "refused", "deadline", "passed 250 ms ago");
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "bob"});
    assert_int_equal(case_task(c, "t-1")->deadline_at, now + 90000);
    assert_sent(c, "t-p", fence,
                &(struct asked){.id = "t-2", .agent = "bob", .deadline_at = now + 5000});
    assert_int_equal(case_task(c, "t-2")->deadline_at, now + 5000);
    assert_sent(c, "t-p", fence,
                &(struct asked){.id = "t-3", .agent = "bob", .deadline_at = now + 99000});
    assert_int_equal(case_task(c, "t-3")->deadline_at, now + 90000);
    for (int i = 0; i < 11; i++) {
        case_pass(c, 9000);
        case_extend(c, "ada", "n1", "t-p", fence, NULL);
    }
    assert_refused(c, "t-p", fence, &(struct asked){.id = "t-4", .agent = "bob"}, "refused",
                   "deadline", "1000 ms are left until the deadline, and 1000 ms");
}

static void the_time_kept_is_bounded(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, "{\"wall_ms\":10000000}", NULL), now = ledger_now(c->ledger);
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "bob"});
    assert_int_equal(case_task(c, "t-1")->deadline_at, now + 10000000 - LIMIT_WRAP_UP_MAX_MS);
}

static void a_full_queue_is_a_refusal(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, NULL, NULL);
    struct ledger_counts counts = {.queued = LIMIT_QUEUE_PER_AGENT}, none = {0};
    struct task below = {.id = "t-1", .agent = "dan", .kind = "delegation", .parent = "t-p"};
    struct call call = {.step = 1, .idx = 1, .kind = "tool"};
    struct delegation ask = {.step = 1, .idx = 1, .child = &below, .mode = "sync"};
    struct op ops[] = {
        {.type = OP_CALL_INTEND, .task_id = "t-p", .fence = fence, .call = &call},
        {.type = OP_DELEGATE, .task_id = "t-p", .fence = fence, .delegation = &ask},
    };
    tally_set(&c->ledger->tally, "dan", &counts);
    assert_int_equal(case_op(c, (struct op){.type = OP_SUBMIT, .task = &below}), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "queue_full");
    assert_int_equal(case_apply(c, ops, 2), LEDGER_OK);
    json_t *answer = json_loads(case_call(c, "t-p", 1, 1)->response, 0, NULL);
    assert_string_equal(json_get_text(answer, "code", ""), "queue_full");
    assert_string_equal(json_get_text(answer, "failure_class", ""), "refused");
    json_decref(answer);
    tally_set(&c->ledger->tally, "dan", &none);
    case_assert_clean(c);
}

static void a_budget_is_given_out_of_the_parents(void **state)
{
    struct ledger_case *c = *state;
    struct root_budget budget = {.limit = {-1, 1000}};
    int64_t fence = begin(c, NULL, &budget);
    assert_refused(c, "t-p", fence,
                   &(struct asked){.id = "t-1", .agent = "bob", .limit = {-1, 2000}}, "budget",
                   "budget", "1000");
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "bob", .limit = {-1, 900}});
    assert_string_equal(case_task(c, "t-1")->budget, "t-1");
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-2", .agent = "bob"});
    assert_string_equal(case_task(c, "t-2")->budget, "t-p");
    case_assert_clean(c);
}

static void a_submitted_child_shows_its_parents_fence(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, NULL, NULL);
    struct task below = {.id = "t-1", .agent = "bob", .kind = "delegation", .parent = "t-p"};
    struct op op = {.type = OP_SUBMIT, .task_id = "t-p", .fence = fence + 1, .task = &below};
    assert_int_equal(case_op(c, op), LEDGER_LOST);
    op.fence = fence;
    assert_int_equal(case_op(c, op), LEDGER_OK);
    assert_int_equal(case_task(c, "t-p")->children, 1);
    assert_int_equal(case_events(c, "chronicle", "task.delegated"), 1);
    assert_int_equal(case_op(c, op), LEDGER_DUP);
    case_assert_clean(c);
}

/* ---- another agent takes over ---- */

static int reassign(struct ledger_case *c, const char *old, const char *id, const char *agent)
{
    struct task task = {.id = id, .agent = agent};
    return case_op(c,
                   (struct op){.type = OP_REASSIGN, .task_id = old, .reassign = {.task = &task}});
}

static void a_task_goes_to_another_agent_in_its_place(void **state)
{
    struct ledger_case *c = *state;
    const char *reason;
    int64_t fence = begin(c, NULL, NULL);
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "bob", .text = "find it"});
    int64_t idx = case_task(c, "t-1")->parent_index;
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    int64_t held = case_claim_id(c, "bob", "n1", "t-1");
    assert_sent(c, "t-1", held, &(struct asked){.id = "t-2", .agent = "dan"});
    assert_int_equal(reassign(c, "t-1", "t-3", "bob"), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "same_agent");
    assert_int_equal(reassign(c, "t-1", "t-3", "cyd"), LEDGER_OK);
    case_assert_clean(c);
    const struct task *task = case_task(c, "t-3");
    assert_string_equal(task->retry_of, "t-1");
    assert_string_equal(task->instruction, "find it");
    assert_string_equal(task->root, "t-p");
    assert_string_equal(task->parent, "t-p");
    assert_string_equal(task->path, "[\"ada\",\"cyd\"]");
    assert_string_equal(case_call(c, "t-p", 1, idx)->child, "t-3");
    case_assert_state(c, "t-2", TASK_CANCELLED);
    assert_int_equal(case_extend(c, "bob", "n1", "t-1", held, &reason), EXTEND_CANCEL);
    assert_int_equal(case_finish(c, "t-1", held, "\"bob's\""), LEDGER_OK);
    case_assert_state(c, "t-p", TASK_WAITING);
    assert_string_equal(case_call(c, "t-p", 1, idx)->state, CALL_WAITING);
    assert_int_equal(case_finish(c, "t-3", case_claim_id(c, "cyd", "n1", "t-3"), "\"cyd's\""),
                     LEDGER_OK);
    json_t *answer = json_loads(case_call(c, "t-p", 1, idx)->response, 0, NULL);
    assert_string_equal(json_get_text(answer, "text", ""), "cyd's");
    json_decref(answer);
    case_claim_id(c, "ada", "n1", "t-p");
    assert_int_equal(reassign(c, "t-1", "t-4", "dan"), LEDGER_CONFLICT);
    assert_string_equal(c->outcome.code, "already_ended");
    case_assert_clean(c);
}

static void patience_moves_with_the_task(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, NULL, NULL);
    struct task child = {.id = "t-1", .agent = "bob", .instruction = "slow"};
    struct delegation ask = {.step = 1,
                             .idx = 900,
                             .child = &child,
                             .mode = "sync",
                             .patience_ms = 4000,
                             .limit = {-1, -1}};
    assert_int_equal(case_delegate(c, "t-p", fence, &ask), LEDGER_OK);
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    assert_int_equal(reassign(c, "t-1", "t-2", "cyd"), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_CANCELLED);
    case_assert_state(c, "t-p", TASK_WAITING);
    case_assert_clean(c);
    case_pass(c, 4000);
    json_t *answer = json_loads(case_call(c, "t-p", 1, 900)->response, 0, NULL);
    assert_string_equal(json_get_text(answer, "task", ""), "t-2");
    json_decref(answer);
    case_claim_id(c, "ada", "n1", "t-p");
    case_assert_state(c, "t-2", TASK_QUEUED);
    case_assert_clean(c);
}

static void a_whole_request_goes_to_another_agent(void **state)
{
    struct ledger_case *c = *state;
    struct root_budget budget = {.limit = {-1, 1000}};
    struct wait wait = {.kind = "task", .id = "t-p"};
    int64_t fence = begin(c, "{\"depth\":3,\"wall_ms\":50000}", &budget);
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "bob"});
    assert_int_equal(case_submit(c, "t-w", "dan", NULL), LEDGER_OK);
    assert_int_equal(case_park(c, "t-w", case_claim_id(c, "dan", "n1", "t-w"), "all", &wait, 1),
                     LEDGER_OK);
    assert_int_equal(reassign(c, "t-p", "t-q", "cyd"), LEDGER_OK);
    case_assert_clean(c);
    const struct task *task = case_task(c, "t-q");
    assert_null(task->parent);
    assert_string_equal(task->root, "t-q");
    assert_string_equal(task->budget, "t-p");
    assert_int_equal(task->deadline_at, case_task(c, "t-p")->deadline_at);
    case_assert_state(c, "t-1", TASK_CANCELLED);
    assert_int_equal(case_finish(c, "t-p", fence, "1"), LEDGER_OK);
    case_assert_state(c, "t-p", TASK_CANCELLED);
    case_assert_state(c, "t-w", TASK_WAITING);
    assert_int_equal(case_finish(c, "t-q", case_claim_id(c, "cyd", "n1", "t-q"), "1"), LEDGER_OK);
    case_claim_id(c, "dan", "n1", "t-w");
    case_assert_clean(c);
}

/* Parked or about to park: the new task must not stand behind who waits for it. */
static void a_reassignment_closes_no_circle(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, NULL, NULL);
    struct task into = {.id = "t-2", .agent = "ada", .session = "main"};
    struct op op = {.type = OP_REASSIGN, .task_id = "t-1", .reassign = {.task = &into}};
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "bob"});
    assert_int_equal(case_op(c, op), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "loop");
    assert_int_equal(case_park_step(c, "t-p", fence, 1), LEDGER_OK);
    assert_int_equal(case_op(c, op), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "loop");
    into.session = "side";
    assert_int_equal(case_op(c, op), LEDGER_OK);
    case_assert_clean(c);
}

/* ---- the check sees it ---- */

static void put(struct ledger_case *c, const struct record *record, const void *row)
{
    turnstile_enter(&c->ledger->turn);
    assert_int_equal(c->store->ops->put(c->store, record, row, &c->err), STORE_OK);
    turnstile_leave(&c->ledger->turn);
}

static void assert_found(struct ledger_case *c, const char *says)
{
    const char **findings;
    size_t count;
    assert_int_equal(
        ledger_admin(c->ledger, ADMIN_CHECK, NULL, &c->arena, &findings, &count, &c->err), 0);
    for (size_t i = 0; i < count; i++)
        if (strstr(findings[i], says))
            return;
    fail_msg("%zu findings, none says: %s", count, says);
}

static void the_check_looks_at_delegations(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, NULL, NULL);
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "bob"});
    const struct task *parent = case_task(c, "t-p");
    const struct call *call = case_call(c, "t-p", 1, case_task(c, "t-1")->parent_index);
    case_assert_clean(c);

    struct task miscounted = *parent;
    miscounted.children = 7;
    put(c, &task_record, &miscounted);
    assert_found(c, "counts 7 tasks below it; there are 1");
    put(c, &task_record, parent);

    struct call astray = *call;
    astray.child = "t-none";
    put(c, &call_record, &astray);
    assert_found(c, "waits for t-none, which is not there");
    astray.child = "t-p";
    put(c, &call_record, &astray);
    assert_found(c, "waits for t-p, which does not answer it");
    put(c, &call_record, call);
    case_assert_clean(c);

    assert_int_equal(case_finish(c, "t-p", fence, "1"), LEDGER_OK);
    case_assert_clean(c);
    put(c, &call_record, call);
    assert_found(c, "is done, and its call");
}

/* A chronicle of many pages and a turn of many steps, looked at a page at a time. */
static void the_check_breathes(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin(c, NULL, NULL);
    assert_sent(c, "t-p", fence, &(struct asked){.id = "t-1", .agent = "bob"});
    int64_t idx = case_task(c, "t-1")->parent_index;
    const struct call *waiting = case_call(c, "t-p", 1, idx);
    for (int step = 2; step < 100; step++) {
        assert_int_equal(case_intend(c, "t-p", fence, step, 1), LEDGER_OK);
        assert_int_equal(case_record(c, "t-p", fence, step, 1), LEDGER_OK);
    }
    struct call late = *waiting;
    late.step = 99;
    assert_int_equal(case_finish(c, "t-p", fence, "1"), LEDGER_OK);
    assert_int_equal(case_finish(c, "t-1", case_claim_id(c, "bob", "n1", "t-1"), "1"), LEDGER_OK);
    case_assert_clean(c);
    put(c, &call_record, &late);
    assert_found(c, "call 99.");
    late.state = CALL_RECORDED;
    put(c, &call_record, &late);
    case_assert_clean(c);

    struct event *events;
    size_t count;
    assert_int_equal(ledger_read(c->ledger, "t-p", 1, 0, &c->arena, &events, &count, &c->err), 0);
    assert_true(count > 150);
    events[count - 20].body = "{\"step\":7}";
    put(c, &event_record, &events[count - 20]);
    assert_found(c, "was changed after it was written");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_agent_twice_on_a_path),
        CASE(a_sub_agent_of_itself_is_bounded_by_depth),
        CASE(a_tree_has_so_many_tasks),
        CASE(a_task_fans_out_so_far),
        CASE(the_same_question_is_asked_twice_at_most),
        CASE(long_questions_are_compared_too),
        CASE(waiting_in_a_lane_of_ones_own_is_a_circle),
        CASE(a_child_has_less_time),
        CASE(the_time_kept_is_bounded),
        CASE(a_full_queue_is_a_refusal),
        CASE(a_budget_is_given_out_of_the_parents),
        CASE(a_submitted_child_shows_its_parents_fence),
        CASE(a_task_goes_to_another_agent_in_its_place),
        CASE(patience_moves_with_the_task),
        CASE(a_reassignment_closes_no_circle),
        CASE(a_whole_request_goes_to_another_agent),
        CASE(the_check_looks_at_delegations),
        CASE(the_check_breathes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
