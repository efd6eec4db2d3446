/* CLAIM: leases ready tasks of one agent to the process that serves it. */
#include <stdio.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/event.h"
#include "ledger/fair.h"
#include "ledger/pause.h"
#include "ledger/request.h"
#include "ledger/rules.h"

enum {
    CLAIM_PAGE = 16,  /* rows looked at once, at most: most are ready */
    ASIDE_PAGE = 32,  /* tasks of paused trees put aside in one claim: some milliseconds */
};

/* One priority of an agent's unblocked queue, walked by rank, a page at a time. */
struct level {
    int64_t priority, rank; /* go on behind this rank */
    struct task *page;
    size_t at, count;
    bool last; /* there is no page behind this one */
};

struct queue {
    const char *agent;
    size_t page;
    struct level levels[LIMIT_PRIORITIES];
    size_t count;
};

static struct scan queue_scan(const struct queue *queue)
{
    return (struct scan){
        .record = &task_record,
        .index = "task_ready",
        .eq = {value_text(queue->agent), value_text(TASK_QUEUED), value_int(0)},
        .eq_count = 3,
        .has_low = true,
    };
}

/* Finds the priorities that have tasks, most urgent first, with the first task of each. */
static int queue_open(struct tx *tx, struct queue *queue)
{
    struct scan scan = queue_scan(queue);
    scan.low = value_int(INT64_MIN);
    scan.max = 1;
    while (queue->count < LIMIT_PRIORITIES) {
        struct level *level = &queue->levels[queue->count];
        *level = (struct level){0};
        int rc = tx_scan(tx, &scan, &level->page, &level->count);
        if (rc || level->count == 0)
            return rc;
        level->priority = level->page->priority;
        level->rank = level->page->rank;
        queue->count++;
        if (level->priority == INT64_MAX)
            return 0;
        scan.low = value_int(level->priority + 1);
    }
    return 0;
}

static int level_page(struct tx *tx, const struct queue *queue, struct level *level)
{
    struct scan scan = queue_scan(queue);
    scan.eq[scan.eq_count++] = value_int(level->priority);
    scan.low = value_int(level->rank + 1);
    scan.max = queue->page;
    level->at = 0;
    int rc = tx_scan(tx, &scan, &level->page, &level->count);
    level->last = level->count < queue->page;
    if (rc == 0 && level->count)
        level->rank = level->page[level->count - 1].rank;
    return rc;
}

/* *head: the first task that may start now, NULL where the level has none. */
static int level_head(struct tx *tx, const struct queue *queue, struct level *level,
                      struct task **head)
{
    *head = NULL;
    for (;;) {
        for (; level->at < level->count; level->at++) {
            *head = &level->page[level->at];
            if ((*head)->ready_at <= tx->now)
                return 0;
        }
        *head = NULL;
        int rc = level->last ? 0 : level_page(tx, queue, level);
        if (rc || level->count == 0 || level->at == level->count)
            return rc;
    }
}

/* *next: whose turn it is, taken out of the queue; NULL where nobody is ready. */
static int queue_next(struct tx *tx, struct queue *queue, struct task **next)
{
    struct task *heads[LIMIT_PRIORITIES];
    struct level *levels[LIMIT_PRIORITIES];
    size_t count = 0;
    *next = NULL;
    for (size_t i = 0; i < queue->count; i++) {
        levels[count] = &queue->levels[i];
        int rc = level_head(tx, queue, levels[count], &heads[count]);
        if (rc)
            return rc;
        count += heads[count] != NULL;
    }
    if (count == 0)
        return 0;
    size_t chosen = fair_choose(tx->fair, heads, count, tx->now);
    *next = heads[chosen];
    levels[chosen]->at++;
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
    fair_claimed(tx->fair, task);
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
        rc = task_has_lane(task) ? tx_get(tx, &session_record, &session) : 0;
        record_copy(&session_record, &sessions[i], &session, claiming->arena);
    }
    *claiming->claim->sessions = sessions;
    return rc;
}

/* Whoever cannot be worked on stands in nobody's way. */
static int claim_put_aside(struct tx *tx, struct task *task, const struct pause *held,
                           size_t *aside)
{
    if (++*aside == ASIDE_PAGE)
        tx_touch(tx, "queue:", task->agent);
    return pause_park(tx, task, held);
}

static int claim_ready(struct tx *tx, struct claiming *claiming)
{
    size_t aside = 0;
    const struct claim *claim = claiming->claim;
    struct queue queue = {.agent = claim->agent};
    queue.page = claim->max + 1 < CLAIM_PAGE ? claim->max + 1 : CLAIM_PAGE;
    int rc = claim->max ? queue_open(tx, &queue) : 0;
    while (rc == 0 && *claiming->count < claim->max) {
        struct task *task;
        struct pause held;
        rc = queue_next(tx, &queue, &task);
        if (rc || !task)
            return rc;
        rc = pause_of(tx, task, &held);
        if (rc == 0 && held.id)
            rc = claim_put_aside(tx, task, &held, &aside);
        else if (rc == 0)
            rc = claim_one(tx, task, claim->nonce);
        if (rc == 0 && !held.id)
            claim_take(claiming, task);
        if (aside == ASIDE_PAGE)
            return rc;
    }
    return rc;
}

/* The first answer again, but for what has moved on since. */
static int claim_again(struct tx *tx, struct claiming *claiming, const json_t *answer)
{
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(answer, "tasks"), i, item) {
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
    struct pause held = {0};
    json_t *answer = NULL;
    *claiming->count = 0;
    *claiming->tasks = arena_alloc(claiming->arena, claim->max * sizeof(**claiming->tasks) + 1);
    int rc = tx_get(tx, &agent_record, &agent);
    if (rc == LEDGER_NONE || (rc == 0 && !str_eq(agent.nonce, claim->nonce)))
        return tx_refuse(tx, LEDGER_LOST, "lost",
                         "Another process serves %s; register before you claim.", claim->agent);
    if (rc == 0)
        rc = pause_of_agent(tx, claim->agent, &held);
    if (rc == 0)
        rc = request_recall(tx, claim->request_id, &answer);
    if (rc)
        return rc;
    if (claim->halt)
        *claim->halt = answer ? 0 : tx->halt;
    if (answer)
        rc = claim_again(tx, claiming, answer);
    else if (!held.id)
        rc = claim_ready(tx, claiming);
    if (rc == 0 && !answer && *claiming->count > 0)
        rc = claim_remember(tx, claiming, claim->request_id);
    json_decref(answer);
    return rc || !claim->sessions ? rc : claim_sessions(tx, claiming);
}
