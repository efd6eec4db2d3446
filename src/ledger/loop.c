/* Who-waits-for-whom, walked in breadth. A parked turn keeps its lane, so standing behind it in a
 * lane is waiting for it. The walk is bounded: an undetected circle ends at its deadline. */
#include "ledger/loop.h"
#include "base/arena.h"
#include "base/str.h"
#include "ledger/answer.h"
#include "ledger/tx.h"

enum { LOOP_NODES = 256 /* tasks looked at per park: real chains are as deep as delegation, 4 */ };

struct walk {
    const char *nodes[LOOP_NODES];
    size_t count;
};

static void walk_add(struct walk *walk, const char *id)
{
    for (size_t i = 0; i < walk->count; i++)
        if (str_eq(walk->nodes[i], id))
            return;
    if (walk->count < LOOP_NODES)
        walk->nodes[walk->count++] = id;
}

static int walk_lane(struct tx *tx, struct walk *walk, const struct task *task)
{
    struct session session = {.agent = task->agent, .key = task->session};
    int rc = tx_get(tx, &session_record, &session);
    if (rc == 0 && session.open_task)
        walk_add(walk, session.open_task);
    return rc == LEDGER_NONE ? 0 : rc;
}

/* Only "all" must have every one of its waits; "any" is let go, a circle there may open itself. */
static int walk_waits(struct tx *tx, struct walk *walk, const struct task *task)
{
    struct wait *waits;
    size_t count;
    struct scan scan = {
        .record = &wait_record,
        .eq = {value_text(task->id), value_text("task")},
        .eq_count = 2,
        .max = LOOP_NODES,
    };
    if (!str_eq(task->wait_mode, "all"))
        return 0;
    int rc = tx_scan(tx, &scan, &waits, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (!waits[i].satisfied)
            walk_add(walk, waits[i].id);
    return rc;
}

/* Who has delegated and not parked yet will wait for it all the same. */
static int walk_calls(struct tx *tx, struct walk *walk, const struct task *task)
{
    struct call *calls;
    size_t count;
    int rc = answer_waiting(tx, task, &calls, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        walk_add(walk, calls[i].child);
    return rc;
}

int loop_find(struct tx *tx, const char *waiter, const char *target, bool *found)
{
    struct walk walk = {.nodes = {target}, .count = 1};
    *found = false;
    for (size_t i = 0; i < walk.count; i++) {
        struct task *task;
        *found = str_eq(walk.nodes[i], waiter);
        if (*found)
            return 0;
        int rc = task_get(tx, walk.nodes[i], &task);
        if (rc == 0 && task->blocked)
            rc = walk_lane(tx, &walk, task);
        if (rc == 0 && str_eq(task->state, TASK_WAITING))
            rc = walk_waits(tx, &walk, task);
        else if (rc == 0 && !task_state_is_terminal(task->state))
            rc = walk_calls(tx, &walk, task);
        if (rc)
            return rc;
    }
    return 0;
}

int loop_check(struct tx *tx, const char *waiter, const char *target)
{
    bool found;
    int rc = loop_find(tx, waiter, target, &found);
    if (rc || !found)
        return rc;
    return tx_refuse(tx, LEDGER_REFUSED, "loop",
                     "Task %s cannot wait for %s: that one waits for it, or stands in a session "
                     "that it holds.",
                     waiter, target);
}
