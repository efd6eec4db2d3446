/* Reads the hub's feed (GET /v1/feed, docs/protocol.md) and comes back behind its cursor whatever
 * happens to the hub, so that each event is given once and in order. */
#ifndef HQ_CLIENT_FEED_READER_H
#define HQ_CLIENT_FEED_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct fetch;
struct fetch_cancel;

enum { FEED_CURSOR_SIZE = 64 /* the hub's have 24 characters */ };

struct feed_event {
    const char *type;   /* "task.submitted"; "gap" where events may be missing */
    const char *cursor; /* everything up to here was given */
    const json_t *data; /* {stream, seq, at, actor, type, body, cursor}; of a gap {why, cursor} */
};

/* The functions get `ctx`, are called on the calling thread, and end the reading (FEED_STOPPED) by
 * returning other than 0. Texts are borrowed. */
struct feed_reader {
    struct fetch *fetch;
    const char *state_dir, *token; /* whose hub.sock, and who asks */
    const char *filter;            /* "types=task.&stream=t-…", escaped; NULL: everything */
    bool from_start;               /* where there is no cursor: from the oldest, not from now */
    int64_t last;                  /* … from the last so many, or some before them; 0: no */
    bool until_now;                /* what is there, and no more */
    int64_t patience_ms;           /* how long a hub may be away; -1: for ever */
    int64_t deadline;              /* time_boot_ms(); 0: none */
    struct fetch_cancel *cancel;   /* or NULL */
    int (*on_event)(void *ctx, const struct feed_event *event);
    int (*on_away)(void *ctx, bool is_away); /* the hub went away, or is back; or NULL */
    int (*on_tick)(void *ctx);               /* each tick_ms, with a hub or without; or NULL */
    int64_t tick_ms;
    void *ctx;
    char cursor[FEED_CURSOR_SIZE]; /* in: where to go on, "" at first; out: where it stands */
};

enum feed_outcome {
    FEED_ENDED = 0, /* until_now: all was given */
    FEED_STOPPED,   /* a function said so */
    FEED_CANCELLED,
    FEED_TIMEOUT, /* the deadline */
    FEED_DOWN,    /* the hub was away for longer than patience_ms; *err */
    FEED_REFUSED, /* *err has code, message and hint of the hub */
};

/* Blocks until one of these. *status becomes the last HTTP status of the hub (0: none). */
enum feed_outcome feed_read(struct feed_reader *reader, int *status, struct err *err);

#endif
