/* The cursor is written behind the answer: a death in between sends the same spans again, with the
 * same ids. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/background.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/config.h"
#include "config/secret.h"
#include "hub/counters.h"
#include "hub/spans.h"
#include "hub/traces.h"
#include "ledger/ledger.h"
#include "net/fetch.h"

enum {
    PAGE = 256,       /* events of one read */
    SPANS = 512,      /* of one post, and the calls of one task more */
    GATHER_MS = 1000, /* a post per second at most */
    IDLE_MS = 60000,
    BACKOFF_MS = 1000, /* doubling … */
    WAIT_MS = 60000,   /* … up to this, and a Retry-After no longer than ten times that */
    TRIES = 60,        /* some 50 minutes of a receiver that is away; then its spans are given up */
    POST_MS = 10000,
    ANSWER_BYTES = 65536,
};

struct traces {
    const struct config *config;
    struct ledger *ledger;
    struct counters *counters;
    struct fetch *fetch;
    struct fetch_cancel *cancel;
    char *cursor_path, *url;
    int64_t at; /* number of the newest event that was told; -1: not known yet */
    int tries;
    struct background thread;
};

/* ---- the cursor ---- */

static int cursor_save(struct traces *traces, int64_t at, struct err *err)
{
    struct arena arena = {0};
    const char *draft = arena_printf(&arena, "%s.new", traces->cursor_path);
    json_t *cursor = json_pack("{s:i,s:s,s:I}", "v", 1, "ledger", ledger_id(traces->ledger), "no",
                               (json_int_t)at);
    const char *text = json_print(&arena, cursor);
    crash_point("traces.cursor.before");
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), rc = 0;
    if (fd < 0 || file_write(fd, text, strlen(text)) != 0 || fsync(fd) != 0 ||
        rename(draft, traces->cursor_path) != 0)
        rc = err_errno(err, "traces", "the cursor %s cannot be written", traces->cursor_path);
    if (fd >= 0)
        close(fd);
    crash_point("traces.cursor.after");
    if (rc == 0)
        traces->at = at;
    json_decref(cursor);
    arena_fini(&arena);
    return rc;
}

/* A cursor of another ledger, or a damaged one, means as much as none: from now on. */
static int64_t cursor_read(struct traces *traces, int64_t newest)
{
    char text[512];
    int fd = open(traces->cursor_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (fd >= 0)
        close(fd);
    json_t *cursor = got > 0 ? json_parse(text, (size_t)got, NULL) : NULL;
    bool ours = str_eq(json_get_text(cursor, "ledger", ""), ledger_id(traces->ledger));
    int64_t at = ours ? json_get_int(cursor, "no", newest) : newest;
    if (got > 0 && !ours)
        log_warn("traces: %s is of another ledger; traces go on from now", traces->cursor_path);
    json_decref(cursor);
    return at >= 0 && at <= newest ? at : newest;
}

static int cursor_open(struct traces *traces, struct err *err)
{
    struct arena arena = {0};
    struct ledger_feed feed;
    int rc = ledger_feed(traces->ledger, INT64_MAX - 1, 1, &arena, &feed, err);
    if (rc == 0)
        rc = cursor_save(traces, cursor_read(traces, feed.newest), err);
    arena_fini(&arena);
    return rc;
}

/* ---- a post ---- */

enum posted { POSTED, POST_AGAIN, POST_NEVER };

static const char *header_line(const struct config_header *header, struct arena *arena,
                               struct err *err)
{
    const char *value = secret_resolve(&header->value, arena, err);
    return value ? arena_printf(arena, "%s: %s", header->name, value) : NULL;
}

/* NULL with *err: a secret is missing. */
static const char **headers_of(struct traces *traces, struct arena *arena, struct err *err)
{
    const struct config_telemetry *telemetry = &traces->config->telemetry;
    const char **lines = arena_alloc(arena, (telemetry->header_count + 2) * sizeof(*lines));
    lines[0] = "Content-Type: application/json";
    for (size_t i = 0; i < telemetry->header_count; i++)
        if (!(lines[i + 1] = header_line(&telemetry->headers[i], arena, err)))
            return NULL;
    return lines;
}

static void note_partial(struct traces *traces, const struct fetch_response *response)
{
    json_t *answer = json_parse(buf_text(&response->body), response->body.len, NULL);
    const json_t *partial = json_object_get(answer, "partialSuccess");
    const json_t *rejected = json_object_get(partial, "rejectedSpans");
    long long count = json_is_string(rejected) ? strtoll(json_string_value(rejected), NULL, 10)
                                               : json_integer_value(rejected);
    if (count > 0) {
        counters_add(traces->counters, "spans_dropped", count);
        log_warn("traces: the receiver rejected %lld spans: %.200s", count,
                 json_get_text(partial, "errorMessage", "it does not say why"));
    }
    json_decref(answer);
}

/* What may be sent again: OTLP 1.x, "Failures": 429, 502, 503, 504 and what never arrived. */
static enum posted judge(struct traces *traces, enum fetch_outcome outcome,
                         const struct fetch_response *response, struct err *err)
{
    int status = response->status;
    if (outcome == FETCH_OK && status >= 200 && status <= 299) {
        note_partial(traces, response);
        return POSTED;
    }
    if (outcome == FETCH_OK)
        err_set(err, "traces", "the receiver answered %d", status);
    return outcome != FETCH_OK || status == 429 || (status >= 502 && status <= 504) ? POST_AGAIN
                                                                                    : POST_NEVER;
}

static enum posted post(struct traces *traces, const json_t *body, int64_t *wait_ms,
                        struct err *err)
{
    struct arena arena = {0};
    struct fetch_response response = {0};
    const char *text = json_print(&arena, body);
    struct fetch_request request = {.method = "POST",
                                    .url = traces->url,
                                    .headers = headers_of(traces, &arena, err),
                                    .body = text,
                                    .body_len = strlen(text),
                                    .connect_ms = POST_MS,
                                    .total_ms = 2 * POST_MS,
                                    .max_body = ANSWER_BYTES,
                                    .cancel = traces->cancel};
    enum posted posted = POST_AGAIN;
    if (request.headers) {
        crash_point("traces.post.before");
        enum fetch_outcome outcome = fetch_run(traces->fetch, &request, &response, err);
        crash_point("traces.post.after");
        posted = judge(traces, outcome, &response, err);
    }
    *wait_ms = response.retry_after_ms > 0 ? response.retry_after_ms : 0;
    fetch_response_fini(&response);
    arena_fini(&arena);
    return posted;
}

/* ---- following ---- */

/* Fills the list from the events behind the cursor; *upto is the last that was taken. Returns how
 * many events were read, -1 with *err. */
static int gather(struct traces *traces, json_t *list, int64_t *upto, struct err *err)
{
    struct arena arena = {0};
    struct ledger_feed feed;
    struct spans spans = {traces->config, traces->ledger, list};
    int rc = ledger_feed(traces->ledger, traces->at, PAGE, &arena, &feed, err);
    *upto = traces->at;
    if (rc == 0 && feed.retired > traces->at && traces->at > 0)
        log_warn("traces: retention has taken events that were not told yet");
    for (size_t i = 0; rc == 0 && i < feed.count && json_array_size(list) < SPANS; i++) {
        rc = spans_of_event(&spans, &feed.events[i], err);
        *upto = feed.events[i].no;
    }
    rc = rc < 0 ? -1 : (int)feed.count;
    arena_fini(&arena);
    return rc;
}

static int64_t backoff(int tries)
{
    int64_t wait = BACKOFF_MS;
    while (--tries > 0 && wait < WAIT_MS)
        wait *= 2;
    return wait < WAIT_MS ? wait : WAIT_MS;
}

/* Returns how long to wait before the next try; 0: the spans are told or given up. */
static int64_t send(struct traces *traces, json_t *list)
{
    struct err err = {0};
    int64_t asked = 0, count = (int64_t)json_array_size(list);
    json_t *body = spans_request(traces->config, json_incref(list));
    enum posted posted = post(traces, body, &asked, &err);
    json_decref(body);
    if (posted == POSTED) {
        counters_add(traces->counters, "spans", count);
        traces->tries = 0;
        return 0;
    }
    if (fetch_is_cancelled(traces->cancel))
        return IDLE_MS;
    counters_add(traces->counters, "trace_failures", 1);
    if (posted == POST_AGAIN && ++traces->tries < TRIES) {
        int64_t wait = backoff(traces->tries);
        if (traces->tries == 1)
            log_warn("traces wait for %s: %s", traces->config->telemetry.otlp, err.message);
        return asked > wait ? (asked < 10 * WAIT_MS ? asked : 10 * WAIT_MS) : wait;
    }
    log_error("traces: %lld spans are given up: %s", (long long)count, err.message);
    counters_add(traces->counters, "spans_dropped", count);
    traces->tries = 0;
    return 0;
}

/* Tells one batch. Returns how long there is nothing to do. */
static int64_t step(struct traces *traces)
{
    struct err err = {0};
    json_t *list = json_array();
    int64_t upto = 0, wait = 0;
    int read =
        traces->at < 0 && cursor_open(traces, &err) < 0 ? -1 : gather(traces, list, &upto, &err);
    if (read > 0 && json_array_size(list) > 0)
        wait = send(traces, list);
    if (read > 0 && wait == 0) {
        if (json_array_size(list) > 0 || read == PAGE)
            read = cursor_save(traces, upto, &err) < 0 ? -1 : read;
        else
            traces->at = upto; /* looked at again after a death: there was nothing to tell */
    }
    json_decref(list);
    if (read < 0)
        log_warn("traces wait: %s", err.message);
    return read < 0 ? WAIT_MS : wait > 0 ? wait : read > 0 ? GATHER_MS : IDLE_MS;
}

/* False when it is to end. A wake cuts only idleness short. */
static bool rest(struct traces *traces, int64_t ms)
{
    return ms == IDLE_MS ? background_wait(&traces->thread, ms)
                         : background_sleep(&traces->thread, ms);
}

static void *traces_loop(void *arg)
{
    struct traces *traces = arg;
    while (rest(traces, step(traces)))
        ;
    return NULL;
}

static char *url_of(const char *base)
{
    struct buf url = {0};
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    buf_put(&url, base, len);
    if (!str_ends(buf_text(&url), "/v1/traces"))
        buf_puts(&url, "/v1/traces");
    return buf_take(&url);
}

struct traces *traces_open(const struct config *config, struct ledger *ledger,
                           struct counters *counters)
{
    if (!config->telemetry.otlp)
        return NULL;
    struct buf path = {0};
    struct traces *traces = mem_zalloc(sizeof(*traces));
    traces->config = config;
    traces->ledger = ledger;
    traces->counters = counters;
    traces->at = -1;
    traces->fetch = fetch_open();
    traces->cancel = fetch_cancel_open();
    buf_printf(&path, "%s/traces.json", config->state);
    traces->cursor_path = buf_take(&path);
    traces->url = url_of(config->telemetry.otlp);
    background_init(&traces->thread);
    if (background_start(&traces->thread, "hub-traces", traces_loop, traces) < 0)
        log_error("no traces are made: no thread can be started");
    return traces;
}

void traces_wake(struct traces *traces)
{
    if (!traces)
        return;
    background_wake(&traces->thread);
}

void traces_close(struct traces *traces)
{
    if (!traces)
        return;
    background_end(&traces->thread);
    fetch_cancel(traces->cancel);
    background_fini(&traces->thread);
    fetch_cancel_close(traces->cancel);
    fetch_close(traces->fetch);
    free(traces->cursor_path);
    free(traces->url);
    free(traces);
}
