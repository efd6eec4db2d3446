/* Disks that fail or fill, records that were tampered with, callers that all come at once. */
#include "ledger_case.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/hash.h"
#include "base/str.h"
#include "ledger/commit.h"
#include "ledger/event.h"

static bool task_exists(struct ledger_case *c, const char *id)
{
    struct task task = {.id = id};
    return ledger_get(c->ledger, &task_record, &task, &c->arena, &c->err) == 0;
}

/* Whichever write of the batch fails: nothing of it is there, and the ledger goes on. */
static void a_failed_write_leaves_no_half_batch(void **state)
{
    struct ledger_case *c = *state;
    struct task one = {.id = "t-1", .agent = "ada", .kind = "ask"};
    struct task two = {.id = "t-2", .agent = "ada", .kind = "ask"};
    struct op ops[] = {{.type = OP_SUBMIT, .task = &one}, {.type = OP_SUBMIT, .task = &two}};
    int failed = 0, rc = -1;
    for (int nth = 1; rc != LEDGER_OK; nth++) {
        store_mem_fail(c->store, FAULT_PUT_IO, nth);
        rc = case_apply(c, ops, 2);
        if (rc == LEDGER_OK)
            break;
        assert_int_equal(rc, -1);
        store_mem_fail(c->store, FAULT_PUT_IO, 0);
        assert_false(task_exists(c, "t-1"));
        assert_false(task_exists(c, "t-2"));
        case_assert_clean(c);
        failed++;
    }
    store_mem_fail(c->store, FAULT_PUT_IO, 0);
    assert_true(failed >= 10);
    assert_true(task_exists(c, "t-1") && task_exists(c, "t-2"));
    case_assert_clean(c);
}

static void a_failed_read_leaves_no_half_batch(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    case_submit(c, "t-2", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    int failed = 0, rc = -1;
    for (int nth = 1; rc != LEDGER_OK; nth++) {
        store_mem_fail(c->store, FAULT_READ_IO, nth);
        rc = case_finish(c, "t-1", fence, "1");
        store_mem_fail(c->store, FAULT_READ_IO, 0);
        failed += rc == -1;
        if (rc == -1)
            case_assert_state(c, "t-1", TASK_WORKING);
    }
    assert_true(failed >= 5);
    case_claim_id(c, "ada", "n1", "t-2");
    case_assert_clean(c);
}

static void a_failed_commit_ends_the_ledger(void **state)
{
    struct ledger_case *c = *state;
    const char **keys;
    size_t count;
    void *rows;
    store_mem_fail(c->store, FAULT_COMMIT_IO, 1);
    assert_int_equal(case_submit(c, "t-1", "ada", "main"), -1);
    assert_string_equal(c->err.code, "store_failed");
    assert_int_equal(case_submit(c, "t-2", "ada", "main"), -1);
    assert_string_equal(c->err.code, "store_failed");
    assert_int_equal(
        ledger_query(c->ledger, LIST_AGENTS, NULL, NULL, 0, 0, &c->arena, &rows, &count, &c->err),
        -1);
    assert_int_equal(ledger_extend(c->ledger, "ada", "n", NULL, 0, NULL, NULL), -1);
    assert_false(ledger_wait(c->ledger, 1000, &c->arena, &keys, &count));
    case_restart(c);
    assert_false(task_exists(c, "t-1"));
    assert_int_equal(case_submit(c, "t-1", "ada", "main"), LEDGER_OK);
    case_assert_clean(c);
}

static void on_a_full_disk_work_still_ends(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    store_mem_fail(c->store, FAULT_COMMIT_FULL, 1);
    assert_int_equal(case_submit(c, "t-2", "ada", "main"), LEDGER_BUSY);
    assert_string_equal(c->outcome.code, "disk_full");
    assert_false(task_exists(c, "t-2"));
    store_mem_fail(c->store, FAULT_COMMIT_FULL, 1);
    assert_int_equal(case_finish(c, "t-1", fence, "1"), LEDGER_OK);
    case_assert_state(c, "t-1", TASK_DONE);
    assert_int_equal(case_submit(c, "t-2", "ada", "main"), LEDGER_OK);
    case_assert_clean(c);
}

/* A sweep that fails is tried again; what it had begun to expire is still held until then. */
static void what_is_due_survives_a_fault(void **state)
{
    struct ledger_case *c = *state;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    int64_t fence = case_claim_id(c, "ada", "n1", "t-1");
    store_mem_fail(c->store, FAULT_PUT_IO, 1);
    case_pass(c, LIMIT_LEASE_MS);
    case_assert_state(c, "t-1", TASK_WORKING);
    assert_int_equal(case_extend(c, "ada", "n1", "t-1", fence, NULL), EXTEND_OK);
    case_pass(c, 2000);
    case_assert_state(c, "t-1", TASK_WORKING);
    case_pass(c, LIMIT_LEASE_MS - 2000);
    case_assert_state(c, "t-1", TASK_QUEUED);
    assert_int_equal(case_finish(c, "t-1", fence, "1"), LEDGER_OK);
    case_assert_clean(c);
}

/* ---- neighbours: several batches in one transaction ---- */

struct sender {
    struct ledger_case *c;
    pthread_t thread;
    struct op ops[2];
    size_t count;
    struct outcome outcome;
    int rc;
};

static void *sender_main(void *arg)
{
    struct sender *sender = arg;
    struct err err;
    struct batch batch = {.actor = "operator", .ops = sender->ops, .count = sender->count};
    sender->rc = ledger_apply(sender->c->ledger, &batch, &sender->outcome, &err);
    return NULL;
}

static size_t queue_length(struct ledger *ledger)
{
    size_t count = 0;
    pthread_mutex_lock(&ledger->mutex);
    for (const struct submission *s = ledger->first; s; s = s->next)
        count++;
    pthread_mutex_unlock(&ledger->mutex);
    return count;
}

static void rest(void)
{
    struct timespec pause = {.tv_nsec = 1000000};
    nanosleep(&pause, NULL);
}

/* A member of a transaction that keeps it open until the test has seen enough. */
struct barrier {
    struct ledger *ledger;
    pthread_t thread;
    atomic_bool entered, opened;
};

static int gate_run(struct tx *tx, void *arg)
{
    struct barrier *gate = arg;
    atomic_store(&gate->entered, true);
    for (int i = 0; i < 60000 && !atomic_load(&gate->opened); i++)
        rest();
    return 0;
}

static void *gate_main(void *arg)
{
    struct barrier *gate = arg;
    struct outcome outcome;
    struct submission submission = {.run = gate_run, .arg = gate, .frees = true};
    submission.outcome = &outcome;
    commit_submit(gate->ledger, &submission);
    return NULL;
}

/* Holds the commit thread up, so that the senders become one group. */
static void send_together(struct ledger_case *c, struct sender *senders, size_t count)
{
    struct barrier gate = {.ledger = c->ledger};
    pthread_create(&gate.thread, NULL, gate_main, &gate);
    for (int i = 0; i < 10000 && !atomic_load(&gate.entered); i++)
        rest();
    for (size_t i = 0; i < count; i++) {
        senders[i].c = c;
        pthread_create(&senders[i].thread, NULL, sender_main, &senders[i]);
        for (int j = 0; j < 10000 && queue_length(c->ledger) <= i; j++)
            rest();
    }
    size_t queued = queue_length(c->ledger);
    atomic_store(&gate.opened, true);
    pthread_join(gate.thread, NULL);
    for (size_t i = 0; i < count; i++)
        pthread_join(senders[i].thread, NULL);
    assert_int_equal(queued, count);
}

static void a_refused_batch_leaves_its_neighbours_alone(void **state)
{
    struct ledger_case *c = *state;
    struct task a = {.id = "t-a", .agent = "ada", .kind = "ask", .session = "main"};
    struct task b = {.id = "t-b", .agent = "ada", .kind = "ask", .session = "main"};
    struct task d = {.id = "t-d", .agent = "ada", .kind = "ask", .session = "main"};
    struct sender senders[3] = {
        {.ops = {{.type = OP_SUBMIT, .task = &a}}, .count = 1},
        {.ops = {{.type = OP_SUBMIT, .task = &b}, {.type = OP_CANCEL}}, .count = 2},
        {.ops = {{.type = OP_SUBMIT, .task = &d}}, .count = 1},
    };
    send_together(c, senders, 3);
    assert_int_equal(senders[0].outcome.status, LEDGER_OK);
    assert_int_equal(senders[1].outcome.status, LEDGER_NONE);
    assert_int_equal(senders[2].outcome.status, LEDGER_OK);
    assert_true(task_exists(c, "t-a") && task_exists(c, "t-d"));
    assert_false(task_exists(c, "t-b"));
    assert_false(case_task(c, "t-a")->blocked);
    assert_true(case_task(c, "t-d")->blocked);
    case_assert_clean(c);
}

static void a_full_disk_is_told_to_those_who_need_room(void **state)
{
    struct ledger_case *c = *state;
    struct handoff handoff = {.status = "complete"};
    struct task b = {.id = "t-b", .agent = "ada", .kind = "ask"};
    case_register(c, "ada", "n1");
    case_submit(c, "t-a", "ada", NULL);
    int64_t fence = case_claim_id(c, "ada", "n1", "t-a");
    struct op finish = {.type = OP_FINISH, .task_id = "t-a", .fence = fence};
    finish.finish.handoff = &handoff;
    struct sender senders[2] = {
        {.ops = {{.type = OP_SUBMIT, .task = &b}}, .count = 1},
        {.ops = {finish}, .count = 1},
    };
    store_mem_fail(c->store, FAULT_COMMIT_FULL,
                   1); /* the gate writes nothing and commits nothing */
    send_together(c, senders, 2);
    assert_int_equal(senders[0].outcome.status, LEDGER_BUSY);
    assert_int_equal(senders[1].outcome.status, LEDGER_OK);
    assert_false(task_exists(c, "t-b"));
    case_assert_state(c, "t-a", TASK_DONE);
    case_assert_clean(c);
}

/* ---- tampering: writes behind the ledger's back ---- */

static size_t findings_of(struct ledger_case *c, const char **first)
{
    const char **findings;
    size_t count;
    assert_int_equal(
        ledger_admin(c->ledger, ADMIN_CHECK, NULL, &c->arena, &findings, &count, &c->err), 0);
    *first = count ? findings[0] : "";
    return count;
}

static void tampering_is_noticed(void **state)
{
    struct ledger_case *c = *state;
    const char *first;
    struct event *events;
    size_t count;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    case_finish(c, "t-1", case_claim_id(c, "ada", "n1", "t-1"), "1");
    ledger_read(c->ledger, "t-1", 1, 0, &c->arena, &events, &count, &c->err);
    assert_int_equal(count, 3);
    struct event forged = events[1];
    forged.actor = "person:nobody";
    turnstile_enter(&c->ledger->turn);
    assert_int_equal(c->store->ops->put(c->store, &event_record, &forged, &c->err), STORE_OK);
    turnstile_leave(&c->ledger->turn);
    assert_int_equal(findings_of(c, &first), 1);
    assert_string_equal(first, "Stream t-1: event 2 was changed after it was written.");

    char hex[65]; /* a forger who knows the rule still breaks the chain behind */
    event_hash(&forged, hex);
    forged.hash = hex;
    c->store->ops->put(c->store, &event_record, &forged, &c->err);
    assert_int_equal(findings_of(c, &first), 1);
    assert_string_equal(first, "Stream t-1: event 3 does not follow the one before it.");

    c->store->ops->put(c->store, &event_record, &events[1], &c->err);
    assert_int_equal(findings_of(c, &first), 0);
    c->store->ops->del(c->store, &event_record, &events[2], &c->err);
    assert_int_equal(findings_of(c, &first), 1);
    assert_string_equal(first, "Stream t-1 ends at event 2; its head says 3.");
}

static void wrong_rows_are_found(void **state)
{
    struct ledger_case *c = *state;
    const char *first;
    case_register(c, "ada", "n1");
    case_submit(c, "t-1", "ada", "main");
    case_submit(c, "t-2", "ada", "main");
    case_claim_id(c, "ada", "n1", "t-1");
    struct task task = *case_task(c, "t-1");
    task.state = TASK_DONE;
    c->store->ops->put(c->store, &task_record, &task, &c->err);
    assert_true(findings_of(c, &first) >= 4); /* handoff, finish number, lane, tree, counter */
    assert_string_equal(first, "Task t-1 has ended (done) without a handoff.");
    task.state = TASK_WORKING;
    c->store->ops->put(c->store, &task_record, &task, &c->err);
    assert_int_equal(findings_of(c, &first), 0);

    struct session session = *case_session(c, "ada", "main");
    session.open_task = NULL;
    c->store->ops->put(c->store, &session_record, &session, &c->err);
    assert_true(findings_of(c, &first) >= 1);
    session.open_task = "t-1";
    c->store->ops->put(c->store, &session_record, &session, &c->err);

    struct budget child = {.id = "c", .parent = "p", .spent = 5}, parent = {.id = "p"};
    parent.spent = 4;
    c->store->ops->put(c->store, &budget_record, &child, &c->err);
    c->store->ops->put(c->store, &budget_record, &parent, &c->err);
    assert_int_equal(findings_of(c, &first), 1);
    assert_string_equal(first, "Budget c has spent 5 and reserved 0; p above it 4 and 0.");
}

/* ---- many at once ---- */

enum { HAMMERS = 4, BLOWS = 60 };

struct hammer {
    struct ledger_case *c;
    int number;
    atomic_int *finished;
    int own_submitted;
};

static int hammer_op(struct hammer *hammer, struct op op)
{
    struct batch batch = {.actor = "operator", .ops = &op, .count = 1};
    struct outcome outcome;
    struct err err;
    return ledger_apply(hammer->c->ledger, &batch, &outcome, &err) < 0 ? -1 : (int)outcome.status;
}

static void hammer_submit(struct hammer *hammer, int blow)
{
    char id[32];
    snprintf(id, sizeof(id), "t-%d-%d", blow % 2 ? hammer->number : 9, blow);
    struct task task = {.id = id, .agent = "ada", .kind = "ask", .session = blow % 3 ? NULL : "m"};
    hammer->own_submitted += hammer_op(hammer, (struct op){.type = OP_SUBMIT, .task = &task}) == 0;
}

static void hammer_work(struct hammer *hammer)
{
    struct arena arena = {0};
    struct claim claim = {.agent = "ada", .nonce = "n1", .max = 3};
    struct task *tasks;
    struct outcome outcome;
    struct err err;
    size_t count;
    struct handoff handoff = {.status = "complete", .result = "1"};
    if (ledger_claim(hammer->c->ledger, &claim, &arena, &tasks, &count, &outcome, &err) < 0)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        struct held held = {tasks[i].id, tasks[i].fence, "x"};
        enum extend_result result;
        const char *reason;
        ledger_extend(hammer->c->ledger, "ada", "n1", &held, 1, &result, &reason);
        if (result == EXTEND_OK &&
            hammer_op(hammer, (struct op){.type = OP_FINISH,
                                          .task_id = tasks[i].id,
                                          .fence = tasks[i].fence,
                                          .finish = {.handoff = &handoff}}) == LEDGER_OK)
            atomic_fetch_add(hammer->finished, 1);
    }
    arena_fini(&arena);
}

static void *hammer_main(void *arg)
{
    struct hammer *hammer = arg;
    for (int blow = 0; blow < BLOWS; blow++) {
        hammer_submit(hammer, blow);
        hammer_work(hammer);
    }
    return NULL;
}

static void many_hands_lose_nothing(void **state)
{
    struct ledger_case *c = *state;
    pthread_t threads[HAMMERS];
    struct hammer hammers[HAMMERS];
    atomic_int finished = 0;
    int submitted = 0;
    struct ledger_counts counts;
    case_register(c, "ada", "n1");
    for (int i = 0; i < HAMMERS; i++) {
        hammers[i] = (struct hammer){.c = c, .number = i, .finished = &finished};
        pthread_create(&threads[i], NULL, hammer_main, &hammers[i]);
    }
    for (int i = 0; i < HAMMERS; i++) {
        pthread_join(threads[i], NULL);
        submitted += hammers[i].own_submitted;
    }
    assert_int_equal(submitted, BLOWS / 2 + HAMMERS * BLOWS / 2);
    while (true) {
        int before = finished;
        hammer_work(&hammers[0]);
        if (finished == before)
            break;
    }
    assert_int_equal(finished, submitted);
    ledger_count(c->ledger, "ada", &counts, &c->err);
    assert_int_equal(counts.queued + counts.working + counts.waiting, 0);
    case_assert_clean(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE_MEM(a_failed_write_leaves_no_half_batch),
        CASE_MEM(a_failed_read_leaves_no_half_batch),
        CASE_MEM(a_failed_commit_ends_the_ledger),
        CASE_MEM(on_a_full_disk_work_still_ends),
        CASE_MEM(what_is_due_survives_a_fault),
        CASE_MEM(a_full_disk_is_told_to_those_who_need_room),
        CASE(a_refused_batch_leaves_its_neighbours_alone),
        CASE(tampering_is_noticed),
        CASE(wrong_rows_are_found),
        CASE(many_hands_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
