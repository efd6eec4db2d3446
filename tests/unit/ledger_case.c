/* The stand of the ledger's tests. Every test ends with a clean check of its ledger. */
#include "ledger_case.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/str.h"

static int64_t case_wall(void *arg)
{
    return __atomic_load_n(&((struct ledger_case *)arg)->wall, __ATOMIC_SEQ_CST);
}

static int64_t case_boot(void *arg)
{
    return __atomic_load_n(&((struct ledger_case *)arg)->boot, __ATOMIC_SEQ_CST);
}

static int64_t case_awake(void *arg)
{
    return __atomic_load_n(&((struct ledger_case *)arg)->awake, __ATOMIC_SEQ_CST);
}

static void case_open(struct ledger_case *c)
{
    struct clock_source source = {case_wall, case_boot, case_awake, c};
    if (c->sqlite)
        c->store = store_sqlite_open(c->dir, &c->err);
    assert_non_null(c->store);
    c->ledger = ledger_open_at(c->store, &source, &c->err);
    if (!c->ledger)
        fail_msg("%s", c->err.message);
}

static int case_setup(void **state, bool sqlite)
{
    struct ledger_case *c = calloc(1, sizeof(*c));
    c->sqlite = sqlite;
    c->wall = 1795359845000;
    c->boot = 5000;
    c->awake = 5000;
    snprintf(c->dir, sizeof(c->dir), "/tmp/hq-ledger-XXXXXX");
    if (!mkdtemp(c->dir))
        return -1;
    if (!sqlite) {
        c->store = store_mem_open();
        store_mem_keep(c->store);
    }
    case_open(c);
    *state = c;
    return 0;
}

int case_setup_mem(void **state)
{
    return case_setup(state, false);
}

int case_setup_sqlite(void **state)
{
    return case_setup(state, true);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    return remove(path);
}

int case_teardown(void **state)
{
    struct ledger_case *c = *state;
    ledger_close(c->ledger);
    if (!c->sqlite)
        store_mem_free(c->store);
    nftw(c->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_fini(&c->arena);
    free(c);
    return 0;
}

void case_restart(struct ledger_case *c)
{
    ledger_close(c->ledger);
    c->ledger = NULL;
    case_open(c);
}

void case_pass(struct ledger_case *c, int64_t ms)
{
    __atomic_add_fetch(&c->wall, ms, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&c->awake, ms, __ATOMIC_SEQ_CST);
    /* Last, as what is due goes by it: no sweep of the commit thread's own sees half a step. */
    __atomic_add_fetch(&c->boot, ms, __ATOMIC_SEQ_CST);
    if (ledger_sweep(c->ledger, &c->err) < 0)
        fail_msg("%s", c->err.message);
}

int case_apply(struct ledger_case *c, const struct op *ops, size_t count)
{
    struct batch batch = {.actor = "operator", .ops = (struct op *)ops, .count = count};
    int rc = ledger_apply(c->ledger, &batch, &c->outcome, &c->err);
    return rc < 0 ? rc : (int)c->outcome.status;
}

int case_op(struct ledger_case *c, struct op op)
{
    return case_apply(c, &op, 1);
}

int case_register(struct ledger_case *c, const char *agent, const char *nonce)
{
    struct agent row = {.id = agent, .nonce = nonce, .version = "0", .pid = 1, .card = "{}"};
    return case_op(c, (struct op){.type = OP_REGISTER, .reg = {.agent = &row}});
}

int case_submit(struct ledger_case *c, const char *id, const char *agent, const char *session)
{
    struct task task = {.id = id,
                        .agent = agent,
                        .session = session,
                        .caller = "operator",
                        .kind = "ask",
                        .instruction = "do it"};
    return case_op(c, (struct op){.type = OP_SUBMIT, .task = &task});
}

int case_submit_child(struct ledger_case *c, const char *id, const char *agent, const char *parent)
{
    struct task task = {.id = id,
                        .agent = agent,
                        .parent = parent,
                        .parent_step = 1,
                        .parent_index = 1,
                        .caller = "agent:x",
                        .kind = "delegation",
                        .instruction = id}; /* no two ask the same */
    return case_op(c, (struct op){.type = OP_SUBMIT, .task = &task});
}

struct task *case_claim(struct ledger_case *c, const char *agent, const char *nonce)
{
    struct claim claim = {.agent = agent, .nonce = nonce, .max = 1};
    struct task *tasks;
    size_t count;
    int rc = ledger_claim(c->ledger, &claim, &c->arena, &tasks, &count, &c->outcome, &c->err);
    if (rc < 0)
        fail_msg("%s", c->err.message);
    return count ? tasks : NULL;
}

int64_t case_claim_id(struct ledger_case *c, const char *agent, const char *nonce, const char *id)
{
    struct task *task = case_claim(c, agent, nonce);
    if (!task)
        fail_msg("nothing to claim for %s; expected %s", agent, id);
    assert_string_equal(task->id, id);
    return task->fence;
}

int case_finish(struct ledger_case *c, const char *id, int64_t fence, const char *result)
{
    struct handoff handoff = {.status = "complete", .result = result};
    return case_op(
        c, (struct op){
               .type = OP_FINISH, .task_id = id, .fence = fence, .finish = {.handoff = &handoff}});
}

int case_park(struct ledger_case *c, const char *id, int64_t fence, const char *mode,
              const struct wait *waits, size_t count)
{
    return case_op(c, (struct op){.type = OP_PARK,
                                  .task_id = id,
                                  .fence = fence,
                                  .park = {.mode = mode, .waits = waits, .count = count}});
}

int case_intend(struct ledger_case *c, const char *id, int64_t fence, int64_t step, int64_t idx)
{
    struct call call = {.step = step, .idx = idx, .kind = idx ? "tool" : "model", .name = "x"};
    return case_op(
        c, (struct op){.type = OP_CALL_INTEND, .task_id = id, .fence = fence, .call = &call});
}

int case_record(struct ledger_case *c, const char *id, int64_t fence, int64_t step, int64_t idx)
{
    struct call call = {.step = step, .idx = idx, .response = "{\"text\":\"done\"}"};
    return case_op(
        c, (struct op){.type = OP_CALL_RECORD, .task_id = id, .fence = fence, .call = &call});
}

int case_delegate(struct ledger_case *c, const char *parent, int64_t fence,
                  const struct delegation *ask)
{
    struct call call = {.step = ask->step, .idx = ask->idx, .kind = "tool", .name = "delegate"};
    struct op ops[] = {
        {.type = OP_CALL_INTEND, .task_id = parent, .fence = fence, .call = &call},
        {.type = OP_DELEGATE,
         .task_id = parent,
         .fence = fence,
         .delegation = (struct delegation *)ask},
    };
    return case_apply(c, ops, 2);
}

int case_park_step(struct ledger_case *c, const char *id, int64_t fence, int64_t step)
{
    return case_op(c, (struct op){.type = OP_PARK,
                                  .task_id = id,
                                  .fence = fence,
                                  .park = {.of_step = true, .step = step}});
}

int case_reserve(struct ledger_case *c, const char *id, int64_t fence, int64_t step,
                 struct amount reserve)
{
    struct call call = {.step = step, .kind = "model", .name = "m/x"};
    struct op op = {.type = OP_CALL_INTEND, .task_id = id, .fence = fence};
    op.call = &call;
    op.reserve = reserve;
    return case_op(c, op);
}

/* Two thirds of the tokens went in, the rest came out. */
int case_answer(struct ledger_case *c, const char *id, int64_t fence, int64_t step,
                struct amount cost)
{
    struct call call = {.step = step, .response = "{\"text\":\"done\"}"};
    call.cost_micro_usd = cost.micro_usd;
    call.tokens_out = cost.tokens / 3;
    call.tokens_in = cost.tokens - call.tokens_out;
    return case_op(
        c, (struct op){.type = OP_CALL_RECORD, .task_id = id, .fence = fence, .call = &call});
}

int case_cancel(struct ledger_case *c, const char *id)
{
    return case_op(
        c, (struct op){.type = OP_CANCEL, .task_id = id, .cancel = {.reason = "cancelled"}});
}

enum extend_result case_extend(struct ledger_case *c, const char *agent, const char *nonce,
                               const char *id, int64_t fence, const char **reason)
{
    struct held held = {.task = id, .fence = fence, .note = "at work"};
    enum extend_result result;
    const char *ignored;
    assert_int_equal(
        ledger_extend(c->ledger, agent, nonce, &held, 1, &result, reason ? reason : &ignored), 0);
    return result;
}

struct task *case_task(struct ledger_case *c, const char *id)
{
    struct task *task = arena_alloc(&c->arena, sizeof(*task));
    task->id = id;
    assert_int_equal(ledger_get(c->ledger, &task_record, task, &c->arena, &c->err), 0);
    return task;
}

struct handoff *case_handoff(struct ledger_case *c, const char *id)
{
    struct handoff *handoff = arena_alloc(&c->arena, sizeof(*handoff));
    handoff->task = id;
    int rc = ledger_get(c->ledger, &handoff_record, handoff, &c->arena, &c->err);
    assert_true(rc >= 0);
    return rc == 0 ? handoff : NULL;
}

struct call *case_call(struct ledger_case *c, const char *id, int64_t step, int64_t idx)
{
    struct call *call = arena_alloc(&c->arena, sizeof(*call));
    *call = (struct call){.task = id, .step = step, .idx = idx};
    assert_int_equal(ledger_get(c->ledger, &call_record, call, &c->arena, &c->err), 0);
    return call;
}

struct session *case_session(struct ledger_case *c, const char *agent, const char *key)
{
    struct session *session = arena_alloc(&c->arena, sizeof(*session));
    *session = (struct session){.agent = agent, .key = key};
    assert_int_equal(ledger_get(c->ledger, &session_record, session, &c->arena, &c->err), 0);
    return session;
}

void case_assert_state(struct ledger_case *c, const char *id, const char *state)
{
    const struct task *task = case_task(c, id);
    if (!str_eq(task->state, state))
        fail_msg("%s is %s, not %s", id, task->state, state);
}

size_t case_events(struct ledger_case *c, const char *stream, const char *type)
{
    struct event *events;
    size_t count, found = 0;
    assert_int_equal(ledger_read(c->ledger, stream, 1, 0, &c->arena, &events, &count, &c->err), 0);
    for (size_t i = 0; i < count; i++)
        found += str_eq(events[i].type, type);
    return found;
}

void case_assert_clean(struct ledger_case *c)
{
    const char **findings;
    size_t count;
    int rc = ledger_admin(c->ledger, ADMIN_CHECK, NULL, &c->arena, &findings, &count, &c->err);
    if (rc < 0)
        fail_msg("%s", c->err.message);
    if (count)
        fail_msg("%zu findings, the first: %s", count, findings[0]);
}
