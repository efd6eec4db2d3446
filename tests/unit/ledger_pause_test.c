/* Pauses: what is in their scope begins nothing, whoever asks and whenever; all else goes on; and
 * what was parked goes on where it stood. */
#include "ledger_run_case.h"

#include <stdio.h>

#include "base/json.h"
#include "base/str.h"

static int pause_by(struct ledger_case *c, const char *id, const char *by, bool panic)
{
    struct pause row = {.id = id, .by = by, .reason = "the roof is on fire", .panic = panic};
    return case_op(c, (struct op){.type = OP_PAUSE, .pause = &row});
}

static int pause_it(struct ledger_case *c, const char *id)
{
    return pause_by(c, id, "operator", false);
}

static int resume(struct ledger_case *c, const char *id)
{
    struct pause row = {.id = id, .by = "person:ann"};
    int rc = case_op(c, (struct op){.type = OP_RESUME, .pause = &row});
    ledger_sweep(c->ledger, &c->err);
    return rc;
}

/* A task of ada's that is worked on, at fence 1. */
static void begin(struct ledger_case *c)
{
    case_register(c, "ada", "n1");
    case_register(c, "bob", "n2");
    case_submit(c, "t-1", "ada", NULL);
    case_claim_id(c, "ada", "n1", "t-1");
}

static const char *intend(struct ledger_case *c, const char *id, int64_t fence, int64_t step)
{
    assert_int_equal(case_intend(c, id, fence, step, 1), LEDGER_OK);
    return c->outcome.state;
}

static const char *waits_for(struct ledger_case *c, const char *id)
{
    void *rows;
    size_t count;
    assert_int_equal(
        ledger_query(c->ledger, LIST_WAITS, id, NULL, 0, 9, &c->arena, &rows, &count, &c->err), 0);
    assert_int_equal(count, 1);
    const struct wait *wait = rows;
    assert_string_equal(wait->kind, "pause");
    return wait->id;
}

static size_t paused(struct ledger_case *c)
{
    struct pause *list;
    size_t count;
    ledger_pauses(c->ledger, &c->arena, &list, &count);
    return count;
}

/* ---- a pause ---- */

static void nothing_of_a_paused_company_is_claimed(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    case_submit(c, "t-2", "ada", NULL);
    assert_int_equal(pause_it(c, "company"), LEDGER_OK);
    assert_int_equal(case_submit(c, "t-3", "ada", NULL), LEDGER_OK);
    assert_null(case_claim(c, "ada", "n1"));
    assert_true(ledger_is_paused(c->ledger));
    assert_int_equal(resume(c, "company"), LEDGER_OK);
    assert_int_equal(paused(c), 0);
    case_claim_id(c, "ada", "n1", "t-2");
    case_claim_id(c, "ada", "n1", "t-3");
    case_assert_clean(c);
}

static void a_call_that_would_begin_parks_its_turn(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    assert_string_equal(intend(c, "t-1", 1, 1), TASK_WORKING);
    pause_it(c, "agent:ada");
    assert_int_equal(case_record(c, "t-1", 1, 1, 1), LEDGER_OK);
    assert_string_equal(intend(c, "t-1", 1, 2), TASK_WAITING);
    assert_string_equal(waits_for(c, "t-1"), "agent:ada");
    assert_null(case_task(c, "t-1")->worker);
    resume(c, "agent:ada");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_string_equal(intend(c, "t-1", fence, 2), TASK_WORKING);
    assert_int_equal(case_task(c, "t-1")->tries, 0);
    assert_int_equal(case_task(c, "t-1")->deaths, 0);
    case_assert_clean(c);
}

static void a_model_call_waits_too_and_sets_nothing_aside(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    pause_it(c, "company");
    assert_int_equal(case_reserve(c, "t-1", 1, 1, (struct amount){5, 5}), LEDGER_OK);
    assert_string_equal(c->outcome.state, TASK_WAITING);
    assert_null(case_task(c, "t-1")->provider);
    assert_int_equal(case_task(c, "t-1")->reserved_tokens, 0);
    case_assert_clean(c);
}

static void a_delegation_waits_with_its_call_as_it_was(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    intend(c, "t-1", 1, 1);
    pause_it(c, "task:t-1");
    struct task child = {.id = "t-2", .agent = "bob", .instruction = "help"};
    struct delegation ask = {
        .step = 1, .idx = 1, .child = &child, .mode = "sync", .limit = {-1, -1}};
    struct op op = {.type = OP_DELEGATE, .task_id = "t-1", .fence = 1, .delegation = &ask};
    assert_int_equal(case_op(c, op), LEDGER_OK);
    assert_string_equal(c->outcome.state, TASK_WAITING);
    assert_string_equal(case_call(c, "t-1", 1, 1)->state, CALL_INTENDED);
    resume(c, "task:t-1");
    op.fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_op(c, op), LEDGER_OK);
    case_claim_id(c, "bob", "n2", "t-2");
    case_assert_clean(c);
}

static void the_pause_of_one_agent_leaves_the_others(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    case_submit(c, "t-2", "bob", NULL);
    pause_it(c, "agent:ada");
    int64_t fence = case_claim_id(c, "bob", "n2", "t-2");
    assert_string_equal(intend(c, "t-2", fence, 1), TASK_WORKING);
    struct agent ada = {.id = "ada"};
    assert_int_equal(ledger_get(c->ledger, &agent_record, &ada, &c->arena, &c->err), 0);
    assert_true(ada.paused);
    resume(c, "agent:ada");
    assert_int_equal(ledger_get(c->ledger, &agent_record, &ada, &c->arena, &c->err), 0);
    assert_false(ada.paused);
}

static void a_task_is_paused_with_all_below_it(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    case_submit_child(c, "t-2", "bob", "t-1");
    case_submit(c, "t-3", "bob", NULL);
    assert_int_equal(pause_it(c, "task:t-1"), LEDGER_OK);
    case_claim_id(c, "bob", "n2", "t-3"); /* whoever stood before it was put aside */
    assert_string_equal(waits_for(c, "t-2"), "task:t-1");
    assert_string_equal(intend(c, "t-1", 1, 1), TASK_WAITING);
    resume(c, "task:t-1");
    case_claim_id(c, "bob", "n2", "t-2");
    case_claim_id(c, "ada", "n1", "t-1");
    case_assert_clean(c);
}

static void a_great_tree_is_put_aside_in_portions(void **state)
{
    struct ledger_case *c = *state;
    char id[16];
    begin(c);
    pause_it(c, "task:t-1");
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "t-c%d", i);
        assert_int_equal(case_submit_child(c, id, "bob", "t-1"), LEDGER_OK);
    }
    case_submit(c, "t-3", "bob", NULL);
    struct task *task = NULL;
    for (int i = 0; i < 3 && !task; i++)
        task = case_claim(c, "bob", "n2");
    assert_string_equal(task->id, "t-3");
    resume(c, "task:t-1");
    for (int i = 0; i < 40; i++)
        assert_non_null(case_claim(c, "bob", "n2"));
    case_assert_clean(c);
}

/* ---- resume ---- */

static void a_wider_resume_frees_nothing_that_a_narrower_pause_holds(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    pause_it(c, "company");
    pause_it(c, "agent:ada");
    pause_it(c, "task:t-1");
    assert_string_equal(intend(c, "t-1", 1, 1), TASK_WAITING);
    assert_string_equal(waits_for(c, "t-1"), "company");
    resume(c, "company");
    assert_null(case_claim(c, "ada", "n1"));
    resume(c, "agent:ada");
    assert_null(case_claim(c, "ada", "n1"));
    assert_string_equal(waits_for(c, "t-1"), "task:t-1");
    resume(c, "task:t-1");
    case_claim_id(c, "ada", "n1", "t-1");
    case_assert_clean(c);
}

/* The worker saw the pause, it was lifted, then the worker parks: nobody would wake it. */
static void whoever_parks_for_a_lifted_pause_is_ready_at_once(void **state)
{
    struct ledger_case *c = *state;
    struct wait wait = {.kind = "pause", .id = "company"};
    begin(c);
    pause_it(c, "company");
    resume(c, "company");
    assert_int_equal(case_park(c, "t-1", 1, "all", &wait, 1), LEDGER_OK);
    case_claim_id(c, "ada", "n1", "t-1");
}

static void whoever_parks_waits_for_what_holds_it_then(void **state)
{
    struct ledger_case *c = *state;
    struct wait wait = {.kind = "pause", .id = "company"};
    begin(c);
    pause_it(c, "company");
    pause_it(c, "agent:ada");
    resume(c, "company");
    assert_int_equal(case_park(c, "t-1", 1, "all", &wait, 1), LEDGER_OK);
    assert_string_equal(waits_for(c, "t-1"), "agent:ada");
    struct wait both[] = {{.kind = "pause", .id = "company"}, {.kind = "timer", .id = "9"}};
    resume(c, "agent:ada");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    assert_int_equal(case_park(c, "t-1", fence, "any", both, 2), LEDGER_REFUSED);
}

static void a_pause_set_again_while_its_waiters_are_woken_holds_the_rest(void **state)
{
    struct ledger_case *c = *state;
    char id[16];
    case_register(c, "ada", "n1");
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "t-%d", i);
        case_submit(c, id, "ada", NULL);
        case_claim_id(c, "ada", "n1", id);
    }
    pause_it(c, "company");
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "t-%d", i);
        assert_string_equal(intend(c, arena_strdup(&c->arena, id), 1, 1), TASK_WAITING);
    }
    struct pause row = {.id = "company", .by = "operator"};
    case_op(c, (struct op){.type = OP_RESUME, .pause = &row});
    pause_it(c, "company");
    case_restart(c);
    ledger_sweep(c->ledger, &c->err);
    case_register(c, "ada", "n1");
    assert_null(case_claim(c, "ada", "n1"));
    case_op(c, (struct op){.type = OP_RESUME, .pause = &row});
    case_restart(c); /* what was not woken yet is woken by the next hub */
    case_register(c, "ada", "n1");
    ledger_sweep(c->ledger, &c->err);
    for (int i = 0; i < 100; i++)
        assert_non_null(case_claim(c, "ada", "n1"));
    case_assert_clean(c);
}

static void resume_of_what_is_not_paused_says_so(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    assert_int_equal(resume(c, "company"), LEDGER_NONE);
    assert_string_equal(c->outcome.code, "not_paused");
    pause_it(c, "company");
    assert_int_equal(resume(c, "agent:ada"), LEDGER_NONE);
    assert_int_equal(pause_it(c, "company"), LEDGER_DUP);
    assert_string_equal(c->outcome.existing, "company");
}

/* ---- who may, and what ---- */

static void only_people_pause(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    assert_int_equal(pause_by(c, "company", "agent:ada", false), LEDGER_REFUSED);
    assert_int_equal(pause_by(c, "company", "outside:ada", false), LEDGER_REFUSED);
    assert_int_equal(pause_by(c, "company", NULL, false), LEDGER_REFUSED);
    assert_int_equal(pause_by(c, "everything", "operator", false), LEDGER_REFUSED);
    assert_int_equal(pause_by(c, "agent:", "operator", false), LEDGER_REFUSED);
    assert_int_equal(pause_by(c, "agent:ada", "operator", true), LEDGER_REFUSED);
    assert_int_equal(pause_it(c, "task:t-none"), LEDGER_NONE);
    case_finish(c, "t-1", 1, "\"ok\"");
    assert_int_equal(pause_it(c, "task:t-1"), LEDGER_CONFLICT);
    assert_int_equal(paused(c), 0);
    assert_int_equal(pause_by(c, "company", "person:ann", true), LEDGER_OK);
    assert_int_equal(case_events(c, "system", "pause.set"), 1);
}

static void a_panic_takes_the_place_of_a_pause_and_not_the_other_way(void **state)
{
    struct ledger_case *c = *state;
    struct pause *list;
    size_t count;
    begin(c);
    pause_it(c, "company");
    int64_t first = ledger_halt(c->ledger);
    assert_int_equal(pause_by(c, "company", "person:ann", true), LEDGER_OK);
    assert_true(ledger_halt(c->ledger) > first);
    assert_int_equal(pause_it(c, "company"), LEDGER_DUP);
    ledger_pauses(c->ledger, &c->arena, &list, &count);
    assert_int_equal(count, 1);
    assert_true(list[0].panic);
    assert_string_equal(list[0].by, "person:ann");
    assert_string_equal(list[0].reason, "the roof is on fire");
}

static void a_pause_and_its_number_survive_a_restart(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    case_submit(c, "t-2", "ada", NULL);
    pause_it(c, "company");
    int64_t halt = ledger_halt(c->ledger);
    case_restart(c);
    assert_true(ledger_is_paused(c->ledger));
    assert_null(case_claim(c, "ada", "n1"));
    resume(c, "company");
    case_restart(c);
    assert_false(ledger_is_paused(c->ledger));
    assert_int_equal(ledger_halt(c->ledger), halt);
    pause_it(c, "agent:ada");
    assert_true(ledger_halt(c->ledger) > halt);
}

static void the_end_of_a_tree_ends_its_pause(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    case_submit_child(c, "t-2", "bob", "t-1");
    pause_it(c, "task:t-2");
    case_cancel(c, "t-1");
    case_finish(c, "t-1", 1, "\"late\"");
    case_pass(c, 1);
    assert_int_equal(paused(c), 0);
    case_assert_clean(c);
}

static void who_takes_over_a_paused_task_is_paused(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    case_submit(c, "t-2", "bob", NULL);
    pause_it(c, "task:t-2");
    struct task other = {.id = "t-3", .agent = "ada"};
    assert_int_equal(
        case_op(c,
                (struct op){.type = OP_REASSIGN, .task_id = "t-2", .reassign = {.task = &other}}),
        LEDGER_OK);
    assert_null(case_claim(c, "ada", "n1"));
    assert_string_equal(waits_for(c, "t-3"), "task:t-3");
    resume(c, "task:t-3");
    case_claim_id(c, "ada", "n1", "t-3");
    case_assert_clean(c);
}

static void deadlines_go_on(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    struct task task = {.id = "t-1", .agent = "ada", .kind = "ask"};
    task.deadline_at = ledger_now(c->ledger) + 1000;
    case_op(c, (struct op){.type = OP_SUBMIT, .task = &task});
    case_claim_id(c, "ada", "n1", "t-1");
    pause_it(c, "company");
    assert_string_equal(intend(c, "t-1", 1, 1), TASK_WAITING);
    case_pass(c, 1500);
    case_assert_state(c, "t-1", TASK_TIMED_OUT);
    case_assert_clean(c);
}

/* ---- leases ---- */

static void whoever_works_is_told(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    case_submit_child(c, "t-2", "bob", "t-1");
    int64_t fence = case_claim_id(c, "bob", "n2", "t-2");
    pause_it(c, "task:t-1");
    assert_int_equal(case_extend(c, "bob", "n2", "t-2", fence, NULL), EXTEND_PAUSE);
    resume(c, "task:t-1");
    assert_int_equal(case_extend(c, "bob", "n2", "t-2", fence, NULL), EXTEND_OK);
    pause_it(c, "agent:ada");
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", 1, NULL), EXTEND_PAUSE);
    assert_int_equal(case_extend(c, "bob", "n2", "t-2", fence, NULL), EXTEND_OK);
}

static void a_panic_renews_no_lease_and_gives_none_back(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    pause_by(c, "company", "operator", true);
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", 1, NULL), EXTEND_HALT);
    case_pass(c, LIMIT_LEASE_MS - 1);
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", 1, NULL), EXTEND_HALT);
    case_pass(c, 2);
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", 1, NULL), EXTEND_LOST);
    case_assert_state(c, "t-1", TASK_QUEUED);
    assert_null(case_claim(c, "ada", "n1"));
}

static size_t silent(struct ledger_case *c, const char *agent)
{
    struct holder *list;
    size_t count;
    ledger_unacknowledged(c->ledger, agent, ledger_halt(c->ledger), &c->arena, &list, &count);
    return count;
}

static void a_holder_is_silent_until_it_acknowledges_or_holds_nothing(void **state)
{
    struct ledger_case *c = *state;
    begin(c);
    case_submit(c, "t-2", "bob", NULL);
    case_claim_id(c, "bob", "n2", "t-2");
    pause_by(c, "company", "operator", true);
    assert_int_equal(silent(c, NULL), 2);
    assert_int_equal(silent(c, "bob"), 1);
    ledger_acknowledge(c->ledger, "ada", "n1", ledger_halt(c->ledger) - 1);
    assert_int_equal(silent(c, NULL), 2);
    ledger_acknowledge(c->ledger, "ada", "other", ledger_halt(c->ledger));
    assert_int_equal(silent(c, NULL), 2);
    ledger_acknowledge(c->ledger, "ada", "n1", ledger_halt(c->ledger));
    assert_int_equal(silent(c, NULL), 1);
    case_op(c, (struct op){.type = OP_RELEASE, .task_id = "t-2", .fence = 1});
    assert_int_equal(silent(c, NULL), 0);
    assert_int_equal(case_task(c, "t-2")->tries, 0);
}

static void a_claim_says_which_pauses_it_has_seen(void **state)
{
    struct ledger_case *c = *state;
    struct task *tasks;
    size_t count;
    int64_t halt = -1;
    case_register(c, "ada", "n1");
    pause_it(c, "agent:bob");
    case_submit(c, "t-1", "ada", NULL);
    struct claim claim = {.request_id = "q", .agent = "ada", .nonce = "n1", .max = 1};
    claim.halt = &halt;
    ledger_claim(c->ledger, &claim, &c->arena, &tasks, &count, &c->outcome, &c->err);
    assert_int_equal(count, 1);
    assert_int_equal(halt, ledger_halt(c->ledger));
    pause_it(c, "agent:ada");
    ledger_claim(c->ledger, &claim, &c->arena, &tasks, &count, &c->outcome, &c->err);
    assert_int_equal(count, 1); /* the lost answer again: it was claimed before */
    assert_int_equal(halt, 0);
}

/* ---- deliveries and runs ---- */

static struct effect *effect_of(struct ledger_case *c, const char *id)
{
    struct effect *row = arena_alloc(&c->arena, sizeof(*row));
    row->id = id;
    assert_int_equal(ledger_get(c->ledger, &effect_record, row, &c->arena, &c->err), 0);
    return row;
}

static const char *send(struct ledger_case *c, const char *id)
{
    struct effect to = {.id = id, .state = EFFECT_IN_FLIGHT, .fence = effect_of(c, id)->fence};
    assert_int_equal(case_op(c, (struct op){.type = OP_EFFECT_STATE, .effect = &to}), LEDGER_OK);
    return effect_of(c, id)->state;
}

static void a_delivery_of_a_paused_task_is_put_aside(void **state)
{
    struct ledger_case *c = *state;
    char id[16];
    begin(c);
    case_submit(c, "t-2", "bob", NULL);
    for (int i = 0; i < 70; i++) {
        struct effect effect = {.id = id, .task = i % 2 ? "t-1" : "t-2", .kind = "webhook"};
        snprintf(id, sizeof(id), "e-%d", i);
        effect.destination = "webhook:w";
        case_op(c, (struct op){.type = OP_EFFECT, .effect = &effect});
    }
    pause_it(c, "company");
    for (int i = 0; i < 70; i++) {
        snprintf(id, sizeof(id), "e-%d", i);
        assert_string_equal(send(c, arena_strdup(&c->arena, id)), EFFECT_INTENDED);
    }
    assert_string_equal(c->outcome.state, "paused");
    pause_it(c, "agent:ada");
    resume(c, "company");
    assert_true(effect_of(c, "e-1")->ready_at > ledger_now(c->ledger));
    assert_true(effect_of(c, "e-68")->ready_at <= ledger_now(c->ledger));
    assert_string_equal(send(c, "e-68"), EFFECT_IN_FLIGHT);
    resume(c, "agent:ada");
    assert_string_equal(send(c, "e-1"), EFFECT_IN_FLIGHT);
    assert_int_equal(effect_of(c, "e-1")->attempts, 1);
    case_assert_clean(c);
}

static void a_paused_run_decides_nothing(void **state)
{
    struct ledger_case *c = *state;
    run_define(c);
    case_register(c, "ada", "n1");
    assert_int_equal(run_start(c, "t-1"), LEDGER_OK);
    pause_it(c, "task:t-1");
    assert_int_equal(run_step_task(c, "r-1", "a", "t-a", "ada"), LEDGER_CONFLICT);
    assert_string_equal(c->outcome.code, "paused");
    resume(c, "task:t-1");
    assert_int_equal(run_step_task(c, "r-1", "a", "t-a", "ada"), LEDGER_OK);
    pause_it(c, "task:t-1");
    assert_null(case_claim(c, "ada", "n1"));
    resume(c, "task:t-1");
    case_claim_id(c, "ada", "n1", "t-a");
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nothing_of_a_paused_company_is_claimed),
        CASE(a_call_that_would_begin_parks_its_turn),
        CASE(a_model_call_waits_too_and_sets_nothing_aside),
        CASE(a_delegation_waits_with_its_call_as_it_was),
        CASE(the_pause_of_one_agent_leaves_the_others),
        CASE(a_task_is_paused_with_all_below_it),
        CASE(a_great_tree_is_put_aside_in_portions),
        CASE(a_wider_resume_frees_nothing_that_a_narrower_pause_holds),
        CASE(whoever_parks_for_a_lifted_pause_is_ready_at_once),
        CASE(whoever_parks_waits_for_what_holds_it_then),
        CASE(a_pause_set_again_while_its_waiters_are_woken_holds_the_rest),
        CASE(resume_of_what_is_not_paused_says_so),
        CASE(only_people_pause),
        CASE(a_panic_takes_the_place_of_a_pause_and_not_the_other_way),
        CASE(a_pause_and_its_number_survive_a_restart),
        CASE(the_end_of_a_tree_ends_its_pause),
        CASE(who_takes_over_a_paused_task_is_paused),
        CASE(deadlines_go_on),
        CASE(whoever_works_is_told),
        CASE(a_panic_renews_no_lease_and_gives_none_back),
        CASE(a_holder_is_silent_until_it_acknowledges_or_holds_nothing),
        CASE(a_claim_says_which_pauses_it_has_seen),
        CASE(a_delivery_of_a_paused_task_is_put_aside),
        CASE(a_paused_run_decides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
