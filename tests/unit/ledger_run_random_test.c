/* Random runs by random decisions, workers and people: whatever they do, in whatever order, the
 * promises hold.
 *
 * Of two decisions made from the same state one counts; a fact is told once; what has ended stays
 * as it is; an approval is decided once; a run's end leaves nothing open. The check is clean all
 * along. A failure names its seed. */
#include "ledger_run_case.h"

#include <stdio.h>

#include "base/json.h"
#include "base/str.h"

enum { RUNS = 12, STEPS = 250, TASKS = 200, AGENTS = 3 };

struct seen {
    char id[16], state[16];
    int64_t decided, facts;
};

struct world {
    struct ledger_case *c;
    uint64_t seed, dice;
    struct seen runs[RUNS];
    int run_count, next; /* next: number of what is made */
    struct task held[TASKS];
    int held_count;
    struct arena names; /* of the whole story */
};

static const char *const agents[] = {"ada", "bob", RUNNER_AGENT};
static const char *const paths[] = {"a", "b", "c", "d", "e", "f"};

static int roll(struct world *w, int sides)
{
    w->dice ^= w->dice >> 12;
    w->dice ^= w->dice << 25;
    w->dice ^= w->dice >> 27;
    return (int)((w->dice * 2685821657736338717u >> 33) % (uint64_t)sides);
}

static const char *name(struct world *w, const char *prefix)
{
    return arena_printf(&w->names, "%s%03d", prefix, w->next++);
}

static void know_run(struct world *w, const char *id)
{
    struct seen *seen = &w->runs[w->run_count++];
    *seen = (struct seen){0};
    snprintf(seen->id, sizeof(seen->id), "%.15s", id);
}

static void act_start(struct world *w)
{
    char id[RUN_ID_TEXT];
    if (w->run_count == RUNS)
        return;
    const char *task = name(w, "t-");
    const char *limits = roll(w, 3) ? NULL : "{\"depth\":2,\"tasks\":6,\"wall_ms\":60000}";
    assert_int_equal(run_start_with(w->c, task, "{}", limits), LEDGER_OK);
    run_id_of_task(task, id);
    know_run(w, id);
}

/* What one step of a decision starts. */
struct start {
    struct step step;
    struct task task;
    struct run_task give;
    struct run sub;
    struct run_start run;
    struct approval approval;
    struct effect effect;
    struct job job;
    char run_id[RUN_ID_TEXT], approval_id[APPROVAL_ID_TEXT];
};

static void start_task(struct world *w, struct start *s, struct run_decision *d)
{
    s->task = (struct task){.id = name(w, "t-"), .agent = agents[roll(w, AGENTS)]};
    s->task.instruction = s->task.id;
    s->task.step = s->step.path;
    s->task.step_round = s->step.round;
    s->task.max_tries = 1 + roll(w, 2);
    if (roll(w, 4) == 0)
        s->task.deadline_at = ledger_now(w->c->ledger) + 1000 * (1 + roll(w, 20));
    s->step.task = s->task.id;
    s->give = (struct run_task){.task = &s->task, .limit = {-1, -1}};
    d->tasks = &s->give;
    d->task_count = 1;
}

static void start_run(struct world *w, struct start *s, struct run_decision *d)
{
    s->task = (struct task){.id = name(w, "t-"), .step = s->step.path};
    s->task.step_round = s->step.round;
    s->sub = (struct run){.name = "sub"};
    s->run = (struct run_start){.task = &s->task, .run = &s->sub};
    run_id_of_task(s->task.id, s->run_id);
    s->step.task = s->task.id;
    s->step.child_run = s->run_id;
    d->runs = &s->run;
    d->run_count = 1;
}

static void start_gate(struct world *w, struct start *s, struct run_decision *d)
{
    approval_id(d->run, s->step.path, s->step.round, 0, s->approval_id);
    s->approval = (struct approval){.id = s->approval_id,
                                    .path = s->step.path,
                                    .round = s->step.round,
                                    .title = "Go on?",
                                    .quorum = 1 + roll(w, 2),
                                    .rerun = roll(w, 2) ? "a" : NULL};
    if (roll(w, 2))
        s->approval.expires_at = ledger_now(w->c->ledger) + 1000 * (1 + roll(w, 30));
    s->step.state = "waiting";
    s->step.approval = s->approval_id;
    d->approvals = &s->approval;
    d->approval_count = 1;
}

static void start_effect(struct world *w, struct start *s, struct run_decision *d)
{
    static const char *const words[] = {"ask", "retry", NULL};
    s->effect = (struct effect){.id = name(w, "e-"),
                                .kind = "webhook",
                                .destination = "webhook:x",
                                .step = s->step.path,
                                .step_round = s->step.round,
                                .on_unknown = words[roll(w, 3)]};
    s->step.effect = s->effect.id;
    d->effects = &s->effect;
    d->effect_count = 1;
}

static void start_job(struct world *w, struct start *s, struct run_decision *d)
{
    s->job = (struct job){.id = name(w, "job-"),
                          .path = s->step.path,
                          .round = s->step.round,
                          .try = 1,
                          .spec = "{}"};
    s->step.state = "waiting";
    s->step.job = s->job.id;
    d->jobs = &s->job;
    d->job_count = 1;
}

static bool step_is_open(const struct step *step)
{
    return step && (str_eq(step->state, "running") || str_eq(step->state, "waiting"));
}

static struct step *newest_step(struct world *w, const char *run, const char *path)
{
    void *rows;
    size_t count;
    struct step *found = NULL;
    assert_int_equal(ledger_query(w->c->ledger, LIST_STEPS, run, NULL, 0, 0, &w->c->arena, &rows,
                                  &count, &w->c->err),
                     0);
    for (size_t i = 0; i < count; i++)
        if (str_eq(((struct step *)rows)[i].path, path))
            found = &((struct step *)rows)[i];
    return found;
}

/* A step that is open ends, or is cancelled; another one starts anew. */
static void decide_step(struct world *w, struct start *s, struct run_decision *d,
                        const char **cancelled)
{
    static void (*const starts[])(struct world *, struct start *, struct run_decision *) = {
        start_task, start_task, start_gate, start_effect, start_job, start_run};
    const char *path = paths[roll(w, 6)];
    struct step *known = newest_step(w, d->run, path);
    if (step_is_open(known)) {
        s->step = *known;
        s->step.state = roll(w, 2) ? "done" : "cancelled";
        *cancelled = path;
        d->cancel_steps = cancelled;
        d->cancel_count = 1;
    } else {
        s->step = (struct step){
            .path = path, .kind = "x", .state = "running", .round = known ? known->round + 1 : 0};
        starts[roll(w, 6)](w, s, d);
    }
    d->steps = &s->step;
    d->step_count = 1;
}

static void act_decide(struct world *w)
{
    struct start s = {0};
    const char *cancelled;
    static const char *const ends[] = {RUN_DONE, RUN_FAILED, RUN_REJECTED};
    if (w->run_count == 0)
        return;
    const struct run *run = run_row(w->c, w->runs[roll(w, w->run_count)].id);
    bool ended = run_state_is_terminal(run->state);
    struct run_decision d = {.run = run->id};
    d.row.ready_at = roll(w, 3) ? 0 : ledger_now(w->c->ledger) + roll(w, 5000);
    bool room = w->run_count < RUNS;
    decide_step(w, &s, &d, &cancelled);
    if (d.run_count && !room)
        return;
    if (roll(w, 12) == 0)
        d.row.state = ends[roll(w, 3)];
    bool stale = roll(w, 10) == 0;
    d.expect = stale ? run->decided + 1 : 0;
    int rc = run_decide(w->c, d);
    if (rc != (ended || stale ? LEDGER_CONFLICT : LEDGER_OK))
        fail_msg("seed %llu: deciding %s (%s) gave %d %s", (unsigned long long)w->seed, run->id,
                 run->state, rc, w->c->outcome.message);
    struct run child = {.id = s.run_id};
    if (d.run_count && rc == LEDGER_OK &&
        ledger_get(w->c->ledger, &run_record, &child, &w->c->arena, &w->c->err) == 0)
        know_run(w, s.run_id);
}

static void act_claim(struct world *w)
{
    const char *agent = agents[roll(w, AGENTS)];
    struct task *task = case_claim(w->c, agent, "n1");
    if (!task || w->held_count == TASKS)
        return;
    w->held[w->held_count++] = (struct task){
        .id = arena_strdup(&w->names, task->id), .fence = task->fence, .agent = agent};
}

static int ask(struct world *w, const struct task *task)
{
    struct approval approval = {.kind = roll(w, 2) ? "question" : "ambiguous",
                                .call_step = 1,
                                .call_idx = 1,
                                .title = "What now?"};
    if (roll(w, 2))
        approval.expires_at = ledger_now(w->c->ledger) + 1000 * (1 + roll(w, 30));
    int rc = case_intend(w->c, task->id, task->fence, 1, 1);
    if (rc)
        return rc;
    struct op op = {.type = OP_ASK, .task_id = task->id, .fence = task->fence};
    op.approval = &approval;
    rc = case_op(w->c, op);
    return rc ? rc : case_park_step(w->c, task->id, task->fence, 1);
}

static void act_work(struct world *w)
{
    if (w->held_count == 0)
        return;
    const struct task *task =
        &w->held[w->held_count - 1 - roll(w, w->held_count < 8 ? w->held_count : 8)];
    int rc;
    switch (roll(w, 5)) {
    case 0:
        rc = case_op(w->c,
                     (struct op){.type = OP_FAIL_TRY, .task_id = task->id, .fence = task->fence});
        break;
    case 1:
    case 2:
        rc = ask(w, task);
        break;
    default:
        rc = case_finish(w->c, task->id, task->fence, "{\"x\":1}");
    }
    assert_true(rc == LEDGER_OK || rc == LEDGER_LOST || rc == LEDGER_CONFLICT);
}

/* A person's word on anything, also on what is over. */
static void act_say(struct world *w)
{
    static const char *const people[] = {"person:ann", "person:bo", "operator", "agent:ada"};
    static const char *const words[] = {APPROVAL_APPROVED, APPROVAL_REJECTED, APPROVAL_CHANGES,
                                        APPROVAL_ANSWERED};
    void *rows;
    size_t count;
    ledger_query(w->c->ledger, LIST_APPROVALS, NULL, NULL, 0, 0, &w->c->arena, &rows, &count,
                 &w->c->err);
    if (count == 0)
        return;
    const struct approval *pick = &((struct approval *)rows)[roll(w, (int)count)];
    const char *person = people[roll(w, 4)];
    int rc = run_decide_approval(w->c, (struct decide){.approval = pick->id,
                                                       .person = person,
                                                       .decision = words[roll(w, 4)],
                                                       .feedback = roll(w, 4) ? "because" : NULL,
                                                       .answer = roll(w, 2) ? "\"x\"" : NULL});
    assert_true(rc == LEDGER_OK || rc == LEDGER_CONFLICT || rc == LEDGER_REFUSED);
    if (rc == LEDGER_OK && (!str_eq(pick->state, APPROVAL_PENDING) || str_starts(person, "agent:")))
        fail_msg("seed %llu: %s decided %s, which was %s", (unsigned long long)w->seed, person,
                 pick->id, pick->state);
}

static void act_effect(struct world *w)
{
    static const char *const states[] = {EFFECT_INTENDED, EFFECT_IN_FLIGHT, EFFECT_UNKNOWN};
    static const char *const to[] = {EFFECT_IN_FLIGHT, EFFECT_CONFIRMED, EFFECT_UNKNOWN,
                                     EFFECT_DEAD};
    void *rows;
    size_t count;
    ledger_query(w->c->ledger, LIST_EFFECTS_BY_STATE, states[roll(w, 3)], NULL, 0, 0, &w->c->arena,
                 &rows, &count, &w->c->err);
    if (count == 0)
        return;
    struct effect effect = ((struct effect *)rows)[roll(w, (int)count)];
    effect.state = to[roll(w, 4)];
    assert_int_equal(case_op(w->c, (struct op){.type = OP_EFFECT_STATE, .effect = &effect}),
                     LEDGER_OK);
}

static void act_job(struct world *w)
{
    static const char *const to[] = {JOB_SUBMITTED, JOB_RUNNING, JOB_COMPLETED, JOB_FAILED};
    void *rows;
    size_t count;
    ledger_query(w->c->ledger, LIST_JOBS, NULL, NULL, 0, 0, &w->c->arena, &rows, &count,
                 &w->c->err);
    if (count == 0)
        return;
    const struct job *pick = &((struct job *)rows)[roll(w, (int)count)];
    struct job job = {.id = pick->id, .state = to[roll(w, 4)], .result = "{\"y\":1}"};
    struct op op = {.type = OP_JOB_STATE};
    op.job = &job;
    int rc = case_op(w->c, op);
    assert_int_equal(rc, job_state_is_terminal(pick->state) ? LEDGER_CONFLICT : LEDGER_OK);
}

static void act_other(struct world *w)
{
    struct signal_op signal = {.name = "go"};
    struct op op = {.type = OP_SIGNAL};
    if (w->run_count == 0)
        return;
    signal.run = w->runs[roll(w, w->run_count)].id;
    op.signal = &signal;
    if (roll(w, 3)) {
        int rc = case_op(w->c, op);
        assert_true(rc == LEDGER_OK || rc == LEDGER_CONFLICT);
    } else {
        case_cancel(w->c, run_row(w->c, signal.run)->task);
    }
}

static void act(struct world *w)
{
    int what = roll(w, 100);
    if (what < 8)
        act_start(w);
    else if (what < 38)
        act_decide(w);
    else if (what < 52)
        act_claim(w);
    else if (what < 66)
        act_work(w);
    else if (what < 76)
        act_say(w);
    else if (what < 82)
        act_effect(w);
    else if (what < 87)
        act_job(w);
    else if (what < 90)
        act_other(w);
    else if (what < 99)
        case_pass(w->c, roll(w, 6000));
    else
        case_restart(w->c);
}

static void check_run(struct world *w, struct seen *seen)
{
    const struct run *run = run_row(w->c, seen->id);
    bool ended = run_state_is_terminal(seen->state);
    if (run->decided < seen->decided || run->facts < seen->facts ||
        (ended && (!str_eq(run->state, seen->state) || run->decided != seen->decided ||
                   run->facts != seen->facts)))
        fail_msg("seed %llu: %s went from %s to %s", (unsigned long long)w->seed, seen->id,
                 seen->state, run->state);
    snprintf(seen->state, sizeof(seen->state), "%s", run->state);
    seen->decided = run->decided;
    seen->facts = run->facts;
}

/* Each event of `type` in the stream names another `member`. */
static void check_once(struct world *w, const char *stream, const char *type, const char *member)
{
    struct event *events;
    size_t count;
    json_t *told = json_object();
    assert_int_equal(
        ledger_read(w->c->ledger, stream, 1, 0, &w->c->arena, &events, &count, &w->c->err), 0);
    for (size_t i = 0; i < count; i++) {
        if (!str_eq(events[i].type, type))
            continue;
        json_t *body = json_loads(events[i].body, 0, NULL);
        const char *what = json_get_text(body, member, NULL);
        if (what && json_object_get(told, what))
            fail_msg("seed %llu: %s of %s is told twice in %s", (unsigned long long)w->seed, type,
                     what, stream);
        if (what)
            json_object_set_new(told, what, json_true());
        json_decref(body);
    }
    json_decref(told);
}

static void bring_to_an_end(struct world *w)
{
    void *rows;
    size_t count = 1;
    for (int i = 0; i < w->run_count; i++) {
        const struct run *run = run_row(w->c, w->runs[i].id);
        int rc = run_finish(w->c, run->id, RUN_DONE, "1");
        assert_int_equal(rc, run_state_is_terminal(run->state) ? LEDGER_CONFLICT : LEDGER_OK);
    }
    for (int round = 0; round < 100 && count; round++) {
        for (int i = 0; i < AGENTS; i++)
            for (struct task *task; (task = case_claim(w->c, agents[i], "n1"));)
                assert_int_equal(case_finish(w->c, task->id, task->fence, "1"), LEDGER_OK);
        case_pass(w->c, 10000);
        ledger_query(w->c->ledger, LIST_TASKS_OPEN, NULL, NULL, 0, 0, &w->c->arena, &rows, &count,
                     &w->c->err);
    }
    if (count)
        fail_msg("seed %llu: %s never ends", (unsigned long long)w->seed,
                 ((struct task *)rows)->id);
    run_pending(w->c, &count);
    if (count)
        fail_msg("seed %llu: somebody is still asked", (unsigned long long)w->seed);
}

static void live(struct ledger_case *c, uint64_t seed)
{
    struct world w = {.c = c, .seed = seed, .dice = seed * 0x9e3779b97f4a7c15u + 1};
    run_define(c);
    for (int i = 0; i < AGENTS; i++)
        case_register(c, agents[i], "n1");
    for (int step = 0; step < STEPS; step++) {
        act(&w);
        for (int i = 0; i < w.run_count; i++)
            check_run(&w, &w.runs[i]);
        if (step % 10 == 0)
            case_assert_clean(c);
        if (step % 10 == 0)
            arena_fini(&c->arena);
    }
    bring_to_an_end(&w);
    for (int i = 0; i < w.run_count; i++) {
        check_run(&w, &w.runs[i]);
        check_once(&w, w.runs[i].id, "step.ended", "task");
        check_once(&w, w.runs[i].id, "approval.decided", "approval");
        check_once(&w, w.runs[i].id, "job.ended", "job");
    }
    check_once(&w, "inbox", "approval.decided", "approval");
    check_once(&w, "inbox", "approval.asked", "approval");
    case_assert_books(c);
    case_assert_clean(c);
    arena_fini(&w.names);
}

static void run_seed(void **state)
{
    static uint64_t next;
    const char *text = getenv("HQ_TEST_SEED");
    if (!next)
        next = text ? strtoull(text, NULL, 10) : 1;
    live(*state, next++);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE_MEM(run_seed),    CASE_MEM(run_seed),    CASE_MEM(run_seed), CASE_MEM(run_seed),
        CASE_MEM(run_seed),    CASE_MEM(run_seed),    CASE_MEM(run_seed), CASE_MEM(run_seed),
        CASE_SQLITE(run_seed), CASE_SQLITE(run_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
