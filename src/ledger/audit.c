/* Looks whether what the ledger promises is so, row by row, a page under the lock at a time. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/audit.h"
#include "ledger/commit.h"
#include "ledger/event.h"
#include "ledger/ledger.h"
#include "ledger/rows.h"
#include "ledger/rules.h"
#include "ledger/store.h"
#include "ledger/tx.h"

enum {
    AUDIT_PAGE = 16, /* rows looked at under one lock: well under 5 ms */
    AUDIT_CALLS = LIMIT_TOOL_CALLS_PER_STEP + 2, /* more than one step has */
};

void audit_finding(struct audit *audit, const char *format, ...)
{
    va_list args;
    if (audit->count == AUDIT_FINDINGS)
        return;
    va_start(args, format);
    audit->findings[audit->count++] = arena_vprintf(audit->arena, format, args);
    va_end(args);
}

int audit_get(struct audit *audit, const struct record *record, void *row)
{
    struct store *store = audit->ledger->store;
    int rc = store->ops->get(store, record, row, &audit->scratch, audit->err);
    return rc == STORE_OK ? 0 : rc == STORE_NONE ? LEDGER_NONE : -1;
}

int audit_scan(struct audit *audit, const struct scan *scan, void *rows_pointer, size_t *count)
{
    struct store *store = audit->ledger->store;
    void *rows = NULL;
    int rc = store->ops->scan(store, scan, &audit->scratch, &rows, count, audit->err);
    memcpy(rows_pointer, &rows, sizeof(rows));
    return rc == STORE_OK ? 0 : -1;
}

int audit_count(struct audit *audit, const struct scan *scan, int64_t *count)
{
    struct store *store = audit->ledger->store;
    return store->ops->count(store, scan, count, audit->err) == STORE_OK ? 0 : -1;
}

/* ---- one row each ---- */

static int check_event(struct audit *audit, const struct event *event, int64_t seq,
                       const char *prev)
{
    char hex[HASH_HEX];
    event_hash(event, hex);
    if (event->seq != seq)
        audit_finding(audit, "Stream %s: event %lld is missing.", event->stream, (long long)seq);
    else if (!str_eq(event->prev, prev))
        audit_finding(audit, "Stream %s: event %lld does not follow the one before it.",
                      event->stream, (long long)seq);
    else if (!str_eq(event->hash, hex))
        audit_finding(audit, "Stream %s: event %lld was changed after it was written.",
                      event->stream, (long long)seq);
    if (event->no < 1 || event->no >= audit->ledger->next_event)
        audit_finding(audit, "Stream %s: event %lld has the number %lld, which none has yet.",
                      event->stream, (long long)event->seq, (long long)event->no);
    return 0;
}

void audit_breathe(struct audit *audit)
{
    turnstile_leave(&audit->ledger->turn);
    turnstile_enter(&audit->ledger->turn);
}

/* One page of a stream behind (*seq - 1, prev); *done: there is no more. */
static int check_events(struct audit *audit, const struct stream *head, int64_t *seq,
                        char prev[HASH_HEX], bool *done)
{
    struct event *events;
    size_t count;
    struct scan scan = {
        .record = &event_record,
        .eq = {value_text(head->name)},
        .eq_count = 1,
        .has_low = true,
        .low = value_int(*seq),
        .max = AUDIT_PAGE,
    };
    int rc = audit_scan(audit, &scan, &events, &count);
    for (size_t i = 0; i < count && *seq <= head->seq && rc == 0; i++) {
        check_event(audit, &events[i], *seq, prev);
        snprintf(prev, HASH_HEX, "%s", events[i].hash ? events[i].hash : "");
        *seq = events[i].seq + 1;
    }
    *done = count == 0 || *seq > head->seq;
    return rc;
}

int audit_is_retired(struct audit *audit, const char *id, bool *retired)
{
    struct root root = {.id = id};
    int rc = id ? audit_get(audit, &root_record, &root) : LEDGER_NONE;
    *retired = rc == 0 && root.retired_at;
    return rc < 0 ? -1 : 0;
}

/* A stream of a task, or of its run, whose events are being taken away. */
static int audit_is_retired_stream(struct audit *audit, const char *name, bool *retired)
{
    *retired = false;
    if (!str_starts(name, "t-") && !str_starts(name, "r-"))
        return 0;
    struct task task = {.id = arena_printf(&audit->scratch, "t-%s", name + 2)};
    int rc = audit_get(audit, &task_record, &task);
    return rc == 0 ? audit_is_retired(audit, task.root, retired) : rc < 0 ? -1 : 0;
}

/* Follows one stream to the head that it had at the start: later events are appended behind. The
 * chronicle is long, so each page has an arena and a turn of its own. */
static int check_stream(struct audit *audit, const void *row)
{
    const struct stream *head = row;
    struct arena outer = audit->scratch;
    char prev[HASH_HEX] = "";
    int64_t seq = head->first ? head->first : 1;
    bool done = head->seq < seq, retired = false;
    int rc = audit_is_retired_stream(audit, head->name, &retired);
    if (rc || retired)
        return rc;
    outer = audit->scratch;
    snprintf(prev, sizeof(prev), "%s", head->first && head->prev ? head->prev : "");
    while (!done && rc == 0) {
        audit->scratch = (struct arena){0};
        rc = check_events(audit, head, &seq, prev, &done);
        arena_fini(&audit->scratch);
        audit_breathe(audit);
    }
    audit->scratch = outer;
    if (rc == 0 && (seq != head->seq + 1 || !str_eq(prev, head->hash ? head->hash : "")))
        audit_finding(audit, "Stream %s ends at event %lld; its head says %lld.", head->name,
                      (long long)seq - 1, (long long)head->seq);
    return rc;
}

static int check_handoff(struct audit *audit, const struct task *task)
{
    struct handoff handoff = {.task = task->id};
    bool ended = task_state_is_terminal(task->state);
    int rc = audit_get(audit, &handoff_record, &handoff);
    if (rc < 0)
        return -1;
    if (ended && rc == LEDGER_NONE)
        audit_finding(audit, "Task %s has ended (%s) without a handoff.", task->id, task->state);
    if (!ended && rc == 0)
        audit_finding(audit, "Task %s has a handoff and is %s.", task->id, task->state);
    if (task_has_lane(task) && ended != (task->finish_no > 0))
        audit_finding(audit, "Task %s is %s with finish number %lld.", task->id, task->state,
                      (long long)task->finish_no);
    return 0;
}

static int check_session(struct audit *audit, const struct session *session)
{
    struct task task = {.id = session->open_task};
    int64_t blocked;
    struct scan scan = {
        .record = &task_record,
        .index = "task_lane",
        .eq = {value_text(session->agent), value_text(session->key), value_int(1)},
        .eq_count = 3,
    };
    if (audit_count(audit, &scan, &blocked) < 0)
        return -1;
    if (!session->open_task && blocked > 0)
        audit_finding(audit, "Session %s of %s is free, and %lld tasks stand behind nobody.",
                      session->key, session->agent, (long long)blocked);
    if (session->projected > session->finished)
        audit_finding(audit, "Session %s of %s is projected further than it has come.",
                      session->key, session->agent);
    int rc = session->open_task ? audit_get(audit, &task_record, &task) : LEDGER_NONE;
    if (session->open_task && (rc == LEDGER_NONE || task_state_is_terminal(task.state)))
        audit_finding(audit, "Session %s of %s belongs to %s, which is %s.", session->key,
                      session->agent, session->open_task, rc ? "not there" : task.state);
    return rc < 0 ? -1 : 0;
}

/* Every session has a task that is open or was its first to end: looking at those sees them all. */
static int check_lane(struct audit *audit, const struct task *task)
{
    struct session session = {.agent = task->agent, .key = task->session};
    if (task->finish_no > 1 || !task_has_lane(task))
        return 0;
    int rc = audit_get(audit, &session_record, &session);
    if (rc < 0)
        return -1;
    bool owns = rc == 0 && str_eq(session.open_task, task->id);
    if (rc == LEDGER_NONE)
        audit_finding(audit, "Task %s has no session %s of %s.", task->id, task->session,
                      task->agent);
    else if (!task_state_is_terminal(task->state) && owns == task->blocked)
        audit_finding(audit, "Task %s is %s, and session %s of %s belongs to %s.", task->id,
                      task->blocked ? "blocked" : "let out", task->session, task->agent,
                      session.open_task ? session.open_task : "nobody");
    return rc == 0 ? check_session(audit, &session) : 0;
}

static int check_pause(struct audit *audit, const struct wait *wait)
{
    struct pause row = {.id = wait->id};
    int rc = audit_get(audit, &pause_record, &row);
    if (rc == LEDGER_NONE)
        audit_finding(audit, "Task %s waits for the pause %s, which is not there.", wait->task,
                      wait->id);
    return rc < 0 ? -1 : 0;
}

static int check_wait(struct audit *audit, const struct wait *wait)
{
    if (str_eq(wait->kind, "pause"))
        return check_pause(audit, wait);
    bool patience = str_eq(wait->kind, "patience");
    const char *colon = patience ? strchr(wait->id, ':') : NULL; /* "<ms>:<task>" */
    struct task task = {.id = colon ? colon + 1 : wait->id};
    if (!patience && !str_eq(wait->kind, "task"))
        return 0;
    int rc = audit_get(audit, &task_record, &task);
    if (rc == LEDGER_NONE && !wait->satisfied)
        audit_finding(audit, "Task %s waits for %s, which is not there.", wait->task, wait->id);
    else if (rc == 0 && !patience && wait->satisfied != task_state_is_terminal(task.state))
        audit_finding(audit, "Task %s waits for %s (%s); the wait says otherwise.", wait->task,
                      wait->id, task.state);
    return rc < 0 ? -1 : 0;
}

static int check_waiting(struct audit *audit, const struct task *task)
{
    struct wait *waits;
    size_t count;
    int rc = 0;
    struct scan scan = {.record = &wait_record, .eq = {value_text(task->id)}, .eq_count = 1};
    if (audit_scan(audit, &scan, &waits, &count) < 0)
        return -1;
    if (str_eq(task->state, TASK_WAITING) != (count > 0))
        audit_finding(audit, "Task %s is %s with %zu waits.", task->id, task->state, count);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = check_wait(audit, &waits[i]);
    if (str_eq(task->state, TASK_WORKING) != (task->worker != NULL) &&
        !str_eq(task->state, TASK_QUEUED))
        audit_finding(audit, "Task %s is %s and its worker is %s.", task->id, task->state,
                      task->worker ? "named" : "nobody");
    return rc;
}

/* A call that waits is answered by a task of that place, and as long as its own task is open. */
static int check_call(struct audit *audit, const struct task *task, const struct call *call)
{
    struct task child = {.id = call->child};
    if (!str_eq(call->state, CALL_WAITING))
        return 0;
    if (child.id && str_starts(child.id, "g-"))
        return audit_asked_call(audit, task, call);
    int rc = child.id ? audit_get(audit, &task_record, &child) : LEDGER_NONE;
    if (rc < 0)
        return -1;
    if (task_state_is_terminal(task->state))
        audit_finding(audit, "Task %s is %s, and its call %lld.%lld waits.", task->id, task->state,
                      (long long)call->step, (long long)call->idx);
    if (rc == LEDGER_NONE)
        audit_finding(audit, "Call %lld.%lld of task %s waits for %s, which is not there.",
                      (long long)call->step, (long long)call->idx, task->id,
                      child.id ? child.id : "nobody");
    else if (!str_eq(child.parent, task->id) || child.parent_step != call->step ||
             child.parent_index != call->idx || task_state_is_terminal(child.state))
        audit_finding(audit,
                      "Call %lld.%lld of task %s waits for %s, which does not answer it (%s).",
                      (long long)call->step, (long long)call->idx, task->id, child.id, child.state);
    return 0;
}

/* Calls of one task, a page at a time where it has ended: nothing of it changes any more. */
static int check_calls(struct audit *audit, const struct task *task)
{
    bool ended = task_state_is_terminal(task->state);
    struct scan scan = {.record = &call_record,
                        .eq = {value_text(task->id)},
                        .eq_count = 1,
                        .has_low = true,
                        .low = value_int(INT64_MIN),
                        .max = ended ? AUDIT_CALLS : 0};
    for (;;) {
        struct call *calls;
        size_t count;
        int rc = audit_scan(audit, &scan, &calls, &count);
        for (size_t i = 0; i < count && rc == 0; i++)
            rc = check_call(audit, task, &calls[i]);
        if (rc || !ended || count < AUDIT_CALLS)
            return rc;
        int64_t last = calls[count - 1].step; /* may go on; a step of its own fills no page */
        scan.low = value_int(last > calls[0].step ? last : last + 1);
        audit_breathe(audit);
    }
}

static int check_delegations(struct audit *audit, const struct task *task)
{
    int64_t children;
    struct scan below = {.record = &task_record,
                         .index = "task_parent",
                         .eq = {value_text(task->id)},
                         .eq_count = 1};
    if (audit_count(audit, &below, &children) < 0)
        return -1;
    if (children != task->children)
        audit_finding(audit, "Task %s counts %lld tasks below it; there are %lld.", task->id,
                      (long long)task->children, (long long)children);
    return children == 0 && task_state_is_terminal(task->state) ? 0 : check_calls(audit, task);
}

/* What a call holds: money that is set aside, a provider's place. */
static void check_held(struct audit *audit, const struct task *task)
{
    bool ended = task_state_is_terminal(task->state);
    int64_t micro_usd = task->reserved_micro_usd, tokens = task->reserved_tokens;
    if (micro_usd < 0 || tokens < 0 || (ended && (micro_usd || tokens)))
        audit_finding(audit, "Task %s is %s with %lld micro-USD and %lld tokens set aside.",
                      task->id, task->state, (long long)micro_usd, (long long)tokens);
    if (task->provider && !str_eq(task->state, TASK_WORKING))
        audit_finding(audit, "Task %s is %s and asks %s.", task->id, task->state, task->provider);
}

/* Read anew: the page's rows are of before the last breath. */
static int check_task(struct audit *audit, const void *row)
{
    struct task now = {.id = ((const struct task *)row)->id}, *task = &now;
    bool retired;
    int rc = audit_get(audit, &task_record, task);
    if (rc) /* gone since the page was read */
        return rc < 0 ? -1 : 0;
    rc = audit_is_retired(audit, task->root, &retired);
    if (rc || retired)
        return rc;
    if (task->seq < 1 || task->seq >= audit->ledger->next_seq)
        audit_finding(audit, "Task %s has the number %lld; the counter is at %lld.", task->id,
                      (long long)task->seq, (long long)audit->ledger->next_seq);
    check_held(audit, task);
    if (check_handoff(audit, task) < 0 || check_lane(audit, task) < 0 ||
        check_waiting(audit, task) < 0 || audit_task_of_run(audit, task) < 0)
        return -1;
    return check_delegations(audit, task);
}

struct tree_sum {
    int64_t total, live, micro_usd, tokens;
};

/* Adds a task and what stands below it; limits.depth keeps the recursion short. */
static int count_tree(struct audit *audit, const char *id, struct tree_sum *sum)
{
    struct task *children, task = {.id = id};
    size_t count;
    struct scan scan = {
        .record = &task_record, .index = "task_parent", .eq = {value_text(id)}, .eq_count = 1};
    int rc = audit_get(audit, &task_record, &task);
    if (rc)
        return rc == LEDGER_NONE ? 0 : rc;
    sum->total++;
    sum->live += !task_state_is_terminal(task.state);
    sum->micro_usd += task.reserved_micro_usd;
    sum->tokens += task.reserved_tokens;
    rc = audit_scan(audit, &scan, &children, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = count_tree(audit, children[i].id, sum);
    return rc;
}

/* A tree's budget has set aside what its tasks have, and what a tree has that took its place. */
static int check_aside(struct audit *audit, const char *owner, const char *unit, int64_t aside)
{
    struct budget row = {.id = arena_printf(&audit->scratch, "%s/%s", owner, unit)};
    int rc = audit_get(audit, &budget_record, &row);
    if (rc < 0)
        return -1;
    if (rc == LEDGER_NONE)
        audit_finding(audit, "Tree %s has no budget %s.", owner, row.id);
    else if (row.reserved < aside)
        audit_finding(audit, "Budget %s has %lld reserved; the tasks of its tree hold %lld.",
                      row.id, (long long)row.reserved, (long long)aside);
    return 0;
}

static int check_root(struct audit *audit, const void *row)
{
    const struct root *root = row;
    struct tree_sum sum = {0};
    if (root->retired_at)
        return 0;
    if (count_tree(audit, root->id, &sum) < 0)
        return -1;
    if (root->tasks_live != sum.live || root->tasks_total != sum.total)
        audit_finding(audit, "Tree %s counts %lld tasks, %lld open; it has %lld, %lld open.",
                      root->id, (long long)root->tasks_total, (long long)root->tasks_live,
                      (long long)sum.total, (long long)sum.live);
    if ((sum.live == 0) != (root->ended_at != 0))
        audit_finding(audit, "Tree %s has %lld open tasks, but its end is %s.", root->id,
                      (long long)sum.live, root->ended_at ? "noted" : "not noted");
    if (!str_eq(root->budget, root->id))
        return 0;
    if (check_aside(audit, root->id, "usd", sum.micro_usd) < 0)
        return -1;
    return check_aside(audit, root->id, "tokens", sum.tokens);
}

/* What is booked below is booked above. */
static int check_budget(struct audit *audit, const void *row)
{
    const struct budget *budget = row;
    struct budget above = {.id = budget->parent};
    if (budget->reserved < 0 || budget->spent < 0)
        audit_finding(audit, "Budget %s counts below zero.", budget->id);
    if (!budget->parent)
        return 0;
    int rc = audit_get(audit, &budget_record, &above);
    if (rc < 0)
        return -1;
    if (rc == LEDGER_NONE)
        audit_finding(audit, "Budget %s stands below %s, which is not there.", budget->id,
                      above.id);
    else if (above.spent < budget->spent || above.reserved < budget->reserved)
        audit_finding(audit,
                      "Budget %s has spent %lld and reserved %lld; %s above it %lld and %lld.",
                      budget->id, (long long)budget->spent, (long long)budget->reserved, above.id,
                      (long long)above.spent, (long long)above.reserved);
    return 0;
}

/* ---- walks ---- */

struct walk_of {
    const struct record *record;
    int (*check)(struct audit *, const void *row);
};

/* Every table that is walked has one key column, and it is text. */
static const char *key_of(const struct record *record, const void *row)
{
    const char *key;
    memcpy(&key, (const char *)row + record->fields[0].offset, sizeof(key));
    return key;
}

/* A page behind `after`; *last: where to go on, NULL at the end. */
static int audit_page(struct audit *audit, const struct walk_of *walk, const char *after,
                      const char **last)
{
    char *rows;
    size_t count;
    struct scan scan = {
        .record = walk->record,
        .has_low = true,
        .low = value_text(after ? after : ""),
        .max = AUDIT_PAGE,
    };
    *last = NULL;
    if (audit_scan(audit, &scan, &rows, &count) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const char *row = rows + i * walk->record->size;
        *last = key_of(walk->record, row);
        if (!str_eq(*last, after) && walk->check(audit, row) < 0)
            return -1;
    }
    if (count < AUDIT_PAGE)
        *last = NULL;
    return 0;
}

static int audit_walk(struct audit *audit, const struct walk_of *walk)
{
    const char *after = NULL, *last = NULL;
    struct arena keys = {0};
    int rc;
    do {
        turnstile_enter(&audit->ledger->turn);
        rc = audit_page(audit, walk, after, &last);
        turnstile_leave(&audit->ledger->turn);
        after = arena_strdup(&keys, last);
        arena_fini(&audit->scratch);
    } while (rc == 0 && after && audit->count < AUDIT_FINDINGS);
    arena_fini(&keys);
    return rc;
}

static int audit_state_count(struct audit *audit, const char *agent, const char *state,
                             int64_t counted)
{
    int64_t count;
    struct scan scan = {
        .record = &task_record,
        .index = "task_agent_state_seq",
        .eq = {value_text(agent), value_text(state)},
        .eq_count = 2,
    };
    if (audit_count(audit, &scan, &count) < 0)
        return -1;
    if (count != counted)
        audit_finding(audit, "%s has %lld tasks %s; the counter says %lld.", agent,
                      (long long)count, state, (long long)counted);
    return 0;
}

static int check_agent(struct audit *audit, const void *row)
{
    const struct agent *agent = row;
    struct ledger_counts counts;
    tally_count(&audit->ledger->tally, agent->id, &counts);
    if (audit_state_count(audit, agent->id, TASK_QUEUED, counts.queued) < 0 ||
        audit_state_count(audit, agent->id, TASK_WORKING, counts.working) < 0)
        return -1;
    return audit_state_count(audit, agent->id, TASK_WAITING, counts.waiting);
}

static int audit_store(struct audit *audit)
{
    struct store *store = audit->ledger->store;
    struct store_check check = {.more = true};
    int rc = STORE_OK;
    while (check.more && rc == STORE_OK) {
        turnstile_enter(&audit->ledger->turn);
        rc = store->ops->check(store, audit->arena, &check, audit->err);
        turnstile_leave(&audit->ledger->turn);
    }
    for (size_t i = 0; i < check.count; i++)
        audit_finding(audit, "%s", check.findings[i]);
    return rc == STORE_OK ? 0 : -1;
}

int audit_run(struct audit *audit)
{
    static const struct walk_of walks[] = {
        {&stream_record, check_stream}, {&task_record, check_task},
        {&root_record, check_root},     {&budget_record, check_budget},
        {&agent_record, check_agent},   {&run_record, audit_run_row},
        {&job_record, audit_job_row},   {&approval_record, audit_approval_row},
    };
    int rc = audit_store(audit);
    for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]) && rc == 0; i++)
        rc = audit_walk(audit, &walks[i]);
    return rc;
}
