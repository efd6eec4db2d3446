/* The outbox as its carriers see it: which effect is next, and each change of state as one commit.
 */
#ifndef HQ_HUB_OUTBOX_H
#define HQ_HUB_OUTBOX_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/effect.h"

struct arena;
struct config;
struct err;
struct ledger;

/* For a hub that begins: what a dead one left in flight is intended again where the receiver drops
 * a second one, else unknown; what has no webhook any more is held. 0, or -1 with *err. */
int outbox_recover(const struct config *config, struct ledger *ledger, struct err *err);

/* Where in a destination's queue its carrier is. */
struct outbox_place {
    const char *destination; /* "webhook:NAME" */
    char head[32]; /* the effect that was tried and comes before all others; "": the oldest */
};

/* Finds the head for a hub that begins. */
void outbox_find_head(struct ledger *ledger, struct outbox_place *place);

/* The effect to send next, due or not: the head while it is intended, else the oldest, else
 * one that was held although there is such a webhook. 1 found (in the arena), 0 none, -1 the ledger
 * did not answer. */
int outbox_next(struct ledger *ledger, const struct outbox_place *place, struct arena *arena,
                struct effect *effect);

/* The effect's body, from its blob where it is large. A new reference, or NULL with *err. */
json_t *outbox_body(struct ledger *ledger, const struct effect *effect, struct arena *arena,
                    struct err *err);

/* Each returns when it is on disk: 0, or -1 (logged) where the ledger did not take it. */
/* in_flight: counts an attempt; 1: a pause has put the effect aside instead. */
int outbox_begin(struct ledger *ledger, struct effect *effect);
int outbox_put_off(struct ledger *ledger, const struct effect *effect, int64_t at,
                   const char *reason);
int outbox_confirm(struct ledger *ledger, const struct effect *effect, const char *receiver_id);
int outbox_end(struct ledger *ledger, const struct effect *effect, const char *state,
               const char *reason);

#endif
