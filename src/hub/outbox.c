/* Changes of state of effects, each guarded by the effect's fence. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "channel/webhook.h"
#include "config/config.h"
#include "hub/outbox.h"
#include "ledger/ledger.h"

/* 0, 1 where a pause has put it aside, -1 where the ledger did not take it. */
static int change(struct ledger *ledger, struct effect to)
{
    struct err err = {0};
    struct outcome outcome = {0};
    struct op op = {.type = OP_EFFECT_STATE, .effect = &to};
    struct batch batch = {.actor = "hub", .ops = &op, .count = 1};
    crash_point("courier.commit.before");
    int rc = ledger_apply(ledger, &batch, &outcome, &err);
    crash_point("courier.commit.after");
    if (rc == 0 && outcome.status == LEDGER_OK)
        return str_eq(outcome.state, "paused");
    log_warn("delivery %s: the ledger did not take \"%s\": %s", to.id, to.state,
             rc < 0 ? err.message : outcome.message);
    return -1;
}

static struct effect changed(const struct effect *effect, const char *state, const char *reason)
{
    return (struct effect){
        .id = effect->id, .fence = effect->fence, .state = state, .reason = reason};
}

int outbox_begin(struct ledger *ledger, struct effect *effect)
{
    int rc = change(ledger, changed(effect, EFFECT_IN_FLIGHT, NULL));
    if (rc != 0)
        return rc;
    effect->state = EFFECT_IN_FLIGHT;
    effect->fence++;
    effect->attempts++;
    return 0;
}

int outbox_put_off(struct ledger *ledger, const struct effect *effect, int64_t at,
                   const char *reason)
{
    struct effect to = changed(effect, EFFECT_INTENDED, reason);
    to.ready_at = at;
    return change(ledger, to);
}

int outbox_confirm(struct ledger *ledger, const struct effect *effect, const char *receiver_id)
{
    struct effect to = changed(effect, EFFECT_CONFIRMED, NULL);
    to.receiver_id = receiver_id;
    return change(ledger, to);
}

int outbox_end(struct ledger *ledger, const struct effect *effect, const char *state,
               const char *reason)
{
    return change(ledger, changed(effect, state, reason));
}

struct wanted {
    const char *state, *destination; /* NULL: any */
    size_t max;
};

struct found {
    struct effect *effects;
    size_t count;
    struct err err;
};

static int look(struct ledger *ledger, struct wanted wanted, struct arena *arena,
                struct found *found)
{
    void *rows = NULL;
    int rc = ledger_query(ledger, LIST_EFFECTS_BY_STATE, wanted.state, wanted.destination, 0,
                          wanted.max, arena, &rows, &found->count, &found->err);
    found->effects = rows;
    return rc;
}

/* An agent's process that did not know of the webhook yet has put its delivery in as held. */
static int release_held(struct ledger *ledger, const char *destination, struct arena *arena,
                        struct effect *effect)
{
    struct found found = {0};
    if (look(ledger, (struct wanted){EFFECT_HELD, destination, 1}, arena, &found) < 0)
        return -1;
    if (found.count == 0)
        return 0;
    *effect = found.effects[0];
    effect->state = EFFECT_INTENDED;
    effect->ready_at = ledger_now(ledger);
    return outbox_put_off(ledger, effect, effect->ready_at, NULL) < 0 ? -1 : 1;
}

int outbox_next(struct ledger *ledger, const struct outbox_place *place, struct arena *arena,
                struct effect *effect)
{
    struct found found = {0};
    *effect = (struct effect){.id = place->head};
    int rc =
        *place->head ? ledger_get(ledger, &effect_record, effect, arena, &found.err) : LEDGER_NONE;
    if (rc == 0 && str_eq(effect->state, EFFECT_INTENDED))
        return 1;
    struct wanted oldest = {EFFECT_INTENDED, place->destination, 1};
    if (rc < 0 || look(ledger, oldest, arena, &found) < 0)
        return -1;
    if (found.count == 0)
        return release_held(ledger, place->destination, arena, effect);
    *effect = found.effects[0];
    return 1;
}

void outbox_find_head(struct ledger *ledger, struct outbox_place *place)
{
    struct arena arena = {0};
    struct found found = {0};
    const struct effect *first = NULL;
    struct wanted all = {EFFECT_INTENDED, place->destination, LIMIT_LIST};
    look(ledger, all, &arena, &found);
    for (size_t i = 0; i < found.count; i++)
        if (found.effects[i].reason && (!first || found.effects[i].created_at < first->created_at))
            first = &found.effects[i];
    snprintf(place->head, sizeof(place->head), "%s", first ? first->id : "");
    arena_fini(&arena);
}

json_t *outbox_body(struct ledger *ledger, const struct effect *effect, struct arena *arena,
                    struct err *err)
{
    char *bytes = (char *)effect->body;
    size_t len = bytes ? strlen(bytes) : 0;
    if (effect->body_blob &&
        ledger_blob_get(ledger, effect->body_blob, arena, &bytes, &len, err) != 0)
        bytes = NULL;
    if (bytes)
        return json_parse(bytes, len, err);
    err_set(err, "no_body", "what was to be sent is not in the ledger any more");
    return NULL;
}

/* What a hub that begins makes of one effect; NULL: it stays as it is. */
static const char *state_at_start(const struct config *config, const struct effect *effect,
                                  const char **reason)
{
    const struct config_webhook *webhook = config_destination(config, effect->destination);
    *reason = NULL;
    if (str_eq(effect->state, EFFECT_INTENDED) && webhook) /* its URL may be there by now */
        return effect->reason && effect->attempts == 0 ? EFFECT_INTENDED : NULL;
    if (str_eq(effect->state, EFFECT_INTENDED)) {
        *reason = "no channel configured";
        return EFFECT_HELD;
    }
    if (webhook && webhook_may_repeat(webhook)) {
        *reason = "the hub ended while it was being sent: sent again under the same id";
        return EFFECT_INTENDED;
    }
    *reason = "the hub ended while it was being sent: it may have arrived, and this receiver would "
              "show it twice";
    return EFFECT_UNKNOWN;
}

static int recover(const struct config *config, struct ledger *ledger, const char *state,
                   struct err *err)
{
    struct arena arena = {0};
    struct found found = {0};
    int rc = look(ledger, (struct wanted){state, NULL, LIMIT_LIST}, &arena, &found);
    if (rc < 0)
        *err = found.err;
    for (size_t i = 0; rc == 0 && i < found.count; i++) {
        const char *reason;
        const char *to = str_eq(found.effects[i].kind, "webhook")
                             ? state_at_start(config, &found.effects[i], &reason)
                             : NULL;
        struct effect next = changed(&found.effects[i], to, reason);
        next.ready_at = ledger_now(ledger);
        if (to && change(ledger, next) < 0)
            rc = err_set(err, "outbox", "delivery %s cannot be settled", found.effects[i].id);
    }
    arena_fini(&arena);
    return rc;
}

int outbox_recover(const struct config *config, struct ledger *ledger, struct err *err)
{
    static const char *const states[] = {EFFECT_IN_FLIGHT, EFFECT_INTENDED};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(states) / sizeof(states[0]); i++)
        rc = recover(config, ledger, states[i], err);
    return rc;
}
