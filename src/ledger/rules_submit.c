/* SUBMIT: a new task, once per id, inside the limits of its tree and its agent. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/budget.h"
#include "ledger/chronicle.h"
#include "ledger/event.h"
#include "ledger/fair.h"
#include "ledger/rules.h"
#include "ledger/submit.h"
#include "ledger/tally.h"
#include "ledger/tree.h"

static const struct amount NO_LIMIT = {-1, -1};

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

int submit_check(struct tx *tx, struct task *task)
{
    char hash[HASH_HEX];
    if (str_is_empty(task->id) || strlen(task->id) >= sizeof(tx->outcome->existing))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_id", "A task needs an id of 1 to %zu characters.",
                         sizeof(tx->outcome->existing) - 1);
    if (str_is_empty(task->agent))
        return tx_refuse(tx, LEDGER_REFUSED, "no_agent",
                         "Task %s names no agent; route it before it is submitted.", task->id);
    if (task->priority < 0 || task->priority >= LIMIT_PRIORITIES)
        return tx_refuse(tx, LEDGER_REFUSED, "bad_priority",
                         "Task %s has the priority %lld; 0 (first) to %d (last) are taken.",
                         task->id, (long long)task->priority, LIMIT_PRIORITIES - 1);
    if (!task->body_hash) {
        task_body_hash(task, hash);
        task->body_hash = arena_strdup(tx->arena, hash);
    }
    return submit_known(tx, task);
}

int submit_check_agent(struct tx *tx, const struct task *task)
{
    if (task_has_lane(task))
        return 0;
    return tx_refuse(tx, LEDGER_REFUSED, "no_agent",
                     "%s is no agent: only workflows give it work. Start a run instead.",
                     task->agent);
}

bool submit_queue_is_full(struct tx *tx, const char *agent)
{
    struct ledger_counts counts;
    int64_t limit = str_eq(agent, FLOW_AGENT) ? LIMIT_RUNS_OPEN : LIMIT_QUEUE_PER_AGENT;
    tally_count(tx->tally, agent, &counts);
    for (size_t i = 0; i < tx->change_count; i++)
        if (!tx->changes[i].from && str_eq(tx->changes[i].agent, agent))
            counts.queued++;
    return counts.queued + counts.working + counts.waiting >= limit;
}

static void root_fill(struct tx *tx, struct root *root, const struct task *task,
                      const struct op *op)
{
    json_t *limits = op->root_limits ? json_loads(op->root_limits, 0, NULL) : NULL;
    int64_t wall = json_get_int(limits, "wall_ms", 0);
    json_decref(limits);
    root->owner = task->caller;
    root->limits = op->root_limits;
    root->deadline_at = task->deadline_at;
    if (wall > 0 && (!root->deadline_at || tx->now + wall < root->deadline_at))
        root->deadline_at = tx->now + wall;
    root->created_at = tx->now;
}

static void submit_fill(struct tx *tx, struct task *task, const struct root *root)
{
    bool flow = str_eq(task->agent, FLOW_AGENT);
    task->seq = (*tx->next_seq)++;
    task->state = flow ? TASK_WAITING : TASK_QUEUED;
    if (!task->session)
        task->session =
            arena_printf(tx->arena, "%s:%s", task->kind ? task->kind : "task", task->id);
    if (!task->max_tries)
        task->max_tries = LIMIT_TRIES;
    if (!task->parent)
        task->parent_step = task->parent_index = -1;
    if (root->deadline_at && (!task->deadline_at || task->deadline_at > root->deadline_at))
        task->deadline_at = root->deadline_at;
    if (flow)
        task->ready_at = 0;
    else if (task->ready_at < tx->now)
        task->ready_at = tx->now;
    task->fence = task->tries = task->deaths = task->finish_no = 0;
    task->children = task->reserved_micro_usd = task->reserved_tokens = 0;
    task->rank = flow ? 0 : fair_rank(tx->fair, task);
    task->worker = task->cancel = task->wait_mode = task->provider = NULL;
    task->wait_mode = flow ? "all" : NULL;
    task->failure_class = task->failure_message = NULL;
    task->created_at = tx->now;
    task->started_at = task->finished_at = 0;
}

/* What a run's task waits for is the run itself. */
static int submit_wait(struct tx *tx, const struct task *task)
{
    char id[RUN_ID_TEXT];
    struct wait wait = {.task = task->id, .kind = "run", .id = id, .created_at = tx->now};
    if (!str_eq(task->agent, FLOW_AGENT))
        return 0;
    run_id_of_task(task->id, id);
    return tx_put(tx, &wait_record, &wait);
}

int submit_row(struct tx *tx, struct task *task, struct root *root)
{
    submit_fill(tx, task, root);
    root->tasks_total++;
    root->tasks_live++;
    root->ended_at = 0;
    int rc = tx_spill(tx, &task->instruction, &task->instruction_blob, LIMIT_INLINE);
    if (rc == 0)
        rc = lane_enter(tx, task);
    if (rc == 0)
        rc = task_put(tx, task, NULL);
    if (rc == 0)
        rc = submit_wait(tx, task);
    if (rc)
        return rc;
    json_t *body = json_pack("{s:I}", "priority", (json_int_t)task->priority);
    json_set_text(body, "agent", task->agent);
    json_set_text(body, "session", task->session);
    json_set_text(body, "kind", task->kind);
    json_set_text(body, "parent", task->parent);
    return event_append(tx, task->id, "task.submitted", body);
}

int submit_write(struct tx *tx, struct task *task, struct root *root)
{
    int rc = submit_row(tx, task, root);
    return rc ? rc : tx_put(tx, &root_record, root);
}

int submit_child(struct tx *tx, struct task *parent, struct task *child, struct root *root,
                 const char *mode)
{
    int rc = submit_write(tx, child, root);
    parent->children++;
    if (rc == 0)
        rc = task_put(tx, parent, parent->state);
    return rc ? rc : chronicle_delegated(tx, parent, child, mode);
}

int submit_root(struct tx *tx, struct task *task, const struct op *op)
{
    struct root root = {.id = task->id};
    if (submit_queue_is_full(tx, task->agent))
        return tx_refuse(tx, LEDGER_BUSY, "queue_full",
                         "%s has as many open tasks as it may have (%d); try again when some have "
                         "ended.",
                         task->agent,
                         str_eq(task->agent, FLOW_AGENT) ? LIMIT_RUNS_OPEN : LIMIT_QUEUE_PER_AGENT);
    root_fill(tx, &root, task, op);
    int rc = budget_open_root(tx, &root, op->root_budget);
    if (rc)
        return rc;
    task->budget = root.budget;
    task->root = task->id;
    task->depth = 0;
    task->path = tree_path(tx, NULL, task->agent);
    task->ask_hash = tree_ask_hash(tx, task);
    return submit_write(tx, task, &root);
}

/* A worker's own request below the task that it holds shows that task's fence. */
static int submit_below(struct tx *tx, struct task *task, const struct op *op)
{
    struct task *parent;
    struct tree_ask ask = {.child = task, .may_revisit = op->may_revisit};
    int rc = op->fence ? task_get_fenced(tx, task->parent, op->fence, &parent)
                       : task_get(tx, task->parent, &parent);
    if (rc)
        return rc;
    if (task_state_is_terminal(parent->state) || parent->cancel)
        return tx_refuse(tx, LEDGER_REFUSED, "parent_ended", "Its parent %s %s (%s).", parent->id,
                         parent->cancel ? "is being stopped" : "has ended", parent->state);
    ask.parent = parent;
    rc = tree_look(tx, &ask);
    if (rc == 0)
        rc = budget_open_child(tx, task, parent,
                               op->root_budget ? op->root_budget->limit : NO_LIMIT);
    return rc ? rc : submit_child(tx, parent, task, &ask.root, "async");
}

int rule_submit(struct tx *tx, const struct op *op)
{
    struct task *task = arena_alloc(tx->arena, sizeof(*task));
    *task = *op->task;
    task->run = task->step = NULL; /* only a run's own tasks are a step's */
    int rc = submit_check(tx, task);
    if (rc == 0)
        rc = submit_check_agent(tx, task);
    if (rc)
        return rc;
    return task->parent ? submit_below(tx, task, op) : submit_root(tx, task, op);
}
