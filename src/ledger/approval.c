/* Approvals from the question to the end of it: their rows, ids and events. */
#include "ledger/approval.h"

#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/effect.h"
#include "ledger/event.h"
#include "ledger/rules.h"

enum {
    PREVIEW = 200,      /* bytes: a line of a list */
    APPROVAL_PAGE = 32, /* ended in one transaction by the sweep */
};

/* ---- a new one ---- */

/* An id is short, so that people can type it: another one may have it already. */
static int approval_name(struct tx *tx, struct approval *approval)
{
    const char *of = approval->run ? approval->run : approval->task, *path = approval->path;
    char id[APPROVAL_ID_TEXT];
    if (approval->effect && !approval->run) {
        of = approval->effect;
        path = "effect";
    } else if (!approval->run) {
        path = arena_printf(tx->arena, "%lld.%lld", (long long)approval->call_step,
                            (long long)approval->call_idx);
    }
    for (int64_t salt = 0;; salt++) {
        struct approval other = {.id = id};
        approval_id(of, path ? path : "", approval->round, salt, id);
        int rc = tx_get(tx, &approval_record, &other);
        if (rc == LEDGER_NONE)
            break;
        if (rc)
            return rc;
    }
    approval->id = arena_strdup(tx->arena, id);
    return 0;
}

/* What is shown, as one line without control characters. */
static const char *preview_of(struct tx *tx, const struct approval *approval)
{
    json_t *subject = json_loads(approval->subject, JSON_DECODE_ANY, NULL);
    const json_t *show = json_object_get(subject, "show");
    const char *text = json_is_string(show)          ? json_string_value(show)
                       : show && !json_is_null(show) ? json_print(tx->arena, show)
                                                     : approval->title;
    size_t len = str_utf8_cut(text, strlen(text), PREVIEW);
    char *line = arena_memdup(tx->arena, text, len);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = ' ';
    json_decref(subject);
    return line;
}

static int approval_subject(struct tx *tx, struct approval *approval)
{
    char hex[HASH_HEX];
    if (!approval->subject) {
        json_t *subject = json_object();
        json_set_text(subject, "title", approval->title);
        approval->subject = json_print(tx->arena, subject);
        json_decref(subject);
    }
    hash_hex(approval->subject, strlen(approval->subject), hex);
    approval->subject_hash = arena_strdup(tx->arena, hex);
    if (!approval->preview)
        approval->preview = preview_of(tx, approval);
    approval->subject_blob = NULL;
    return tx_spill(tx, &approval->subject, &approval->subject_blob, LIMIT_INLINE);
}

static json_t *approval_body(const struct approval *approval)
{
    json_t *body = json_object();
    json_set_text(body, "approval", approval->id);
    json_set_text(body, "kind", approval->kind);
    json_set_text(body, "title", approval->title);
    json_set_text(body, "run", approval->run);
    json_set_text(body, "step", approval->path);
    json_set_text(body, "task", approval->task);
    json_set_text(body, "effect", approval->effect);
    return body;
}

static const char *approval_home(const struct approval *approval)
{
    return approval->run ? approval->run : approval->task;
}

/* In the stream of who asked, and in the inbox's. */
static int approval_events(struct tx *tx, const struct approval *approval, const char *type,
                           json_t *body)
{
    json_incref(body);
    int rc = event_append(tx, approval_home(approval), type, body);
    if (rc) {
        json_decref(body);
        return rc;
    }
    return event_append(tx, APPROVAL_STREAM, type, body);
}

int approval_open(struct tx *tx, struct approval *approval)
{
    approval->title = approval->title ? approval->title : approval->kind;
    int rc = approval_name(tx, approval);
    if (rc == 0)
        rc = approval_subject(tx, approval);
    if (rc)
        return rc;
    approval->quorum = approval->quorum > 0 ? approval->quorum : 1;
    approval->state = APPROVAL_PENDING;
    approval->on_expire = "reject";
    approval->answer = approval->feedback = approval->decided_by = approval->via = NULL;
    approval->created_at = tx->now;
    approval->decided_at = 0;
    if (approval->expires_at)
        tx_due(tx, approval->expires_at);
    rc = tx_put(tx, &approval_record, approval);
    return rc ? rc : approval_events(tx, approval, "approval.asked", approval_body(approval));
}

/* ---- its end ---- */

static json_t *decided_body(const struct approval *approval)
{
    json_t *body = approval_body(approval);
    json_set_text(body, "state", approval->state);
    json_set_text(body, "by", approval->decided_by);
    json_set_text(body, "via", approval->via);
    return body;
}

int approval_settle(struct tx *tx, struct approval *approval, const struct verdict *verdict)
{
    approval->state = verdict->state;
    approval->decided_by = verdict->by;
    approval->via = verdict->via;
    approval->feedback = verdict->feedback;
    approval->answer = verdict->answer;
    approval->decided_at = tx->now;
    int rc = tx_put(tx, &approval_record, approval);
    if (rc == 0)
        rc = event_append(tx, APPROVAL_STREAM, "approval.decided", decided_body(approval));
    if (rc == 0 && !approval->run) /* a run hears of it as a fact */
        rc = event_append(tx, approval_home(approval), "approval.decided", decided_body(approval));
    return rc ? rc : approval_follow(tx, approval);
}

/* Nobody's act, whoever's operation it is found by. */
int approval_expire(struct tx *tx, struct approval *approval)
{
    const char *actor = tx->actor;
    tx->actor = NULL;
    int rc = approval_settle(tx, approval, &(struct verdict){.state = APPROVAL_EXPIRED});
    tx->actor = actor;
    return rc;
}

static int approval_cancel_row(struct tx *tx, struct approval *approval)
{
    return approval_settle(tx, approval, &(struct verdict){.state = APPROVAL_CANCELLED});
}

int approval_cancel(struct tx *tx, const char *id)
{
    struct approval approval = {.id = id};
    int rc = tx_get(tx, &approval_record, &approval);
    if (rc || !str_eq(approval.state, APPROVAL_PENDING))
        return rc == LEDGER_NONE ? 0 : rc;
    return approval_cancel_row(tx, &approval);
}

static int approval_of_task(struct tx *tx, const char *task, struct approval **approvals,
                            size_t *count)
{
    struct scan scan = {
        .record = &approval_record,
        .index = "approval_task",
        .eq = {value_text(task), value_text(APPROVAL_PENDING)},
        .eq_count = 2,
    };
    return tx_scan(tx, &scan, approvals, count);
}

int approval_abandon(struct tx *tx, const struct task *task)
{
    struct approval *approvals;
    size_t count;
    int rc = approval_of_task(tx, task->id, &approvals, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (!approvals[i].effect || approvals[i].run)
            rc = approval_cancel_row(tx, &approvals[i]);
    return rc;
}

int approval_waiting(struct tx *tx, const struct task *task, int64_t step,
                     struct approval **approvals, size_t *count)
{
    size_t all, kept = 0;
    int rc = approval_of_task(tx, task->id, approvals, &all);
    *count = 0;
    for (size_t i = 0; i < all && rc == 0; i++)
        if (!(*approvals)[i].effect && !(*approvals)[i].run && (*approvals)[i].call_step == step)
            (*approvals)[kept++] = (*approvals)[i];
    *count = rc ? 0 : kept;
    return rc;
}

/* ---- effects whose outcome is unknown ---- */

static int approval_find_effect(struct tx *tx, const struct effect *effect, struct approval **found)
{
    struct approval *approvals;
    size_t count;
    int rc = approval_of_task(tx, effect->task, &approvals, &count);
    *found = NULL;
    for (size_t i = 0; i < count && rc == 0; i++)
        if (str_eq(approvals[i].effect, effect->id))
            *found = &approvals[i];
    return rc;
}

int approval_ask_effect(struct tx *tx, const struct effect *effect)
{
    struct approval *known;
    struct task *task;
    int rc = approval_find_effect(tx, effect, &known);
    if (rc || known)
        return rc;
    rc = task_get(tx, effect->task, &task);
    if (rc)
        return rc;
    struct approval approval = {
        .kind = "ambiguous",
        .root = effect->root,
        .run = effect->run,
        .path = effect->step,
        .round = effect->step_round,
        .task = effect->task,
        .call_step = -1,
        .call_idx = -1,
        .effect = effect->id,
        .requester =
            task_has_lane(task) ? arena_printf(tx->arena, "agent:%s", task->agent) : task->caller,
    };
    approval.title = arena_printf(tx->arena, "Send the %s to %s again?",
                                  effect->kind ? effect->kind : "message", effect->destination);
    json_t *subject = json_object(), *body;
    json_set_text(subject, "title", approval.title);
    json_set_text(subject, "show", effect->reason ? effect->reason : "It may have arrived or not.");
    json_set_text(subject, "effect", effect->id);
    json_set_text(subject, "destination", effect->destination);
    json_set_text(subject, "body_blob", effect->body_blob);
    body = effect->body ? json_loads(effect->body, JSON_DECODE_ANY, NULL) : NULL;
    if (body)
        json_object_set_new(subject, "body", body);
    approval.subject = json_print(tx->arena, subject);
    json_decref(subject);
    return approval_open(tx, &approval);
}

int approval_drop_effect(struct tx *tx, const struct effect *effect)
{
    struct approval *known;
    int rc = approval_find_effect(tx, effect, &known);
    return rc || !known ? rc : approval_cancel_row(tx, known);
}

/* ---- time ---- */

static int approval_scan_due(struct tx *tx, int64_t low, int64_t high, size_t max,
                             struct approval **approvals, size_t *count)
{
    struct scan scan = {
        .record = &approval_record,
        .index = "approval_due",
        .eq = {value_text(APPROVAL_PENDING)},
        .eq_count = 1,
        .has_low = true,
        .low = value_int(low),
        .has_high = high > 0,
        .high = value_int(high),
        .max = max,
    };
    return tx_scan(tx, &scan, approvals, count);
}

int approval_sweep(struct tx *tx, bool *more)
{
    struct approval *approvals;
    size_t count;
    int rc = approval_scan_due(tx, 1, tx->now, APPROVAL_PAGE, &approvals, &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = approval_expire(tx, &approvals[i]);
    *more |= count == APPROVAL_PAGE;
    return rc;
}

int approval_sweep_next(struct tx *tx)
{
    struct approval *approvals;
    size_t count;
    int rc = approval_scan_due(tx, tx->now + 1, 0, 1, &approvals, &count);
    if (rc == 0 && count)
        tx_due(tx, approvals->expires_at);
    return rc;
}
