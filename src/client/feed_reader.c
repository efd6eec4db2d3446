/* One connection after the other; the cursor moves behind an event when that was given. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "client/feed_reader.h"
#include "net/fetch.h"
#include "net/sse.h"

enum {
    SILENCE_MS = 45000, /* the hub gives a sign of life every 15 s */
    PAUSE_FIRST_MS = 50,
    PAUSE_MAX_MS = 1000,
    SLICE_MS = 50, /* within which a waiting reader notices that it is cancelled */
};

#define YEAR_MS (365LL * 86400 * 1000)

struct connection {
    struct feed_reader *reader;
    struct sse sse;
    struct err *err;
    int64_t away_since; /* time_boot_ms(); 0: the hub is there */
    int64_t ticked;
    bool told_away, saw_end, stops, is_bad;
};

static int on_event(void *ctx, const char *name, const char *data, size_t len)
{
    struct connection *connection = ctx;
    struct feed_reader *reader = connection->reader;
    const char *cursor = buf_text(&connection->sse.id);
    if (str_eq(name, "end")) {
        connection->saw_end = true;
        return 0;
    }
    json_t *value = json_parse(data, len, connection->err);
    if (!value) {
        connection->is_bad = true;
        return -1;
    }
    struct feed_event event = {.type = name, .cursor = cursor, .data = value};
    int rc = reader->on_event(reader->ctx, &event);
    snprintf(reader->cursor, sizeof(reader->cursor), "%s", cursor);
    json_decref(value);
    connection->stops = rc != 0;
    return rc;
}

static int tell_away(struct connection *connection, bool is_away)
{
    struct feed_reader *reader = connection->reader;
    if (connection->told_away == is_away)
        return 0;
    connection->told_away = is_away;
    int rc = reader->on_away ? reader->on_away(reader->ctx, is_away) : 0;
    connection->stops = connection->stops || rc != 0;
    return rc;
}

/* The cursor moves with signs of life, too: what the filter dropped was seen. */
static int on_piece(void *ctx, const char *bytes, size_t len)
{
    struct connection *connection = ctx;
    struct feed_reader *reader = connection->reader;
    connection->away_since = 0;
    if (tell_away(connection, false) != 0)
        return -1;
    int rc = sse_feed(&connection->sse, bytes, len);
    if (rc == 0 && connection->sse.id.len > 0)
        snprintf(reader->cursor, sizeof(reader->cursor), "%s", buf_text(&connection->sse.id));
    if (rc != 0 && !connection->stops && !connection->is_bad) {
        connection->is_bad = true;
        err_set(connection->err, "bad_answer", "a line of the hub's feed is too long");
    }
    return rc;
}

static int on_tick(void *ctx)
{
    struct connection *connection = ctx;
    struct feed_reader *reader = connection->reader;
    connection->stops = reader->on_tick(reader->ctx) != 0;
    connection->ticked = time_boot_ms();
    return connection->stops;
}

static bool is_over(const struct feed_reader *reader)
{
    return reader->deadline > 0 && time_boot_ms() >= reader->deadline;
}

static void read_error(const struct fetch_response *response, struct err *err)
{
    json_t *body = json_parse(buf_text(&response->body), response->body.len, NULL);
    const json_t *error = json_object_get(body, "error");
    err_set(err, json_get_text(error, "code", "http_error"), "%s",
            json_get_text(error, "message", "the hub refused the feed"));
    err_hint(err, "%s", json_get_text(error, "hint", ""));
    json_decref(body);
}

static struct fetch_request request_of(struct connection *connection, struct arena *arena)
{
    struct feed_reader *reader = connection->reader;
    int64_t left = reader->deadline > 0 ? reader->deadline - time_boot_ms() : YEAR_MS;
    const char **headers = arena_alloc(arena, 3 * sizeof(*headers));
    headers[0] = arena_printf(arena, "Authorization: Bearer %s", reader->token);
    headers[1] =
        reader->cursor[0] ? arena_printf(arena, "Last-Event-ID: %s", reader->cursor) : NULL;
    const char *from = reader->from_start ? "start" : "now";
    if (reader->from_start && reader->last > 0)
        from = arena_printf(arena, "-%lld", (long long)reader->last);
    return (struct fetch_request){
        .url = arena_printf(arena, "http://hub/v1/feed?from=%s%s%s%s", from,
                            reader->until_now ? "&until=now" : "", reader->filter ? "&" : "",
                            reader->filter ? reader->filter : ""),
        .unix_dir = reader->state_dir,
        .unix_name = "hub.sock",
        .headers = headers,
        .connect_ms = 2000,
        .first_byte_ms = SILENCE_MS,
        .idle_ms = SILENCE_MS,
        .total_ms = left > 0 ? left : 1,
        .max_body = SIZE_MAX,
        .once = true,
        .cancel = reader->cancel,
        .on_piece = on_piece,
        .on_tick = reader->on_tick ? on_tick : NULL,
        .tick_ms = reader->tick_ms,
        .ctx = connection,
    };
}

/* Returns FEED_DOWN where another try may do better. */
static enum feed_outcome read_once(struct connection *connection, int *status)
{
    struct arena arena = {0};
    struct fetch_response response;
    struct feed_reader *reader = connection->reader;
    struct err ignored;
    struct fetch_request request = request_of(connection, &arena);
    sse_init(&connection->sse, on_event, connection);
    enum fetch_outcome fetched = fetch_run(reader->fetch, &request, &response, &ignored);
    enum feed_outcome outcome = FEED_DOWN;
    if (response.status)
        *status = response.status;
    if (fetched == FETCH_CANCELLED)
        outcome = FEED_CANCELLED;
    else if (connection->is_bad)
        outcome = FEED_REFUSED;
    else if (fetched == FETCH_STOPPED)
        outcome = FEED_STOPPED;
    else if (connection->saw_end)
        outcome = FEED_ENDED;
    else if (is_over(reader))
        outcome = FEED_TIMEOUT;
    else if (fetched == FETCH_OK && response.status >= 300 && response.status < 500) {
        read_error(&response, connection->err);
        outcome = FEED_REFUSED;
    }
    sse_fini(&connection->sse);
    fetch_response_fini(&response);
    arena_fini(&arena);
    return outcome;
}

static enum feed_outcome wait_for_hub(struct connection *connection, int64_t pause_ms)
{
    struct feed_reader *reader = connection->reader;
    int64_t until = time_boot_ms() + pause_ms;
    while (time_boot_ms() < until) {
        if (fetch_is_cancelled(reader->cancel))
            return FEED_CANCELLED;
        if (is_over(reader))
            return FEED_TIMEOUT;
        if (reader->on_tick && time_boot_ms() >= connection->ticked + reader->tick_ms &&
            on_tick(connection) != 0)
            return FEED_STOPPED;
        usleep(SLICE_MS * 1000);
    }
    return FEED_DOWN;
}

/* Behind a connection that ended, before the next. */
static enum feed_outcome come_back(struct connection *connection, int64_t *pause_ms)
{
    struct feed_reader *reader = connection->reader;
    if (connection->away_since == 0) {
        connection->away_since = time_boot_ms();
        *pause_ms = PAUSE_FIRST_MS;
    }
    if (tell_away(connection, true) != 0)
        return FEED_STOPPED;
    if (reader->patience_ms >= 0 &&
        time_boot_ms() - connection->away_since >= reader->patience_ms) {
        err_set(connection->err, "hub_down", "the hub does not answer (%s/hub.sock)",
                reader->state_dir);
        err_hint(connection->err, "start the company: hq up -d");
        return FEED_DOWN;
    }
    enum feed_outcome outcome = wait_for_hub(connection, *pause_ms);
    *pause_ms = *pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : *pause_ms * 2;
    return outcome == FEED_DOWN ? FEED_ENDED : outcome;
}

enum feed_outcome feed_read(struct feed_reader *reader, int *status, struct err *err)
{
    struct connection connection = {.reader = reader, .err = err, .ticked = time_boot_ms()};
    int64_t pause_ms = PAUSE_FIRST_MS;
    *status = 0;
    for (;;) {
        enum feed_outcome outcome = read_once(&connection, status);
        if (outcome != FEED_DOWN)
            return outcome;
        outcome = come_back(&connection, &pause_ms);
        if (outcome != FEED_ENDED)
            return outcome;
    }
}
