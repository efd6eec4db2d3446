/* Typed reads and writes of one transaction, and the notes of what they changed. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "ledger/event.h"
#include "ledger/gate.h"
#include "ledger/retire_blobs.h"
#include "ledger/tx.h"

struct value value_text(const char *text)
{
    return (struct value){.text = text};
}

struct value value_int(int64_t number)
{
    return (struct value){.is_int = true, .number = number};
}

void tx_fini(struct tx *tx)
{
    free(tx->changes);
    free(tx->asks);
    free(tx->pause_changes);
    free(tx->keys);
}

struct tx_mark tx_mark(const struct tx *tx)
{
    return (struct tx_mark){.changes = tx->change_count,
                            .asks = tx->ask_count,
                            .keys = tx->key_count,
                            .pauses = tx->pause_count,
                            .next_event = tx->next_event,
                            .halt = tx->halt};
}

void tx_forget(struct tx *tx, struct tx_mark mark)
{
    tx->change_count = mark.changes;
    tx->ask_count = mark.asks;
    tx->key_count = mark.keys;
    tx->pause_count = mark.pauses;
    tx->next_event = mark.next_event;
    tx->halt = mark.halt;
}

int tx_refuse(struct tx *tx, enum ledger_outcome status, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tx->outcome->status = status;
    snprintf(tx->outcome->code, sizeof(tx->outcome->code), "%s", code);
    vsnprintf(tx->outcome->message, sizeof(tx->outcome->message), format, args);
    va_end(args);
    return status;
}

/* The store's words for failure become the rules'. */
static int tx_result(int rc)
{
    switch (rc) {
    case STORE_OK:
        return 0;
    case STORE_NONE:
        return LEDGER_NONE;
    case STORE_FULL:
        return TX_FULL;
    default:
        return TX_FAILED;
    }
}

int tx_get(struct tx *tx, const struct record *record, void *row)
{
    return tx_result(tx->store->ops->get(tx->store, record, row, tx->arena, tx->err));
}

int tx_put(struct tx *tx, const struct record *record, const void *row)
{
    tx->writes++;
    if (tx->blob_guard)
        blob_guard_row(tx->blob_guard, record, row);
    return tx_result(tx->store->ops->put(tx->store, record, row, tx->err));
}

int tx_del(struct tx *tx, const struct record *record, const void *row)
{
    tx->writes++;
    int rc = tx_result(tx->store->ops->del(tx->store, record, row, tx->err));
    return rc == LEDGER_NONE ? 0 : rc;
}

int tx_scan(struct tx *tx, const struct scan *scan, void *rows_pointer, size_t *count)
{
    void *rows = NULL;
    *count = 0;
    int rc = tx->store->ops->scan(tx->store, scan, tx->arena, &rows, count, tx->err);
    memcpy(rows_pointer, &rows, sizeof(rows));
    return tx_result(rc);
}

int tx_blob(struct tx *tx, const char *text, const char **hex)
{
    char name[HASH_HEX];
    size_t len = strlen(text);
    hash_hex(text, len, name);
    tx->writes++;
    if (tx->blob_guard)
        blob_guard_name(tx->blob_guard, name);
    *hex = arena_strdup(tx->arena, name);
    return tx_result(tx->store->ops->blob_put(tx->store, name, text, len, tx->err));
}

int tx_spill(struct tx *tx, const char **text, const char **blob, size_t limit)
{
    if (!*text || strlen(*text) <= limit)
        return 0;
    int rc = tx_blob(tx, *text, blob);
    *text = NULL;
    return rc;
}

void tx_touch(struct tx *tx, const char *prefix, const char *name)
{
    if (tx->key_count == tx->key_cap) {
        tx->key_cap = tx->key_cap ? tx->key_cap * 2 : 64;
        tx->keys = mem_realloc(tx->keys, tx->key_cap * sizeof(*tx->keys));
    }
    tx->keys[tx->key_count++] = arena_printf(tx->arena, "%s%s", prefix, name);
}

void tx_ask(struct tx *tx, const struct ask *ask)
{
    if (tx->ask_count == tx->ask_cap) {
        tx->ask_cap = tx->ask_cap ? tx->ask_cap * 2 : 16;
        tx->asks = mem_realloc(tx->asks, tx->ask_cap * sizeof(*tx->asks));
    }
    tx->asks[tx->ask_count++] = *ask;
}

void tx_due(struct tx *tx, int64_t at)
{
    if (at < tx->due)
        tx->due = at;
}

static void tx_change(struct tx *tx, const struct task *task, const char *from)
{
    if (tx->change_count == tx->change_cap) {
        tx->change_cap = tx->change_cap ? tx->change_cap * 2 : 64;
        tx->changes = mem_realloc(tx->changes, tx->change_cap * sizeof(*tx->changes));
    }
    tx->changes[tx->change_count++] = (struct change){
        .task = arena_strdup(tx->arena, task->id),
        .agent = arena_strdup(tx->arena, task->agent),
        .worker = arena_strdup(tx->arena, task->worker),
        .cancel = arena_strdup(tx->arena, task->cancel),
        .from = arena_strdup(tx->arena, from),
        .to = arena_strdup(tx->arena, task->state),
        .fence = task->fence,
        .lease_until = task->ready_at,
    };
}

int task_put(struct tx *tx, struct task *task, const char *from)
{
    bool queued = str_eq(task->state, TASK_QUEUED), waiting = str_eq(task->state, TASK_WAITING);
    if (!str_eq(task->state, TASK_WORKING))
        gate_leave(tx, task);
    tx_change(tx, task, from);
    tx_touch(tx, "task:", task->id);
    if (queued && !task->blocked && task->ready_at <= tx->now)
        tx_touch(tx, "queue:", task->agent);
    if ((queued || waiting) && task->ready_at > tx->now)
        tx_due(tx, task->ready_at);
    if (task->deadline_at && !task->cancel && !task_state_is_terminal(task->state))
        tx_due(tx, task->deadline_at);
    return tx_put(tx, &task_record, task);
}

int task_get(struct tx *tx, const char *id, struct task **task)
{
    *task = arena_alloc(tx->arena, sizeof(**task));
    (*task)->id = id;
    int rc = id ? tx_get(tx, &task_record, *task) : LEDGER_NONE;
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, LEDGER_NONE, "no_task", "There is no task %s.", id ? id : "(no id)");
    return rc;
}

/* A lease that ended by its time leaves the worker's name; all other ends take it away, and a new
 * process of the agent is another worker. */
static int task_take_up(struct tx *tx, struct task *task)
{
    struct agent agent = {.id = task->agent};
    int rc = tx_get(tx, &agent_record, &agent);
    if (rc && rc != LEDGER_NONE)
        return rc;
    if (rc == LEDGER_NONE || !str_eq(agent.nonce, task->worker))
        return LEDGER_LOST;
    const char *from = task->state;
    task->state = TASK_WORKING;
    task->ready_at = tx->now + LIMIT_LEASE_MS;
    task->deaths -= task->deaths > 0;
    rc = task_put(tx, task, from);
    return rc ? rc : event_append(tx, task->id, "lease.taken_up", NULL);
}

int task_get_fenced(struct tx *tx, const char *id, int64_t fence, struct task **task)
{
    int rc = task_get(tx, id, task);
    if (rc)
        return rc;
    struct task *t = *task;
    rc = LEDGER_LOST;
    if (t->fence == fence && str_eq(t->state, TASK_WORKING))
        return 0;
    if (t->fence == fence && str_eq(t->state, TASK_QUEUED) && t->worker)
        rc = task_take_up(tx, t);
    if (rc == LEDGER_LOST)
        return tx_refuse(tx, LEDGER_LOST, "lost",
                         "Task %s is %s at fence %lld; fence %lld may not write.", id, t->state,
                         (long long)t->fence, (long long)fence);
    return rc;
}
