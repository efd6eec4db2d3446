/* SUBMIT: a new task, once per id, inside the limits of its tree and its agent. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/budget.h"
#include "ledger/event.h"
#include "ledger/rules.h"
#include "ledger/tally.h"

/* The same id: the same request again, or a key that was used for something else. */
static int submit_known(struct tx *tx, const struct task *task)
{
    struct task known = {.id = task->id};
    int rc = tx_get(tx, &task_record, &known);
    if (rc)
        return rc == LEDGER_NONE ? 0 : rc;
    if (!str_eq(known.body_hash, task->body_hash))
        return tx_refuse(tx, LEDGER_REFUSED, "key_reused",
                         "Task %s exists with another body; use another key for another request.",
                         task->id);
    snprintf(tx->outcome->existing, sizeof(tx->outcome->existing), "%s", task->id);
    return tx_refuse(tx, LEDGER_DUP, "exists", "Task %s exists already.", task->id);
}

static int submit_check(struct tx *tx, const struct task *task)
{
    if (str_is_empty(task->id) || strlen(task->id) >= sizeof(tx->outcome->existing))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_id", "A task needs an id of 1 to %zu characters.",
                         sizeof(tx->outcome->existing) - 1);
    if (str_is_empty(task->agent))
        return tx_refuse(tx, LEDGER_REFUSED, "no_agent",
                         "Task %s names no agent; route it before it is submitted.", task->id);
    return 0;
}

static int submit_queue(struct tx *tx, const struct task *task)
{
    struct ledger_counts counts;
    tally_count(tx->tally, task->agent, &counts);
    for (size_t i = 0; i < tx->change_count; i++)
        if (!tx->changes[i].from && str_eq(tx->changes[i].agent, task->agent))
            counts.queued++;
    if (counts.queued + counts.working + counts.waiting < LIMIT_QUEUE_PER_AGENT)
        return 0;
    return tx_refuse(tx, LEDGER_BUSY, "queue_full",
                     "%s has %d open tasks, the most it may have; try again when some have ended.",
                     task->agent, LIMIT_QUEUE_PER_AGENT);
}

/* Refuses what the tree's owner did not allow; `limits` is a JSON object or NULL. */
static int submit_limits(struct tx *tx, const struct root *root, const struct task *task)
{
    json_t *limits = root->limits ? json_loads(root->limits, 0, NULL) : NULL;
    int64_t depth = json_get_int(limits, "depth", INT64_MAX);
    int64_t tasks = json_get_int(limits, "tasks", INT64_MAX);
    int64_t live = json_get_int(limits, "live", INT64_MAX);
    json_decref(limits);
    if (task->depth > depth)
        return tx_refuse(tx, LEDGER_REFUSED, "limits",
                         "A delegation %lld levels deep; this request allows %lld.",
                         (long long)task->depth, (long long)depth);
    if (root->tasks_total >= tasks)
        return tx_refuse(tx, LEDGER_REFUSED, "limits",
                         "This request has used all of its %lld tasks.", (long long)tasks);
    if (root->tasks_live >= live)
        return tx_refuse(tx, LEDGER_REFUSED, "limits",
                         "This request has %lld open tasks, as many as it may; wait for one.",
                         (long long)live);
    return 0;
}

static void root_fill(struct tx *tx, struct root *root, const struct op *op)
{
    json_t *limits = op->root_limits ? json_loads(op->root_limits, 0, NULL) : NULL;
    int64_t wall = json_get_int(limits, "wall_ms", 0);
    json_decref(limits);
    root->owner = op->task->caller;
    root->limits = op->root_limits;
    root->deadline_at = op->task->deadline_at;
    if (wall > 0 && (!root->deadline_at || tx->now + wall < root->deadline_at))
        root->deadline_at = tx->now + wall;
    root->created_at = tx->now;
}

static const char *path_add(struct tx *tx, const char *path, const char *agent)
{
    json_t *agents = path ? json_loads(path, 0, NULL) : NULL;
    if (!agents)
        agents = json_array();
    json_array_append_new(agents, json_text(agent, strlen(agent)));
    const char *text = json_print(tx->arena, agents);
    json_decref(agents);
    return text;
}

/* Places a task in its tree: parent, depth, path, root. */
static int submit_tree(struct tx *tx, struct task *task, struct root *root, const struct op *op)
{
    struct task *parent = NULL;
    int rc = 0;
    if (task->parent) {
        rc = task_get(tx, task->parent, &parent);
        if (rc)
            return rc;
        if (task_state_is_terminal(parent->state))
            return tx_refuse(tx, LEDGER_REFUSED, "parent_ended", "Its parent %s has ended (%s).",
                             parent->id, parent->state);
    }
    task->depth = parent ? parent->depth + 1 : 0;
    task->path = path_add(tx, parent ? parent->path : NULL, task->agent);
    task->root = parent ? parent->root : task->id;
    root->id = task->root;
    rc = parent ? tx_get(tx, &root_record, root) : 0;
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_root", "The tree %s of task %s is gone.", root->id, task->id);
    if (rc)
        return rc;
    if (!parent)
        root_fill(tx, root, op);
    return submit_limits(tx, root, task);
}

/* What it may spend is the tree's: a child by SUBMIT has no limit of its own. */
static int submit_budget(struct tx *tx, struct task *task, struct root *root, const struct op *op)
{
    struct task *parent;
    int rc = task->parent ? task_get(tx, task->parent, &parent) : 0;
    task->budget = task->provider = NULL;
    task->reserved_micro_usd = task->reserved_tokens = 0;
    if (rc || task->parent)
        return rc ? rc : budget_open_child(tx, task, parent, (struct amount){-1, -1});
    rc = budget_open_root(tx, root, op->root_budget);
    task->budget = root->budget;
    return rc;
}

static void submit_fill(struct tx *tx, struct task *task, const struct root *root)
{
    task->seq = (*tx->next_seq)++;
    task->state = TASK_QUEUED;
    if (!task->session)
        task->session =
            arena_printf(tx->arena, "%s:%s", task->kind ? task->kind : "task", task->id);
    if (!task->max_tries)
        task->max_tries = LIMIT_TRIES;
    if (!task->parent)
        task->parent_step = task->parent_index = -1;
    if (root->deadline_at && (!task->deadline_at || task->deadline_at > root->deadline_at))
        task->deadline_at = root->deadline_at;
    if (task->ready_at < tx->now)
        task->ready_at = tx->now;
    task->fence = task->tries = task->deaths = task->finish_no = 0;
    task->worker = task->cancel = task->wait_mode = NULL;
    task->failure_class = task->failure_message = NULL;
    task->created_at = tx->now;
    task->started_at = task->finished_at = 0;
}

static int submit_write(struct tx *tx, struct task *task, struct root *root)
{
    root->tasks_total++;
    root->tasks_live++;
    int rc = tx_put(tx, &root_record, root);
    if (rc == 0)
        rc = tx_spill(tx, &task->instruction, &task->instruction_blob, LIMIT_INLINE);
    if (rc == 0)
        rc = lane_enter(tx, task);
    if (rc == 0)
        rc = task_put(tx, task, NULL);
    if (rc)
        return rc;
    json_t *body = json_pack("{s:I}", "priority", (json_int_t)task->priority);
    json_set_text(body, "agent", task->agent);
    json_set_text(body, "session", task->session);
    json_set_text(body, "kind", task->kind);
    json_set_text(body, "parent", task->parent);
    return event_append(tx, task->id, "task.submitted", body);
}

int rule_submit(struct tx *tx, const struct op *op)
{
    struct task *task = arena_alloc(tx->arena, sizeof(*task));
    struct root root = {0};
    char hash[HASH_HEX];
    *task = *op->task;
    int rc = submit_check(tx, task);
    if (rc)
        return rc;
    if (!task->body_hash) {
        task_body_hash(task, hash);
        task->body_hash = arena_strdup(tx->arena, hash);
    }
    rc = submit_known(tx, task);
    if (rc == 0)
        rc = submit_queue(tx, task);
    if (rc == 0)
        rc = submit_tree(tx, task, &root, op);
    if (rc == 0)
        rc = submit_budget(tx, task, &root, op);
    if (rc)
        return rc;
    submit_fill(tx, task, &root);
    return submit_write(tx, task, &root);
}
