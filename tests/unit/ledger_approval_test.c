/* Gates: who may decide, what a word needs, votes, time, and races: one legal outcome each. */
#include "ledger_run_case.h"

#include <pthread.h>

#include "base/json.h"
#include "base/str.h"

static const char *gate(struct ledger_case *c, const struct approval *approval)
{
    run_define(c);
    assert_int_equal(run_start(c, "t-1"), LEDGER_OK);
    assert_int_equal(run_step_gate(c, "r-1", "gate", approval), LEDGER_OK);
    return run_step(c, "r-1", "gate", 0)->approval;
}

static void a_gate_is_asked(void **state)
{
    struct ledger_case *c = *state;
    const char *id = gate(c, &(struct approval){.subject = "{\"show\":\"It costs\\n 7 EUR\"}"});
    const struct approval *row = run_approval(c, id);
    assert_string_equal(row->kind, "gate");
    assert_string_equal(row->run, "r-1");
    assert_string_equal(row->requester, "person:ann");
    assert_string_equal(row->preview, "It costs  7 EUR");
    assert_int_equal(strlen(row->subject_hash), 64);
    assert_int_equal(row->quorum, 1);
    assert_string_equal(run_said(c, "r-1", "approval.asked", "approval"), id);
    assert_string_equal(run_said(c, "inbox", "approval.asked", "run"), "r-1");
    assert_int_equal(run_row(c, "r-1")->ready_at, 0);
    case_assert_clean(c);
}

static void a_word_is_a_fact(void **state)
{
    struct ledger_case *c = *state;
    const char *id = gate(c, &(struct approval){.quorum = 1});
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_APPROVED), LEDGER_OK);
    assert_string_equal(c->outcome.state, APPROVAL_APPROVED);
    run_assert_approval(c, id, APPROVAL_APPROVED);
    assert_string_equal(run_approval(c, id)->decided_by, "person:bo");
    assert_string_equal(run_approval(c, id)->via, "cli");
    assert_string_equal(run_said(c, "r-1", "approval.decided", "decision"), APPROVAL_APPROVED);
    assert_string_equal(run_said(c, "r-1", "approval.decided", "by"), "person:bo");
    assert_string_equal(run_said(c, "r-1", "approval.decided", "step"), "gate");
    assert_string_equal(run_said(c, "inbox", "approval.decided", "state"), APPROVAL_APPROVED);
    assert_int_equal(case_events(c, "r-1", "approval.decided"), 1);
    assert_true(run_row(c, "r-1")->ready_at > 0);
    case_assert_clean(c);
}

static void the_first_word_counts(void **state)
{
    struct ledger_case *c = *state;
    const char *id = gate(c, &(struct approval){0});
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_REJECTED), LEDGER_OK);
    assert_int_equal(run_say(c, id, "person:cy", APPROVAL_APPROVED), LEDGER_CONFLICT);
    assert_string_equal(c->outcome.code, "decided");
    assert_non_null(strstr(c->outcome.message, "rejected by person:bo"));
    assert_string_equal(run_said(c, "r-1", "approval.decided", "feedback"), "because");
    assert_int_equal(case_events(c, "r-1", "approval.decided"), 1);
    assert_int_equal(run_say(c, "g-none", "person:bo", APPROVAL_APPROVED), LEDGER_NONE);
    case_assert_clean(c);
}

static void only_people_decide(void **state)
{
    struct ledger_case *c = *state;
    static const char *const others[] = {"agent:bob", "outside:manager", "runner", "engine", NULL};
    const char *id = gate(c, &(struct approval){0});
    for (int i = 0; i < 5; i++) {
        assert_int_equal(run_say(c, id, others[i], APPROVAL_APPROVED), LEDGER_REFUSED);
        assert_string_equal(c->outcome.code, "not_allowed");
    }
    run_assert_approval(c, id, APPROVAL_PENDING);
    assert_int_equal(run_say(c, id, "operator", APPROVAL_APPROVED), LEDGER_OK);
}

static int say_as(struct ledger_case *c, const char *id, const char *person,
                  const char *const *roles)
{
    return run_decide_approval(
        c, (struct decide){
               .approval = id, .person = person, .roles = roles, .decision = APPROVAL_APPROVED});
}

static void deciders_are_people_and_roles(void **state)
{
    struct ledger_case *c = *state;
    static const char *const engineer[] = {"cook", "engineer", NULL},
                             *const cook[] = {"cook", NULL}, *const all[] = {"*", NULL};
    const char *id =
        gate(c, &(struct approval){.deciders = "[\"person:ceo\",\"role:engineer\"]", .quorum = 3});
    assert_int_equal(say_as(c, id, "person:bo", NULL), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "not_a_decider");
    assert_int_equal(say_as(c, id, "person:bo", cook), LEDGER_REFUSED);
    assert_int_equal(say_as(c, id, "person:ceo", NULL), LEDGER_OK);
    assert_int_equal(say_as(c, id, "person:bo", engineer), LEDGER_OK);
    assert_int_equal(say_as(c, id, "operator", all), LEDGER_OK);
    run_assert_approval(c, id, APPROVAL_APPROVED);
    case_assert_clean(c);
}

static void four_eyes_are_two_people(void **state)
{
    struct ledger_case *c = *state;
    const char *id = gate(c, &(struct approval){.four_eyes = true});
    assert_int_equal(run_say(c, id, "person:ann", APPROVAL_APPROVED), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "four_eyes");
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_APPROVED), LEDGER_OK);
}

static void votes_are_counted(void **state)
{
    struct ledger_case *c = *state;
    void *rows;
    size_t count;
    const char *id = gate(c, &(struct approval){.quorum = 2});
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_APPROVED), LEDGER_OK);
    assert_string_equal(c->outcome.state, APPROVAL_PENDING);
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_APPROVED), LEDGER_CONFLICT);
    assert_string_equal(c->outcome.code, "voted");
    run_assert_approval(c, id, APPROVAL_PENDING);
    assert_int_equal(case_events(c, "inbox", "approval.voted"), 1);
    assert_int_equal(run_row(c, "r-1")->facts, 1);
    assert_int_equal(run_say(c, id, "person:cy", APPROVAL_APPROVED), LEDGER_OK);
    assert_string_equal(c->outcome.state, APPROVAL_APPROVED);
    assert_string_equal(run_approval(c, id)->decided_by, "person:bo,person:cy");
    ledger_query(c->ledger, LIST_VOTES, id, NULL, 0, 0, &c->arena, &rows, &count, &c->err);
    assert_int_equal(count, 2);
    case_assert_clean(c);
}

static void one_rejection_rejects(void **state)
{
    struct ledger_case *c = *state;
    const char *id = gate(c, &(struct approval){.quorum = 3});
    run_say(c, id, "person:bo", APPROVAL_APPROVED);
    assert_int_equal(run_say(c, id, "person:cy", APPROVAL_REJECTED), LEDGER_OK);
    run_assert_approval(c, id, APPROVAL_REJECTED);
    assert_string_equal(run_approval(c, id)->decided_by, "person:cy");
    case_assert_clean(c);
}

static void the_bytes_are_compared(void **state)
{
    struct ledger_case *c = *state;
    const char *id = gate(c, &(struct approval){.subject = "{\"show\":1}"});
    struct decide decide = {.approval = id,
                            .person = "person:bo",
                            .decision = APPROVAL_APPROVED,
                            .subject_hash = "0000"};
    assert_int_equal(run_decide_approval(c, decide), LEDGER_CONFLICT);
    assert_string_equal(c->outcome.code, "other_bytes");
    decide.subject_hash = run_approval(c, id)->subject_hash;
    assert_int_equal(run_decide_approval(c, decide), LEDGER_OK);
}

static void reasons_and_words(void **state)
{
    struct ledger_case *c = *state;
    const char *id = gate(c, &(struct approval){0});
    struct decide decide = {.approval = id, .person = "person:bo", .decision = APPROVAL_REJECTED};
    assert_int_equal(run_decide_approval(c, decide), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "reason_missing");
    decide.feedback = "  ";
    assert_int_equal(run_decide_approval(c, decide), LEDGER_REFUSED);
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_CHANGES), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "no_rerun");
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_ANSWERED), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "bad_decision");
    assert_int_equal(run_say(c, id, "person:bo", "maybe"), LEDGER_REFUSED);
    run_assert_approval(c, id, APPROVAL_PENDING);
}

static void changes_lead_to_another_round(void **state)
{
    struct ledger_case *c = *state;
    const char *id = gate(c, &(struct approval){.rerun = "draft"});
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_CHANGES), LEDGER_OK);
    assert_string_equal(c->outcome.state, APPROVAL_CHANGES);
    assert_string_equal(run_said(c, "r-1", "approval.decided", "decision"), APPROVAL_CHANGES);
    struct step reset = {.path = "gate", .kind = "approve", .state = "done"};
    struct run_decision decision = {.run = "r-1", .steps = &reset, .step_count = 1};
    run_decide(c, decision);
    assert_int_equal(run_step_gate(c, "r-1", "gate", &(struct approval){.round = 1}), LEDGER_OK);
    const char *next = run_step(c, "r-1", "gate", 1)->approval;
    assert_string_not_equal(next, id);
    run_assert_approval(c, next, APPROVAL_PENDING);
    case_assert_clean(c);
}

static void a_form_is_filled_in(void **state)
{
    struct ledger_case *c = *state;
    const char *id = gate(
        c, &(struct approval){.form = "{\"type\":\"object\",\"required\":[\"eur\"],\"properties\":"
                                      "{\"eur\":{\"type\":\"number\"}}}"});
    struct decide decide = {.approval = id, .person = "person:bo", .decision = APPROVAL_APPROVED};
    assert_int_equal(run_decide_approval(c, decide), LEDGER_REFUSED);
    assert_string_equal(c->outcome.code, "bad_answer");
    decide.answer = "{\"eur\":\"much\"}";
    assert_int_equal(run_decide_approval(c, decide), LEDGER_REFUSED);
    assert_non_null(strstr(c->outcome.message, "eur"));
    decide.answer = "{";
    assert_int_equal(run_decide_approval(c, decide), LEDGER_REFUSED);
    decide.answer = "{\"eur\":7}";
    assert_int_equal(run_decide_approval(c, decide), LEDGER_OK);
    json_t *body = run_newest(c, "r-1", "approval.decided");
    assert_int_equal(json_get_int(json_object_get(body, "answer"), "eur", 0), 7);
    json_decref(body);
    assert_string_equal(run_approval(c, id)->answer, "{\"eur\":7}");
}

/* ---- time ---- */

static const char *brief_gate(struct ledger_case *c)
{
    return gate(c, &(struct approval){.expires_at = ledger_now(c->ledger) + 60000});
}

static void nobody_in_time_is_no(void **state)
{
    struct ledger_case *c = *state;
    const char *id = brief_gate(c);
    case_pass(c, 59999);
    run_assert_approval(c, id, APPROVAL_PENDING);
    case_pass(c, 1);
    run_assert_approval(c, id, APPROVAL_EXPIRED);
    assert_string_equal(run_said(c, "r-1", "approval.decided", "decision"), APPROVAL_EXPIRED);
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_APPROVED), LEDGER_CONFLICT);
    assert_string_equal(c->outcome.code, "expired");
    assert_true(run_row(c, "r-1")->ready_at > 0);
    case_assert_clean(c);
}

static void time_passes_while_the_hub_is_down(void **state)
{
    struct ledger_case *c = *state;
    const char *id = brief_gate(c);
    __atomic_add_fetch(&c->wall, 86400000, __ATOMIC_SEQ_CST);
    case_restart(c);
    case_pass(c, 0);
    run_assert_approval(c, id, APPROVAL_EXPIRED);
    assert_int_equal(case_events(c, "r-1", "approval.decided"), 1);
    case_assert_clean(c);
}

/* Time that nobody was told of. */
static void pass_unseen(struct ledger_case *c, int64_t ms)
{
    __atomic_add_fetch(&c->wall, ms, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&c->boot, ms, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&c->awake, ms, __ATOMIC_SEQ_CST);
}

/* The word comes after the time, and before anybody has looked at the clock. */
static void a_late_word_finds_it_expired(void **state)
{
    struct ledger_case *c = *state;
    const char *id = brief_gate(c);
    pass_unseen(c, 60000);
    int rc = run_say(c, id, "person:bo", APPROVAL_APPROVED);
    if (rc == LEDGER_OK)
        assert_string_equal(c->outcome.state, APPROVAL_EXPIRED);
    else
        assert_string_equal(c->outcome.code, "expired");
    run_assert_approval(c, id, APPROVAL_EXPIRED);
    struct event *events;
    size_t count;
    ledger_read(c->ledger, "r-1", 1, 0, &c->arena, &events, &count, &c->err);
    assert_string_equal(events[count - 1].type, "approval.decided");
    assert_string_equal(events[count - 1].actor, "system");
    case_assert_clean(c);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct approval *)a)->id, ((const struct approval *)b)->id);
}

/* So many are overdue that the clock's work is not done when the word comes. */
static void a_word_overtakes_the_clock(void **state)
{
    struct ledger_case *c = *state;
    size_t count;
    run_define(c);
    int64_t at = ledger_now(c->ledger) + 1000;
    for (int i = 0; i < 80; i++) {
        const char *run = arena_printf(&c->arena, "r-%d", i);
        run_start(c, arena_printf(&c->arena, "t-%d", i));
        run_step_gate(c, run, "gate", &(struct approval){.expires_at = at});
    }
    struct approval *list = run_pending(c, &count);
    qsort(list, count, sizeof(*list), by_id);
    pass_unseen(c, 1000);
    assert_int_equal(run_say(c, list[count - 1].id, "person:bo", APPROVAL_APPROVED), LEDGER_OK);
    assert_string_equal(c->outcome.state, APPROVAL_EXPIRED);
    run_assert_approval(c, list[count - 1].id, APPROVAL_EXPIRED);
    case_assert_clean(c);
}

static void many_expire_in_lots(void **state)
{
    struct ledger_case *c = *state;
    size_t count;
    run_define(c);
    int64_t at = ledger_now(c->ledger) + 1000;
    for (int i = 0; i < 100; i++) {
        const char *run = arena_printf(&c->arena, "r-%d", i);
        run_start(c, arena_printf(&c->arena, "t-%d", i));
        run_step_gate(c, run, "gate", &(struct approval){.expires_at = at});
    }
    run_pending(c, &count);
    assert_int_equal(count, 100);
    case_pass(c, 1000);
    for (int i = 0; i < 5; i++)
        case_pass(c, 1);
    run_pending(c, &count);
    assert_int_equal(count, 0);
    case_assert_clean(c);
}

/* ---- races ---- */

struct racer {
    struct ledger_case *c;
    const char *id, *person, *decision;
    pthread_t thread;
    struct outcome outcome;
};

static void *race(void *arg)
{
    struct racer *racer = arg;
    struct err err;
    struct decide decide = {.approval = racer->id,
                            .person = racer->person,
                            .decision = racer->decision,
                            .feedback = "race"};
    struct op op = {.type = OP_DECIDE};
    op.decide = &decide;
    if (!racer->id) {
        op = (struct op){.type = OP_CANCEL, .task_id = "t-1", .cancel = {.reason = "cancelled"}};
    }
    struct batch batch = {.actor = racer->person, .ops = &op, .count = 1};
    ledger_apply(racer->c->ledger, &batch, &racer->outcome, &err);
    return NULL;
}

static void run_race(struct racer *racers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    for (size_t i = 0; i < count; i++)
        pthread_join(racers[i].thread, NULL);
}

static void of_many_deciders_one_decides(void **state)
{
    struct ledger_case *c = *state;
    struct racer racers[16];
    const char *id = gate(c, &(struct approval){0});
    int won = 0;
    for (int i = 0; i < 16; i++)
        racers[i] = (struct racer){.c = c,
                                   .id = id,
                                   .person = arena_printf(&c->arena, "person:p%d", i),
                                   .decision = i % 2 ? APPROVAL_APPROVED : APPROVAL_REJECTED};
    run_race(racers, 16);
    for (int i = 0; i < 16; i++) {
        won += racers[i].outcome.status == LEDGER_OK;
        if (racers[i].outcome.status == LEDGER_OK)
            assert_string_equal(run_approval(c, id)->decided_by, racers[i].person);
        else
            assert_string_equal(racers[i].outcome.code, "decided");
    }
    assert_int_equal(won, 1);
    assert_int_equal(case_events(c, "r-1", "approval.decided"), 1);
    case_assert_clean(c);
}

static void a_word_and_a_cancel_race(void **state)
{
    struct ledger_case *c = *state;
    const char *id = gate(c, &(struct approval){0});
    struct racer racers[] = {
        {.c = c, .id = id, .person = "person:bo", .decision = APPROVAL_APPROVED},
        {.c = c, .person = "operator"},
    };
    run_race(racers, 2);
    assert_int_equal(racers[1].outcome.status, LEDGER_OK);
    run_assert_state(c, "r-1", RUN_CANCELLED);
    run_assert_approval(
        c, id, racers[0].outcome.status == LEDGER_OK ? APPROVAL_APPROVED : APPROVAL_CANCELLED);
    case_assert_clean(c);
}

static void a_cancelled_run_asks_nobody(void **state)
{
    struct ledger_case *c = *state;
    const char *id = gate(c, &(struct approval){0});
    case_cancel(c, "t-1");
    run_assert_approval(c, id, APPROVAL_CANCELLED);
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_APPROVED), LEDGER_CONFLICT);
    assert_int_equal(case_events(c, "r-1", "approval.decided"), 0);
    assert_int_equal(case_events(c, "inbox", "approval.decided"), 1);
    case_assert_clean(c);
}

static void a_word_survives_a_restart(void **state)
{
    struct ledger_case *c = *state;
    const char *id = gate(c, &(struct approval){.quorum = 2});
    run_say(c, id, "person:bo", APPROVAL_APPROVED);
    case_restart(c);
    assert_int_equal(run_say(c, id, "person:bo", APPROVAL_APPROVED), LEDGER_CONFLICT);
    assert_int_equal(run_say(c, id, "person:cy", APPROVAL_APPROVED), LEDGER_OK);
    case_restart(c);
    run_assert_approval(c, id, APPROVAL_APPROVED);
    assert_true(run_row(c, "r-1")->ready_at > 0);
    case_assert_clean(c);
}

/* Ids are short: one that is taken leads to another. */
static void a_taken_id_is_not_used_twice(void **state)
{
    struct ledger_case *c = *state;
    char first[APPROVAL_ID_TEXT], second[APPROVAL_ID_TEXT];
    approval_id("r-1", "gate", 0, 0, first);
    approval_id("r-1", "gate", 0, 1, second);
    struct approval taken = {
        .id = first, .kind = "gate", .state = APPROVAL_REJECTED, .decided_at = 1};
    ledger_close(c->ledger);
    c->ledger = NULL;
    if (c->sqlite)
        c->store = store_sqlite_open(c->dir, &c->err);
    assert_int_equal(c->store->ops->migrate(c->store, &c->err), STORE_OK);
    assert_int_equal(c->store->ops->put(c->store, &approval_record, &taken, &c->err), STORE_OK);
    if (c->sqlite)
        c->store->ops->close(c->store);
    case_restart(c);
    assert_string_equal(gate(c, &(struct approval){0}), second);
    struct step same = {.path = "gate", .kind = "approve", .state = "waiting", .approval = first};
    struct run_decision decision = {.run = "r-1", .steps = &same, .step_count = 1};
    run_decide(c, decision);
    assert_string_equal(run_step(c, "r-1", "gate", 0)->approval, second);
    case_assert_clean(c);
}

static void lists_of_approvals(void **state)
{
    struct ledger_case *c = *state;
    struct approval *list;
    void *rows;
    size_t count;
    run_define(c);
    for (int i = 1; i <= 4; i++) {
        run_start(c, arena_printf(&c->arena, "t-%d", i));
        run_step_gate(c, arena_printf(&c->arena, "r-%d", i), "gate", &(struct approval){0});
        case_pass(c, 10);
    }
    const char *second = run_step(c, "r-2", "gate", 0)->approval;
    run_say(c, second, "person:bo", APPROVAL_APPROVED);
    list = run_pending(c, &count);
    assert_int_equal(count, 3);
    assert_string_equal(list[0].run, "r-1");
    ledger_query(c->ledger, LIST_APPROVALS, NULL, NULL, 0, 0, &c->arena, &rows, &count, &c->err);
    list = rows;
    assert_int_equal(count, 4);
    assert_string_equal(list[3].run, "r-2");
    ledger_query(c->ledger, LIST_APPROVALS_BY_PREFIX, second, NULL, 0, 0, &c->arena, &rows, &count,
                 &c->err);
    assert_int_equal(count, 1);
    ledger_query(c->ledger, LIST_APPROVALS_OF_RUN, "r-3", NULL, 0, 0, &c->arena, &rows, &count,
                 &c->err);
    assert_int_equal(count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_gate_is_asked),
        CASE(a_word_is_a_fact),
        CASE(the_first_word_counts),
        CASE(only_people_decide),
        CASE(deciders_are_people_and_roles),
        CASE(four_eyes_are_two_people),
        CASE(votes_are_counted),
        CASE(one_rejection_rejects),
        CASE(the_bytes_are_compared),
        CASE(reasons_and_words),
        CASE(changes_lead_to_another_round),
        CASE(a_form_is_filled_in),
        CASE(nobody_in_time_is_no),
        CASE(time_passes_while_the_hub_is_down),
        CASE(a_late_word_finds_it_expired),
        CASE(a_word_overtakes_the_clock),
        CASE(many_expire_in_lots),
        CASE(of_many_deciders_one_decides),
        CASE(a_word_and_a_cancel_race),
        CASE(a_cancelled_run_asks_nobody),
        CASE(a_word_survives_a_restart),
        CASE(a_taken_id_is_not_used_twice),
        CASE(lists_of_approvals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
