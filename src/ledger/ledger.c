/* The ledger's front: opening, and the operations that write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "ledger/batch.h"
#include "ledger/commit.h"
#include "ledger/feed.h"
#include "ledger/ledger.h"
#include "ledger/retire_blobs.h"
#include "ledger/rows.h"
#include "ledger/rules.h"

enum { LOAD_PAGE = 100 /* tasks read at once */ };

/* ---- open: what is known in memory is read from the store ---- */

static int load_clock(struct ledger *ledger, const struct clock_source *source, struct err *err)
{
    struct arena arena = {0};
    struct meta mark = {.name = "clock"};
    int64_t newest = 0;
    int rc = ledger->store->ops->get(ledger->store, &meta_record, &mark, &arena, err);
    if (rc == STORE_OK)
        str_to_int(mark.value, 0, INT64_MAX, &newest);
    if (rc >= 0)
        clock_start(&ledger->clock, source, newest);
    arena_fini(&arena);
    return rc < 0 ? -1 : 0;
}

static int load_seq(struct ledger *ledger, struct arena *arena, struct err *err)
{
    struct task *last;
    void *rows;
    size_t count;
    struct scan scan = {.record = &task_record, .index = "task_seq", .descending = true, .max = 1};
    if (ledger->store->ops->scan(ledger->store, &scan, arena, &rows, &count, err) < 0)
        return -1;
    last = rows;
    ledger->next_seq = count ? last->seq + 1 : 1;
    return 0;
}

/* Events that were retired keep their numbers: a cursor must never mean another event. */
static int load_event(struct ledger *ledger, struct arena *arena, struct err *err)
{
    void *rows;
    size_t count;
    int64_t newest, retired;
    struct scan scan = {.record = &event_record, .index = "event_no", .descending = true, .max = 1};
    if (ledger->store->ops->scan(ledger->store, &scan, arena, &rows, &count, err) < 0 ||
        feed_retired(ledger->store, arena, &retired, err) < 0)
        return -1;
    newest = count ? ((const struct event *)rows)->no : 0;
    ledger->next_event = (newest > retired ? newest : retired) + 1;
    return 0;
}

/* Every lease that was out gets a full term: its holder had no one to extend it with. */
static int load_leases(struct ledger *ledger, struct arena *arena, struct err *err)
{
    void *rows;
    size_t count;
    int64_t now = clock_now(&ledger->clock);
    struct scan scan = {
        .record = &task_record,
        .index = "task_due",
        .eq = {value_text(TASK_WORKING)},
        .eq_count = 1,
    };
    if (ledger->store->ops->scan(ledger->store, &scan, arena, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct task *task = &((const struct task *)rows)[i];
        struct change change = {
            .task = task->id,
            .agent = task->agent,
            .worker = task->worker,
            .cancel = task->cancel,
            .to = task->state,
            .fence = task->fence,
            .lease_until = now + LIMIT_LEASE_MS,
        };
        leases_apply(&ledger->leases, &change, 1);
        if (task->provider)
            gate_load(&ledger->gate, task->provider);
    }
    return 0;
}

/* Who has had its turn among the open tasks, a page at a time. */
static int load_fair(struct ledger *ledger, const char *state, struct err *err)
{
    size_t count = LOAD_PAGE;
    for (int64_t after = 0; count == LOAD_PAGE;) {
        struct arena arena = {0};
        void *rows;
        struct scan scan = {
            .record = &task_record,
            .index = "task_state_seq",
            .eq = {value_text(state)},
            .eq_count = 1,
            .has_low = true,
            .low = value_int(after + 1),
            .max = LOAD_PAGE,
        };
        int rc = ledger->store->ops->scan(ledger->store, &scan, &arena, &rows, &count, err);
        for (size_t i = 0; i < count && rc == STORE_OK; i++) {
            const struct task *task = &((const struct task *)rows)[i];
            if (!str_eq(task->agent, FLOW_AGENT)) /* nobody's turn */
                fair_load(&ledger->fair, task);
            after = task->seq;
        }
        arena_fini(&arena);
        if (rc != STORE_OK)
            return -1;
    }
    return 0;
}

static int load_count(struct ledger *ledger, const char *agent, const char *state, int64_t *count,
                      struct err *err)
{
    struct scan scan = {
        .record = &task_record,
        .index = "task_agent_state_seq",
        .eq = {value_text(agent), value_text(state)},
        .eq_count = 2,
    };
    return ledger->store->ops->count(ledger->store, &scan, count, err);
}

/* Steps from agent to agent along an index, so that no queue is read. */
static int load_tally(struct ledger *ledger, struct arena *arena, struct err *err)
{
    const char *after = "";
    for (;;) {
        struct ledger_counts counts;
        void *rows;
        size_t count;
        struct scan scan = {
            .record = &task_record,
            .index = "task_agent_seq",
            .has_low = true,
            .low = value_text(after),
            .max = 1,
        };
        if (ledger->store->ops->scan(ledger->store, &scan, arena, &rows, &count, err) < 0)
            return -1;
        if (count == 0)
            return 0;
        const char *agent = ((const struct task *)rows)->agent;
        if (load_count(ledger, agent, TASK_QUEUED, &counts.queued, err) < 0 ||
            load_count(ledger, agent, TASK_WORKING, &counts.working, err) < 0 ||
            load_count(ledger, agent, TASK_WAITING, &counts.waiting, err) < 0)
            return -1;
        tally_set(&ledger->tally, agent, &counts);
        after = arena_printf(arena, "%s\x01", agent);
    }
}

static int ledger_load(struct ledger *ledger, const struct clock_source *source, struct err *err)
{
    struct arena arena = {0};
    int rc = ledger->store->ops->migrate(ledger->store, err);
    if (rc == 0)
        rc = feed_load_id(ledger->store, ledger->id, err);
    if (rc == 0)
        rc = load_clock(ledger, source, err);
    if (rc == 0)
        rc = load_seq(ledger, &arena, err);
    if (rc == 0)
        rc = load_event(ledger, &arena, err);
    if (rc == 0)
        rc = load_leases(ledger, &arena, err);
    if (rc == 0)
        rc = pauses_load(&ledger->pauses, ledger->store, &arena, err);
    if (rc == 0)
        rc = load_tally(ledger, &arena, err);
    if (rc == 0)
        rc = load_fair(ledger, TASK_QUEUED, err);
    if (rc == 0)
        rc = load_fair(ledger, TASK_WORKING, err);
    if (rc == 0)
        rc = load_fair(ledger, TASK_WAITING, err);
    fair_loaded(&ledger->fair);
    arena_fini(&arena);
    ledger->sweep.looked = rc == 0 ? clock_now(&ledger->clock) : 0;
    ledger->due = 0; /* the first thing done is a look at what is due */
    return rc == 0 ? 0 : -1;
}

static void ledger_free(struct ledger *ledger)
{
    leases_fini(&ledger->leases);
    tally_fini(&ledger->tally);
    gate_fini(&ledger->gate);
    pauses_fini(&ledger->pauses);
    fair_fini(&ledger->fair);
    hints_fini(&ledger->hints);
    turnstile_fini(&ledger->turn);
    ledger->store->ops->close(ledger->store);
    free(ledger);
}

struct ledger *ledger_open_at(struct store *store, const struct clock_source *source,
                              struct err *err)
{
    struct ledger *ledger = mem_zalloc(sizeof(*ledger));
    ledger->store = store;
    turnstile_init(&ledger->turn);
    leases_init(&ledger->leases);
    tally_init(&ledger->tally);
    gate_init(&ledger->gate);
    pauses_init(&ledger->pauses);
    hints_init(&ledger->hints);
    if (ledger_load(ledger, source, err) == 0 && commit_start(ledger, err) == 0)
        return ledger;
    ledger_free(ledger);
    return NULL;
}

struct ledger *ledger_open(struct store *store, struct err *err)
{
    return ledger_open_at(store, NULL, err);
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    hints_close(&ledger->hints);
    commit_stop(ledger);
    ledger_free(ledger);
}

void ledger_set_providers(struct ledger *ledger, const struct ledger_provider *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gate_limit(&ledger->gate, list[i].name, list[i].concurrent, list[i].per_minute);
}

int64_t ledger_now(struct ledger *ledger)
{
    return clock_now(&ledger->clock);
}

/* ---- writing ---- */

static const char *batch_agent(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->ops[i].type == OP_REGISTER)
            return batch->ops[i].reg.agent->id;
    return NULL;
}

int ledger_apply(struct ledger *ledger, const struct batch *batch, struct outcome *outcome,
                 struct err *err)
{
    struct submission submission = {
        .run = batch_run,
        .arg = (void *)batch,
        .actor = batch->actor,
        .frees = batch_frees(batch),
        .outcome = outcome,
        .err = err,
    };
    const char *agent = batch_agent(batch);
    if (agent)
        leases_heard(&ledger->leases, agent, ledger_now(ledger));
    return commit_submit(ledger, &submission);
}

static int claim_run(struct tx *tx, void *arg)
{
    return rule_claim(tx, arg);
}

int ledger_claim(struct ledger *ledger, const struct claim *claim, struct arena *arena,
                 struct task **tasks, size_t *count, struct outcome *outcome, struct err *err)
{
    char actor[160];
    struct claiming claiming = {.claim = claim, .arena = arena, .tasks = tasks, .count = count};
    struct submission submission = {
        .run = claim_run,
        .arg = &claiming,
        .actor = actor,
        .outcome = outcome,
        .err = err,
    };
    snprintf(actor, sizeof(actor), "agent:%s", claim->agent);
    *count = 0;
    *tasks = NULL;
    int rc = commit_submit(ledger, &submission);
    if (rc || outcome->status != LEDGER_OK)
        *count = 0;
    return rc;
}

/* ---- extend ---- */

struct taking_up {
    const struct lease_holder *holder;
    const char *cancel; /* static text, NULL: go on */
};

/* The lease is not in memory: over a moment ago and free to take up again, or lost. */
static int take_up_run(struct tx *tx, void *arg)
{
    struct taking_up *up = arg;
    struct task *task;
    int rc = task_get_fenced(tx, up->holder->task, up->holder->fence, &task);
    if (rc == 0 && !str_eq(task->worker, up->holder->nonce))
        return tx_refuse(tx, LEDGER_LOST, "lost", "Another process works on task %s.", task->id);
    up->cancel = rc || !task->cancel               ? NULL
                 : str_eq(task->cancel, "timeout") ? "timeout"
                                                   : "cancelled";
    return rc;
}

static enum extend_result extend_slowly(struct ledger *ledger, const char *agent,
                                        const struct lease_holder *holder, const char **reason)
{
    char actor[160];
    struct outcome outcome;
    struct taking_up up = {.holder = holder};
    struct submission submission = {
        .run = take_up_run,
        .arg = &up,
        .actor = actor,
        .outcome = &outcome,
    };
    snprintf(actor, sizeof(actor), "agent:%s", agent);
    if (commit_submit(ledger, &submission) < 0)
        return EXTEND_OK; /* unreachable is not lost: the holder asks again */
    *reason = up.cancel;
    if (outcome.status != LEDGER_OK)
        return EXTEND_LOST;
    return up.cancel ? EXTEND_CANCEL : EXTEND_OK;
}

/* What a holder whose lease stands is told about pauses. Where the store cannot say it asks again in
 * a second. */
static enum extend_result extend_paused(struct ledger *ledger, const char *agent,
                                        const struct lease_holder *holder)
{
    struct arena arena = {0};
    struct err err;
    struct pause held;
    struct task task = {.id = holder->task, .agent = agent};
    if (pauses_count(&ledger->pauses) == 0)
        return EXTEND_OK;
    if (pauses_of_tasks(&ledger->pauses) > 0)
        ledger_get(ledger, &task_record, &task, &arena, &err);
    bool is = ledger_pause_of(ledger, &task, &arena, &held, &err) == 0 && held.id;
    enum extend_result result = !is ? EXTEND_OK : held.panic ? EXTEND_HALT : EXTEND_PAUSE;
    arena_fini(&arena);
    return result;
}

static enum extend_result extend_one(struct ledger *ledger, const char *agent,
                                     struct lease_holder *holder, const char **reason)
{
    struct pause company = {0};
    struct arena arena = {0};
    bool panic = pauses_get(&ledger->pauses, PAUSE_COMPANY, &arena, &company) && company.panic;
    arena_fini(&arena);
    *reason = NULL;
    if (!holder->task)
        return EXTEND_LOST;
    holder->is_last = panic;
    switch (leases_extend(&ledger->leases, holder, ledger_now(ledger))) {
    case LEASE_RENEWED:
        return panic ? EXTEND_HALT : extend_paused(ledger, agent, holder);
    case LEASE_CANCEL_TASK:
        *reason = "cancelled";
        return EXTEND_CANCEL;
    case LEASE_CANCEL_TIMEOUT:
        *reason = "timeout";
        return EXTEND_CANCEL;
    case LEASE_UNKNOWN:
        break;
    }
    if (panic) /* it is over, and is not taken up again */
        return EXTEND_LOST;
    enum extend_result result = extend_slowly(ledger, agent, holder, reason);
    return result == EXTEND_OK ? extend_paused(ledger, agent, holder) : result;
}

int ledger_extend(struct ledger *ledger, const char *agent, const char *nonce,
                  const struct held *held, size_t count, enum extend_result *results,
                  const char **reasons)
{
    if (atomic_load(&ledger->broken))
        return -1;
    leases_heard(&ledger->leases, agent, ledger_now(ledger));
    for (size_t i = 0; i < count; i++) {
        struct lease_holder holder = {
            .nonce = nonce,
            .task = held[i].task,
            .fence = held[i].fence,
            .note = held[i].note,
        };
        results[i] = extend_one(ledger, agent, &holder, &reasons[i]);
    }
    return 0;
}

int64_t ledger_agent_seen_ms(struct ledger *ledger, const char *agent)
{
    int64_t seen = leases_seen(&ledger->leases, agent);
    return seen < 0 ? -1 : ledger_now(ledger) - seen;
}

void ledger_task_note(struct ledger *ledger, const char *task, char note[128])
{
    leases_note(&ledger->leases, task, note);
}

/* ---- blobs ---- */

struct blob_bytes {
    const void *bytes;
    size_t len;
    const char *hex;
};

static int blob_run(struct tx *tx, void *arg)
{
    const struct blob_bytes *blob = arg;
    tx->writes++;
    if (tx->blob_guard)
        blob_guard_name(tx->blob_guard, blob->hex);
    int rc = tx->store->ops->blob_put(tx->store, blob->hex, blob->bytes, blob->len, tx->err);
    return rc == STORE_FULL ? TX_FULL : rc == STORE_OK ? 0 : TX_FAILED;
}

int ledger_blob_put(struct ledger *ledger, const void *bytes, size_t len, char hex[65],
                    struct err *err)
{
    struct outcome outcome;
    struct blob_bytes blob = {bytes, len, hex};
    struct submission submission = {
        .run = blob_run,
        .arg = &blob,
        .actor = "system",
        .outcome = &outcome,
        .err = err,
    };
    if (len > LIMIT_BLOB)
        return err_set(err, "too_large", "A blob of %zu bytes; at most %d are kept.", len,
                       LIMIT_BLOB);
    hash_hex(bytes, len, hex);
    int rc = commit_submit(ledger, &submission);
    if (rc == 0 && outcome.status != LEDGER_OK)
        return err_set(err, outcome.code, "%s", outcome.message);
    return rc;
}

/* ---- waiting ---- */

bool ledger_wait(struct ledger *ledger, int64_t ms, struct arena *arena, const char ***keys,
                 size_t *count)
{
    return hints_wait(&ledger->hints, ms, arena, keys, count);
}

void ledger_end_wait(struct ledger *ledger)
{
    hints_close(&ledger->hints);
}

static int nothing_run(struct tx *tx, void *arg)
{
    return 0;
}

int ledger_ping(struct ledger *ledger, struct err *err)
{
    struct outcome outcome;
    struct submission submission = {
        .run = nothing_run, .actor = "system", .frees = true, .outcome = &outcome, .err = err};
    return commit_submit(ledger, &submission);
}

int ledger_sweep(struct ledger *ledger, struct err *err)
{
    pthread_mutex_lock(&ledger->mutex);
    ledger->sweep_now = true;
    pthread_mutex_unlock(&ledger->mutex);
    return ledger_ping(ledger, err);
}
