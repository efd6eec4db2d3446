/* An HTTP/1.1 server (libmicrohttpd) for blocking handlers, with parked connections.
 *
 * One epoll thread per listener reads requests; a whole request is handed to one of a few handler
 * threads (started on demand), where the handler may block. A handler that must wait for something
 * parks the request instead: no thread is held, and when its key is woken or its time is up, the
 * handler is called again from the start. */
#ifndef HQ_NET_HTTP_SERVER_H
#define HQ_NET_HTTP_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

struct err;
struct http_server;

/* An answer without an end; see HTTP_STREAM. */
struct http_stream {
    struct buf piece; /* the handler appends what is to be sent next */
    void *state;      /* the handler's own, NULL at first */
    void (*on_end)(void *state); /* called once, on any thread, when the request is let go; must not
                                  * block; NULL: nothing to let go */
};

struct http_request {
    const char *method; /* upper case */
    const char *path;   /* percent-decoded, without query */
    const char *remote; /* "127.0.0.1" or "unix" */
    struct http_server *server; /* who serves it: valid before http_server_open() has returned */
    const char *body;   /* NUL behind; "" when empty */
    size_t body_len;
    const char *params[4]; /* what stood for {x} in the route's pattern, in order */
    struct arena arena;    /* lives as long as the request, over parking too */
    int64_t started_ms;    /* time_boot_ms() when the request was whole */
    bool parked_before;    /* the handler has been called for this request already */
    bool deadline_passed;  /* … and its time is up, or its peer has left: answer now */
    void *state;           /* the handler's own, NULL at first; lives in the arena */
    struct http_stream stream;
};

/* Header by case-insensitive name, query parameter by exact name; NULL when absent. */
const char *http_header(const struct http_request *request, const char *name);
const char *http_query(const struct http_request *request, const char *name);
/* The same for a parameter that may be repeated: start with *at = 0; NULL behind the last. */
const char *http_query_next(const struct http_request *request, const char *name, size_t *at);

/* What the handler fills; body is copied when the handler returns. */
struct http_response {
    int status;
    const char *content_type; /* default application/json; charset=utf-8 */
    const char *body;         /* in the request's arena or static */
    size_t body_len;
    const char *headers[8][2]; /* further headers; the first NULL name ends the list */
};

/* Fill a response; each returns HTTP_ANSWER so that `return http_json(…)` reads well.
 * http_json takes the reference. http_error writes {"ok":false,"error":{"code","message","hint"}}. */
enum http_verdict { HTTP_ANSWER, HTTP_PARK, HTTP_PASS, HTTP_STREAM };
enum http_verdict http_json(struct http_request *request, struct http_response *response,
                            int status, json_t *body);
enum http_verdict http_text(struct http_response *response, int status, const char *text);
enum http_verdict http_error(struct http_request *request, struct http_response *response,
                             int status, const struct err *err);
void http_add_header(struct http_response *response, const char *name, const char *value);

/* The bearer token of `Authorization` (scheme case-insensitive, trimmed), or NULL. */
const char *http_bearer(struct http_request *request);

typedef enum http_verdict (*http_handler)(void *ctx, struct http_request *request,
                                          struct http_response *response);

/* Parks the request: the handler returns http_park(…). `key` is what http_wake() will name.
 * `seen` is http_wakes() read BEFORE the handler looked at what it waits for: if the key was woken
 * since, the handler is called again at once (no lost wake-up); it may also be called again without
 * reason. Waits at most LIMIT_WAIT_MS. */
enum http_verdict http_park(struct http_request *request, const char *key, uint64_t seen,
                            int64_t deadline_boot_ms);
uint64_t http_wakes(struct http_server *server);

/* HTTP_STREAM: an answer that is written piece by piece, and no thread is held in between. The first
 * time, status, type and headers of the response are sent; each time request->stream.piece, which
 * must not be empty. When the peer has taken it, the handler is called again (parked_before is set)
 * and may append the next one, park, or end the stream with HTTP_ANSWER. One piece is all that is
 * held for a slow peer: keep it small. A peer that takes nothing for LIMIT_KEEP_ALIVE_MS is closed;
 * one that has left is seen by http_peer_is_there(), which a handler asks when deadline_passed is
 * set. A closing server ends the stream by itself. */
/* Wakes who is parked on the key, or with NULL everybody. Any thread; never blocks long. */
void http_wake(struct http_server *server, const char *key);
size_t http_parked(struct http_server *server);              /* for status and tests */

/* True while the client still holds the connection open (recv MSG_PEEK): look before giving a
 * parked request something that must not be lost. A client that has closed its writing half only
 * counts as gone: the two cannot be told apart. */
bool http_peer_is_there(struct http_request *request);

struct http_route {
    const char *method;  /* "GET"; NULL ends the table */
    const char *pattern; /* "/v1/tasks/{id}"; a trailing "*" matches any rest, as last param */
    http_handler handler;
};

struct http_config {
    const char *name;    /* thread names: "hub" */
    const char *address; /* "127.0.0.1"; NULL: no TCP listener */
    int port;            /* 0: the kernel picks */
    int unix_fd;         /* listening unix socket (closed by the server, or when open fails), or -1 */
    const struct http_route *routes;
    void *ctx;           /* handed to gate and handlers */
    /* Called on the event thread when headers are there and before the body is read; must not
     * block. HTTP_ANSWER: answer at once (the body is drained up to the limit, so that the client
     * reads the answer), HTTP_PASS: go on. NULL: no gate. */
    http_handler gate;
    /* Answers what no route matches; NULL: 404 {"ok":false,…} or 405 with Allow. */
    http_handler otherwise;
    /* Answers a body over the limit instead of the default 413 JSON; NULL: default. */
    http_handler too_large;
    const char *large;   /* pattern of the one route that takes bodies up to `large_limit`, or NULL */
    size_t large_limit;
    size_t body_limit;   /* bytes; larger bodies get 413 after being drained (up to 64 MB) */
    size_t bodies_limit; /* bytes of all bodies held at once, then 503; 0: LIMIT_BODIES */
    int handlers;        /* threads at most; 0: LIMIT_HANDLERS */
    int connections;     /* of each listener at most; 0: LIMIT_CONNECTIONS */
    int64_t request_ms;  /* a request must be whole by then; 0: LIMIT_REQUEST_MS */
};

/* Binds and starts. Routes and their strings stay the caller's. NULL with *err (code "port_taken", …) and a sentence that names the port. */
struct http_server *http_server_open(const struct http_config *config, struct err *err);
int http_server_port(const struct http_server *server);

/* Stops accepting, answers parked requests with 503 shutting_down, waits for running handlers at
 * most `drain_ms`, closes. */
void http_server_close(struct http_server *server, int64_t drain_ms);

/* Makes a listening unix socket at dir/name, mode 0600, however long the path is (binds through
 * /proc/self/fd). A stale socket file is replaced; the caller holds the process lock that says it
 * is stale. Returns the fd or -1 with *err. */
int http_unix_listen(const char *dir, const char *name, struct err *err);

#endif
