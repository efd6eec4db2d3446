/* Random work by random workers: whatever they do, in whatever order, the promises hold.
 *
 * Checked after every step: fences only go up, what has ended stays as it is, a lane lets out one
 * open task, a write with an old fence is refused, no budget holds more than its limit, a provider
 * has as many calls as it may. At the end everything has ended (so nobody
 * waited in a circle), with one handoff each and every call answered once, and the check finds
 * nothing. A failure names its seed. */
#include "ledger_case.h"

#include <stdio.h>

#include "base/str.h"

enum { PLACES = 2, STEPS = 300, TASKS = 96, HOLDS = 256, AGENTS = 3, SESSIONS = 3, SIGNALS = 4 };

struct seen {
    char id[16];
    char state[16];
    int64_t fence, finish_no;
};

struct hold {
    int task, agent;
    char nonce[16];
    int64_t fence;
};

struct world {
    struct ledger_case *c;
    uint64_t seed, dice;
    struct seen tasks[TASKS];
    int task_count;
    struct hold holds[HOLDS];
    int hold_count;
    int incarnation[AGENTS];
};

static const char *const agents[] = {"ada", "bob", "cyd"};
static const char *const questions[] = {"why?", "how?", "when?", "who?", "where?", "what?"};
static const char *const keys[] = {"main", "side", NULL};
static const char *const signals[] = {"s0", "s1", "s2", "s3"};

/* xorshift64*: the same seed is the same story. */
static int roll(struct world *w, int sides)
{
    w->dice ^= w->dice >> 12;
    w->dice ^= w->dice << 25;
    w->dice ^= w->dice >> 27;
    return (int)((w->dice * 2685821657736338717u >> 33) % (uint64_t)sides);
}

static const char *nonce_of(const struct world *w, int agent, char nonce[16])
{
    snprintf(nonce, 16, "n%d", w->incarnation[agent]);
    return nonce;
}

static void act_register(struct world *w)
{
    char nonce[16];
    int agent = roll(w, AGENTS);
    w->incarnation[agent] += roll(w, 2);
    assert_int_equal(case_register(w->c, agents[agent], nonce_of(w, agent, nonce)), LEDGER_OK);
}

static struct task random_task(struct world *w)
{
    struct seen *seen = &w->tasks[w->task_count];
    snprintf(seen->id, sizeof(seen->id), "t-%02d", w->task_count);
    return (struct task){.id = seen->id,
                         .agent = agents[roll(w, AGENTS)],
                         .session = keys[roll(w, SESSIONS)],
                         .instruction = questions[roll(w, 6)],
                         .kind = "ask",
                         .priority = roll(w, 3),
                         .max_tries = 1 + roll(w, 3)};
}

static void act_submit(struct world *w)
{
    if (w->task_count == TASKS)
        return;
    struct task task = random_task(w);
    if (w->task_count && roll(w, 2)) {
        task.parent = w->tasks[roll(w, w->task_count)].id;
        task.parent_step = 1;
        task.parent_index = 1;
    }
    if (roll(w, 4) == 0)
        task.deadline_at = ledger_now(w->c->ledger) + 1000 * (1 + roll(w, 40));
    struct op op = {.type = OP_SUBMIT, .task = &task};
    if (roll(w, 2))
        op.root_limits = "{\"depth\":3,\"tasks\":12,\"live\":8,\"fan_out\":4}";
    struct root_budget budget = {.company = "company:now", .company_limit = {6000, -1}};
    budget.limit = (struct amount){roll(w, 3) ? roll(w, 1000) : -1, roll(w, 2) ? 2000 : -1};
    op.root_budget = roll(w, 4) ? &budget : NULL;
    int rc = case_op(w->c, op);
    assert_true(rc == LEDGER_OK || rc == LEDGER_REFUSED);
    w->task_count += rc == LEDGER_OK;
}

static void act_claim(struct world *w)
{
    char nonce[16];
    int agent = roll(w, AGENTS);
    struct task *task = case_claim(w->c, agents[agent], nonce_of(w, agent, nonce));
    if (!task)
        return;
    struct hold *hold = &w->holds[w->hold_count++ % HOLDS];
    *hold = (struct hold){.agent = agent, .fence = task->fence};
    snprintf(hold->nonce, sizeof(hold->nonce), "%s", nonce);
    for (int i = 0; i < w->task_count; i++)
        if (strcmp(w->tasks[i].id, task->id) == 0)
            hold->task = i;
}

static struct wait random_wait(struct world *w, char due[24])
{
    snprintf(due, 24, "%lld", (long long)ledger_now(w->c->ledger) + roll(w, 30000));
    switch (roll(w, 3)) {
    case 0:
        return (struct wait){.kind = "timer", .id = due};
    case 1:
        return (struct wait){.kind = "signal", .id = signals[roll(w, SIGNALS)]};
    default:
        return (struct wait){.kind = "task", .id = w->tasks[roll(w, w->task_count)].id};
    }
}

static int write_park(struct world *w, const struct hold *hold)
{
    char due[2][24];
    struct wait waits[2] = {random_wait(w, due[0]), random_wait(w, due[1])};
    size_t count = str_eq(waits[0].kind, waits[1].kind) ? 1 : 2;
    return case_park(w->c, w->tasks[hold->task].id, hold->fence, roll(w, 2) ? "all" : "any", waits,
                     count);
}

/* Two calls of one step; the second may be refused, repeated, or be somebody's answer already. */
static int write_delegate(struct world *w, const struct hold *hold)
{
    struct task row = {0};
    if (w->task_count == TASKS)
        return case_park_step(w->c, w->tasks[hold->task].id, hold->fence, 1);
    struct task child = random_task(w);
    struct delegation ask = {
        .step = 1,
        .idx = 2 + roll(w, 5),
        .child = &child,
        .mode = roll(w, 3) ? "sync" : "async",
        .patience_ms = roll(w, 3) ? 0 : 1 + roll(w, 20000),
        .limit = {-1, -1},
        .may_revisit = roll(w, 2),
    };
    if (roll(w, 4) == 0)
        child.deadline_at = ledger_now(w->c->ledger) + 1000 * roll(w, 30);
    if (roll(w, 12) == 0)
        ask.refused_code = ask.refused_class = ask.refused_message = "refused";
    int rc = case_delegate(w->c, w->tasks[hold->task].id, hold->fence, &ask);
    assert_true(rc == LEDGER_OK || rc == LEDGER_LOST || rc == LEDGER_CONFLICT);
    row.id = child.id;
    w->task_count += ledger_get(w->c->ledger, &task_record, &row, &w->c->arena, &w->c->err) == 0;
    return rc;
}

/* The model call of a step: asked for, answered within what was set aside, or turned away. */
static int write_model(struct world *w, const struct hold *hold)
{
    const char *id = w->tasks[hold->task].id;
    const struct task *task = case_task(w->c, id);
    struct amount most = {task->reserved_micro_usd, task->reserved_tokens};
    struct call call = {.step = hold->fence};
    struct op drop = {.type = OP_CALL_DROP, .task_id = id, .fence = hold->fence, .call = &call};
    switch (roll(w, 5)) {
    case 0:
        return case_op(w->c, drop);
    case 1:
    case 2:
        most.micro_usd = roll(w, 4) ? roll(w, (int)most.micro_usd + 1) : -1;
        most.tokens = roll(w, (int)most.tokens + 1);
        return case_answer(w->c, id, hold->fence, hold->fence, most);
    default:
        most = (struct amount){roll(w, 8) ? roll(w, 400) : -1, roll(w, 500)};
        return case_reserve(w->c, id, hold->fence, hold->fence, most);
    }
}

/* One write of a worker that holds, or once held, a task. */
static int write_one(struct world *w, const struct hold *hold)
{
    const char *id = w->tasks[hold->task].id;
    int64_t fence = hold->fence;
    switch (roll(w, 21)) {
    case 8:
    case 9:
    case 10:
    case 11:
        return write_delegate(w, hold);
    case 12:
    case 13:
        return case_park_step(w->c, id, fence, 1);
    case 0:
    case 1:
        return case_finish(w->c, id, fence, "\"x\"");
    case 2:
        return case_op(w->c, (struct op){.type = OP_FAIL_TRY, .task_id = id, .fence = fence});
    case 3:
        return case_op(w->c, (struct op){.type = OP_RELEASE, .task_id = id, .fence = fence});
    case 4:
        return write_park(w, hold);
    case 5:
        return case_record(w->c, id, fence, 1, 1);
    case 6:
    case 7:
        return case_intend(w->c, id, fence, 1, 1);
    default:
        return write_model(w, hold);
    }
}

static void act_write(struct world *w)
{
    int held = w->hold_count < HOLDS ? w->hold_count : HOLDS;
    if (held == 0)
        return;
    int recent = held < 6 ? held : 6;
    int pick = roll(w, 3) ? (w->hold_count - 1 - roll(w, recent)) % HOLDS : roll(w, held);
    const struct hold *hold = &w->holds[pick];
    const struct task *before = case_task(w->c, w->tasks[hold->task].id);
    bool current = before->fence == hold->fence && !task_state_is_terminal(before->state);
    int rc = write_one(w, hold);
    assert_true(rc >= 0);
    if (!current && rc == LEDGER_OK)
        fail_msg("seed %llu: %s was written to with fence %lld at fence %lld (%s)",
                 (unsigned long long)w->seed, before->id, (long long)hold->fence,
                 (long long)before->fence, before->state);
    if (str_eq(before->state, TASK_WORKING) && current)
        assert_true(rc != LEDGER_LOST);
}

static void act_extend(struct world *w)
{
    int held = w->hold_count < HOLDS ? w->hold_count : HOLDS;
    for (int i = 0; i < held; i++)
        if (roll(w, 2))
            case_extend(w->c, agents[w->holds[i].agent], w->holds[i].nonce,
                        w->tasks[w->holds[i].task].id, w->holds[i].fence, NULL);
}

static void act_cancel(struct world *w)
{
    if (w->task_count)
        case_cancel(w->c, w->tasks[roll(w, w->task_count)].id);
}

static void act_reassign(struct world *w)
{
    if (w->task_count == 0 || w->task_count == TASKS)
        return;
    struct task task = random_task(w);
    const char *old = w->tasks[roll(w, w->task_count)].id;
    int rc = case_op(w->c,
                     (struct op){.type = OP_REASSIGN, .task_id = old, .reassign = {.task = &task}});
    assert_true(rc == LEDGER_OK || rc == LEDGER_REFUSED || rc == LEDGER_CONFLICT);
    w->task_count += rc == LEDGER_OK;
}

static void send_signal(struct world *w, int which)
{
    char stream[16];
    snprintf(stream, sizeof(stream), "signal:%s", signals[which]);
    struct event event = {.stream = stream, .type = "signal.sent"};
    assert_int_equal(case_op(w->c, (struct op){.type = OP_EVENT, .event = &event}), LEDGER_OK);
}

static void open_gate(struct ledger_case *c)
{
    struct ledger_provider provider = {"m", PLACES, 0};
    ledger_set_providers(c->ledger, &provider, 1);
}

static void act_restart(struct world *w)
{
    case_restart(w->c);
    open_gate(w->c);
}

static void act(struct world *w)
{
    int what = roll(w, 100);
    if (what < 20)
        act_submit(w);
    else if (what < 45)
        act_claim(w);
    else if (what < 75)
        act_write(w);
    else if (what < 82)
        act_extend(w);
    else if (what < 86)
        act_register(w);
    else if (what < 89)
        act_cancel(w);
    else if (what < 92)
        act_reassign(w);
    else if (what < 93)
        send_signal(w, roll(w, SIGNALS));
    else if (what < 99)
        case_pass(w->c, roll(w, 8000));
    else
        act_restart(w);
}

static void check_task(struct world *w, struct seen *seen)
{
    const struct task *task = case_task(w->c, seen->id);
    bool ended = task_state_is_terminal(seen->state);
    if (task->fence < seen->fence)
        fail_msg("seed %llu: the fence of %s went back", (unsigned long long)w->seed, seen->id);
    if (ended && (!str_eq(task->state, seen->state) || task->fence != seen->fence ||
                  task->finish_no != seen->finish_no))
        fail_msg("seed %llu: %s changed after its end", (unsigned long long)w->seed, seen->id);
    snprintf(seen->state, sizeof(seen->state), "%s", task->state);
    seen->fence = task->fence;
    seen->finish_no = task->finish_no;
}

static void check_lanes(struct world *w)
{
    void *rows;
    size_t count;
    assert_int_equal(ledger_query(w->c->ledger, LIST_TASKS_OPEN, NULL, NULL, 0, 0, &w->c->arena,
                                  &rows, &count, &w->c->err),
                     0);
    const struct task *open = rows;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (!open[i].blocked && !open[j].blocked && str_eq(open[i].agent, open[j].agent) &&
                str_eq(open[i].session, open[j].session))
                fail_msg("seed %llu: %s and %s are both let out", (unsigned long long)w->seed,
                         open[i].id, open[j].id);
}

/* Everybody comes back, every signal is sent, all work is done. */
static void bring_to_an_end(struct world *w)
{
    char nonce[16];
    size_t count = 1;
    void *rows;
    for (int i = 0; i < SIGNALS; i++)
        send_signal(w, i);
    for (int round = 0; round < 400 && count; round++) {
        for (int i = 0; i < AGENTS; i++) {
            w->incarnation[i] += round == 0;
            case_register(w->c, agents[i], nonce_of(w, i, nonce));
            for (struct task *task; (task = case_claim(w->c, agents[i], nonce));)
                assert_int_equal(case_finish(w->c, task->id, task->fence, "1"), LEDGER_OK);
        }
        case_pass(w->c, 5000);
        ledger_query(w->c->ledger, LIST_TASKS_OPEN, NULL, NULL, 0, 0, &w->c->arena, &rows, &count,
                     &w->c->err);
    }
    if (count)
        fail_msg("seed %llu: %s never ends: it is %s", (unsigned long long)w->seed,
                 ((struct task *)rows)->id, ((struct task *)rows)->state);
    for (int i = 0; i < w->task_count; i++)
        assert_non_null(case_handoff(w->c, w->tasks[i].id));
}

/* Nothing is answered twice, and nothing is answered that was not written down. */
static void check_answers(struct world *w, const char *id)
{
    void *rows;
    size_t count, recorded = 0;
    assert_int_equal(ledger_query(w->c->ledger, LIST_CALLS, id, NULL, 0, 0, &w->c->arena, &rows,
                                  &count, &w->c->err),
                     0);
    const struct call *calls = rows;
    for (size_t i = 0; i < count; i++)
        recorded += str_eq(calls[i].state, CALL_RECORDED);
    if (recorded != case_events(w->c, id, "call.recorded"))
        fail_msg("seed %llu: %s has %zu recorded calls and %zu events of it",
                 (unsigned long long)w->seed, id, recorded, case_events(w->c, id, "call.recorded"));
}

static void check_places(struct world *w)
{
    int asking = 0;
    for (int i = 0; i < w->task_count; i++)
        asking += case_task(w->c, w->tasks[i].id)->provider != NULL;
    if (asking > PLACES)
        fail_msg("seed %llu: %d calls are open at once", (unsigned long long)w->seed, asking);
}

static void live(struct ledger_case *c, uint64_t seed)
{
    struct world w = {.c = c, .seed = seed, .dice = seed * 0x9e3779b97f4a7c15u + 1};
    open_gate(c);
    for (int step = 0; step < STEPS; step++) {
        act(&w);
        for (int i = 0; i < w.task_count; i++)
            check_task(&w, &w.tasks[i]);
        check_lanes(&w);
        check_places(&w);
        if (step % 25 == 0) {
            case_assert_books(c);
            case_assert_clean(c);
        }
        if (step % 10 == 0)
            arena_fini(&c->arena);
    }
    bring_to_an_end(&w);
    for (int i = 0; i < w.task_count; i++)
        check_answers(&w, w.tasks[i].id);
    for (int i = 0; i < w.task_count; i++)
        assert_int_equal(case_task(c, w.tasks[i].id)->reserved_tokens, 0);
    case_assert_books(c);
    case_assert_clean(c);
}

static uint64_t first_seed(void)
{
    const char *text = getenv("HQ_TEST_SEED");
    return text ? strtoull(text, NULL, 10) : 1;
}

static void run_seed(void **state)
{
    static uint64_t next;
    if (!next)
        next = first_seed();
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
