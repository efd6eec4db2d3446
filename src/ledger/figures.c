/* Figures for metrics: from memory and from the ends of indexes. */
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "ledger/commit.h"
#include "ledger/ledger.h"
#include "ledger/pulse.h"
#include "ledger/store.h"

const int64_t ledger_commit_bounds_us[LEDGER_COMMIT_BUCKETS] = {
    250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, INT64_MAX};

int64_t pulse_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void pulse_beat(struct pulse *pulse, int64_t begun_us, size_t batches)
{
    int64_t us = pulse_now_us() - begun_us;
    size_t i = 0;
    while (us > ledger_commit_bounds_us[i])
        i++;
    atomic_fetch_add(&pulse->commits, 1);
    atomic_fetch_add(&pulse->batches, (int64_t)batches);
    atomic_fetch_add(&pulse->us, us);
    atomic_fetch_add(&pulse->buckets[i], 1);
}

static struct scan first_of(const struct record *record, const char *index, const char *state)
{
    return (struct scan){
        .record = record, .index = index, .eq = {{.text = state}}, .eq_count = 1, .max = 1};
}

/* When the oldest task that is queued was made; 0: none is. */
static int oldest_queued(struct ledger *ledger, struct arena *arena, int64_t *at, struct err *err)
{
    void *rows = NULL;
    size_t count;
    const struct scan scan = first_of(&task_record, "task_state_seq", TASK_QUEUED);
    int rc = ledger->store->ops->scan(ledger->store, &scan, arena, &rows, &count, err);
    *at = rc == STORE_OK && count > 0 ? ((const struct task *)rows)->created_at : 0;
    return rc;
}

static int oldest_asked(struct ledger *ledger, struct arena *arena, int64_t *at, struct err *err)
{
    void *rows = NULL;
    size_t count;
    const struct scan scan = first_of(&approval_record, "approval_state", APPROVAL_PENDING);
    int rc = ledger->store->ops->scan(ledger->store, &scan, arena, &rows, &count, err);
    *at = rc == STORE_OK && count > 0 ? ((const struct approval *)rows)->created_at : 0;
    return rc;
}

static int count_of(struct ledger *ledger, struct scan scan, int64_t *count, struct err *err)
{
    scan.max = 0;
    return ledger->store->ops->count(ledger->store, &scan, count, err);
}

static int read_rows(struct ledger *ledger, struct ledger_figures *figures, struct err *err)
{
    static const char *const effect_states[LEDGER_EFFECT_STATES] = {
        EFFECT_INTENDED, EFFECT_IN_FLIGHT, EFFECT_UNKNOWN, EFFECT_HELD, EFFECT_DEAD};
    struct arena arena = {0};
    int rc = oldest_queued(ledger, &arena, &figures->oldest_queued_at, err);
    if (rc == STORE_OK)
        rc = oldest_asked(ledger, &arena, &figures->oldest_asked_at, err);
    if (rc == STORE_OK)
        rc = count_of(ledger, first_of(&approval_record, "approval_state", APPROVAL_PENDING),
                      &figures->asked, err);
    for (size_t i = 0; i < LEDGER_EFFECT_STATES && rc == STORE_OK; i++) {
        figures->effects[i].state = effect_states[i];
        rc = count_of(ledger, first_of(&effect_record, "effect_state", effect_states[i]),
                      &figures->effects[i].count, err);
    }
    if (rc == STORE_OK)
        rc = count_of(ledger, first_of(&run_record, "run_state", RUN_RUNNING),
                      &figures->runs_running, err);
    if (rc == STORE_OK)
        rc = count_of(ledger, first_of(&run_record, "run_state", RUN_WAITING),
                      &figures->runs_waiting, err);
    arena_fini(&arena);
    return rc;
}

int ledger_read_figures(struct ledger *ledger, struct ledger_figures *figures, struct err *err)
{
    *figures = (struct ledger_figures){0};
    turnstile_enter(&ledger->turn);
    int rc = atomic_load(&ledger->broken) ? commit_broken(err) : read_rows(ledger, figures, err);
    figures->newest_event = ledger->next_event - 1;
    turnstile_leave(&ledger->turn);
    figures->commits = atomic_load(&ledger->pulse.commits);
    figures->batches = atomic_load(&ledger->pulse.batches);
    figures->commit_us = atomic_load(&ledger->pulse.us);
    for (size_t i = 0; i < LEDGER_COMMIT_BUCKETS; i++)
        figures->commit_buckets[i] = atomic_load(&ledger->pulse.buckets[i]);
    return rc == STORE_OK ? 0 : -1;
}
