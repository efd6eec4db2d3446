/* Private to net/: one request with its connection, from the request line until the answer is sent.
 */
#ifndef HQ_NET_HTTP_EXCHANGE_H
#define HQ_NET_HTTP_EXCHANGE_H

#include <microhttpd.h>

#include "base/buf.h"
#include "net/http_server.h"

struct http_watched;

struct http_pair {
    const char *name, *value;
};

/* Who may touch an exchange: the event thread while it is read and once it is answered, one handler
 * thread while it runs, and the desk (under its lock) while it waits in one of the desk's lists. */
enum http_place { HTTP_HEADERS, HTTP_BODY, HTTP_QUEUED, HTTP_RUNNING, HTTP_PARKED, HTTP_ANSWERED };

struct http_exchange {
    struct http_request request; /* first: handlers' pointer is the exchange's */
    struct http_server *server;
    struct MHD_Connection *connection;
    struct http_watched *watched;
    int fd;
    const char *raw_target; /* as sent: path and query still encoded */
    struct http_pair *headers, *query;
    size_t header_count, query_count;
    bool bad_header;
    const struct http_route *route; /* NULL: nothing matches */
    const char *allow;              /* methods of the routes that match but for the method */
    struct buf body;
    size_t received;           /* body bytes seen, kept or dropped */
    bool too_large, drop_body; /* over the limit; already answered: read and drop */
    bool counted, gave_up;     /* the desk's */

    bool streams, ended; /* the answer is a stream; … and its last piece is there */
    size_t piece_sent;   /* of the stream's piece */

    int status; /* of the answer */
    struct MHD_Response *answer;

    enum http_place place;
    int holders; /* 1, or 2 when a closing server gave up waiting for the handler */
    const char *park_key;
    uint64_t park_seen;
    int64_t park_deadline;
    struct http_exchange *next, **link; /* the desk's list it is in */
};

/* Builds the MHD answer whose bytes `read` gives, called on the event thread with the exchange. */
void http_answer_stream(struct http_exchange *exchange, const struct http_response *response,
                        MHD_ContentReaderCallback read);
/* Builds the MHD answer from what a handler (or gate) filled; frees one that was there. */
void http_answer_build(struct http_exchange *exchange, const struct http_response *response,
                       bool closing);
/* The same for an answer of the server's own. */
void http_answer_error(struct http_exchange *exchange, int status, const struct err *err,
                       bool closing);

void http_exchange_close(struct http_exchange *exchange);

/* False when the peer of this socket has closed it (or its writing half: they look the same). */
bool http_connection_is_there(int fd);

struct http_desk *http_server_desk(struct http_server *server);

#endif
