/* A thread that reads behind the commits, and a ring of frames. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "hub/feed_cursor.h"
#include "hub/tail.h"
#include "ledger/ledger.h"

enum {
    KEPT = 2048,          /* events: some seconds of a busy company */
    KEPT_BYTES = 1 << 20, /* … and no more than that */
    READ = 256,
    IDLE_MS = 60000,
    TROUBLE_MS = 1000,
    GATHER_MS = 10,          /* between two wakes of the followers … */
    GATHER_PER_FOLLOWERS = 8 /* … and 1 ms more for so many: a thousand get eight pages a second */
};

struct tail {
    struct tail_config config;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct tail_event *ring[KEPT];
    size_t first, count, bytes;
    int64_t newest; /* number of the newest event that was read */
    uint64_t wakes;
    atomic_int followers;
    bool stopping, started;
};

/* ---- frames ---- */

static void put_string(struct buf *out, const char *text)
{
    json_t *value = json_text(text, strlen(text));
    json_put(out, value, JSON_ENCODE_ANY);
    json_decref(value);
}

/* A line of the frame holds what agents may have named: a line end in it would begin another. */
static void put_line(struct buf *out, const char *text)
{
    for (; *text; text++)
        buf_putc(out, (unsigned char)*text < ' ' ? '?' : *text);
}

static void put_frame(struct buf *out, const char *ledger_id, const struct event *event)
{
    char cursor[FEED_CURSOR_TEXT], at[TIME_TEXT];
    feed_cursor_print(ledger_id, event->no, cursor);
    time_rfc3339(event->at, at);
    buf_printf(out, "id: %s\nevent: ", cursor);
    put_line(out, event->type);
    buf_puts(out, "\ndata: {\"stream\":");
    put_string(out, event->stream);
    buf_printf(out, ",\"seq\":%lld,\"at\":\"%s\",\"actor\":", (long long)event->seq, at);
    put_string(out, event->actor);
    buf_puts(out, ",\"type\":");
    put_string(out, event->type);
    buf_puts(out, ",\"body\":");
    buf_puts(out, event->body ? event->body : "null");
    buf_printf(out, ",\"cursor\":\"%s\"}\n\n", cursor);
}

static struct tail_event *event_make(const struct tail *tail, const struct event *event)
{
    struct buf frame = {0};
    struct tail_event *made = mem_zalloc(sizeof(*made));
    put_frame(&frame, tail->config.ledger_id, event);
    atomic_init(&made->refs, 1);
    made->no = event->no;
    made->stream = mem_strdup(event->stream);
    made->type = mem_strdup(event->type);
    made->frame_len = frame.len;
    made->frame = buf_take(&frame);
    return made;
}

static void event_drop(struct tail_event *event)
{
    if (atomic_fetch_sub(&event->refs, 1) != 1)
        return;
    free(event->stream);
    free(event->type);
    free(event->frame);
    free(event);
}

void tail_page_fini(struct tail_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        event_drop(page->events[i]);
    page->count = 0;
}

/* ---- the ring; the caller holds the mutex ---- */

static void ring_shift(struct tail *tail)
{
    struct tail_event *oldest = tail->ring[tail->first];
    tail->bytes -= oldest->frame_len;
    tail->first = (tail->first + 1) % KEPT;
    tail->count--;
    event_drop(oldest);
}

static void ring_push(struct tail *tail, struct tail_event *event)
{
    while (tail->count == KEPT || (tail->count > 0 && tail->bytes > KEPT_BYTES))
        ring_shift(tail);
    tail->ring[(tail->first + tail->count++) % KEPT] = event;
    tail->bytes += event->frame_len;
}

/* False where the ring does not reach back so far. */
static bool ring_read(struct tail *tail, int64_t after, struct tail_page *page)
{
    if (after >= tail->newest)
        return true;
    if (tail->count == 0 || tail->ring[tail->first]->no > after + 1)
        return false;
    /* Without gaps this is the place; where retention made some, it is before that. */
    size_t i = (size_t)(after + 1 - tail->ring[tail->first]->no);
    i = i < tail->count ? i : tail->count;
    while (i > 0 && tail->ring[(tail->first + i - 1) % KEPT]->no > after)
        i--;
    for (; i < tail->count && page->count < TAIL_PAGE; i++) {
        struct tail_event *event = tail->ring[(tail->first + i) % KEPT];
        atomic_fetch_add(&event->refs, 1);
        page->events[page->count++] = event;
    }
    return true;
}

/* ---- reading ---- */

int tail_read(struct tail *tail, int64_t after, struct tail_page *page, struct err *err)
{
    struct arena arena = {0};
    struct ledger_feed feed;
    *page = (struct tail_page){0};
    pthread_mutex_lock(&tail->mutex);
    bool found = ring_read(tail, after, page);
    pthread_mutex_unlock(&tail->mutex);
    if (found)
        return 0;
    int rc = ledger_feed(tail->config.ledger, after, TAIL_PAGE, &arena, &feed, err);
    for (size_t i = 0; rc == 0 && i < feed.count; i++)
        page->events[page->count++] = event_make(tail, &feed.events[i]);
    page->retired = rc == 0 ? feed.retired : 0;
    arena_fini(&arena);
    return rc;
}

/* The ring is for followers: while there are none it is empty, and who comes reads the ledger. */
static void keep(struct tail *tail, const struct event *event, bool is_followed)
{
    struct tail_event *made = is_followed ? event_make(tail, event) : NULL;
    pthread_mutex_lock(&tail->mutex);
    if (made)
        ring_push(tail, made);
    while (!made && tail->count > 0)
        ring_shift(tail);
    tail->newest = event->no;
    pthread_mutex_unlock(&tail->mutex);
}

/* Takes what is new. Returns how many there were, -1: the ledger cannot be read. */
static int take(struct tail *tail)
{
    bool is_followed = atomic_load(&tail->followers) > 0;
    struct err err;
    struct arena arena = {0};
    struct ledger_feed feed;
    int rc = ledger_feed(tail->config.ledger, tail->newest, READ, &arena, &feed, &err);
    for (size_t i = 0; rc == 0 && i < feed.count; i++) {
        if (tail->config.on_event)
            tail->config.on_event(tail->config.ctx, &feed.events[i]);
        keep(tail, &feed.events[i], is_followed);
    }
    if (rc < 0)
        log_warn("the feed waits: %s", err.message);
    arena_fini(&arena);
    return rc < 0 ? -1 : (int)feed.count;
}

/* Waits until woken, at most `idle`; then the time that others may use to gather more. False when
 * it is to end. */
static bool wait_for_more(struct tail *tail, uint64_t *seen, int64_t gather, int64_t idle)
{
    int64_t begun = time_boot_ms(), now = begun;
    pthread_mutex_lock(&tail->mutex);
    while (!tail->stopping && ((now = time_boot_ms()) < begun + gather ||
                               (tail->wakes == *seen && now < begun + idle)))
        thread_cond_wait(&tail->changed, &tail->mutex,
                         (now < begun + gather ? begun + gather : begun + idle) - now);
    *seen = tail->wakes;
    bool go_on = !tail->stopping;
    pthread_mutex_unlock(&tail->mutex);
    return go_on;
}

static void *tail_loop(void *arg)
{
    struct tail *tail = arg;
    uint64_t seen = 0;
    int64_t gather, idle;
    do {
        int taken = take(tail);
        if (taken > 0 && tail->config.on_news)
            tail->config.on_news(tail->config.ctx);
        gather = taken < 0 ? TROUBLE_MS
                           : GATHER_MS + atomic_load(&tail->followers) / GATHER_PER_FOLLOWERS;
        idle = taken == READ || taken < 0 ? 0 : IDLE_MS;
    } while (wait_for_more(tail, &seen, gather, idle));
    return NULL;
}

/* ---- opening ---- */

static int find_newest(struct tail *tail, struct err *err)
{
    struct arena arena = {0};
    struct ledger_feed feed;
    int rc = ledger_feed(tail->config.ledger, INT64_MAX - 1, 1, &arena, &feed, err);
    if (rc == 0)
        tail->newest = feed.newest;
    arena_fini(&arena);
    return rc;
}

struct tail *tail_open(const struct tail_config *config, struct err *err)
{
    struct tail *tail = mem_zalloc(sizeof(*tail));
    tail->config = *config;
    pthread_mutex_init(&tail->mutex, NULL);
    thread_cond_init(&tail->changed);
    if (find_newest(tail, err) == 0)
        return tail;
    tail_close(tail);
    return NULL;
}

int tail_start(struct tail *tail, struct err *err)
{
    if (thread_start(&tail->thread, "hub-tail", tail_loop, tail) < 0)
        return err_set(err, "no_thread", "cannot start a thread");
    tail->started = true;
    return 0;
}

void tail_wake(struct tail *tail)
{
    pthread_mutex_lock(&tail->mutex);
    tail->wakes++;
    pthread_cond_broadcast(&tail->changed);
    pthread_mutex_unlock(&tail->mutex);
}

int tail_follow(struct tail *tail, int by)
{
    return atomic_fetch_add(&tail->followers, by) + by;
}

void tail_stop(struct tail *tail)
{
    if (!tail || !tail->started)
        return;
    pthread_mutex_lock(&tail->mutex);
    tail->stopping = true;
    pthread_cond_broadcast(&tail->changed);
    pthread_mutex_unlock(&tail->mutex);
    pthread_join(tail->thread, NULL);
    tail->started = false;
}

void tail_close(struct tail *tail)
{
    if (!tail)
        return;
    tail_stop(tail);
    while (tail->count > 0)
        ring_shift(tail);
    pthread_mutex_destroy(&tail->mutex);
    pthread_cond_destroy(&tail->changed);
    free(tail);
}
