/* CLAIM: leases ready tasks of one agent to the process that serves it. */
#include <stdio.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/event.h"
#include "ledger/request.h"
#include "ledger/rules.h"

enum { CLAIM_PAGE = 16 /* rows looked at once, at most: most are ready */ };

/* A walk over an agent's unblocked queue by (priority, seq), a page at a time. */
struct queue {
    const char *agent;
    int64_t priority, seq; /* go on behind this */
    size_t page;
    bool in_priority;
};

/* Finds the next priority that has tasks. */
static int queue_step(struct tx *tx, struct queue *queue, bool *more)
{
    struct task *first;
    size_t count;
    struct scan scan = {
        .record = &task_record,
        .index = "task_ready",
        .eq = {value_text(queue->agent), value_text(TASK_QUEUED), value_int(0)},
        .eq_count = 3,
        .has_low = true,
        .low = value_int(queue->priority),
        .max = 1,
    };
    int rc = tx_scan(tx, &scan, &first, &count);
    *more = rc == 0 && count == 1;
    if (!*more)
        return rc;
    queue->priority = first->priority;
    queue->seq = 0;
    queue->in_priority = true;
    return 0;
}

/* Reads the next page; *count = 0 at the end of the queue. */
static int queue_page(struct tx *tx, struct queue *queue, struct task **tasks, size_t *count)
{
    bool more = true;
    *count = 0;
    while (*count == 0) {
        int rc = queue->in_priority ? 0 : queue_step(tx, queue, &more);
        if (rc || !more)
            return rc;
        struct scan scan = {
            .record = &task_record,
            .index = "task_ready",
            .eq = {value_text(queue->agent), value_text(TASK_QUEUED), value_int(0),
                   value_int(queue->priority)},
            .eq_count = 4,
            .has_low = true,
            .low = value_int(queue->seq + 1),
            .max = queue->page,
        };
        rc = tx_scan(tx, &scan, tasks, count);
        if (rc)
            return rc;
        if (*count)
            queue->seq = (*tasks)[*count - 1].seq;
        queue->in_priority = *count == queue->page;
        if (!queue->in_priority)
            queue->priority++;
    }
    return 0;
}

static int claim_one(struct tx *tx, struct task *task, const char *nonce)
{
    task->state = TASK_WORKING;
    task->worker = nonce;
    task->fence++;
    task->ready_at = tx->now + LIMIT_LEASE_MS;
    if (!task->started_at)
        task->started_at = tx->now;
    int rc = task_put(tx, task, TASK_QUEUED);
    return rc ? rc
              : event_append(tx, task->id, "task.claimed",
                             json_pack("{s:I}", "fence", (json_int_t)task->fence));
}

static void claim_take(struct claiming *claiming, const struct task *task)
{
    record_copy(&task_record, &(*claiming->tasks)[(*claiming->count)++], task, claiming->arena);
}

/* Where the caller wants to know: read here, no other transaction has to be waited for. */
static int claim_sessions(struct tx *tx, struct claiming *claiming)
{
    struct session *sessions =
        arena_alloc(claiming->arena, (*claiming->count + 1) * sizeof(*sessions));
    int rc = 0;
    for (size_t i = 0; i < *claiming->count && rc == 0; i++) {
        const struct task *task = &(*claiming->tasks)[i];
        struct session session = {.agent = task->agent, .key = task->session};
        rc = tx_get(tx, &session_record, &session);
        record_copy(&session_record, &sessions[i], &session, claiming->arena);
    }
    *claiming->claim->sessions = sessions;
    return rc;
}

static int claim_ready(struct tx *tx, struct claiming *claiming)
{
    const struct claim *claim = claiming->claim;
    struct queue queue = {.agent = claim->agent, .priority = INT64_MIN};
    queue.page = claim->max + 1 < CLAIM_PAGE ? claim->max + 1 : CLAIM_PAGE;
    while (*claiming->count < claim->max) {
        struct task *tasks;
        size_t count;
        int rc = queue_page(tx, &queue, &tasks, &count);
        if (rc || count == 0)
            return rc;
        for (size_t i = 0; i < count && *claiming->count < claim->max; i++) {
            if (tasks[i].ready_at > tx->now)
                continue;
            rc = claim_one(tx, &tasks[i], claim->nonce);
            if (rc)
                return rc;
            claim_take(claiming, &tasks[i]);
        }
    }
    return 0;
}

/* The first answer again, but for what has moved on since. */
static int claim_again(struct tx *tx, struct claiming *claiming, const json_t *answer)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(answer, "tasks"), i, item)
    {
        struct task *task;
        int rc = task_get(tx, json_string_value(json_array_get(item, 0)), &task);
        if (rc && rc != LEDGER_NONE)
            return rc;
        if (rc == 0 && task->fence == json_integer_value(json_array_get(item, 1)) &&
            str_eq(task->state, TASK_WORKING) && *claiming->count < claiming->claim->max)
            claim_take(claiming, task);
    }
    *tx->outcome = (struct outcome){0};
    return 0;
}

static int claim_remember(struct tx *tx, const struct claiming *claiming, const char *request)
{
    json_t *tasks = json_array();
    for (size_t i = 0; i < *claiming->count; i++) {
        const struct task *task = &(*claiming->tasks)[i];
        json_array_append_new(tasks, json_pack("[s,I]", task->id, (json_int_t)task->fence));
    }
    return request_remember(tx, request, json_pack("{s:o}", "tasks", tasks));
}

int rule_claim(struct tx *tx, struct claiming *claiming)
{
    const struct claim *claim = claiming->claim;
    struct agent agent = {.id = claim->agent};
    json_t *answer = NULL;
    *claiming->count = 0;
    *claiming->tasks = arena_alloc(claiming->arena, claim->max * sizeof(**claiming->tasks) + 1);
    int rc = tx_get(tx, &agent_record, &agent);
    if (rc == LEDGER_NONE || (rc == 0 && !str_eq(agent.nonce, claim->nonce)))
        return tx_refuse(tx, LEDGER_LOST, "lost",
                         "Another process serves %s; register before you claim.", claim->agent);
    if (rc == 0)
        rc = request_recall(tx, claim->request_id, &answer);
    if (rc)
        return rc;
    if (answer)
        rc = claim_again(tx, claiming, answer);
    else if (!agent.paused)
        rc = claim_ready(tx, claiming);
    if (rc == 0 && !answer && *claiming->count > 0)
        rc = claim_remember(tx, claiming, claim->request_id);
    json_decref(answer);
    return rc || !claim->sessions ? rc : claim_sessions(tx, claiming);
}
