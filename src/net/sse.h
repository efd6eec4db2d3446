/* Server-sent events (WHATWG HTML, section 9.2): bytes in any pieces → events. */
#ifndef HQ_NET_SSE_H
#define HQ_NET_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct sse {
    struct buf line, data, name;
    struct buf pending_id; /* of the event that is being read */
    struct buf id; /* the last event ID: of the last whole event, with data or without; "" at first */
    /* Called for each event with data; name is "" when none was sent. Non-zero stops the feed. */
    int (*on_event)(void *ctx, const char *name, const char *data, size_t len);
    void *ctx;
    bool skip_lf, started;
};

/* Caller's memory. `on_event` gets each whole event; non-zero ends the feeding. fini frees. */
void sse_init(struct sse *sse, int (*on_event)(void *, const char *, const char *, size_t),
              void *ctx);
void sse_fini(struct sse *sse);

/* Returns 0, what on_event returned, or -1 when a line passes LIMIT_SSE_LINE. */
int sse_feed(struct sse *sse, const char *bytes, size_t len);

/* Some servers end without the blank line: gives the last event if one is pending. */
int sse_end(struct sse *sse);

#endif
