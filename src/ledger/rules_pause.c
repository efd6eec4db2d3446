/* PAUSE and RESUME: people stop work and let it go on. What stands in between is parked where it is
 * about to begin something; nothing is walked through when a pause is set. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/effect.h"
#include "ledger/event.h"
#include "ledger/pause.h"
#include "ledger/rows.h"
#include "ledger/rules.h"
#include "ledger/sweep.h"
#include "ledger/wait.h"

enum { PAUSE_PAGE = 32 /* woken in one transaction: some milliseconds */ };

/* ---- who is about to begin ---- */

int pause_park(struct tx *tx, struct task *task, const struct pause *held)
{
    const char *from = task->state;
    struct wait wait = {.task = task->id, .kind = "pause", .id = held->id, .created_at = tx->now};
    if (task->cancel)
        return task_end_cancelled(tx, task);
    task->state = TASK_WAITING;
    task->wait_mode = "all";
    task->worker = NULL;
    task->ready_at = 0;
    int rc = tx_put(tx, &wait_record, &wait);
    if (rc == 0)
        rc = task_put(tx, task, from);
    return rc ? rc
              : event_append(tx, task->id, "task.parked",
                             json_pack("{s:s,s:i,s:[{s:s}]}", "mode", "all", "count", 1, "waits",
                                       "pause", held->id));
}

int pause_look(struct tx *tx, const struct task *task, struct wait *wait)
{
    struct pause held;
    int rc = pause_of(tx, task, &held);
    wait->satisfied = !held.id;
    if (held.id)
        wait->id = held.id;
    return rc;
}

int pause_effect(struct tx *tx, struct effect *effect, const struct pause *held)
{
    const char *was = effect->state;
    effect->state = EFFECT_INTENDED;
    effect->ready_at = PAUSE_ASIDE + tx->next_event;
    effect->reason = arena_printf(tx->arena, "paused (%s)", held->id);
    int rc = effect_moved(tx, effect, was);
    snprintf(tx->outcome->state, sizeof(tx->outcome->state), "paused");
    return rc;
}

int pause_refuses(struct tx *tx, const char *task)
{
    struct pause held;
    int rc = pause_of_id(tx, task, &held);
    return rc || !held.id ? rc
                          : tx_refuse(tx, LEDGER_CONFLICT, "paused",
                                      "Task %s is paused (%s) by %s.", task, held.id, held.by);
}

int pause_flag(struct tx *tx, struct agent *agent)
{
    struct pause row = {.id = arena_printf(tx->arena, PAUSE_AGENT "%s", agent->id)};
    int rc = tx_get(tx, &pause_record, &row);
    agent->paused = rc == 0 && !row.lifted;
    return rc == LEDGER_NONE ? 0 : rc;
}

/* ---- what people ask for ---- */

static bool is_person(const char *principal)
{
    return str_eq(principal, "operator") || str_starts(principal ? principal : "", "person:");
}

static int pause_check(struct tx *tx, const struct pause *asked)
{
    if (!is_person(asked->by))
        return tx_refuse(tx, LEDGER_REFUSED, "not_allowed",
                         "Only people stop work and let it go on, not %s.",
                         asked->by ? asked->by : "nobody");
    if (str_is_empty(asked->id) ||
        (!str_eq(asked->id, PAUSE_COMPANY) &&
         !(str_starts(asked->id, PAUSE_AGENT) && asked->id[strlen(PAUSE_AGENT)]) &&
         !(str_starts(asked->id, PAUSE_TASK) && asked->id[strlen(PAUSE_TASK)])))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_scope",
                         "\"%.80s\" cannot be paused: it is company, agent:ID or task:ID.",
                         asked->id ? asked->id : "");
    if (asked->panic && !str_eq(asked->id, PAUSE_COMPANY))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_scope",
                         "A panic stops the whole company, not %.80s alone.", asked->id);
    if (asked->reason && strlen(asked->reason) > LIMIT_PAUSE_REASON)
        return tx_refuse(tx, LEDGER_REFUSED, "bad_reason",
                         "The reason has %zu bytes; at most %d are kept.", strlen(asked->reason),
                         LIMIT_PAUSE_REASON);
    return 0;
}

/* *task: NULL where the pause is of no task. */
static int pause_task(struct tx *tx, const struct pause *asked, struct task **task)
{
    *task = NULL;
    if (!str_starts(asked->id, PAUSE_TASK))
        return 0;
    return task_get(tx, asked->id + strlen(PAUSE_TASK), task);
}

static int pause_events(struct tx *tx, const struct pause *row, const char *type)
{
    json_t *body = json_object();
    json_set_text(body, "id", row->id);
    json_set_text(body, "by", row->by);
    json_set_text(body, "reason", row->reason);
    json_object_set_new(body, "panic", json_boolean(row->panic));
    const char *task = str_starts(row->id, PAUSE_TASK) ? row->id + strlen(PAUSE_TASK) : NULL;
    int rc = task ? event_append(tx, task, type, json_incref(body)) : 0;
    if (rc)
        json_decref(body);
    return rc ? rc : event_append(tx, "system", type, body);
}

static int pause_tell_agent(struct tx *tx, const struct pause *row)
{
    struct agent agent = {.id = row->id + strlen(PAUSE_AGENT)};
    if (!str_starts(row->id, PAUSE_AGENT))
        return 0;
    int rc = tx_get(tx, &agent_record, &agent);
    if (rc)
        return rc == LEDGER_NONE ? 0 : rc;
    agent.paused = !row->lifted;
    return tx_put(tx, &agent_record, &agent);
}

/* The newest number outlives its row: who has seen it must never be told an older one. */
static int pause_number(struct tx *tx, struct pause *row)
{
    struct meta mark = {.name = "halt"};
    row->at = tx->now > tx->halt ? tx->now : tx->halt + 1;
    tx->halt = row->at;
    mark.value = arena_printf(tx->arena, "%lld", (long long)row->at);
    return tx_put(tx, &meta_record, &mark);
}

static int pause_write(struct tx *tx, const struct pause *row, int what)
{
    int rc = tx_put(tx, &pause_record, row);
    if (rc == 0)
        rc = pause_tell_agent(tx, row);
    pause_note(tx, &(struct pause_change){.what = what, .row = *row});
    tx_touch(tx, "*", "");
    return rc;
}

int rule_pause(struct tx *tx, const struct op *op)
{
    struct pause row = *op->pause, known = {.id = op->pause->id};
    struct task *task;
    int rc = pause_check(tx, &row);
    if (rc == 0)
        rc = pause_task(tx, &row, &task);
    if (rc)
        return rc;
    if (task && task_state_is_terminal(task->state))
        return tx_refuse(tx, LEDGER_CONFLICT, "already_ended", "Task %s has ended: %s.", task->id,
                         task->state);
    snprintf(tx->outcome->existing, sizeof(tx->outcome->existing), "%s", row.id);
    rc = tx_get(tx, &pause_record, &known);
    if (rc == 0 && !known.lifted && (known.panic || !row.panic))
        return tx_refuse(tx, LEDGER_DUP, "paused", "It is paused already, by %s.", known.by);
    if (rc && rc != LEDGER_NONE)
        return rc;
    row.lifted = false;
    rc = pause_number(tx, &row);
    if (rc == 0)
        rc = pause_write(tx, &row, PAUSE_SET);
    return rc ? rc : pause_events(tx, &row, "pause.set");
}

static int pause_lift(struct tx *tx, struct pause *row)
{
    row->lifted = true;
    tx_due(tx, tx->now);
    int rc = pause_write(tx, row, PAUSE_LIFTED);
    return rc ? rc : pause_events(tx, row, "pause.lifted");
}

int rule_resume(struct tx *tx, const struct op *op)
{
    struct pause asked = *op->pause, row = {.id = op->pause->id};
    asked.panic = false;
    int rc = pause_check(tx, &asked);
    if (rc)
        return rc;
    rc = tx_get(tx, &pause_record, &row);
    if (rc == LEDGER_NONE || (rc == 0 && row.lifted))
        return tx_refuse(tx, LEDGER_NONE, "not_paused", "%s is not paused.", asked.id);
    if (rc)
        return rc;
    row.by = asked.by;
    row.reason = asked.reason;
    snprintf(tx->outcome->existing, sizeof(tx->outcome->existing), "%s", row.id);
    return pause_lift(tx, &row);
}

/* ---- what becomes of a task's pause ---- */

static bool has_of_tasks(const struct tx *tx)
{
    return tx->pause_count > 0 || pauses_of_tasks(tx->pauses) > 0;
}

static int pause_remove(struct tx *tx, const struct pause *row)
{
    pause_note(tx, &(struct pause_change){.what = PAUSE_GONE, .row = *row});
    return tx_del(tx, &pause_record, row);
}

int pause_move(struct tx *tx, const char *from, const char *to)
{
    struct pause row = {.id = arena_printf(tx->arena, PAUSE_TASK "%s", from)};
    int rc = has_of_tasks(tx) ? tx_get(tx, &pause_record, &row) : LEDGER_NONE;
    if (rc || row.lifted)
        return rc == LEDGER_NONE ? 0 : rc;
    rc = pause_remove(tx, &row);
    row.id = arena_printf(tx->arena, PAUSE_TASK "%s", to);
    return rc ? rc : pause_write(tx, &row, PAUSE_SET);
}

static int pause_forget(struct tx *tx, struct pause *row, const char *root)
{
    struct task task = {.id = row->id + strlen(PAUSE_TASK)};
    if (row->lifted || !str_starts(row->id, PAUSE_TASK))
        return 0;
    int rc = tx_get(tx, &task_record, &task);
    if (rc || !str_eq(task.root, root))
        return rc == LEDGER_NONE ? 0 : rc;
    return pause_lift(tx, row);
}

int pause_forget_tree(struct tx *tx, const struct root *root)
{
    struct pause *rows;
    size_t count = 0;
    struct scan scan = {.record = &pause_record};
    int rc = has_of_tasks(tx) ? tx_scan(tx, &scan, &rows, &count) : 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = pause_forget(tx, &rows[i], root->id);
    return rc;
}

/* ---- waking, in slices ---- */

/* Deliveries that nothing holds any more are due in the order in which they came. */
static int sweep_effects_aside(struct tx *tx, struct sweep *sweep, bool *full)
{
    struct effect *effects;
    size_t count;
    int64_t after = sweep->effects_after > PAUSE_ASIDE ? sweep->effects_after : PAUSE_ASIDE;
    struct scan scan = {
        .record = &effect_record,
        .index = "effect_state",
        .eq = {value_text(EFFECT_INTENDED)},
        .eq_count = 1,
        .has_low = true,
        .low = value_int(after + 1),
        .max = PAUSE_PAGE,
    };
    int rc = tx_scan(tx, &scan, &effects, &count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct pause held;
        sweep->effects_after = effects[i].ready_at;
        rc = pause_of_id(tx, effects[i].task, &held);
        if (rc || held.id)
            continue;
        effects[i].ready_at = effects[i].created_at;
        effects[i].reason = NULL;
        rc = effect_moved(tx, &effects[i], EFFECT_INTENDED);
    }
    *full = count == PAUSE_PAGE;
    if (!*full)
        sweep->effects_after = 0;
    return rc;
}

static int sweep_lifted(struct tx *tx, const struct pause *row, bool *full)
{
    size_t count;
    struct wait of = {.kind = "pause", .id = row->id};
    int rc = wait_satisfy_some(tx, &of, PAUSE_PAGE, &count);
    *full = count == PAUSE_PAGE;
    return rc || *full ? rc : pause_remove(tx, row);
}

static bool has_lifting(struct pauses *pauses)
{
    pthread_mutex_lock(&pauses->mutex);
    bool has = pauses->lifting.count > 0;
    pthread_mutex_unlock(&pauses->mutex);
    return has;
}

int pause_sweep(struct tx *tx, struct sweep *sweep, bool *more)
{
    struct pause *rows;
    size_t count;
    bool full = false;
    struct scan scan = {.record = &pause_record};
    if (!has_lifting(tx->pauses))
        return 0;
    int rc = sweep_effects_aside(tx, sweep, &full);
    if (rc == 0 && !full)
        rc = tx_scan(tx, &scan, &rows, &count);
    for (size_t i = 0; rc == 0 && !full && i < count; i++)
        if (rows[i].lifted)
            rc = sweep_lifted(tx, &rows[i], &full);
    *more |= full;
    return rc;
}
