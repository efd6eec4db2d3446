/* Group commit. Callers sleep on their own submission; only this thread writes to the store. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "ledger/commit.h"
#include "ledger/rows.h"
#include "ledger/tx.h"

enum {
    RETRY_SWEEP_MS = 1000, /* after a full disk or an I/O error */
    LOOK_MS = 60000,       /* longest sleep while something is due: the sleep's clock stands still
                            * during suspend */
    CARE_EVERY = 256,      /* commits between two rounds of the store's own care */
};

struct group {
    struct submission *members[LIMIT_GROUP_COMMIT];
    size_t count;
    bool full; /* the disk is: only those who free or record may write */
};

int commit_broken(struct err *err)
{
    err_set(err, "store_failed", "A commit to the ledger failed; the hub ends and starts again.");
    err_hint(err, "See the hub's log and the disk under the state folder.");
    return -1;
}

static struct tx tx_open(struct ledger *ledger, struct arena *arena, struct err *err)
{
    return (struct tx){
        .store = ledger->store,
        .arena = arena,
        .leases = &ledger->leases,
        .tally = &ledger->tally,
        .gate = &ledger->gate,
        .fair = &ledger->fair,
        .blob_guard = ledger->blob_guard,
        .pauses = &ledger->pauses,
        .halt = pauses_halt(&ledger->pauses),
        .now = clock_now(&ledger->clock),
        .next_seq = &ledger->next_seq,
        .next_event = ledger->next_event,
        .err = err,
        .due = INT64_MAX,
    };
}

/* The ledger's time never goes back over a restart, whatever the wall clock says then. */
static int tx_mark_time(struct tx *tx)
{
    struct meta mark = {.name = "clock"};
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)tx->now);
    mark.value = text;
    return tx_put(tx, &meta_record, &mark);
}

/* Ends the transaction. What failed before the commit is undone for sure; what a failed commit left
 * on disk is not known. */
static int tx_commit(struct tx *tx, int rc, bool *broken)
{
    const struct store_ops *ops = tx->store->ops;
    if (rc == 0 && tx->writes)
        rc = tx_mark_time(tx);
    if (rc || tx->writes == 0) {
        ops->rollback(tx->store);
        return rc;
    }
    rc = ops->commit(tx->store, tx->err);
    if (rc == STORE_OK)
        return 0;
    ops->rollback(tx->store);
    *broken = rc != STORE_FULL;
    return rc == STORE_FULL ? TX_FULL : TX_FAILED;
}

/* What the monitors learn once it is on disk. */
static void tx_publish(struct ledger *ledger, const struct tx *tx)
{
    ledger->next_event = tx->next_event;
    leases_apply(&ledger->leases, tx->changes, tx->change_count);
    tally_apply(&ledger->tally, tx->changes, tx->change_count);
    pauses_apply(&ledger->pauses, tx->pause_changes, tx->pause_count);
    if (gate_apply(&ledger->gate, tx->asks, tx->ask_count, tx->now))
        ledger->due = tx->now;
    if (tx->due < ledger->due)
        ledger->due = tx->due;
    if (tx->writes)
        ledger->commits_since_care++;
}

/* Runs one member; where it is alone, undoing the transaction is undoing it, and no savepoint is
 * needed. Returns 0 (whatever the outcome says) or TX_FAILED / TX_FULL. */
static int member_run(struct tx *tx, struct submission *member, const struct group *group)
{
    const struct store_ops *ops = tx->store->ops;
    bool alone = group->count == 1;
    struct tx_mark mark = tx_mark(tx);
    size_t writes = tx->writes;
    tx->outcome = member->outcome;
    tx->actor = member->actor;
    memset(member->outcome, 0, sizeof(*member->outcome));
    if (group->full && !member->frees) {
        tx_refuse(tx, LEDGER_BUSY, "disk_full", "The disk is full; nothing was changed.");
        return 0;
    }
    if (!alone && ops->save(tx->store, tx->err) != STORE_OK)
        return TX_FAILED;
    int rc = member->run(tx, member->arg);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return alone || ops->release(tx->store, tx->err) == STORE_OK ? 0 : TX_FAILED;
    member->outcome->status = (enum ledger_outcome)rc;
    tx_forget(tx, mark);
    tx->writes = writes;
    return alone || ops->undo(tx->store, tx->err) == STORE_OK ? 0 : TX_FAILED;
}

/* One transaction; on success the monitors know and `keys` (in the arena) are to be told. */
static int group_try(struct ledger *ledger, struct group *group, struct tx *tx, bool *broken)
{
    struct store *store = ledger->store;
    int rc = store->ops->begin(store, tx->err) == STORE_OK ? 0 : TX_FAILED;
    if (rc)
        return rc;
    for (size_t i = 0; i < group->count && rc == 0; i++)
        rc = member_run(tx, group->members[i], group);
    rc = tx_commit(tx, rc, broken);
    if (rc == 0)
        tx_publish(ledger, tx);
    return rc;
}

static void group_answer(struct group *group, int rc, const struct err *err)
{
    for (size_t i = 0; i < group->count; i++) {
        struct submission *member = group->members[i];
        member->rc = rc;
        if (rc && member->err)
            *member->err = *err;
        sem_post(&member->done);
    }
}

static void ledger_break(struct ledger *ledger, struct err *err)
{
    log_error("a commit to the ledger failed: %s", err->message);
    atomic_store(&ledger->broken, true);
    commit_broken(err);
}

static void group_is_full(struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        struct outcome *outcome = group->members[i]->outcome;
        *outcome = (struct outcome){.status = LEDGER_BUSY, .code = "disk_full"};
        snprintf(outcome->message, sizeof(outcome->message),
                 "The disk is full; nothing was changed.");
    }
}

static void group_run(struct ledger *ledger, struct group *group)
{
    struct arena arena = {0};
    struct err err = {0};
    bool broken = false;
    int64_t begun = pulse_now_us();
    turnstile_enter(&ledger->turn);
    struct tx tx = tx_open(ledger, &arena, &err);
    group->full = !ledger->store->ops->keep_reserve(ledger->store);
    int rc = group_try(ledger, group, &tx, &broken);
    if (rc == TX_FULL) {
        log_warn("the disk is full: only what ends or records is written");
        ledger->store->ops->free_reserve(ledger->store);
        tx_fini(&tx);
        tx = tx_open(ledger, &arena, &err);
        group->full = true;
        rc = group_try(ledger, group, &tx, &broken);
    }
    if (broken)
        ledger_break(ledger, &err);
    turnstile_leave(&ledger->turn);
    if (rc == TX_FULL)
        group_is_full(group);
    if (tx.writes > 0)
        pulse_beat(&ledger->pulse, begun, group->count);
    group_answer(group, rc == TX_FAILED ? -1 : 0, &err);
    if (rc == 0)
        hints_add(&ledger->hints, tx.keys, tx.key_count);
    if (broken)
        hints_close(&ledger->hints);
    tx_fini(&tx);
    arena_fini(&arena);
}

/* ---- what is due ---- */

static int sweep_try(struct ledger *ledger, struct tx *tx, bool *more, bool *broken)
{
    struct store *store = ledger->store;
    struct sweep sweep = ledger->sweep;
    int rc = store->ops->begin(store, tx->err) == STORE_OK ? 0 : TX_FAILED;
    if (rc)
        return rc;
    rc = tx_commit(tx, sweep_slice(tx, &ledger->clock, &sweep, more), broken);
    if (rc)
        return rc;
    ledger->sweep = sweep;
    ledger->due = *more ? tx->now : INT64_MAX;
    tx_publish(ledger, tx);
    return 0;
}

/* Returns true while there is more to do at once. */
static bool sweep_run(struct ledger *ledger)
{
    struct arena arena = {0};
    struct err err = {0};
    struct outcome outcome = {0};
    bool more = false, broken = false;
    turnstile_enter(&ledger->turn);
    struct tx tx = tx_open(ledger, &arena, &err);
    tx.actor = "system";
    tx.outcome = &outcome;
    int rc = sweep_try(ledger, &tx, &more, &broken);
    if (broken)
        ledger_break(ledger, &err);
    turnstile_leave(&ledger->turn);
    if (rc) {
        log_error("what is due could not be done: %s",
                  err.message[0] ? err.message : outcome.message);
        leases_unexpire(&ledger->leases);
        ledger->sweep_not_before = tx.now + RETRY_SWEEP_MS;
        more = false;
    } else {
        hints_add(&ledger->hints, tx.keys, tx.key_count);
    }
    if (broken)
        hints_close(&ledger->hints);
    tx_fini(&tx);
    arena_fini(&arena);
    return more;
}

static int64_t next_due(struct ledger *ledger)
{
    int64_t due = leases_next(&ledger->leases);
    if (atomic_load(&ledger->broken))
        return INT64_MAX;
    if (ledger->due < due)
        due = ledger->due;
    return due > ledger->sweep_not_before ? due : ledger->sweep_not_before;
}

static void care_run(struct ledger *ledger)
{
    struct err err;
    bool more = false;
    turnstile_enter(&ledger->turn);
    if (ledger->store->ops->care(ledger->store, &more, &err) != STORE_OK)
        log_warn("the store's care failed: %s", err.message);
    turnstile_leave(&ledger->turn);
    ledger->commits_since_care = more ? CARE_EVERY : 0;
}

/* ---- the thread ---- */

/* Takes what waits, at most one group; sleeps first where there is nothing and nothing is due. */
static bool group_gather(struct ledger *ledger, struct group *group, bool *sweep)
{
    group->count = 0;
    int64_t due = next_due(ledger);
    bool care = ledger->commits_since_care >= CARE_EVERY;
    pthread_mutex_lock(&ledger->mutex);
    while (!ledger->first && !ledger->closing && !ledger->sweep_now && !care) {
        int64_t left = due - clock_now(&ledger->clock);
        if (left <= 0)
            break;
        int64_t ms = due == INT64_MAX ? -1 : left < LOOK_MS ? left : LOOK_MS;
        thread_cond_wait(&ledger->cond, &ledger->mutex, ms);
    }
    while (ledger->first && group->count < LIMIT_GROUP_COMMIT) {
        group->members[group->count++] = ledger->first;
        ledger->first = ledger->first->next;
    }
    if (!ledger->first)
        ledger->last = &ledger->first;
    *sweep = ledger->sweep_now;
    ledger->sweep_now = false;
    bool open = !ledger->closing || group->count;
    pthread_mutex_unlock(&ledger->mutex);
    return open;
}

static void group_serve(struct ledger *ledger, struct group *group, bool sweep_all)
{
    bool due = sweep_all || next_due(ledger) <= clock_now(&ledger->clock);
    while (due && !atomic_load(&ledger->broken) && sweep_run(ledger) && sweep_all)
        ;
    if (group->count && atomic_load(&ledger->broken)) {
        struct err err;
        group_answer(group, commit_broken(&err), &err);
    } else if (group->count) {
        group_run(ledger, group);
    }
    if (ledger->commits_since_care >= CARE_EVERY && !atomic_load(&ledger->broken))
        care_run(ledger);
}

static void *commit_main(void *arg)
{
    struct ledger *ledger = arg;
    struct group group;
    bool sweep_all;
    while (group_gather(ledger, &group, &sweep_all))
        group_serve(ledger, &group, sweep_all);
    return NULL;
}

int commit_start(struct ledger *ledger, struct err *err)
{
    pthread_mutex_init(&ledger->mutex, NULL);
    thread_cond_init(&ledger->cond);
    ledger->last = &ledger->first;
    if (thread_start(&ledger->thread, "hq-commit", commit_main, ledger) == 0)
        return 0;
    pthread_cond_destroy(&ledger->cond);
    pthread_mutex_destroy(&ledger->mutex);
    return err_set(err, "no_thread", "The commit thread cannot be started.");
}

void commit_stop(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->mutex);
    ledger->closing = true;
    pthread_cond_broadcast(&ledger->cond);
    pthread_mutex_unlock(&ledger->mutex);
    pthread_join(ledger->thread, NULL);
    pthread_cond_destroy(&ledger->cond);
    pthread_mutex_destroy(&ledger->mutex);
}

int commit_submit(struct ledger *ledger, struct submission *submission)
{
    submission->rc = 0;
    submission->next = NULL;
    pthread_mutex_lock(&ledger->mutex);
    if (ledger->closing) {
        pthread_mutex_unlock(&ledger->mutex);
        return err_set(submission->err, "closing", "The hub is stopping; try again.");
    }
    sem_init(&submission->done, 0, 0);
    *ledger->last = submission;
    ledger->last = &submission->next;
    pthread_cond_signal(&ledger->cond);
    pthread_mutex_unlock(&ledger->mutex);
    while (sem_wait(&submission->done) != 0)
        ;
    sem_destroy(&submission->done);
    return submission->rc;
}
