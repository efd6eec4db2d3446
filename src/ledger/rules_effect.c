/* EFFECT, EFFECT_STATE, EVENT, INBOX, PROJECTED: what goes out, what came in, what was noted. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "ledger/approval.h"
#include "ledger/effect.h"
#include "ledger/event.h"
#include "ledger/pause.h"
#include "ledger/rules.h"

int rule_effect(struct tx *tx, const struct op *op)
{
    struct effect effect = *op->effect;
    struct task *task;
    const char *of = op->task_id ? op->task_id : effect.task;
    int rc = op->fence ? task_get_fenced(tx, of, op->fence, &task) : task_get(tx, of, &task);
    effect.run = effect.step = NULL; /* a run's are put there by its decisions */
    return rc ? rc : effect_open(tx, &effect, task);
}

int rule_effect_state(struct tx *tx, const struct op *op)
{
    static const char *const states[] = {EFFECT_INTENDED,
                                         EFFECT_IN_FLIGHT,
                                         EFFECT_CONFIRMED,
                                         EFFECT_UNKNOWN,
                                         EFFECT_HELD,
                                         EFFECT_DEAD,
                                         NULL};
    const struct effect *asked = op->effect;
    struct effect effect = {.id = asked->id};
    int rc = asked->id ? tx_get(tx, &effect_record, &effect) : LEDGER_NONE;
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_effect", "There is no effect %s.",
                         asked->id ? asked->id : "(no id)");
    if (rc)
        return rc;
    if (effect.fence != asked->fence)
        return tx_refuse(tx, LEDGER_LOST, "lost", "Effect %s is at fence %lld, not %lld.",
                         effect.id, (long long)effect.fence, (long long)asked->fence);
    if (str_eq(effect.state, EFFECT_CONFIRMED))
        return tx_refuse(tx, LEDGER_CONFLICT, "confirmed", "Effect %s is confirmed; that is final.",
                         effect.id);
    if (!asked->state || !str_in(asked->state, states))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_state", "No effect is ever %s.",
                         asked->state ? asked->state : "without a state");
    bool starts = str_eq(asked->state, EFFECT_IN_FLIGHT);
    struct pause held = {0};
    rc = starts ? pause_of_id(tx, effect.task, &held) : 0;
    if (rc || held.id)
        return rc ? rc : pause_effect(tx, &effect, &held);
    const char *was = effect.state;
    effect.state = asked->state;
    effect.fence += starts;
    effect.attempts += starts;
    effect.reason = asked->reason;
    effect.ready_at = asked->ready_at ? asked->ready_at : effect.ready_at;
    effect.receiver_id = asked->receiver_id ? asked->receiver_id : effect.receiver_id;
    return effect_moved(tx, &effect, was);
}

/* An event of "approval:…", "job:…" or "signal:…" is what a parked turn may wait for. */
static int event_satisfies(struct tx *tx, const char *stream)
{
    static const char *const kinds[] = {"approval", "job", "signal"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *prefix = arena_printf(tx->arena, "%s:", kinds[i]);
        if (str_starts(stream, prefix))
            return wait_satisfy(tx, kinds[i], strchr(stream, ':') + 1);
    }
    return 0;
}

static bool event_body_is_good(const char *body)
{
    json_t *value = body ? json_parse(body, strlen(body), NULL) : NULL;
    bool good = !body || value;
    json_decref(value);
    return good;
}

int rule_event(struct tx *tx, const struct op *op)
{
    struct event event = *op->event;
    struct task *task;
    int rc = op->fence ? task_get_fenced(tx, op->task_id, op->fence, &task) : 0;
    if (rc)
        return rc;
    if (!event.stream)
        event.stream = op->task_id;
    if (str_is_empty(event.stream) || str_is_empty(event.type))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_event", "An event needs a stream and a type.");
    if (str_starts(event.stream, "r-") || str_eq(event.stream, APPROVAL_STREAM))
        return tx_refuse(tx, LEDGER_REFUSED, "not_allowed",
                         "Stream %s is the ledger's own: what is in it happened.", event.stream);
    if (!event_body_is_good(event.body))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_event", "The body of event %s is no JSON.",
                         event.type);
    rc = event_put(tx, &event);
    return rc ? rc : event_satisfies(tx, event.stream);
}

int rule_inbox(struct tx *tx, const struct op *op)
{
    struct inbox inbox = *op->inbox, known = {0};
    if (str_is_empty(inbox.source) || str_is_empty(inbox.message_id))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_inbox",
                         "A message needs its source and its id there.");
    known.source = inbox.source;
    known.message_id = inbox.message_id;
    int rc = tx_get(tx, &inbox_record, &known);
    if (rc == 0) {
        snprintf(tx->outcome->existing, sizeof(tx->outcome->existing), "%s",
                 known.task ? known.task : "");
        return tx_refuse(tx, LEDGER_DUP, "seen", "Message %s of %s was seen before.",
                         inbox.message_id, inbox.source);
    }
    if (rc != LEDGER_NONE)
        return rc;
    inbox.created_at = tx->now;
    return tx_put(tx, &inbox_record, &inbox);
}

int rule_projected(struct tx *tx, const struct op *op)
{
    struct session session = {.agent = op->session->agent, .key = op->session->key};
    if (str_is_empty(session.agent) || str_is_empty(session.key))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_session", "A session is an agent and a key.");
    int rc = tx_get(tx, &session_record, &session);
    if (rc == LEDGER_NONE)
        return tx_refuse(tx, rc, "no_session", "%s has no session %s.", session.agent, session.key);
    if (rc)
        return rc;
    if (op->session->projected > session.finished)
        return tx_refuse(tx, LEDGER_REFUSED, "not_ended",
                         "Session %s has %lld ended tasks; number %lld cannot be projected.",
                         session.key, (long long)session.finished,
                         (long long)op->session->projected);
    if (op->session->projected <= session.projected)
        return 0;
    session.projected = op->session->projected;
    return tx_put(tx, &session_record, &session);
}
