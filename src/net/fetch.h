/* An HTTP client (libcurl): one blocking call, a body that streams to the caller, cancel from
 * another thread, a deadline for every phase. Handles (and their connections) are pooled. */
#ifndef HQ_NET_FETCH_H
#define HQ_NET_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

struct err;
struct fetch;        /* the pool; thread-safe */
struct fetch_cancel; /* a switch another thread may throw */

/* Cannot fail. Closed when no call runs any more. */
struct fetch *fetch_open(void);
void fetch_close(struct fetch *fetch);

/* Once thrown it stays so. Closed by its owner after the calls that name it have returned. */
struct fetch_cancel *fetch_cancel_open(void);
void fetch_cancel_close(struct fetch_cancel *cancel);
void fetch_cancel(struct fetch_cancel *cancel); /* any thread; running and later calls end */
/* Any thread; never blocks. */
bool fetch_is_cancelled(const struct fetch_cancel *cancel);

struct fetch_request {
    const char *method; /* NULL: GET without body, POST with */
    const char *url;
    const char *unix_dir;  /* speak to the socket unix_dir/unix_name instead of TCP; any length */
    const char *unix_name;
    const char *const *headers; /* "Name: value", NULL at the end; NULL: none */
    const char *body;
    size_t body_len;
    int64_t connect_ms;    /* 0: 10 s */
    int64_t first_byte_ms; /* from sent to first response byte; 0: no bound of its own */
    int64_t idle_ms;       /* between two pieces of the body; 0: no bound of its own */
    int64_t total_ms;      /* everything; 0: 10 min */
    size_t max_body;       /* 0: LIMIT_MODEL_ANSWER */
    /* On a connection of its own, used for this call alone: libcurl repeats a request by itself where a
     * kept connection ends before the first byte of an answer, and the server may have seen it
     * (CURLOPT_FRESH_CONNECT, CURLOPT_FORBID_REUSE). */
    bool once;
    struct fetch_cancel *cancel; /* or NULL */
    /* Gets body pieces of a 2xx as they come, on the calling thread; non-zero ends the call with
     * FETCH_STOPPED. NULL: the whole body is collected in response->body. Bodies of other statuses
     * are always collected. */
    int (*on_piece)(void *ctx, const char *bytes, size_t len);
    /* Called on the calling thread while the call lasts, `tick_ms` after its begin and after each call of
     * it, for whoever has more to do than to read; non-zero ends the call with FETCH_STOPPED. Or NULL. */
    int (*on_tick)(void *ctx);
    int64_t tick_ms;
    void *ctx;
};

struct fetch_response {
    int status;
    struct buf body;
    int64_t retry_after_ms; /* of Retry-After (seconds or HTTP-date), -1: none */
    bool sent;              /* the request may have reached the server */
};

/* Frees the body; on zeroed memory it does nothing. */
void fetch_response_fini(struct fetch_response *response);

enum fetch_outcome {
    FETCH_OK = 0,        /* a whole response of any status */
    FETCH_UNREACHABLE,   /* refused, no route, DNS, TLS, bad URL: the request was never sent */
    FETCH_TIMEOUT,       /* a phase's deadline; *err names the phase */
    FETCH_CUT,           /* sent, but the connection ended before a whole answer was there */
    FETCH_CANCELLED,
    FETCH_STOPPED,       /* on_piece said so */
    FETCH_TOO_LARGE,
};

/* Speaks HTTP/1.1, follows no redirects, and uses the environment's proxy except for loopback and unix
 * sockets. Trusts the certificates of /etc/ssl/certs or of SSL_CERT_DIR. Blocks until done. The caller
 * calls fetch_response_fini() after any outcome. On anything but FETCH_OK *err says what happened, without secrets. */
enum fetch_outcome fetch_run(struct fetch *fetch, const struct fetch_request *request,
                             struct fetch_response *response, struct err *err);

#endif
