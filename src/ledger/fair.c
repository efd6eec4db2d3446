/* Start-time fair queueing over whole tasks: a request that has sent many stands in as many rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ledger/fair.h"
#include "wire/task.h"

enum {
    ROUND_SHIFT = 32, /* rank = round and, below it, the task's number */
    AGED_SHARE = 4,   /* of so many claims one goes to the old of lower priority */
    PRUNE_FIRST = 64,
};

struct fair_queue {
    int64_t round;   /* of the newest task that had its turn */
    int64_t waiting; /* while loading: lowest round of those that had none; -1: there is none */
    struct map last; /* root → int64_t: the round of its newest task */
    size_t prune_at;
};

void fair_fini(struct fair *fair)
{
    const char *key;
    void *value;
    for (size_t at = 0; map_next(&fair->queues, &at, &key, &value);)
        map_free(&((struct fair_queue *)value)->last);
    map_free(&fair->queues);
    map_free(&fair->agents);
}

static struct fair_queue *queue_of(struct fair *fair, const struct task *task)
{
    char key[256];
    snprintf(key, sizeof(key), "%lld %s", (long long)task->priority, task->agent);
    struct fair_queue *queue = map_get(&fair->queues, key);
    if (!queue) {
        queue = mem_zalloc(sizeof(*queue));
        queue->waiting = -1;
        queue->prune_at = PRUNE_FIRST;
        map_put(&fair->queues, key, queue);
    }
    return queue;
}

/* A root whose newest task had its turn begins with the others again: it need not be known. */
static void queue_prune(struct fair_queue *queue)
{
    struct map kept = {0};
    const char *root;
    void *last;
    for (size_t at = 0; map_next(&queue->last, &at, &root, &last);) {
        if (*(int64_t *)last > queue->round)
            map_put(&kept, root, last);
        else
            free(last);
    }
    map_fini(&queue->last);
    queue->last = kept;
    queue->prune_at = kept.count * 2 > PRUNE_FIRST ? kept.count * 2 : PRUNE_FIRST;
}

static int64_t *last_of(struct fair_queue *queue, const char *root)
{
    int64_t *last = map_get(&queue->last, root);
    if (!last) {
        if (queue->last.count >= queue->prune_at)
            queue_prune(queue);
        last = mem_zalloc(sizeof(*last));
        map_put(&queue->last, root, last);
    }
    return last;
}

static int64_t round_of(const struct task *task)
{
    return task->rank >> ROUND_SHIFT;
}

void fair_load(struct fair *fair, const struct task *task)
{
    struct fair_queue *queue = queue_of(fair, task);
    int64_t round = round_of(task), *last = last_of(queue, task->root);
    if (round > *last)
        *last = round;
    if (task->fence > 0 && round > queue->round)
        queue->round = round;
    if (task->fence == 0 && (queue->waiting < 0 || round < queue->waiting))
        queue->waiting = round;
}

/* Nobody's turn was before the first of those who wait for one. */
void fair_loaded(struct fair *fair)
{
    const char *key;
    void *value;
    for (size_t at = 0; map_next(&fair->queues, &at, &key, &value);) {
        struct fair_queue *queue = value;
        if (queue->waiting - 1 > queue->round)
            queue->round = queue->waiting - 1;
        queue_prune(queue);
    }
}

int64_t fair_rank(struct fair *fair, const struct task *task)
{
    struct fair_queue *queue = queue_of(fair, task);
    int64_t *last = last_of(queue, task->root);
    *last = (*last > queue->round ? *last : queue->round) + 1;
    return (int64_t)((uint64_t)*last << ROUND_SHIFT | ((uint64_t)task->seq & UINT32_MAX));
}

void fair_claimed(struct fair *fair, const struct task *task)
{
    struct fair_queue *queue = queue_of(fair, task);
    if (round_of(task) > queue->round)
        queue->round = round_of(task);
}

static size_t *share_of(struct fair *fair, const char *agent)
{
    size_t *share = map_get(&fair->agents, agent);
    if (!share) {
        share = mem_zalloc(sizeof(*share));
        map_put(&fair->agents, agent, share);
    }
    return share;
}

/* Old enough to be looked at as of the most urgent level that is there. */
static bool is_aged(const struct task *task, const struct task *first, int64_t now)
{
    int64_t levels = task->priority - first->priority;
    return (now - task->ready_at) / LIMIT_AGEING_MS >= levels;
}

size_t fair_choose(struct fair *fair, struct task *const *heads, size_t count, int64_t now)
{
    size_t *share = share_of(fair, heads[0]->agent), oldest = 0;
    for (size_t i = 1; i < count; i++)
        if (is_aged(heads[i], heads[0], now) &&
            (!oldest || heads[i]->ready_at < heads[oldest]->ready_at))
            oldest = i;
    if (oldest && ++*share >= AGED_SHARE) {
        *share = 0;
        return oldest;
    }
    return 0;
}
