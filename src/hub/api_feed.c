/* GET /v1/feed: events of all streams as they are committed, as server-sent events, from where the
 * follower stood. Nothing is held for a slow follower but one piece: it reads on from the ledger.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "hub/api.h"
#include "hub/feed_cursor.h"
#include "hub/tail.h"

enum {
    KEEP_ALIVE_MS = 15000, /* proxies and clients give up on a silent stream after 30 s or more */
    RETRY_MS = 1000,       /* a hub that restarts is back by then */
    PIECE = 48 * 1024,     /* what is held for one follower, and a frame more */
    PAGES = 8,             /* of events that a filter drops, before others have their turn */
    ROOTS_KNOWN = 4096,    /* streams whose request is remembered, per follower */
    LAST_MOST = 100000,    /* what from=-N may ask for … */
    LAST_LOOKED = 16384,   /* … and among how many events the N are looked for */
};

struct follower {
    struct hub *hub;
    int64_t at;           /* number of the event up to which all was sent or dropped */
    int64_t told;         /* … of the newest cursor that was sent */
    int64_t retired_told; /* up to where the follower knows that events may be missing */
    int64_t last;         /* … behind which it wants nothing; -1: it follows on */
    bool said_end;
    int64_t quiet_at;              /* time_boot_ms() when a sign of life is due */
    const char **streams, **types; /* NULL at the end; NULL: all. Their texts are the request's */
    const char *root;
    struct map roots; /* stream → KNOWN_IN or KNOWN_OUT */
};

static char known_in, known_out;

static void follower_end(void *state)
{
    struct follower *follower = state;
    tail_follow(follower->hub->tail, -1);
    map_fini(&follower->roots);
    free(follower->streams);
    free(follower->types);
    free(follower);
}

/* ---- what it wants to see ---- */

static const char **query_list(const struct http_request *request, const char *name)
{
    const char *value, **list = NULL;
    size_t count = 0;
    for (size_t at = 0; (value = http_query_next(request, name, &at));) {
        list = mem_realloc(list, (count + 2) * sizeof(*list));
        list[count++] = value;
        list[count] = NULL;
    }
    return list;
}

static bool has_prefix(const char *text, const char *const *prefixes)
{
    for (; *prefixes; prefixes++)
        if (str_starts(text, *prefixes))
            return true;
    return false;
}

/* A run's stream is of the request of its task. */
static bool is_of_root(struct follower *follower, const char *stream)
{
    struct err err;
    struct arena arena = {0};
    void *known = map_get(&follower->roots, stream);
    struct task task = {.id = stream};
    if (!known) {
        if (str_starts(stream, "r-"))
            task.id = arena_printf(&arena, "t-%s", stream + 2);
        bool found = str_starts(task.id, "t-") &&
                     ledger_get(follower->hub->ledger, &task_record, &task, &arena, &err) == 0;
        known = found && str_eq(task.root, follower->root) ? &known_in : &known_out;
        if (follower->roots.count >= ROOTS_KNOWN)
            map_fini(&follower->roots);
        map_put(&follower->roots, stream, known);
        arena_fini(&arena);
    }
    return known == &known_in;
}

static bool is_wanted(struct follower *follower, const struct tail_event *event)
{
    return (!follower->types || has_prefix(event->type, follower->types)) &&
           (!follower->streams || str_in(event->stream, follower->streams)) &&
           (!follower->root || is_of_root(follower, event->stream));
}

/* ---- what it is sent ---- */

static void put_gap(struct follower *follower, struct buf *piece, const char *why, int64_t up_to)
{
    char here[FEED_CURSOR_TEXT], there[FEED_CURSOR_TEXT];
    const char *ledger = ledger_id(follower->hub->ledger);
    feed_cursor_print(ledger, follower->at, here);
    buf_printf(piece, "id: %s\nevent: gap\ndata: {\"why\":\"%s\",\"cursor\":\"%s\"", here, why,
               here);
    if (up_to > follower->at) {
        feed_cursor_print(ledger, up_to, there);
        buf_printf(piece, ",\"up_to\":\"%s\"", there);
    }
    buf_puts(piece, "}\n\n");
    follower->told = follower->at;
}

/* A sign of life; it carries the cursor, so that what was passed over is not passed over again. */
static void put_alive(struct follower *follower, struct buf *piece)
{
    char cursor[FEED_CURSOR_TEXT];
    buf_puts(piece, ": keep-alive\n");
    if (follower->told != follower->at) {
        feed_cursor_print(ledger_id(follower->hub->ledger), follower->at, cursor);
        buf_printf(piece, "id: %s\n", cursor);
    }
    buf_puts(piece, "\n");
    follower->told = follower->at;
}

static void take_page(struct follower *follower, const struct tail_page *page, struct buf *piece)
{
    if (page->retired > follower->at && page->retired > follower->retired_told) {
        put_gap(follower, piece, "retired", page->retired);
        follower->retired_told = page->retired;
    }
    for (size_t i = 0; i < page->count && piece->len < PIECE; i++) {
        const struct tail_event *event = page->events[i];
        if (is_wanted(follower, event)) {
            buf_put(piece, event->frame, event->frame_len);
            follower->told = event->no;
        }
        follower->at = event->no;
    }
}

/* Returns false where all was seen. */
static bool fill(struct follower *follower, struct buf *piece)
{
    struct err err;
    struct tail_page page;
    for (int i = 0; i < PAGES && piece->len < PIECE; i++) {
        if (tail_read(follower->hub->tail, follower->at, &page, &err) < 0)
            return false; /* a store that fails ends the hub, and the follower comes back */
        bool more = page.count > 0;
        take_page(follower, &page, piece);
        tail_page_fini(&page);
        if (!more)
            return false;
    }
    return true;
}

/* A closing hub ends the answer, too: who reads must be able to tell. */
static void put_end(struct follower *follower, struct buf *piece)
{
    char cursor[FEED_CURSOR_TEXT];
    feed_cursor_print(ledger_id(follower->hub->ledger), follower->at, cursor);
    buf_printf(piece, "id: %s\nevent: end\ndata: {\"cursor\":\"%s\"}\n\n", cursor, cursor);
    follower->told = follower->at;
    follower->said_end = true;
}

static enum http_verdict go_on(struct follower *follower, struct http_request *request)
{
    struct buf *piece = &request->stream.piece;
    uint64_t seen = http_wakes(request->server);
    if (request->deadline_passed && !http_peer_is_there(request))
        return HTTP_ANSWER;
    bool more = fill(follower, piece);
    bool is_over = follower->last >= 0 && (!more || follower->at >= follower->last);
    int64_t now = time_boot_ms();
    if (follower->said_end)
        return HTTP_ANSWER;
    if (piece->len == 0 && is_over)
        put_end(follower, piece);
    if (piece->len == 0 && (more || request->deadline_passed || now >= follower->quiet_at))
        put_alive(follower, piece);
    if (piece->len == 0)
        return http_park(request, "feed", seen, follower->quiet_at);
    follower->quiet_at = now + KEEP_ALIVE_MS;
    return HTTP_STREAM;
}

/* ---- where it begins ---- */

/* The events of (lower, upper], newest first: counts those that are wanted down from *left. Returns
 * the number before the one with which *left became 0, -1 where it did not, -2 with *err. */
static int64_t count_back(struct follower *follower, int64_t lower, int64_t upper, int64_t *left,
                          struct err *err)
{
    struct tail_page page;
    int64_t before = -1;
    if (tail_read(follower->hub->tail, lower, &page, err) < 0)
        return -2;
    for (size_t i = page.count; i > 0 && before < 0; i--)
        if (page.events[i - 1]->no <= upper && is_wanted(follower, page.events[i - 1]) &&
            --*left == 0)
            before = page.events[i - 1]->no - 1;
    tail_page_fini(&page);
    return before;
}

/* Where the last `left` wanted events begin; 0, the start, where they are not found soon: then
 * there are more of them than were asked for. -2 with *err. */
static int64_t begin_of_last(struct follower *follower, int64_t newest, int64_t left,
                             struct err *err)
{
    int64_t upper = newest, before = -1;
    while (upper > 0 && upper > newest - LAST_LOOKED && before == -1) {
        int64_t lower = upper > TAIL_PAGE ? upper - TAIL_PAGE : 0;
        before = count_back(follower, lower, upper, &left, err);
        upper = lower;
    }
    return before == -1 ? 0 : before;
}

/* "-20": the last 20 events. 0 for any other word. */
static int64_t last_of(const char *from)
{
    int64_t last;
    return from && *from == '-' && str_to_int(from + 1, 1, LAST_MOST, &last) ? last : 0;
}

/* Sets follower->at; says with a gap what of the wish cannot be met. */
static int begin(struct follower *follower, struct http_request *request, struct err *err)
{
    struct arena arena = {0};
    struct ledger_feed feed;
    struct ledger *ledger = follower->hub->ledger;
    const char *cursor = http_header(request, "Last-Event-ID");
    const char *from = http_query(request, "from");
    const char *why = NULL;
    if (str_is_empty(cursor))
        cursor = http_query(request, "cursor");
    if (ledger_feed(ledger, INT64_MAX - 1, 1, &arena, &feed, err) < 0)
        return -1;
    arena_fini(&arena);
    follower->at = feed.newest;
    follower->told = -1;
    if (!str_is_empty(cursor)) {
        int64_t no = 0;
        enum feed_cursor found = feed_cursor_parse(ledger_id(follower->hub->ledger), cursor, &no);
        why = found == FEED_CURSOR_OTHER_LEDGER                  ? "other_ledger"
              : found == FEED_CURSOR_UNKNOWN || no > feed.newest ? "unknown_cursor"
                                                                 : NULL;
        follower->at = why ? feed.newest : no;
    } else if (last_of(from)) {
        follower->at = begin_of_last(follower, feed.newest, last_of(from), err);
    } else if (str_eq(from, "start")) {
        follower->at = 0;
    }
    if (follower->at < 0)
        return -1;
    follower->last = str_eq(http_query(request, "until"), "now") ? feed.newest : -1;
    buf_printf(&request->stream.piece, "retry: %d\n", RETRY_MS);
    put_alive(follower, &request->stream.piece);
    if (why)
        put_gap(follower, &request->stream.piece, why, 0);
    return 0;
}

static struct follower *follower_open(struct hub *hub, struct http_request *request)
{
    struct follower *follower = mem_zalloc(sizeof(*follower));
    follower->hub = hub;
    follower->streams = query_list(request, "stream");
    follower->types = query_list(request, "types");
    follower->root = http_query(request, "root");
    follower->quiet_at = time_boot_ms() + KEEP_ALIVE_MS;
    request->stream.state = follower;
    request->stream.on_end = follower_end;
    return follower;
}

enum http_verdict api_feed(void *ctx, struct http_request *request, struct http_response *response)
{
    struct hub *hub = ctx;
    struct err err;
    const char *from = http_query(request, "from"), *until = http_query(request, "until");
    if (request->stream.state)
        return go_on(request->stream.state, request);
    if (!principal_is_person(api_caller(request)))
        return api_refuse(request, response, 403, "not_allowed", "the feed is for people");
    if (from && !str_eq(from, "start") && !str_eq(from, "now") && !last_of(from))
        return api_refuse(request, response, 400, "bad_request",
                          "from=%.40s: it is start, now, or -N for the last N; ?cursor= goes on "
                          "behind an event",
                          from);
    if (until && !str_eq(until, "now"))
        return api_refuse(request, response, 400, "bad_request",
                          "until=%.40s: it is now; without it the feed goes on", until);
    struct follower *follower = follower_open(hub, request);
    if (tail_follow(hub->tail, 1) > LIMIT_FOLLOWERS) {
        http_add_header(response, "Retry-After", "5");
        return api_refuse(request, response, 503, "too_many_followers",
                          "%d clients follow the feed already", LIMIT_FOLLOWERS);
    }
    if (begin(follower, request, &err) < 0)
        return api_unavailable(request, response, &err);
    response->status = 200;
    response->content_type = "text/event-stream";
    http_add_header(response, "Cache-Control", "no-store");
    return HTTP_STREAM;
}
