/* REASSIGN: a person gives a task's work to another agent. The new task takes the old one's place
 * in the tree, so that whoever waits for the old one waits for it; the old tree is cancelled. */
#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/chronicle.h"
#include "ledger/event.h"
#include "ledger/loop.h"
#include "ledger/pause.h"
#include "ledger/rules.h"
#include "ledger/run.h"
#include "ledger/submit.h"
#include "ledger/tree.h"
#include "ledger/wait.h"

static int reassign_check(struct tx *tx, const struct task *old, const struct task *task)
{
    if (!task_has_lane(old))
        return tx_refuse(tx, LEDGER_REFUSED, "no_agent",
                         "Task %s is a workflow's own (%s); no agent can take it over. Cancel it, or "
                         "retry its run.",
                         old->id, old->agent);
    if (task_state_is_terminal(old->state) || old->cancel)
        return tx_refuse(tx, LEDGER_CONFLICT, "already_ended",
                         "Task %s %s (%s); nothing of it can be given to another agent. Retry it "
                         "instead.",
                         old->id, old->cancel ? "is being stopped" : "has ended", old->state);
    if (str_eq(old->agent, task->agent))
        return tx_refuse(tx, LEDGER_REFUSED, "same_agent",
                         "Task %s is with %s already. Name another agent, or cancel and retry it.",
                         old->id, old->agent);
    if (submit_queue_is_full(tx, task->agent))
        return tx_refuse(tx, LEDGER_BUSY, "queue_full",
                         "%s has %d open tasks, the most it may have; try again when some have "
                         "ended.",
                         task->agent, LIMIT_QUEUE_PER_AGENT);
    return 0;
}

/* What the request does not say stays as it was. What was spent stays spent: the budget is the
 * same. */
static void reassign_inherit(struct task *task, const struct task *old)
{
    if (!task->instruction && !task->instruction_blob) {
        task->instruction = old->instruction;
        task->instruction_blob = old->instruction_blob;
    }
    task->data = task->data ? task->data : old->data;
    task->name = task->name ? task->name : old->name;
    task->kind = task->kind ? task->kind : old->kind;
    task->deliver = task->deliver ? task->deliver : old->deliver;
    task->retry = task->retry ? task->retry : old->retry;
    task->result_schema = task->result_schema ? task->result_schema : old->result_schema;
    task->deadline_at = task->deadline_at ? task->deadline_at : old->deadline_at;
    task->grant = old->grant;
    task->caller = old->caller;
    task->priority = old->priority;
    task->budget = old->budget;
    task->parent = old->parent;
    task->parent_step = old->parent_step;
    task->parent_index = old->parent_index;
    task->depth = old->depth;
    task->retry_of = old->id;
    task->run = old->run;
    task->step = old->step;
    task->step_round = old->step_round;
    task->step_try = old->step_try;
}

/* The tree that it belongs to: the old one's, or, of a tree's first task, a new one like it. */
static int reassign_root(struct tx *tx, struct task *task, const struct task *old,
                         struct root *root)
{
    root->id = old->root;
    int rc = tx_get(tx, &root_record, root);
    if (rc)
        return rc == LEDGER_NONE ? tx_refuse(tx, rc, "no_root", "The tree %s is gone.", old->root)
                                 : rc;
    if (!old->parent)
        *root = (struct root){.id = task->id,
                              .owner = root->owner,
                              .deadline_at = root->deadline_at,
                              .limits = root->limits,
                              .budget = root->budget,
                              .created_at = tx->now};
    task->root = root->id;
    return 0;
}

/* The parent's call is answered by the new task from now on. */
static int reassign_call(struct tx *tx, const struct task *task, const struct task *old)
{
    struct call call = {.task = old->parent, .step = old->parent_step, .idx = old->parent_index};
    if (!old->parent || old->parent_step < 0)
        return 0;
    int rc = tx_get(tx, &call_record, &call);
    if (rc || !str_eq(call.child, old->id))
        return rc == LEDGER_NONE ? 0 : rc;
    call.child = task->id;
    rc = tx_put(tx, &call_record, &call);
    /* a parent that has not parked yet has no wait that would be looked at */
    return rc || !str_eq(call.state, CALL_WAITING) ? rc : loop_check(tx, old->parent, task->id);
}

static int reassign_parent(struct tx *tx, struct task *task, const struct task *old)
{
    struct task *parent;
    task->path = tree_path(tx, NULL, task->agent);
    if (!old->parent)
        return 0;
    int rc = task_get(tx, old->parent, &parent);
    if (rc)
        return rc;
    task->path = tree_path(tx, parent->path, task->agent);
    parent->children++;
    return task_put(tx, parent, parent->state);
}

/* The old task keeps its place on paper; it answers nothing, since the call names the new one. */
static int reassign_leave(struct tx *tx, struct task *old, const struct task *task)
{
    json_t *body = json_object();
    json_set_text(body, "to", task->id);
    json_set_text(body, "agent", task->agent);
    int rc = event_append(tx, old->id, "task.reassigned", body);
    if (rc == 0)
        rc = run_step_moves(tx, old, task->id);
    return rc ? rc : task_cancel_tree(tx, old, "cancelled");
}

int rule_reassign(struct tx *tx, const struct op *op)
{
    struct task *task = arena_alloc(tx->arena, sizeof(*task)), *old;
    struct root root = {0};
    *task = *op->reassign.task;
    int rc = task_get(tx, op->task_id, &old);
    if (rc == 0)
        rc = submit_check(tx, task);
    if (rc == 0)
        rc = submit_check_agent(tx, task);
    if (rc == 0)
        rc = reassign_check(tx, old, task);
    if (rc)
        return rc;
    reassign_inherit(task, old);
    task->ask_hash = tree_ask_hash(tx, task);
    rc = reassign_root(tx, task, old, &root);
    if (rc == 0)
        rc = reassign_parent(tx, task, old);
    if (rc == 0)
        rc = submit_write(tx, task, &root);
    if (rc == 0)
        rc = reassign_call(tx, task, old);
    if (rc == 0)
        rc = pause_move(tx, old->id, task->id);
    if (rc == 0)
        rc = wait_move(tx, old->id, task->id);
    if (rc == 0)
        rc = chronicle_delegated(tx, old, task, "reassign");
    return rc ? rc : reassign_leave(tx, old, task);
}
