/* The hash-chained event log. Heads are kept in `stream` rows, so that an append reads one row. */
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "ledger/event.h"
#include "ledger/rows.h"
#include "ledger/tx.h"

/* As JSON has it. Ids and names are plain: they need no library, and an event is hashed for every
 * step of everything. */
static void put_text(struct buf *out, const char *text)
{
    bool plain = true;
    for (const unsigned char *at = (const unsigned char *)text; at && *at && plain; at++)
        plain = *at >= ' ' && *at < 0x7f && *at != '"' && *at != '\\';
    if (!text) {
        buf_puts(out, "null");
    } else if (plain) {
        buf_putc(out, '"');
        buf_puts(out, text);
        buf_putc(out, '"');
    } else {
        json_t *value = json_text(text, strlen(text));
        json_put(out, value, JSON_ENCODE_ANY);
        json_decref(value);
    }
}

static void put_number(struct buf *out, int64_t number)
{
    char digits[24], *at = digits + sizeof(digits);
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (number < 0)
        *--at = '-';
    buf_put(out, at, (size_t)(digits + sizeof(digits) - at));
}

/* The body goes in as it is stored: json_print's text. */
void event_hash(const struct event *event, char hex[65])
{
    struct buf text = {0};
    buf_putc(&text, '[');
    put_text(&text, event->stream);
    buf_putc(&text, ',');
    put_number(&text, event->seq);
    buf_putc(&text, ',');
    put_number(&text, event->at);
    buf_putc(&text, ',');
    put_text(&text, event->actor);
    buf_putc(&text, ',');
    put_text(&text, event->type);
    buf_putc(&text, ',');
    buf_puts(&text, event->body ? event->body : "null");
    buf_putc(&text, ',');
    put_number(&text, event->v);
    buf_puts(&text, ",\"");
    buf_puts(&text, event->prev ? event->prev : "");
    buf_puts(&text, "\"]");
    hash_hex(text.bytes, text.len, hex);
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
    event->no = tx->next_event++;
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
