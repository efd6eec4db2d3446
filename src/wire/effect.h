/* Outward deliveries (outbox), seen messages (inbox), and the event log. */
#ifndef HQ_WIRE_EFFECT_H
#define HQ_WIRE_EFFECT_H

#include <stdint.h>

#include "wire/record.h"

#define EFFECT_INTENDED "intended"
#define EFFECT_IN_FLIGHT "in_flight"
#define EFFECT_CONFIRMED "confirmed"
#define EFFECT_UNKNOWN "unknown"
#define EFFECT_HELD "held"
#define EFFECT_DEAD "dead"

struct effect {
    const char *id;          /* "e-" + 26 Crockford characters of H([task, kind, destination, n]) */
    const char *task, *root;
    const char *kind;        /* message, webhook */
    const char *destination; /* "discord", "discord:channel:123" … */
    const char *body;        /* JSON; or */
    const char *body_blob;
    const char *dedup_key;
    const char *state;
    int64_t ready_at, attempts, fence;
    const char *receiver_id; /* the receiver's own id, once confirmed */
    const char *reason;      /* of held, unknown, dead */
    int64_t created_at, updated_at;
    const char *run, *step; /* of a workflow's step, NULL: none */
    int64_t step_round;
    const char *on_unknown; /* "ask": an unknown outcome goes to the inbox; "retry": it is sent again;
                             * NULL: it stays unknown */
};
extern const struct record effect_record;

struct inbox {
    const char *source, *message_id;
    const char *task;
    int64_t created_at;
};
extern const struct record inbox_record;

struct event {
    const char *stream; /* a task id or a run id, or "system" */
    int64_t seq;        /* from 1, without gaps, given by the store */
    int64_t at;
    const char *actor;  /* principal */
    const char *type;   /* dotted: "task.submitted" */
    const char *body;   /* small JSON */
    int64_t v;
    const char *prev;   /* hash of the previous event of this stream ("" for the first) */
    const char *hash;   /* sha256 over [stream, seq, at, actor, type, body, v, prev] as JSON */
    int64_t no;         /* its place among the events of all streams, from 1, in the order of the
                         * commits; what `feed` cursors count. Older ones may have been retired */
};
extern const struct record event_record;

#endif
