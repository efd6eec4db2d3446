/* The monitor of the pauses in force, and what a transaction asks of it. */
#include "ledger/pause.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "ledger/rows.h"
#include "ledger/tx.h"

struct kept {
    int64_t at;
    bool panic;
    char by[160], reason[LIMIT_PAUSE_REASON + 1];
};

/* What a process of the agent has said last. */
struct acknowledgement {
    char nonce[80];
    int64_t halt;
};

void pauses_init(struct pauses *pauses)
{
    *pauses = (struct pauses){0};
    pthread_mutex_init(&pauses->mutex, NULL);
}

void pauses_fini(struct pauses *pauses)
{
    map_free(&pauses->held);
    map_free(&pauses->lifting);
    map_free(&pauses->acknowledged);
    pthread_mutex_destroy(&pauses->mutex);
}

/* ---- changes; the caller holds the mutex, or is alone ---- */

static void drop(struct pauses *pauses, const char *id)
{
    struct kept *kept = map_take(&pauses->held, id);
    pauses->tasks -= kept && str_starts(id, PAUSE_TASK);
    free(kept);
    free(map_take(&pauses->lifting, id));
}

static void apply(struct pauses *pauses, const struct pause_change *change)
{
    const struct pause *row = &change->row;
    drop(pauses, row->id);
    if (row->at > pauses->halt)
        pauses->halt = row->at;
    if (change->what == PAUSE_SET) {
        struct kept *kept = mem_zalloc(sizeof(*kept));
        kept->at = row->at;
        kept->panic = row->panic;
        snprintf(kept->by, sizeof(kept->by), "%s", row->by ? row->by : "");
        snprintf(kept->reason, sizeof(kept->reason), "%s", row->reason ? row->reason : "");
        map_put(&pauses->held, row->id, kept);
        pauses->tasks += str_starts(row->id, PAUSE_TASK);
    } else if (change->what == PAUSE_LIFTED) {
        map_put(&pauses->lifting, row->id, mem_zalloc(sizeof(int)));
    }
}

void pauses_apply(struct pauses *pauses, const struct pause_change *changes, size_t count)
{
    if (count == 0)
        return;
    pthread_mutex_lock(&pauses->mutex);
    for (size_t i = 0; i < count; i++)
        apply(pauses, &changes[i]);
    pthread_mutex_unlock(&pauses->mutex);
}

int pauses_load(struct pauses *pauses, struct store *store, struct arena *arena, struct err *err)
{
    void *rows;
    size_t count;
    struct meta mark = {.name = "halt"};
    struct scan scan = {.record = &pause_record};
    int rc = store->ops->get(store, &meta_record, &mark, arena, err);
    if (rc == STORE_OK)
        str_to_int(mark.value, 0, INT64_MAX, &pauses->halt);
    if (rc < 0 || store->ops->scan(store, &scan, arena, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct pause_change change = {.row = ((struct pause *)rows)[i]};
        change.what = change.row.lifted ? PAUSE_LIFTED : PAUSE_SET;
        apply(pauses, &change);
    }
    return 0;
}

/* ---- looks ---- */

int64_t pauses_halt(struct pauses *pauses)
{
    pthread_mutex_lock(&pauses->mutex);
    int64_t halt = pauses->halt;
    pthread_mutex_unlock(&pauses->mutex);
    return halt;
}

static void fill(const char *id, const struct kept *kept, struct arena *arena, struct pause *found)
{
    *found = (struct pause){
        .id = arena_strdup(arena, id),
        .by = arena_strdup(arena, kept->by),
        .reason = *kept->reason ? arena_strdup(arena, kept->reason) : NULL,
        .panic = kept->panic,
        .at = kept->at,
    };
}

bool pauses_get(struct pauses *pauses, const char *id, struct arena *arena, struct pause *found)
{
    pthread_mutex_lock(&pauses->mutex);
    const struct kept *kept = map_get(&pauses->held, id);
    if (kept && found)
        fill(id, kept, arena, found);
    pthread_mutex_unlock(&pauses->mutex);
    return kept != NULL;
}

size_t pauses_count(struct pauses *pauses)
{
    pthread_mutex_lock(&pauses->mutex);
    size_t count = pauses->held.count;
    pthread_mutex_unlock(&pauses->mutex);
    return count;
}

size_t pauses_of_tasks(struct pauses *pauses)
{
    pthread_mutex_lock(&pauses->mutex);
    size_t count = pauses->tasks;
    pthread_mutex_unlock(&pauses->mutex);
    return count;
}

static int older_first(const void *a, const void *b)
{
    int64_t left = ((const struct pause *)a)->at, right = ((const struct pause *)b)->at;
    return left < right ? -1 : left > right;
}

void pauses_list(struct pauses *pauses, struct arena *arena, struct pause **list, size_t *count)
{
    const char *id;
    void *kept;
    *count = 0;
    pthread_mutex_lock(&pauses->mutex);
    *list = arena_alloc(arena, (pauses->held.count + 1) * sizeof(**list));
    for (size_t at = 0; map_next(&pauses->held, &at, &id, &kept);)
        fill(id, kept, arena, &(*list)[(*count)++]);
    pthread_mutex_unlock(&pauses->mutex);
    qsort(*list, *count, sizeof(**list), older_first);
}

/* ---- who has acknowledged ---- */

void pauses_acknowledge(struct pauses *pauses, const char *agent, const char *nonce, int64_t halt)
{
    pthread_mutex_lock(&pauses->mutex);
    struct acknowledgement *last = map_get(&pauses->acknowledged, agent);
    if (!last) {
        last = mem_zalloc(sizeof(*last));
        map_put(&pauses->acknowledged, agent, last);
    }
    snprintf(last->nonce, sizeof(last->nonce), "%s", nonce);
    last->halt = halt;
    pthread_mutex_unlock(&pauses->mutex);
}

bool pauses_is_acknowledged(struct pauses *pauses, const char *agent, const char *nonce,
                            int64_t halt)
{
    pthread_mutex_lock(&pauses->mutex);
    const struct acknowledgement *last = map_get(&pauses->acknowledged, agent);
    bool is = last && str_eq(last->nonce, nonce) && last->halt >= halt;
    pthread_mutex_unlock(&pauses->mutex);
    return is;
}

/* ---- in a transaction ---- */

void pause_note(struct tx *tx, const struct pause_change *change)
{
    if (tx->pause_count == tx->pause_cap) {
        tx->pause_cap = tx->pause_cap ? tx->pause_cap * 2 : 8;
        tx->pause_changes =
            mem_realloc(tx->pause_changes, tx->pause_cap * sizeof(*tx->pause_changes));
    }
    tx->pause_changes[tx->pause_count++] = *change;
}

static int look_up(struct tx *tx, const char *id, struct pause *held)
{
    *held = (struct pause){.id = id};
    int rc = tx_get(tx, &pause_record, held);
    if (rc == LEDGER_NONE || (rc == 0 && held->lifted)) {
        *held = (struct pause){0};
        return 0;
    }
    return rc;
}

static bool may_be_held(const struct tx *tx)
{
    return tx->pause_count > 0 || pauses_count(tx->pauses) > 0;
}

int pause_of_agent(struct tx *tx, const char *agent, struct pause *held)
{
    *held = (struct pause){0};
    int rc = may_be_held(tx) ? look_up(tx, PAUSE_COMPANY, held) : 0;
    if (rc || held->id || !may_be_held(tx) || !agent)
        return rc;
    return look_up(tx, arena_printf(tx->arena, PAUSE_AGENT "%s", agent), held);
}

/* As deep as delegation may be. */
int pause_of(struct tx *tx, const struct task *task, struct pause *held)
{
    struct task above = {.id = task->id, .parent = task->parent};
    int rc = pause_of_agent(tx, task->agent, held);
    if (rc || held->id || (tx->pause_count == 0 && pauses_of_tasks(tx->pauses) == 0))
        return rc;
    for (;;) {
        const char *parent = above.parent;
        rc = look_up(tx, arena_printf(tx->arena, PAUSE_TASK "%s", above.id), held);
        if (rc || held->id || !parent)
            return rc;
        above = (struct task){.id = parent};
        rc = tx_get(tx, &task_record, &above);
        if (rc)
            return rc == LEDGER_NONE ? 0 : rc;
    }
}

int pause_of_id(struct tx *tx, const char *task, struct pause *held)
{
    struct task row = {.id = task};
    *held = (struct pause){0};
    if (!task || !may_be_held(tx))
        return 0;
    int rc = tx_get(tx, &task_record, &row);
    if (rc)
        return rc == LEDGER_NONE ? 0 : rc;
    return pause_of(tx, &row, held);
}
