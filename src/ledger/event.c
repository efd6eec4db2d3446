/* The hash-chained event log. Heads are kept in `stream` rows, so that an append reads one row. */
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "ledger/event.h"
#include "ledger/rows.h"
#include "ledger/tx.h"

static void array_put_text(json_t *array, const char *text)
{
    json_array_append_new(array, text ? json_text(text, strlen(text)) : json_null());
}

/* The body goes in as it is stored: json_print's text. */
void event_hash(const struct event *event, char hex[65])
{
    struct buf text = {0};
    json_t *parts = json_array();
    array_put_text(parts, event->stream);
    json_array_append_new(parts, json_integer(event->seq));
    json_array_append_new(parts, json_integer(event->at));
    array_put_text(parts, event->actor);
    array_put_text(parts, event->type);
    json_put(&text, parts, 0);
    text.len--; /* the bracket */
    buf_printf(&text, ",%s,%lld,\"%s\"]", event->body ? event->body : "null", (long long)event->v,
               event->prev ? event->prev : "");
    hash_hex(text.bytes, text.len, hex);
    json_decref(parts);
    buf_fini(&text);
}

static int event_write(struct tx *tx, struct event *event)
{
    struct stream head = {.name = event->stream};
    char hex[HASH_HEX];
    int rc = tx_get(tx, &stream_record, &head);
    if (rc && rc != LEDGER_NONE)
        return rc;
    event->seq = head.seq + 1;
    event->at = tx->now;
    event->actor = tx->actor ? tx->actor : "system";
    event->prev = head.hash ? head.hash : "";
    event_hash(event, hex);
    event->hash = hex;
    rc = tx_put(tx, &event_record, event);
    if (rc)
        return rc;
    head.seq = event->seq;
    head.hash = hex;
    tx_touch(tx, "stream:", event->stream);
    return tx_put(tx, &stream_record, &head);
}

int event_append(struct tx *tx, const char *stream, const char *type, json_t *body)
{
    struct event event = {.stream = stream, .type = type, .v = 1};
    event.body = body ? json_print(tx->arena, body) : NULL;
    json_decref(body);
    return event_write(tx, &event);
}

int event_put_seq(struct tx *tx, const struct event *event, int64_t *seq)
{
    struct event copy = {
        .stream = event->stream,
        .type = event->type,
        .body = event->body,
        .v = event->v ? event->v : 1,
    };
    int rc = event_write(tx, &copy);
    *seq = copy.seq;
    return rc;
}

int event_put(struct tx *tx, const struct event *event)
{
    int64_t seq;
    return event_put_seq(tx, event, &seq);
}
