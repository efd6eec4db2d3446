/* Counters per agent and state. */
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"
#include "ledger/tally.h"
#include "ledger/tx.h"

void tally_init(struct tally *tally)
{
    *tally = (struct tally){0};
    pthread_mutex_init(&tally->mutex, NULL);
}

void tally_fini(struct tally *tally)
{
    map_free(&tally->agents);
    pthread_mutex_destroy(&tally->mutex);
}

static struct ledger_counts *counts_of(struct tally *tally, const char *agent)
{
    struct ledger_counts *counts = map_get(&tally->agents, agent);
    if (!counts) {
        counts = mem_zalloc(sizeof(*counts));
        map_put(&tally->agents, agent, counts);
    }
    return counts;
}

static void counts_add(struct ledger_counts *counts, const char *state, int64_t by)
{
    if (str_eq(state, TASK_QUEUED))
        counts->queued += by;
    else if (str_eq(state, TASK_WORKING))
        counts->working += by;
    else if (str_eq(state, TASK_WAITING))
        counts->waiting += by;
}

void tally_set(struct tally *tally, const char *agent, const struct ledger_counts *counts)
{
    pthread_mutex_lock(&tally->mutex);
    *counts_of(tally, agent) = *counts;
    pthread_mutex_unlock(&tally->mutex);
}

void tally_apply(struct tally *tally, const struct change *changes, size_t count)
{
    pthread_mutex_lock(&tally->mutex);
    for (size_t i = 0; i < count; i++) {
        struct ledger_counts *counts = counts_of(tally, changes[i].agent);
        if (changes[i].from)
            counts_add(counts, changes[i].from, -1);
        counts_add(counts, changes[i].to, 1);
    }
    pthread_mutex_unlock(&tally->mutex);
}

void tally_count(struct tally *tally, const char *agent, struct ledger_counts *counts)
{
    pthread_mutex_lock(&tally->mutex);
    const struct ledger_counts *found = map_get(&tally->agents, agent);
    *counts = found ? *found : (struct ledger_counts){0};
    pthread_mutex_unlock(&tally->mutex);
}
