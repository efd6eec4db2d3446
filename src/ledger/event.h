/* Appends to the event log: one stream per task, each event bound to the one before it by hash. */
#ifndef HQ_LEDGER_EVENT_H
#define HQ_LEDGER_EVENT_H

#include <jansson.h>
#include <stdint.h>

struct arena;
struct event;
struct tx;

/* Appends an event by the transaction's actor; takes `body` (NULL: none), which is to be small. */
int event_append(struct tx *tx, const char *stream, const char *type, json_t *body);

/* Appends what a caller made: stream, type, body, v are used; the rest is the ledger's. */
int event_put(struct tx *tx, const struct event *event);

/* The same, and *seq says which number it got. */
int event_put_seq(struct tx *tx, const struct event *event, int64_t *seq);

/* Writes the hash an event must have: sha256 of the compact JSON array
 * [stream, seq, at, actor, type, body, v, prev]. */
void event_hash(const struct event *event, char hex[65]);

#endif
