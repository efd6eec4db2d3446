/* Pauses in any order among submits, claims, calls, ends and restarts, against an oracle: no call
 * is intended in a paused scope, and once all is resumed everything comes to its end. */
#include "ledger_case.h"

#include <stdio.h>

#include "base/json.h"
#include "base/str.h"

static int set(struct ledger_case *c, enum op_type type, const char *id)
{
    struct pause row = {.id = id, .by = "operator"};
    int rc = case_op(c, (struct op){.type = type, .pause = &row});
    int64_t lifted = type == OP_RESUME ? ledger_sweep(c->ledger, &c->err) : 0;
    return lifted < 0 ? -1 : rc;
}

enum { TASKS = 24, STEPS = 1500 };

struct world {
    struct ledger_case *c;
    unsigned seed;
    bool company, agents[2], tasks[TASKS]; /* paused */
    int parent[TASKS], agent[TASKS];
    int64_t fence[TASKS], step[TASKS]; /* fence 0: not worked on */
    bool ended[TASKS];
    int count;
};

static const char *const agents[] = {"ada", "bob"};

static int roll(struct world *world, int sides)
{
    world->seed = world->seed * 1103515245u + 12345u;
    return (int)(world->seed >> 16) % sides;
}

static const char *task_name(struct world *world, int at)
{
    return arena_printf(&world->c->arena, "t-%d", at);
}

static bool is_held(const struct world *world, int at)
{
    if (world->company || world->agents[world->agent[at]])
        return true;
    for (; at >= 0; at = world->parent[at])
        if (world->tasks[at])
            return true;
    return false;
}

static void world_submit(struct world *world)
{
    int at = world->count, parent = at > 0 ? roll(world, at + 2) - 2 : -1;
    if (at == TASKS)
        return;
    world->agent[at] = roll(world, 2);
    world->parent[at] = parent >= 0 && !world->ended[parent] ? parent : -1;
    const char *agent = agents[world->agent[at]], *id = task_name(world, at);
    int rc = world->parent[at] >= 0
                 ? case_submit_child(world->c, id, agent, task_name(world, world->parent[at]))
                 : case_submit(world->c, id, agent, NULL);
    if (rc == LEDGER_REFUSED && world->parent[at] >= 0) { /* a rule of the tree */
        world->parent[at] = -1;
        rc = case_submit(world->c, id, agent, NULL);
    }
    assert_int_equal(rc, LEDGER_OK);
    world->count++;
}

static void world_claim(struct world *world)
{
    int agent = roll(world, 2);
    const struct task *task = case_claim(world->c, agents[agent], agent ? "n2" : "n1");
    if (!task)
        return;
    int at = atoi(task->id + 2);
    assert_false(is_held(world, at));
    world->fence[at] = task->fence;
}

/* Whoever is worked on: begins a call, ends, gives back, or parks for the pause. */
static void world_work(struct world *world)
{
    int at = world->count ? roll(world, world->count) : 0, what = roll(world, 8);
    const char *id = task_name(world, at);
    struct wait wait = {.kind = "pause", .id = "company"};
    if (!world->count || !world->fence[at])
        return;
    if (what < 5) {
        assert_int_equal(case_intend(world->c, id, world->fence[at], ++world->step[at], 1),
                         LEDGER_OK);
        const char *became = world->c->outcome.state;
        assert_string_equal(became, is_held(world, at) ? TASK_WAITING : TASK_WORKING);
        world->fence[at] = is_held(world, at) ? 0 : world->fence[at];
    } else if (what == 5) {
        case_finish(world->c, id, world->fence[at], "\"ok\"");
        world->fence[at] = 0;
        world->ended[at] = true;
    } else if (what == 6) {
        case_op(world->c,
                (struct op){.type = OP_RELEASE, .task_id = id, .fence = world->fence[at]});
        world->fence[at] = 0;
    } else {
        assert_int_equal(case_park(world->c, id, world->fence[at], "all", &wait, 1), LEDGER_OK);
        world->fence[at] = 0;
    }
}

static void world_pause(struct world *world)
{
    int what = roll(world, 6), at = world->count ? roll(world, world->count) : 0;
    bool on = roll(world, 3) > 0;
    const char *id = "company";
    bool *flag = &world->company;
    if (what < 2) {
        flag = &world->agents[what];
        id = what ? "agent:bob" : "agent:ada";
    } else if (what < 5 && world->count && (!world->ended[at] || world->tasks[at])) {
        flag = &world->tasks[at];
        id = arena_printf(&world->c->arena, "task:t-%d", at);
    }
    int rc = on ? set(world->c, OP_PAUSE, id) : set(world->c, OP_RESUME, id);
    if (rc == LEDGER_OK)
        *flag = on;
}

static void world_restart(struct world *world)
{
    if (roll(world, 20))
        return;
    case_restart(world->c);
    assert_int_equal(ledger_is_paused(world->c->ledger), world->company);
}

/* All that is paused is let go; then everything comes to its end. */
static void world_end(struct world *world)
{
    struct pause *list;
    size_t count;
    ledger_pauses(world->c->ledger, &world->c->arena, &list, &count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(set(world->c, OP_RESUME, list[i].id), LEDGER_OK);
    world->company = world->agents[0] = world->agents[1] = false;
    memset(world->tasks, 0, sizeof(world->tasks));
    for (int i = 0; i < 200; i++)
        world_claim(world);
    for (int i = 0; i < world->count; i++) {
        if (world->ended[i])
            continue;
        assert_true(world->fence[i] > 0);
        assert_int_equal(case_finish(world->c, task_name(world, i), world->fence[i], "\"ok\""),
                         LEDGER_OK);
    }
}

static void random_world(struct ledger_case *c, unsigned seed)
{
    struct world world = {.c = c, .seed = seed};
    case_register(c, "ada", "n1");
    case_register(c, "bob", "n2");
    for (int i = 0; i < STEPS; i++) {
        int what = roll(&world, 10);
        if (what == 0)
            world_submit(&world);
        else if (what < 4)
            world_claim(&world);
        else if (what < 8)
            world_work(&world);
        else if (what == 8)
            world_pause(&world);
        else
            world_restart(&world);
    }
    world_end(&world);
    case_assert_clean(c);
}

static void no_order_of_things_begins_anything_in_a_paused_scope(void **state)
{
    const char *seed = getenv("HQ_SEED");
    random_world(*state, seed ? (unsigned)strtoul(seed, NULL, 10) : 4711);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_order_of_things_begins_anything_in_a_paused_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
