/* Money and tokens: set aside before a call, booked behind it, at every level of the chain. */
#include "ledger_case.h"

#include <stdio.h>

#include "base/json.h"
#include "base/str.h"

static const char company[] = "company:2026-11-22";

/* A request of its own for ada, claimed. */
static int64_t begin_root(struct ledger_case *c, const char *id, struct amount limit,
                          struct amount of_company)
{
    struct root_budget budget = {limit, company, of_company};
    struct task task = {.id = id, .agent = "ada", .caller = "operator", .kind = "ask"};
    task.instruction = id;
    struct op op = {.type = OP_SUBMIT, .root_budget = &budget, .task = &task};
    case_register(c, "ada", "n1");
    assert_int_equal(case_op(c, op), LEDGER_OK);
    return case_claim_id(c, "ada", "n1", id);
}

static struct budget row_of(struct ledger_case *c, const char *id)
{
    struct budget row = {.id = id};
    if (ledger_get(c->ledger, &budget_record, &row, &c->arena, &c->err) != 0)
        fail_msg("there is no budget %s", id);
    return row;
}

static void assert_row(struct ledger_case *c, const char *id, int64_t reserved, int64_t spent)
{
    struct budget row = row_of(c, id);
    if (row.reserved != reserved || row.spent != spent)
        fail_msg("%s has %lld reserved and %lld spent, not %lld and %lld", id,
                 (long long)row.reserved, (long long)row.spent, (long long)reserved,
                 (long long)spent);
}

static void assert_left(struct ledger_case *c, const char *task, int64_t micro_usd, int64_t tokens)
{
    struct amount left;
    assert_int_equal(ledger_budget_left(c->ledger, case_task(c, task), &left, &c->err), 0);
    assert_int_equal(left.micro_usd, micro_usd);
    assert_int_equal(left.tokens, tokens);
}

static const char *body_of(struct ledger_case *c, const char *stream, const char *type)
{
    struct event *events;
    size_t count;
    ledger_read(c->ledger, stream, 1, 0, &c->arena, &events, &count, &c->err);
    for (size_t i = count; i-- > 0;)
        if (str_eq(events[i].type, type))
            return events[i].body;
    fail_msg("%s has no event %s", stream, type);
    return NULL;
}

static void a_request_has_a_chain(void **state)
{
    struct ledger_case *c = *state;
    begin_root(c, "t-1", (struct amount){500, -1}, (struct amount){1000, -1});
    struct root root = {.id = "t-1"};
    ledger_get(c->ledger, &root_record, &root, &c->arena, &c->err);
    assert_string_equal(root.budget, "t-1");
    assert_string_equal(case_task(c, "t-1")->budget, "t-1");
    assert_int_equal(row_of(c, "t-1/usd").limit_value, 500);
    assert_string_equal(row_of(c, "t-1/usd").parent, "company:2026-11-22/usd");
    assert_string_equal(row_of(c, "t-1/usd").unit, "micro_usd");
    assert_int_equal(row_of(c, "t-1/tokens").limit_value, -1);
    assert_string_equal(row_of(c, "t-1/tokens").unit, "tokens");
    assert_int_equal(row_of(c, "company:2026-11-22/usd").limit_value, 1000);
    assert_null(row_of(c, "company:2026-11-22/usd").parent);
    assert_left(c, "t-1", 500, -1);
    assert_int_equal(case_events(c, "system", "budget.opened"), 1);
    case_assert_clean(c);
}

static void a_call_is_reserved_and_settled(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin_root(c, "t-1", (struct amount){500, 9000}, (struct amount){1000, -1});
    assert_int_equal(case_reserve(c, "t-1", fence, 1, (struct amount){300, 6000}), LEDGER_OK);
    assert_string_equal(c->outcome.state, TASK_WORKING);
    assert_row(c, "t-1/usd", 300, 0);
    assert_row(c, "t-1/tokens", 6000, 0);
    assert_row(c, "company:2026-11-22/usd", 300, 0);
    assert_int_equal(case_task(c, "t-1")->reserved_micro_usd, 300);
    assert_int_equal(case_task(c, "t-1")->reserved_tokens, 6000);
    assert_left(c, "t-1", 200, 3000);
    case_assert_clean(c);
    case_restart(c);
    assert_int_equal(case_answer(c, "t-1", fence, 1, (struct amount){120, 900}), LEDGER_OK);
    assert_row(c, "t-1/usd", 0, 120);
    assert_row(c, "t-1/tokens", 0, 900);
    assert_row(c, "company:2026-11-22/usd", 0, 120);
    assert_row(c, "company:2026-11-22/tokens", 0, 900);
    assert_int_equal(case_task(c, "t-1")->reserved_micro_usd, 0);
    assert_left(c, "t-1", 380, 8100);
    assert_null(strstr(body_of(c, "t-1", "budget.settled"), "exceeds"));
    case_finish(c, "t-1", fence, "1");
    assert_int_equal(case_events(c, "t-1", "budget.lost"), 0);
    case_assert_books(c);
    case_assert_clean(c);
}

static void assert_refused(struct ledger_case *c, const char *id, const char *message)
{
    const struct task *task = case_task(c, id);
    assert_string_equal(c->outcome.state, TASK_FAILED);
    assert_string_equal(task->state, TASK_FAILED);
    assert_string_equal(task->failure_class, "budget");
    assert_string_equal(task->failure_message, message);
    assert_int_equal(task->reserved_micro_usd, 0);
    assert_int_equal(task->reserved_tokens, 0);
    assert_int_equal(case_events(c, id, "budget.refused"), 1);
}

static void too_little_left_ends_the_task(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin_root(c, "t-1", (struct amount){500000, -1}, (struct amount){-1, -1});
    case_reserve(c, "t-1", fence, 1, (struct amount){500000, 10});
    case_answer(c, "t-1", fence, 1, (struct amount){487700, 9});
    assert_int_equal(case_reserve(c, "t-1", fence, 2, (struct amount){12301, 10}), LEDGER_OK);
    assert_refused(c, "t-1",
                   "The budget of request t-1 is used up: limit $0.5000, spent $0.4877; this model "
                   "call may need $0.012301.");
    assert_row(c, "t-1/usd", 0, 487700);
    assert_row(c, "t-1/tokens", 0, 9);
    fence = begin_root(c, "t-2", (struct amount){-1, 100}, (struct amount){-1, -1});
    assert_int_equal(case_reserve(c, "t-2", fence, 1, (struct amount){-1, 101}), LEDGER_OK);
    assert_refused(c, "t-2",
                   "The budget of request t-2 is used up: limit 100 tokens, spent 0 tokens; this "
                   "model call may need 101 tokens.");
    case_assert_books(c);
    case_assert_clean(c);
}

static void requests_share_the_company(void **state)
{
    struct ledger_case *c = *state;
    struct amount of_company = {1000, -1};
    int64_t one = begin_root(c, "t-1", (struct amount){900, -1}, of_company);
    int64_t two = begin_root(c, "t-2", (struct amount){900, -1}, of_company);
    assert_int_equal(case_events(c, "system", "budget.opened"), 1);
    assert_int_equal(case_reserve(c, "t-1", one, 1, (struct amount){600, -1}), LEDGER_OK);
    assert_left(c, "t-2", 400, -1);
    assert_int_equal(case_reserve(c, "t-2", two, 1, (struct amount){401, -1}), LEDGER_OK);
    assert_refused(
        c, "t-2",
        "The company's budget (company:2026-11-22) is used up: limit $0.0010, spent "
        "$0.0000, $0.0006 set aside for open calls; this model call may need $0.000401.");
    two = begin_root(c, "t-3", (struct amount){900, -1}, (struct amount){1001, -1});
    assert_int_equal(case_events(c, "system", "budget.opened"), 2);
    assert_int_equal(case_reserve(c, "t-3", two, 1, (struct amount){401, -1}), LEDGER_OK);
    assert_string_equal(c->outcome.state, TASK_WORKING);
    case_assert_books(c);
    case_assert_clean(c);
}

/* ---- what is neither settled nor known ---- */

static void a_lost_reservation_is_spent(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin_root(c, "t-1", (struct amount){1000, -1}, (struct amount){-1, -1});
    case_reserve(c, "t-1", fence, 1, (struct amount){300, 30});
    case_register(c, "ada", "n2"); /* the worker has died */
    assert_row(c, "t-1/usd", 300, 0);
    fence = case_claim_id(c, "ada", "n2", "t-1");
    case_reserve(c, "t-1", fence, 1, (struct amount){200, 20});
    assert_row(c, "t-1/usd", 200, 300);
    assert_row(c, "t-1/tokens", 20, 30);
    assert_int_equal(case_events(c, "t-1", "budget.lost"), 1);
    struct call unknown = {.step = 1, .state = CALL_UNKNOWN};
    case_op(
        c, (struct op){.type = OP_CALL_RECORD, .task_id = "t-1", .fence = fence, .call = &unknown});
    assert_row(c, "t-1/usd", 0, 500);
    case_reserve(c, "t-1", fence, 2, (struct amount){100, 10});
    assert_int_equal(case_finish(c, "t-1", fence, "1"), LEDGER_OK);
    assert_row(c, "t-1/usd", 0, 600);
    assert_row(c, "company:2026-11-22/usd", 0, 600);
    assert_int_equal(case_events(c, "t-1", "budget.lost"), 3);
    assert_int_equal(case_task(c, "t-1")->reserved_micro_usd, 0);
    case_assert_books(c);
    case_assert_clean(c);
}

static void a_cancelled_call_is_spent(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin_root(c, "t-1", (struct amount){1000, -1}, (struct amount){-1, -1});
    case_reserve(c, "t-1", fence, 1, (struct amount){300, 30});
    case_cancel(c, "t-1");
    case_pass(c, LIMIT_LEASE_MS + 1);
    case_assert_state(c, "t-1", TASK_CANCELLED);
    assert_row(c, "t-1/usd", 0, 300);
    case_assert_books(c);
    case_assert_clean(c);
}

static void a_dropped_call_costs_nothing(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin_root(c, "t-1", (struct amount){1000, -1}, (struct amount){-1, -1});
    struct call call = {.step = 1};
    struct op drop = {.type = OP_CALL_DROP, .task_id = "t-1", .fence = fence, .call = &call};
    assert_int_equal(case_op(c, drop), LEDGER_NONE);
    case_reserve(c, "t-1", fence, 1, (struct amount){300, 30});
    assert_int_equal(case_op(c, drop), LEDGER_OK);
    assert_row(c, "t-1/usd", 0, 0);
    assert_row(c, "company:2026-11-22/tokens", 0, 0);
    assert_int_equal(case_op(c, drop), LEDGER_NONE);
    assert_string_equal(c->outcome.code, "no_call");
    assert_int_equal(case_events(c, "t-1", "budget.returned"), 1);
    assert_int_equal(case_events(c, "t-1", "call.dropped"), 1);
    case_reserve(c, "t-1", fence, 1, (struct amount){300, 30});
    case_answer(c, "t-1", fence, 1, (struct amount){1, 1});
    assert_int_equal(case_op(c, drop), LEDGER_CONFLICT);
    drop.fence++;
    assert_int_equal(case_op(c, drop), LEDGER_LOST);
    case_assert_books(c);
    case_assert_clean(c);
}

static void what_has_no_price_counts_tokens(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin_root(c, "t-1", (struct amount){-1, 100}, (struct amount){-1, -1});
    assert_int_equal(case_reserve(c, "t-1", fence, 1, (struct amount){-1, 60}), LEDGER_OK);
    assert_string_equal(c->outcome.state, TASK_WORKING);
    case_answer(c, "t-1", fence, 1, (struct amount){-1, 60});
    assert_row(c, "t-1/usd", 0, 0);
    assert_row(c, "t-1/tokens", 0, 60);
    fence = begin_root(c, "t-2", (struct amount){100, 100}, (struct amount){-1, -1});
    case_reserve(c, "t-2", fence, 1, (struct amount){70, 60});
    case_answer(c, "t-2", fence, 1, (struct amount){-1, 40}); /* it had one: the worst is booked */
    assert_row(c, "t-2/usd", 0, 70);
    assert_row(c, "t-2/tokens", 0, 40);
    fence = begin_root(c, "t-3", (struct amount){100, 100}, (struct amount){-1, -1});
    case_reserve(c, "t-3", fence, 1, (struct amount){-1, 60}); /* dollars are limited: not asked */
    assert_string_equal(c->outcome.state, TASK_FAILED);
    assert_string_equal(case_task(c, "t-3")->failure_class, "budget");
    case_assert_books(c);
    case_assert_clean(c);
}

static void a_dearer_call_is_booked_and_said(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin_root(c, "t-1", (struct amount){100, -1}, (struct amount){-1, -1});
    case_reserve(c, "t-1", fence, 1, (struct amount){80, 10});
    case_answer(c, "t-1", fence, 1, (struct amount){130, 10});
    assert_row(c, "t-1/usd", 0, 130);
    const char *body = body_of(c, "t-1", "budget.settled");
    assert_non_null(strstr(body, "\"exceeds_reserved\":true"));
    assert_non_null(strstr(body, "\"exceeds_limit\":true"));
    assert_left(c, "t-1", 0, -1);
    case_reserve(c, "t-1", fence, 2, (struct amount){1, 1});
    case_assert_state(c, "t-1", TASK_FAILED);
    case_assert_books(c);
    case_assert_clean(c);
}

static void nobody_gets_money_back_by_counting_down(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin_root(c, "t-1", (struct amount){100, 100}, (struct amount){-1, -1});
    struct call call = {.step = 1, .tokens_in = -50, .tokens_out = -50, .cost_micro_usd = -5000};
    case_reserve(c, "t-1", fence, 1, (struct amount){80, 10});
    case_op(c,
            (struct op){.type = OP_CALL_RECORD, .task_id = "t-1", .fence = fence, .call = &call});
    assert_row(c, "t-1/usd", 0, 80);
    assert_row(c, "t-1/tokens", 0, 0);
    case_assert_books(c);
    case_assert_clean(c);
}

static void without_a_budget_nothing_is_counted(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_null(case_task(c, "t-1")->budget);
    assert_int_equal(case_reserve(c, "t-1", fence, 1, (struct amount){80, 10}), LEDGER_OK);
    assert_int_equal(case_task(c, "t-1")->reserved_micro_usd, 0);
    assert_left(c, "t-1", -1, -1);
    case_answer(c, "t-1", fence, 1, (struct amount){80, 10});
    assert_int_equal(case_events(c, "t-1", "budget.settled"), 0);
    case_assert_clean(c);
}

/* ---- below a request ---- */

static int begin_child(struct ledger_case *c, const char *id, const char *parent,
                       struct amount limit)
{
    struct root_budget budget = {limit, NULL, {-1, -1}};
    struct task task = {.id = id, .agent = "bob", .parent = parent, .kind = "delegation"};
    task.parent_step = -1;
    task.instruction = id;
    case_register(c, "bob", "n1");
    return case_op(c, (struct op){.type = OP_SUBMIT, .root_budget = &budget, .task = &task});
}

static void a_child_spends_from_its_parents(void **state)
{
    struct ledger_case *c = *state;
    begin_root(c, "t-1", (struct amount){1000, 500}, (struct amount){5000, -1});
    assert_int_equal(begin_child(c, "t-2", "t-1", (struct amount){-1, -1}), LEDGER_OK);
    assert_string_equal(case_task(c, "t-2")->budget, "t-1");
    assert_int_equal(begin_child(c, "t-3", "t-1", (struct amount){400, -1}), LEDGER_OK);
    assert_string_equal(case_task(c, "t-3")->budget, "t-3");
    assert_string_equal(row_of(c, "t-3/usd").parent, "t-1/usd");
    int64_t two = case_claim_id(c, "bob", "n1", "t-2"),
            three = case_claim_id(c, "bob", "n1", "t-3");
    assert_left(c, "t-3", 400, 500);
    case_reserve(c, "t-2", two, 1, (struct amount){700, 100});
    assert_left(c, "t-3", 300, 400);
    case_reserve(c, "t-3", three, 1, (struct amount){250, 100});
    assert_row(c, "t-1/usd", 950, 0);
    assert_row(c, "t-3/usd", 250, 0);
    assert_row(c, "company:2026-11-22/tokens", 200, 0);
    case_assert_clean(c);
    case_answer(c, "t-2", two, 1, (struct amount){100, 50});
    case_answer(c, "t-3", three, 1, (struct amount){200, 50});
    assert_row(c, "t-1/usd", 0, 300);
    case_reserve(c, "t-3", three, 2, (struct amount){201, 1});
    assert_refused(c, "t-3",
                   "The budget of task t-3 is used up: limit $0.0004, spent $0.0002; this model "
                   "call may need $0.000201.");
    case_assert_books(c);
    case_assert_clean(c);
}

static void a_child_gets_no_more_than_there_is(void **state)
{
    struct ledger_case *c = *state;
    int64_t fence = begin_root(c, "t-1", (struct amount){1000000, -1}, (struct amount){-1, -1});
    case_reserve(c, "t-1", fence, 1, (struct amount){600000, 10});
    assert_int_equal(begin_child(c, "t-2", "t-1", (struct amount){400001, -1}), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "budget");
    assert_string_equal(c->outcome.message,
                        "A budget of $0.400001 cannot be given: of t-1 there is $0.4000 left.");
    struct budget row = {.id = "t-2/usd"};
    assert_int_equal(ledger_get(c->ledger, &budget_record, &row, &c->arena, &c->err), LEDGER_NONE);
    assert_int_equal(begin_child(c, "t-2", "t-1", (struct amount){400000, 7}), LEDGER_OK);
    assert_int_equal(begin_child(c, "t-3", "t-2", (struct amount){-1, 8}), LEDGER_REFUSED);
    assert_int_equal(begin_child(c, "t-3", "t-2", (struct amount){1, 7}), LEDGER_OK);
    case_assert_clean(c);
}

static void a_child_may_have_the_only_budget(void **state)
{
    struct ledger_case *c = *state;
    case_submit(c, "t-1", "ada", "main");
    assert_int_equal(begin_child(c, "t-2", "t-1", (struct amount){40, -1}), LEDGER_OK);
    assert_null(case_task(c, "t-1")->budget);
    assert_null(row_of(c, "t-2/usd").parent);
    int64_t fence = case_claim_id(c, "bob", "n1", "t-2");
    case_reserve(c, "t-2", fence, 1, (struct amount){41, -1});
    case_assert_state(c, "t-2", TASK_FAILED);
    case_assert_clean(c);
}

/* ---- sums ---- */

static void assert_usage(struct ledger_case *c, const char *day, int64_t calls, int64_t cost,
                         int64_t unpriced)
{
    void *rows;
    size_t count;
    assert_int_equal(
        ledger_query(c->ledger, LIST_USAGE, day, day, 0, 0, &c->arena, &rows, &count, &c->err), 0);
    assert_int_equal(count, 1);
    const struct usage *usage = rows;
    assert_string_equal(usage->agent, "ada");
    assert_string_equal(usage->model, "m/x");
    assert_int_equal(usage->calls, calls);
    assert_int_equal(usage->cost_micro_usd, cost);
    assert_int_equal(usage->unpriced, unpriced);
}

static void usage_is_summed_once(void **state)
{
    struct ledger_case *c = *state; /* begins on 2026-11-22 15:04:05 */
    int64_t fence = begin_root(c, "t-1", (struct amount){-1, -1}, (struct amount){-1, -1});
    for (int64_t step = 1; step <= 3; step++) {
        case_reserve(c, "t-1", fence, step, (struct amount){100, 90});
        case_answer(c, "t-1", fence, step, (struct amount){step == 2 ? -1 : 50, 90});
    }
    assert_int_equal(case_answer(c, "t-1", fence, 3, (struct amount){50, 90}), LEDGER_CONFLICT);
    case_intend(c, "t-1", fence, 3, 1); /* a tool's call is no model's */
    case_record(c, "t-1", fence, 3, 1);
    assert_usage(c, "2026-11-22", 3, 100, 1);
    case_pass(c, 9 * 3600 * 1000);
    fence = case_claim_id(c, "ada", "n1", "t-1");
    case_reserve(c, "t-1", fence, 4, (struct amount){100, 90});
    case_answer(c, "t-1", fence, 4, (struct amount){7, 90});
    assert_usage(c, "2026-11-22", 3, 100, 1);
    assert_usage(c, "2026-11-23", 1, 7, 0);
    struct root root = {.id = "t-1"};
    ledger_get(c->ledger, &root_record, &root, &c->arena, &c->err);
    assert_int_equal(root.model_calls, 4);
    assert_int_equal(root.tokens_in, 240);
    assert_int_equal(root.tokens_out, 120);
    assert_int_equal(root.cost_micro_usd, 107);
    assert_int_equal(root.unpriced, 1);
    case_assert_books(c);
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_request_has_a_chain),
        CASE(a_call_is_reserved_and_settled),
        CASE(too_little_left_ends_the_task),
        CASE(requests_share_the_company),
        CASE(a_lost_reservation_is_spent),
        CASE(a_cancelled_call_is_spent),
        CASE(a_dropped_call_costs_nothing),
        CASE(what_has_no_price_counts_tokens),
        CASE(a_dearer_call_is_booked_and_said),
        CASE(nobody_gets_money_back_by_counting_down),
        CASE(without_a_budget_nothing_is_counted),
        CASE(a_child_spends_from_its_parents),
        CASE(a_child_gets_no_more_than_there_is),
        CASE(a_child_may_have_the_only_budget),
        CASE(usage_is_summed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
