/* The hub is killed before and after every commit of a delegation and of a run, once each. Whatever
 * was answered is there afterwards, and a client that repeats its requests comes to the same end,
 * once. */
#include "ledger_case.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/hash.h"
#include "base/str.h"
#include "ledger/commit.h"
#include "ledger/rows.h"
#include "ledger/tx.h"

/* One client's view: it sends, and says when it was answered. */
struct client {
    struct ledger *ledger;
    struct arena arena;
    int answered_fd;
    int step;
};

static void answered(struct client *client)
{
    if (client->answered_fd >= 0 && write(client->answered_fd, ".", 1) != 1)
        abort();
}

static int send_batch(struct client *client, struct op *ops, size_t count)
{
    char request[16];
    struct outcome outcome;
    struct err err;
    snprintf(request, sizeof(request), "r%d", ++client->step);
    struct batch batch = {.request_id = request, .actor = "operator", .ops = ops, .count = count};
    if (ledger_apply(client->ledger, &batch, &outcome, &err) < 0 || outcome.status != LEDGER_OK)
        return -1;
    answered(client);
    return 0;
}

static int send_op(struct client *client, struct op op)
{
    return send_batch(client, &op, 1);
}

static int send_register(struct client *client, const char *name)
{
    struct agent agent = {.id = name, .nonce = "n1"};
    return send_op(client, (struct op){.type = OP_REGISTER, .reg = {.agent = &agent}});
}

static int send_claim(struct client *client, const char *agent, size_t expected)
{
    char request[16];
    struct outcome outcome;
    struct err err;
    struct task *tasks;
    size_t count;
    snprintf(request, sizeof(request), "r%d", ++client->step);
    struct claim claim = {.request_id = request, .agent = agent, .nonce = "n1", .max = 1};
    if (ledger_claim(client->ledger, &claim, &client->arena, &tasks, &count, &outcome, &err) < 0 ||
        count != expected)
        return -1;
    answered(client);
    return 0;
}

/* One answer's three calls: bob is waited for, asked the same again (refused), cyd is not waited
 * for.
 */
static int send_delegation(struct client *client)
{
    struct task bob = {.id = "t-2", .agent = "bob", .instruction = "help"};
    struct task same = {.id = "t-x", .agent = "bob", .instruction = "help"};
    struct task cyd = {.id = "t-3", .agent = "cyd", .instruction = "help"};
    struct task *const children[] = {&bob, &same, &cyd};
    struct call calls[3];
    struct delegation asks[3];
    struct op ops[7];
    for (int i = 0; i < 3; i++) {
        calls[i] = (struct call){.step = 1, .idx = i + 1, .kind = "tool", .name = "delegate"};
        asks[i] = (struct delegation){.step = 1,
                                      .idx = i + 1,
                                      .child = children[i],
                                      .mode = i < 2 ? "sync" : "async",
                                      .limit = {-1, -1}};
        ops[2 * i] = (struct op){.type = OP_CALL_INTEND, .call = &calls[i]};
        ops[2 * i + 1] = (struct op){.type = OP_DELEGATE, .delegation = &asks[i]};
    }
    ops[6] = (struct op){.type = OP_PARK, .park = {.of_step = true, .step = 1}};
    for (int i = 0; i < 7; i++) {
        ops[i].task_id = "t-1";
        ops[i].fence = 1;
    }
    return send_batch(client, ops, 7);
}

/* cyd's task goes to dan, and is cancelled there. */
static int send_reassignment(struct client *client)
{
    struct task dan = {.id = "t-4", .agent = "dan"};
    struct op move = {.type = OP_REASSIGN, .task_id = "t-3", .reassign = {.task = &dan}};
    struct op cancel = {.type = OP_CANCEL, .task_id = "t-4", .cancel = {.reason = "cancelled"}};
    return send_op(client, move) || send_op(client, cancel) ? -1 : 0;
}

/* A model is asked, and answers for less than was set aside. */
static int send_model(struct client *client)
{
    struct call call = {.kind = "model", .name = "m/x", .cost_micro_usd = 70};
    struct op intend = {.type = OP_CALL_INTEND, .task_id = "t-1", .fence = 1};
    intend.call = &call;
    intend.reserve = (struct amount){100, 10};
    struct op record = {.type = OP_CALL_RECORD, .task_id = "t-1", .fence = 1, .call = &call};
    return send_op(client, intend) || send_op(client, record) ? -1 : 0;
}

static int send_finish(struct client *client, const char *id, int64_t fence)
{
    struct handoff handoff = {.status = "complete", .result = "\"done\""};
    char name[16];
    snprintf(name, sizeof(name), "e-%s", id);
    struct effect effect = {.id = name, .kind = "message", .destination = "discord"};
    struct op ops[] = {
        {.type = OP_EFFECT, .task_id = id, .fence = fence, .effect = &effect},
        {.type = OP_FINISH, .task_id = id, .fence = fence, .finish = {.handoff = &handoff}},
    };
    return send_batch(client, ops, 2);
}

/* ---- a run: a step whose agent asks, a gate, an effect nobody knows of, a job ---- */

static int send_start(struct client *client)
{
    static const char text[] = "{}";
    char hash[HASH_HEX];
    hash_hex(text, strlen(text), hash);
    struct definition definition = {.sha256 = hash, .name = "w", .text = text};
    struct task task = {.id = "t-run", .caller = "person:ann"};
    struct run run = {.name = "w", .definition = hash, .inputs = "{}"};
    struct run_start start = {.task = &task, .run = &run};
    struct op ops[] = {{.type = OP_DEFINE}, {.type = OP_RUN_START}};
    ops[0].definition = &definition;
    ops[1].start = &start;
    return send_batch(client, ops, 2);
}

static int send_decision(struct client *client)
{
    char gate[APPROVAL_ID_TEXT];
    approval_id("r-run", "gate", 0, 0, gate);
    struct step steps[] = {
        {.path = "a", .kind = "agent", .state = "running", .task = "t-a"},
        {.path = "gate", .kind = "approve", .state = "waiting", .approval = gate},
        {.path = "post", .kind = "effect", .state = "running", .effect = "e-run"},
        {.path = "mesh", .kind = "job", .state = "waiting", .job = "job-1"}};
    struct task task = {.id = "t-a", .agent = "ada", .instruction = "help", .step = "a"};
    struct run_task give = {.task = &task, .limit = {-1, -1}};
    struct approval approval = {.id = gate, .path = "gate", .title = "Go on?"};
    struct effect effect = {.id = "e-run", .kind = "webhook", .step = "post", .on_unknown = "ask"};
    struct job job = {.id = "job-1", .path = "mesh", .try = 1, .spec = "{}"};
    struct run_decision decision = {.run = "r-run",
                                    .upto = 1,
                                    .hash = "h",
                                    .body = "{}",
                                    .row = {.state = RUN_RUNNING},
                                    .steps = steps,
                                    .step_count = 4,
                                    .tasks = &give,
                                    .task_count = 1,
                                    .approvals = &approval,
                                    .approval_count = 1,
                                    .effects = &effect,
                                    .effect_count = 1,
                                    .jobs = &job,
                                    .job_count = 1};
    struct op op = {.type = OP_RUN_DECIDE};
    op.decision = &decision;
    return send_op(client, op);
}

static int send_question(struct client *client)
{
    struct call call = {.step = 1, .idx = 1, .kind = "tool", .name = "ask_human"};
    struct approval approval = {
        .kind = "question", .call_step = 1, .call_idx = 1, .title = "Which one?"};
    struct op ops[3] = {{.type = OP_CALL_INTEND}, {.type = OP_ASK}, {.type = OP_PARK}};
    ops[0].call = &call;
    ops[1].approval = &approval;
    ops[2].park.of_step = true;
    ops[2].park.step = 1;
    for (int i = 0; i < 3; i++) {
        ops[i].task_id = "t-a";
        ops[i].fence = 1;
    }
    return send_batch(client, ops, 3);
}

static int send_word(struct client *client, const char *of, const char *path, const char *decision)
{
    char id[APPROVAL_ID_TEXT];
    approval_id(of, path, 0, 0, id);
    struct decide decide = {
        .approval = id, .person = "person:bo", .decision = decision, .answer = "\"this\""};
    struct op op = {.type = OP_DECIDE};
    op.decide = &decide;
    return send_op(client, op);
}

static int send_effect_state(struct client *client, int64_t fence, const char *state)
{
    struct effect effect = {.id = "e-run", .fence = fence, .state = state};
    return send_op(client, (struct op){.type = OP_EFFECT_STATE, .effect = &effect});
}

static int send_job(struct client *client)
{
    struct job job = {.id = "job-1", .state = JOB_COMPLETED, .result = "{\"n\":1}"};
    struct op op = {.type = OP_JOB_STATE};
    op.job = &job;
    return send_op(client, op);
}

static int send_end(struct client *client)
{
    static const char *const paths[] = {"a", "gate", "post", "mesh"};
    struct step steps[4];
    struct run run = {.id = "r-run"};
    struct err err;
    if (ledger_get(client->ledger, &run_record, &run, &client->arena, &err) != 0)
        return -1;
    for (int i = 0; i < 4; i++)
        steps[i] = (struct step){.path = paths[i], .kind = "x", .state = "done"};
    struct run_decision decision = {.run = "r-run",
                                    .expect = 1,
                                    .upto = run.facts,
                                    .hash = "h",
                                    .body = "{}",
                                    .row = {.state = RUN_DONE, .output = "1"},
                                    .steps = steps,
                                    .step_count = 4};
    struct op op = {.type = OP_RUN_DECIDE};
    op.decision = &decision;
    return send_op(client, op);
}

static int play_run(struct client *client, int done)
{
    if (send_start(client) || send_decision(client) || send_claim(client, "ada", done < 17))
        return -1;
    if (send_question(client) || send_word(client, "t-a", "1.1", APPROVAL_ANSWERED))
        return -1;
    if (send_claim(client, "ada", done < 20) || send_finish(client, "t-a", 2))
        return -1;
    if (send_word(client, "r-run", "gate", APPROVAL_APPROVED) ||
        send_effect_state(client, 0, EFFECT_IN_FLIGHT) ||
        send_effect_state(client, 1, EFFECT_UNKNOWN))
        return -1;
    if (send_word(client, "r-run", "post", APPROVAL_APPROVED) ||
        send_effect_state(client, 1, EFFECT_IN_FLIGHT) ||
        send_effect_state(client, 2, EFFECT_CONFIRMED))
        return -1;
    return send_job(client) || send_end(client) ? -1 : 0;
}

/* `again`: what ended meanwhile is not claimed a second time. */
static int play(struct client *client, int done)
{
    struct task task = {.id = "t-1", .agent = "ada", .session = "main", .kind = "ask"};
    struct root_budget budget = {{1000, 1000}, "company:now", {-1, -1}};
    struct op submit = {.type = OP_SUBMIT, .task = &task, .root_budget = &budget};
    if (send_register(client, "ada") || send_register(client, "bob") || send_op(client, submit))
        return -1;
    if (send_claim(client, "ada", done < 7) || send_model(client) || send_delegation(client))
        return -1;
    if (send_reassignment(client))
        return -1;
    if (send_claim(client, "bob", done < 11) || send_finish(client, "t-2", 1))
        return -1;
    if (send_claim(client, "ada", done < 13) || send_finish(client, "t-1", 2))
        return -1;
    return play_run(client, done);
}

enum { STEPS = 28 };

/* The life of one hub; returns only where it was not killed. */
static int hub(struct ledger_case *c, const char *point, int fd)
{
    struct err err;
    setenv("HQ_CRASH_DIR", c->dir, 1);
    setenv("HQ_CRASH_AT", point, 1);
    crash_init("hub");
    struct store *store = store_sqlite_open(c->dir, &err);
    struct ledger *ledger = store ? ledger_open(store, &err) : NULL;
    struct client client = {.ledger = ledger, .answered_fd = fd};
    return ledger && play(&client, 0) == 0 ? 0 : 3;
}

/* Returns how many steps were answered; *killed: whether the point was reached. */
static int run_hub(struct ledger_case *c, const char *point, bool *killed)
{
    int pipes[2], status, count = 0;
    char byte;
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pipes[0]);
        _exit(hub(c, point, pipes[1]));
    }
    close(pipes[1]);
    while (read(pipes[0], &byte, 1) == 1)
        count++;
    close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    *killed = WIFSIGNALED(status);
    if (!*killed)
        assert_int_equal(WEXITSTATUS(status), 0);
    return count;
}

static int64_t remembered(struct ledger_case *c)
{
    int64_t count;
    struct scan scan = {.record = &request_record};
    turnstile_enter(&c->ledger->turn);
    assert_int_equal(c->store->ops->count(c->store, &scan, &count, &c->err), STORE_OK);
    turnstile_leave(&c->ledger->turn);
    return count;
}

static void assert_booked_once(struct ledger_case *c)
{
    struct budget company = {.id = "company:now/usd"};
    struct root root = {.id = "t-1"};
    assert_int_equal(ledger_get(c->ledger, &budget_record, &company, &c->arena, &c->err), 0);
    assert_int_equal(ledger_get(c->ledger, &root_record, &root, &c->arena, &c->err), 0);
    assert_int_equal(company.spent, 70);
    assert_int_equal(company.reserved, 0);
    assert_int_equal(root.model_calls, 1);
    assert_int_equal(root.cost_micro_usd, 70);
    case_assert_books(c);
}

static void assert_run_once(struct ledger_case *c)
{
    static const char *const facts[] = {"run.started", "step.ended", "approval.decided",
                                        "effect.settled", "job.ended"};
    struct run run = {.id = "r-run"};
    assert_int_equal(ledger_get(c->ledger, &run_record, &run, &c->arena, &c->err), 0);
    assert_string_equal(run.state, RUN_DONE);
    assert_int_equal(run.decided, 2);
    case_assert_state(c, "t-run", TASK_DONE);
    for (int i = 0; i < 5; i++)
        assert_int_equal(case_events(c, "r-run", facts[i]), 1);
    assert_int_equal(case_events(c, "r-run", "run.decided"), 2);
    assert_int_equal(case_events(c, "inbox", "approval.asked"), 3);
    assert_int_equal(case_events(c, "inbox", "approval.decided"), 3);
    assert_int_equal(case_events(c, "t-run", "effect.in_flight"), 2);
    assert_string_equal(case_call(c, "t-a", 1, 1)->state, CALL_RECORDED);
}

static void assert_happened_once(struct ledger_case *c)
{
    assert_booked_once(c);
    assert_run_once(c);
    case_assert_state(c, "t-1", TASK_DONE);
    case_assert_state(c, "t-2", TASK_DONE);
    assert_int_equal(case_task(c, "t-1")->fence, 2);
    assert_int_equal(case_task(c, "t-2")->fence, 1);
    assert_int_equal(case_events(c, "t-1", "task.submitted"), 1);
    assert_int_equal(case_events(c, "t-1", "task.finished"), 1);
    assert_int_equal(case_events(c, "t-2", "task.finished"), 1);
    case_assert_state(c, "t-3", TASK_CANCELLED);
    case_assert_state(c, "t-4", TASK_CANCELLED);
    assert_int_equal(case_task(c, "t-1")->children, 3);
    assert_int_equal(case_events(c, "t-1", "call.recorded"), 4);
    assert_int_equal(case_events(c, "t-1", "delegation.refused"), 1);
    assert_int_equal(case_events(c, "chronicle", "task.delegated"), 4);
    assert_int_equal(case_events(c, "chronicle", "task.completed"), 6);
    for (int i = 1; i <= 3; i++)
        assert_string_equal(case_call(c, "t-1", 1, i)->state, CALL_RECORDED);
    case_assert_clean(c);
}

static void die_at(struct ledger_case *c, const char *point, bool *killed)
{
    ledger_close(c->ledger);
    int count = run_hub(c, point, killed);
    c->store = store_sqlite_open(c->dir, &c->err);
    c->ledger = ledger_open(c->store, &c->err);
    assert_non_null(c->ledger);
    int done = (int)remembered(c);
    assert_true(done == count || done == count + 1);
    case_assert_clean(c);
    struct client client = {.ledger = c->ledger, .answered_fd = -1};
    assert_int_equal(play(&client, done), 0);
    assert_int_equal(client.step, STEPS);
    arena_fini(&client.arena);
    assert_happened_once(c);
}

static void every_commit_may_be_the_last(void **state)
{
    static const char *const sides[] = {"before", "after"};
    for (int side = 0; side < 2; side++) {
        bool killed = true;
        int deaths = 0;
        for (int pass = 1; killed; pass++, deaths += killed) {
            void *fresh;
            char point[64];
            assert_int_equal(case_setup_sqlite(&fresh), 0);
            snprintf(point, sizeof(point), "hub/ledger.commit.%s#%d", sides[side], pass);
            die_at(fresh, point, &killed);
            case_teardown(&fresh);
        }
        assert_true(deaths >= STEPS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_commit_may_be_the_last)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
