/* The newest events of all streams, in memory, as followers of the feed are sent them: read from
 * the ledger and put into text once, however many follow. Who is further behind gets older ones
 * from the ledger; while nobody follows none are held. */
#ifndef HQ_HUB_TAIL_H
#define HQ_HUB_TAIL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct event;
struct ledger;
struct tail;

/* An event and its frame (text/event-stream). Shared and never changed. */
struct tail_event {
    atomic_int refs;
    int64_t no;
    char *stream, *type, *frame;
    size_t frame_len;
};

struct tail_config {
    struct ledger *ledger;
    const char *ledger_id; /* borrowed */
    /* On the tail's thread: each event once, in order, from those behind the newest at the opening
     * on; then, behind some of them, that there are new ones. NULL: nobody wants to know. */
    void (*on_event)(void *ctx, const struct event *event);
    void (*on_news)(void *ctx);
    void *ctx;
};

/* NULL with *err: the ledger cannot be read. Close takes NULL, too. */
struct tail *tail_open(const struct tail_config *config, struct err *err);
void tail_close(struct tail *tail);

/* Starts and ends its thread: nobody is called before the one and behind the other; what was read
 * stays readable. -1 with *err: there is no thread. */
int tail_start(struct tail *tail, struct err *err);
void tail_stop(struct tail *tail);

/* Something may have been committed. Any thread; never blocks. */
void tail_wake(struct tail *tail);

/* One follower more or fewer: many are woken less often. Returns how many there are. */
int tail_follow(struct tail *tail, int by);

enum { TAIL_PAGE = 128 };
struct tail_page {
    struct tail_event *events[TAIL_PAGE];
    size_t count;
    int64_t retired; /* of older events, up to this number some may be gone; 0: none are */
};

/* The events behind number `after`, oldest first; none where all were seen. 0, or -1 with *err. The
 * caller lets the page go. Blocks for a read of the ledger where `after` is long ago. */
int tail_read(struct tail *tail, int64_t after, struct tail_page *page, struct err *err);
void tail_page_fini(struct tail_page *page);

#endif
