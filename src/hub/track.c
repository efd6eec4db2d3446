/* Two counters per agent behind one mutex. */
#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "hub/track.h"
#include "ledger/ledger.h"

enum { KEPT = 200 };

struct ends {
    int64_t done, failed;
};

struct track {
    pthread_mutex_t mutex;
    struct map agents;
};

struct track *track_open(void)
{
    struct track *track = mem_zalloc(sizeof(*track));
    pthread_mutex_init(&track->mutex, NULL);
    return track;
}

void track_close(struct track *track)
{
    if (!track)
        return;
    map_free(&track->agents);
    pthread_mutex_destroy(&track->mutex);
    free(track);
}

void track_load(struct track *track, struct ledger *ledger)
{
    static const char *const states[] = {TASK_DONE, TASK_FAILED};
    for (size_t s = 0; s < 2; s++) {
        struct arena arena = {0};
        struct err err;
        void *rows;
        size_t count;
        if (ledger_query(ledger, LIST_TASKS, NULL, states[s], 0, LIMIT_LIST, &arena, &rows, &count,
                         &err) == 0)
            for (size_t i = 0; i < count; i++)
                track_add(track, ((struct task *)rows)[i].agent, s == 0);
        arena_fini(&arena);
    }
}

void track_add(struct track *track, const char *agent, bool done)
{
    pthread_mutex_lock(&track->mutex);
    struct ends *ends = map_get(&track->agents, agent);
    if (!ends) {
        ends = mem_zalloc(sizeof(*ends));
        map_put(&track->agents, agent, ends);
    }
    if (done)
        ends->done++;
    else
        ends->failed++;
    if (ends->done + ends->failed > KEPT) {
        ends->done /= 2;
        ends->failed /= 2;
    }
    pthread_mutex_unlock(&track->mutex);
}

void track_get(struct track *track, const char *agent, int64_t *done, int64_t *failed)
{
    pthread_mutex_lock(&track->mutex);
    const struct ends *ends = map_get(&track->agents, agent);
    *done = ends ? ends->done : 0;
    *failed = ends ? ends->failed : 0;
    pthread_mutex_unlock(&track->mutex);
}
