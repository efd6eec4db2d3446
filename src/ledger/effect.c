/* The outbox's rows: each step from state to state, and who hears of it. */
#include "ledger/effect.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "ledger/approval.h"
#include "ledger/event.h"
#include "ledger/run.h"
#include "ledger/tx.h"

static int effect_event(struct tx *tx, const struct effect *effect)
{
    json_t *body = json_object();
    json_set_text(body, "effect", effect->id);
    json_set_text(body, "kind", effect->kind);
    json_set_text(body, "destination", effect->destination);
    json_set_text(body, "reason", effect->reason);
    const char *type = arena_printf(tx->arena, "effect.%s", effect->state);
    return event_append(tx, effect->task, type, body);
}

static int effect_exists(struct tx *tx, const struct effect *effect)
{
    struct effect known = {.id = effect->id};
    int rc = tx_get(tx, &effect_record, &known);
    if (rc)
        return rc == LEDGER_NONE ? 0 : rc;
    snprintf(tx->outcome->existing, sizeof(tx->outcome->existing), "%s", effect->id);
    return tx_refuse(tx, LEDGER_DUP, "exists", "Effect %s exists already.", effect->id);
}

static int effect_put(struct tx *tx, struct effect *effect)
{
    effect->updated_at = tx->now;
    tx_due(tx, effect->ready_at > tx->now ? effect->ready_at : INT64_MAX);
    tx_touch(tx, "effects", "");
    int rc = tx_put(tx, &effect_record, effect);
    return rc ? rc : effect_event(tx, effect);
}

/* Sent again without a word, as its workflow says, until it has been tried often enough. */
static bool effect_repeats(const struct effect *effect)
{
    return str_eq(effect->state, EFFECT_UNKNOWN) && str_eq(effect->on_unknown, "retry") &&
           effect->attempts < LIMIT_EFFECT_ATTEMPTS;
}

static bool effect_asks(const struct effect *effect, const char *state)
{
    return str_eq(state, EFFECT_UNKNOWN) && str_eq(effect->on_unknown, "ask");
}

static bool effect_is_settled(const struct effect *effect)
{
    static const char *const settled[] = {EFFECT_CONFIRMED, EFFECT_DEAD, EFFECT_UNKNOWN,
                                          EFFECT_HELD, NULL};
    return str_in(effect->state, settled);
}

static int effect_settled(struct tx *tx, const struct effect *effect)
{
    json_t *body = json_pack("{s:I}", "round", (json_int_t)effect->step_round);
    json_set_text(body, "effect", effect->id);
    json_set_text(body, "step", effect->step);
    json_set_text(body, "state", effect->state);
    json_set_text(body, "receiver_id", effect->receiver_id);
    json_set_text(body, "reason", effect->reason);
    return run_fact(tx, effect->run, "effect.settled", body);
}

/* Who has ended waits for nothing any more: nobody is asked for it. */
static int effect_has_asker(struct tx *tx, const struct effect *effect, bool *has)
{
    struct run run = {.id = effect->run};
    *has = true;
    int rc = effect->run ? tx_get(tx, &run_record, &run) : LEDGER_NONE;
    if (rc == 0)
        *has = !run_state_is_terminal(run.state);
    return rc == LEDGER_NONE ? 0 : rc;
}

int effect_moved(struct tx *tx, struct effect *effect, const char *was)
{
    bool asks = effect_asks(effect, effect->state), has = false;
    int rc = effect_put(tx, effect);
    if (rc == 0 && effect_asks(effect, was) && !asks)
        rc = approval_drop_effect(tx, effect);
    if (rc == 0 && asks)
        rc = effect_has_asker(tx, effect, &has);
    if (rc == 0 && asks && has)
        return approval_ask_effect(tx, effect);
    if (rc == 0 && effect_repeats(effect)) {
        effect->state = EFFECT_INTENDED;
        effect->ready_at = tx->now + LIMIT_EFFECT_FIRST_MS;
        return effect_put(tx, effect);
    }
    return rc || !effect->run || !effect_is_settled(effect) ? rc : effect_settled(tx, effect);
}

int effect_open(struct tx *tx, struct effect *effect, const struct task *task)
{
    if (str_is_empty(effect->id))
        return tx_refuse(tx, LEDGER_REFUSED, "bad_id", "An effect needs an id.");
    int rc = effect_exists(tx, effect);
    if (rc == 0)
        rc = tx_spill(tx, &effect->body, &effect->body_blob, LIMIT_INLINE);
    if (rc)
        return rc;
    effect->task = task->id;
    effect->root = task->root;
    effect->state = effect->state ? effect->state : EFFECT_INTENDED;
    effect->dedup_key = effect->dedup_key ? effect->dedup_key : effect->id;
    effect->ready_at = effect->ready_at ? effect->ready_at : tx->now;
    effect->fence = effect->attempts = 0;
    effect->created_at = tx->now;
    return effect_moved(tx, effect, NULL);
}

/* Where it is in one of `states`, it goes to `to`. */
static int effect_go(struct tx *tx, const char *id, const char *const *states,
                     const struct effect *to)
{
    struct effect effect = {.id = id};
    int rc = tx_get(tx, &effect_record, &effect);
    if (rc || !str_in(effect.state, states))
        return rc == LEDGER_NONE ? 0 : rc;
    const char *was = effect.state;
    effect.state = to->state;
    effect.reason = to->reason;
    effect.ready_at = tx->now;
    return effect_moved(tx, &effect, was);
}

int effect_stop(struct tx *tx, const char *id, const char *reason)
{
    static const char *const unsent[] = {EFFECT_INTENDED, EFFECT_HELD, NULL};
    return effect_go(tx, id, unsent, &(struct effect){.state = EFFECT_DEAD, .reason = reason});
}

static const char *const unknown[] = {EFFECT_UNKNOWN, NULL};

int effect_send_again(struct tx *tx, const char *id)
{
    return effect_go(tx, id, unknown, &(struct effect){.state = EFFECT_INTENDED});
}

int effect_give_up(struct tx *tx, const char *id, const char *reason)
{
    return effect_go(tx, id, unknown, &(struct effect){.state = EFFECT_DEAD, .reason = reason});
}
