/* The lease monitor. Rows keep only the end that a claim gave; what extend adds lives here. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "ledger/lease.h"
#include "ledger/tx.h"

struct lease {
    int64_t fence, until;
    bool expiring;
    enum lease_answer cancel; /* LEASE_RENEWED: not cancelled */
    char note[LEASE_NOTE];
    char agent[128];
    char nonce[];
};

void leases_init(struct leases *leases)
{
    *leases = (struct leases){.earliest = INT64_MAX};
    pthread_mutex_init(&leases->mutex, NULL);
}

void leases_fini(struct leases *leases)
{
    map_free(&leases->by_task);
    map_free(&leases->seen);
    pthread_mutex_destroy(&leases->mutex);
}

static void leases_soonest(struct leases *leases, int64_t until)
{
    if (until < leases->earliest)
        leases->earliest = until;
}

static void lease_drop(struct leases *leases, const char *task)
{
    free(map_take(&leases->by_task, task));
}

static void lease_set(struct leases *leases, const struct change *change)
{
    struct lease *lease = map_get(&leases->by_task, change->task);
    const char *nonce = change->worker ? change->worker : "";
    if (!lease || lease->fence != change->fence || strcmp(lease->nonce, nonce) != 0) {
        lease = mem_zalloc(sizeof(*lease) + strlen(nonce) + 1);
        memcpy(lease->nonce, nonce, strlen(nonce) + 1);
        snprintf(lease->agent, sizeof(lease->agent), "%s", change->agent ? change->agent : "");
        free(map_put(&leases->by_task, change->task, lease));
    }
    lease->fence = change->fence;
    if (change->lease_until > lease->until)
        lease->until = change->lease_until;
    lease->expiring = false;
    lease->cancel = !change->cancel                     ? LEASE_RENEWED
                    : str_eq(change->cancel, "timeout") ? LEASE_CANCEL_TIMEOUT
                                                        : LEASE_CANCEL_TASK;
    leases_soonest(leases, lease->until);
}

void leases_apply(struct leases *leases, const struct change *changes, size_t count)
{
    pthread_mutex_lock(&leases->mutex);
    for (size_t i = 0; i < count; i++) {
        if (str_eq(changes[i].to, TASK_WORKING))
            lease_set(leases, &changes[i]);
        else if (str_eq(changes[i].from, TASK_WORKING))
            lease_drop(leases, changes[i].task);
    }
    pthread_mutex_unlock(&leases->mutex);
}

void leases_renew_all(struct leases *leases, int64_t now)
{
    const char *task;
    void *value;
    pthread_mutex_lock(&leases->mutex);
    for (size_t at = 0; map_next(&leases->by_task, &at, &task, &value);) {
        struct lease *lease = value;
        if (lease->until < now + LIMIT_LEASE_MS)
            lease->until = now + LIMIT_LEASE_MS;
    }
    pthread_mutex_unlock(&leases->mutex);
}

static enum lease_answer lease_extend(struct lease *lease, const struct lease_holder *holder,
                                      int64_t now)
{
    if (!lease || lease->expiring || lease->fence != holder->fence ||
        strcmp(lease->nonce, holder->nonce) != 0)
        return LEASE_UNKNOWN;
    if (holder->note)
        snprintf(lease->note, sizeof(lease->note), "%.*s",
                 (int)str_utf8_cut(holder->note, strlen(holder->note), LEASE_NOTE - 1),
                 holder->note);
    if (lease->cancel != LEASE_RENEWED)
        return lease->cancel;
    if (!holder->is_last && lease->until < now + LIMIT_LEASE_MS)
        lease->until = now + LIMIT_LEASE_MS;
    return LEASE_RENEWED;
}

enum lease_answer leases_extend(struct leases *leases, const struct lease_holder *holder,
                                int64_t now)
{
    pthread_mutex_lock(&leases->mutex);
    enum lease_answer answer = lease_extend(map_get(&leases->by_task, holder->task), holder, now);
    pthread_mutex_unlock(&leases->mutex);
    return answer;
}

size_t leases_expired(struct leases *leases, int64_t now, size_t max, struct arena *arena,
                      const char ***tasks)
{
    const char *task;
    void *value;
    size_t count = 0;
    pthread_mutex_lock(&leases->mutex);
    *tasks = arena_alloc(arena, max * sizeof(**tasks));
    leases->earliest = INT64_MAX;
    for (size_t at = 0; map_next(&leases->by_task, &at, &task, &value);) {
        struct lease *lease = value;
        if (lease->until <= now && count < max) {
            lease->expiring = true;
            (*tasks)[count++] = arena_strdup(arena, task);
        } else {
            leases_soonest(leases, lease->until);
        }
    }
    pthread_mutex_unlock(&leases->mutex);
    return count;
}

void leases_unexpire(struct leases *leases)
{
    const char *task;
    void *value;
    pthread_mutex_lock(&leases->mutex);
    for (size_t at = 0; map_next(&leases->by_task, &at, &task, &value);) {
        struct lease *lease = value;
        if (lease->expiring)
            leases_soonest(leases, lease->until);
        lease->expiring = false;
    }
    pthread_mutex_unlock(&leases->mutex);
}

static struct holder *holder_find(struct holder *list, size_t count, const struct lease *lease)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(list[i].nonce, lease->nonce) && str_eq(list[i].agent, lease->agent))
            return &list[i];
    return NULL;
}

void leases_holders(struct leases *leases, struct arena *arena, struct holder **list, size_t *count)
{
    const char *task;
    void *value;
    *count = 0;
    pthread_mutex_lock(&leases->mutex);
    *list = arena_alloc(arena, (leases->by_task.count + 1) * sizeof(**list));
    for (size_t at = 0; map_next(&leases->by_task, &at, &task, &value);) {
        const struct lease *lease = value;
        struct holder *holder = holder_find(*list, *count, lease);
        if (!holder) {
            holder = &(*list)[(*count)++];
            *holder = (struct holder){.agent = arena_strdup(arena, lease->agent),
                                      .nonce = arena_strdup(arena, lease->nonce)};
        }
        holder->tasks++;
    }
    pthread_mutex_unlock(&leases->mutex);
}

int64_t leases_next(struct leases *leases)
{
    pthread_mutex_lock(&leases->mutex);
    int64_t next = leases->earliest;
    pthread_mutex_unlock(&leases->mutex);
    return next;
}

void leases_heard(struct leases *leases, const char *agent, int64_t now)
{
    pthread_mutex_lock(&leases->mutex);
    int64_t *seen = map_get(&leases->seen, agent);
    if (!seen) {
        seen = mem_alloc(sizeof(*seen));
        map_put(&leases->seen, agent, seen);
    }
    *seen = now;
    pthread_mutex_unlock(&leases->mutex);
}

int64_t leases_seen(struct leases *leases, const char *agent)
{
    pthread_mutex_lock(&leases->mutex);
    const int64_t *seen = map_get(&leases->seen, agent);
    int64_t at = seen ? *seen : -1;
    pthread_mutex_unlock(&leases->mutex);
    return at;
}

void leases_note(struct leases *leases, const char *task, char note[LEASE_NOTE])
{
    pthread_mutex_lock(&leases->mutex);
    const struct lease *lease = map_get(&leases->by_task, task);
    snprintf(note, LEASE_NOTE, "%s", lease ? lease->note : "");
    pthread_mutex_unlock(&leases->mutex);
}
