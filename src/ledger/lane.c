/* Lanes: a session lets one task at a time out; the others stand behind it, blocked. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "ledger/rules.h"

/* The same (agent, key) has the same id on every replay: a version 8 uuid (RFC 9562) of a hash. */
static const char *session_uuid(struct arena *arena, const char *agent, const char *key)
{
    unsigned char digest[HASH_BYTES];
    char *uuid = arena_alloc(arena, UUID_TEXT), *at = uuid;
    json_t *parts = json_array();
    json_array_append_new(parts, json_text(agent, strlen(agent)));
    json_array_append_new(parts, json_text(key, strlen(key)));
    const char *text = json_print(arena, parts);
    hash_bytes(text, strlen(text), digest);
    digest[6] = (unsigned char)((digest[6] & 0x0f) | 0x80);
    digest[8] = (unsigned char)((digest[8] & 0x3f) | 0x80);
    for (int i = 0; i < 16; i++)
        at += sprintf(at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", digest[i]);
    json_decref(parts);
    return uuid;
}

bool task_has_lane(const struct task *task)
{
    return !str_eq(task->agent, FLOW_AGENT) && !str_eq(task->agent, RUNNER_AGENT);
}

bool task_has_own_session(const struct task *task)
{
    size_t key = strlen(task->session), id = strlen(task->id);
    return task_has_lane(task) && key > id && task->session[key - id - 1] == ':' &&
           str_eq(task->session + key - id, task->id);
}

int lane_enter(struct tx *tx, struct task *task)
{
    struct session session = {.agent = task->agent, .key = task->session};
    if (!task_has_lane(task))
        return 0;
    int rc = tx_get(tx, &session_record, &session);
    if (rc && rc != LEDGER_NONE)
        return rc;
    if (rc == LEDGER_NONE) {
        session.id = session_uuid(tx->arena, task->agent, task->session);
        session.created_at = tx->now;
    }
    task->blocked = session.open_task != NULL;
    if (!task->blocked)
        session.open_task = task->id;
    session.retired_at = 0; /* somebody has come back to it: it stays */
    session.updated_at = tx->now;
    return tx_put(tx, &session_record, &session);
}

/* Lets the next task of the session out: by priority, then by age. */
static int lane_hand_over(struct tx *tx, struct session *session)
{
    struct task *next;
    size_t count;
    struct scan scan = {
        .record = &task_record,
        .index = "task_lane",
        .eq = {value_text(session->agent), value_text(session->key), value_int(1)},
        .eq_count = 3,
        .max = 1,
    };
    int rc = tx_scan(tx, &scan, &next, &count);
    session->open_task = NULL;
    if (rc || count == 0)
        return rc;
    session->open_task = next->id;
    next->blocked = false;
    return task_put(tx, next, next->state);
}

int lane_leave(struct tx *tx, struct task *task)
{
    struct session session = {.agent = task->agent, .key = task->session};
    if (!task_has_lane(task))
        return 0;
    int rc = tx_get(tx, &session_record, &session);
    if (rc)
        return rc == LEDGER_NONE
                   ? tx_refuse(tx, rc, "no_session", "Task %s has no session.", task->id)
                   : rc;
    session.head = task->id;
    session.finished++;
    session.updated_at = tx->now;
    task->finish_no = session.finished;
    task->blocked = false;
    if (str_eq(session.open_task, task->id))
        rc = lane_hand_over(tx, &session);
    return rc ? rc : tx_put(tx, &session_record, &session);
}
