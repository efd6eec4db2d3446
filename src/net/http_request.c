/* What a handler may ask of its request. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/str.h"
#include "net/http_desk.h"

const char *http_header(const struct http_request *request, const char *name)
{
    const struct http_exchange *exchange = (const struct http_exchange *)request;
    for (size_t i = 0; i < exchange->header_count; i++)
        if (strcasecmp(exchange->headers[i].name, name) == 0)
            return exchange->headers[i].value;
    return NULL;
}

const char *http_query(const struct http_request *request, const char *name)
{
    const struct http_exchange *exchange = (const struct http_exchange *)request;
    for (size_t i = 0; i < exchange->query_count; i++)
        if (str_eq(exchange->query[i].name, name))
            return exchange->query[i].value;
    return NULL;
}

const char *http_query_next(const struct http_request *request, const char *name, size_t *at)
{
    const struct http_exchange *exchange = (const struct http_exchange *)request;
    while (*at < exchange->query_count) {
        const struct http_pair *pair = &exchange->query[(*at)++];
        if (str_eq(pair->name, name))
            return pair->value;
    }
    return NULL;
}

const char *http_bearer(struct http_request *request)
{
    const char *value = http_header(request, "Authorization");
    if (!value)
        return NULL;
    value += strspn(value, " \t");
    if (strncasecmp(value, "Bearer", 6) != 0 || (value[6] != ' ' && value[6] != '\t'))
        return NULL;
    const char *token = str_trim(&request->arena, value + 6);
    return *token ? token : NULL;
}

bool http_connection_is_there(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

bool http_peer_is_there(struct http_request *request)
{
    struct http_exchange *exchange = (struct http_exchange *)request;
    struct http_desk *desk = http_server_desk(exchange->server);
    return !http_desk_gave_up(desk, exchange) && http_connection_is_there(exchange->fd);
}

enum http_verdict http_park(struct http_request *request, const char *key, uint64_t seen,
                            int64_t deadline_boot_ms)
{
    struct http_exchange *exchange = (struct http_exchange *)request;
    /* A request that is parked again and again must not grow with every round. */
    if (!str_eq(exchange->park_key, key))
        exchange->park_key = arena_strdup(&request->arena, key);
    exchange->park_seen = seen;
    exchange->park_deadline = deadline_boot_ms;
    return HTTP_PARK;
}

void http_exchange_close(struct http_exchange *exchange)
{
    struct http_stream *stream = &exchange->request.stream;
    if (stream->on_end)
        stream->on_end(stream->state);
    buf_fini(&stream->piece);
    if (exchange->answer)
        MHD_destroy_response(exchange->answer);
    buf_fini(&exchange->body);
    /* The arena lives inside the exchange, which is therefore not in it. */
    arena_fini(&exchange->request.arena);
    free(exchange);
}
