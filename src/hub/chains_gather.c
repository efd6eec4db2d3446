/* From the ledger's rows to the links: waits of parked tasks, and who stands behind whom in a
 * session. */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"
#include "hub/chains.h"
#include "ledger/ledger.h"

enum { WAITS_PER_TASK = 16, CHAINS_SHOWN = 200 };

struct gathering {
    struct ledger *ledger;
    struct arena *arena;
    struct err *err;
    struct chain_link *links;
    size_t count;
};

static struct chain_link *add(struct gathering *all, const struct task *task)
{
    struct chain_link *link = &all->links[all->count++];
    *link = (struct chain_link){.task = task->id, .agent = task->agent, .ends = "agent"};
    return link;
}

/* A link to a task: whose it is. */
static int add_task(struct gathering *all, const struct task *task, const char *to)
{
    struct task target = {.id = to};
    int rc = ledger_get(all->ledger, &task_record, &target, all->arena, all->err);
    if (rc < 0)
        return -1;
    if (rc == 0 && !task_state_is_terminal(target.state)) {
        struct chain_link *link = add(all, task);
        link->to = target.id;
        link->to_agent = target.agent;
    }
    return 0;
}

/* A run of a workflow: what it waits for is in its row. */
static int add_run(struct gathering *all, const struct task *task, const char *id)
{
    struct run run = {.id = id};
    if (ledger_get(all->ledger, &run_record, &run, all->arena, all->err) < 0)
        return -1;
    add(all, task)->ends = run.waiting
                               ? arena_printf(all->arena, "run %s waits for %s", id, run.waiting)
                               : arena_printf(all->arena, "run %s", id);
    return 0;
}

static int add_wait(struct gathering *all, const struct task *task, const struct wait *wait)
{
    static const char *const timers[] = {"timer", "rate", NULL};
    if (wait->satisfied || str_eq(wait->kind, "patience"))
        return 0;
    if (str_eq(wait->kind, "task"))
        return add_task(all, task, wait->id);
    if (str_eq(wait->kind, "run"))
        return add_run(all, task, wait->id);
    add(all, task)->ends = str_in(wait->kind, timers)
                               ? wait->kind
                               : arena_printf(all->arena, "%s %s", wait->kind, wait->id);
    return 0;
}

static int add_parked(struct gathering *all, const struct task *task)
{
    void *rows;
    size_t count;
    if (ledger_query(all->ledger, LIST_WAITS, task->id, NULL, 0, WAITS_PER_TASK, all->arena, &rows,
                     &count, all->err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add_wait(all, task, &((struct wait *)rows)[i]) < 0)
            return -1;
    return 0;
}

/* Its session's lane belongs to another task: that counts as waiting, too. */
static int add_blocked(struct gathering *all, const struct task *task)
{
    struct session session = {.agent = task->agent, .key = task->session};
    if (!task->blocked)
        return 0;
    int rc = ledger_get(all->ledger, &session_record, &session, all->arena, all->err);
    if (rc < 0)
        return -1;
    return rc == 0 && session.open_task && !str_eq(session.open_task, task->id)
               ? add_task(all, task, session.open_task)
               : 0;
}

static int gather(struct gathering *all, const char *state,
                  int (*look)(struct gathering *, const struct task *))
{
    void *rows;
    size_t count;
    if (ledger_query(all->ledger, LIST_TASKS, NULL, state, 0, LIMIT_CHAIN_TASKS, all->arena, &rows,
                     &count, all->err) < 0)
        return -1;
    for (size_t i = count; i-- > 0;) /* oldest first */
        if (look(all, &((struct task *)rows)[i]) < 0)
            return -1;
    return 0;
}

json_t *chains_of(struct ledger *ledger, struct arena *arena, struct err *err)
{
    struct gathering all = {.ledger = ledger, .arena = arena, .err = err};
    size_t room = LIMIT_CHAIN_TASKS * (size_t)(WAITS_PER_TASK + 1);
    all.links = arena_alloc(arena, room * sizeof(*all.links));
    if (gather(&all, TASK_WAITING, add_parked) < 0 || gather(&all, TASK_QUEUED, add_blocked) < 0)
        return NULL;
    return chains_walk(all.links, all.count, CHAINS_SHOWN);
}
