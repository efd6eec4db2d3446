/* The HTTP server: libmicrohttpd's callbacks. They run on the event threads and never block: they
 * collect the request, suspend its connection, hand it to the desk and send the answer. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "net/http_desk.h"
#include "net/http_listen.h"
#include "net/http_target.h"
#include "net/http_watch.h"

enum { SERVER_POOL_BYTES = 32768 }; /* per connection: headers both ways, read buffer */

struct http_server {
    struct http_config config;
    char *name;
    struct http_desk desk;
    struct http_watch *watch;
    struct MHD_Daemon *daemons[2]; /* TCP, unix */
    int port;
    atomic_size_t bodies;
};

struct http_desk *http_server_desk(struct http_server *server)
{
    return &server->desk;
}

static const char *connection_remote(struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char text[INET6_ADDRSTRLEN] = "unknown";
    if (!info || !info->client_addr || info->client_addr->sa_family == AF_UNIX)
        return "unix";
    if (info->client_addr->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const void *)info->client_addr;
        inet_ntop(AF_INET, &four->sin_addr, text, sizeof(text));
    } else if (info->client_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const void *)info->client_addr;
        inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text));
    }
    return arena_strdup(&exchange->request.arena, text);
}

/* The request line is there; what this returns becomes *con_cls of the other callbacks. */
static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct http_exchange *exchange = mem_zalloc(sizeof(*exchange));
    exchange->server = cls;
    exchange->connection = connection;
    exchange->holders = 1;
    exchange->request.body = "";
    exchange->raw_target = arena_strdup(&exchange->request.arena, uri);
    exchange->request.path = exchange->raw_target;
    exchange->request.remote = connection_remote(exchange);
    exchange->request.server = exchange->server;
    exchange->fd =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    exchange->watched =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    http_watch_begin(exchange->server->watch, exchange->watched);
    return exchange;
}

/* A name that is not a token (RFC 9110, section 5.6.2) or a NUL in a value may hide a header from
 * one of two readers. */
static bool header_is_clean(const char *name, const char *value, size_t value_len)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return *name && name[strspn(name, token)] == '\0' && !memchr(value, '\0', value_len);
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    struct http_exchange *exchange = cls;
    struct arena *arena = &exchange->request.arena;
    if (exchange->header_count == LIMIT_HEADERS)
        return MHD_NO;
    struct http_pair *header = &exchange->headers[exchange->header_count++];
    header->name = arena_memdup(arena, name, name_len);
    header->value = arena_memdup(arena, value ? value : "", value ? value_len : 0);
    if (strlen(header->name) != name_len ||
        !header_is_clean(header->name, header->value, value ? value_len : 0))
        exchange->bad_header = true;
    return MHD_YES;
}

static size_t count_header(const struct http_exchange *exchange, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < exchange->header_count; i++)
        count += strcasecmp(exchange->headers[i].name, name) == 0;
    return count;
}

/* Two readers must not disagree where the body ends (RFC 9112, section 6.3). */
static int framing_check(const struct http_exchange *exchange, struct err *err)
{
    const char *coding = http_header(&exchange->request, "Transfer-Encoding");
    if (count_header(exchange, "Content-Length") + count_header(exchange, "Transfer-Encoding") > 1)
        return err_set(err, "bad_framing",
                       "the request has more than one Content-Length or Transfer-Encoding");
    if (exchange->bad_header)
        return err_set(err, "bad_framing", "a header's name or value has forbidden characters");
    if (coding && strcasecmp(coding, "chunked") != 0)
        return err_set(err, "bad_framing", "Transfer-Encoding may only be chunked here");
    return 0;
}

/* Returns the status to refuse with, or 0. */
static int headers_check(struct http_exchange *exchange, struct err *err)
{
    size_t bytes = strlen(exchange->raw_target);
    for (size_t i = 0; i < exchange->header_count; i++)
        bytes += strlen(exchange->headers[i].name) + strlen(exchange->headers[i].value) + 4;
    if (bytes > LIMIT_HEADER_BYTES || exchange->header_count == LIMIT_HEADERS) {
        err_set(err, "headers_too_large", "the request line and headers are over %d bytes or %d",
                LIMIT_HEADER_BYTES, LIMIT_HEADERS - 1);
        return 431;
    }
    return http_target_parse(exchange, err) != 0 ? 400 : 0;
}

/* Where the answer is there before the body, the body is read and dropped first: an answer to a
 * client that is still sending would be lost in the reset of its connection. */
static void gate_ask(struct http_exchange *exchange)
{
    const struct http_config *config = &exchange->server->config;
    struct http_response response = {0};
    if (!config->gate || config->gate(config->ctx, &exchange->request, &response) != HTTP_ANSWER)
        return;
    http_answer_build(exchange, &response, false);
    exchange->drop_body = true;
}

static enum MHD_Result answer_queue(struct http_exchange *exchange, struct MHD_Response *answer,
                                    int status)
{
    exchange->place = HTTP_ANSWERED;
    return MHD_queue_response(exchange->connection, (unsigned)status, answer);
}

/* An answer in place of the body: the library closes the connection behind it. */
static enum MHD_Result answer_and_close(struct http_exchange *exchange, int status,
                                        const struct err *err)
{
    http_watch_whole(exchange->server->watch, exchange->watched);
    http_desk_sending(&exchange->server->desk, exchange);
    http_answer_error(exchange, status, err, true);
    return answer_queue(exchange, exchange->answer, status);
}

static size_t body_limit(const struct http_exchange *exchange)
{
    const struct http_config *config = &exchange->server->config;
    bool large =
        config->large && exchange->route && str_eq(exchange->route->pattern, config->large);
    return large ? config->large_limit : config->body_limit;
}

/* A body too large even to be dropped: what the gate said, or else that. */
static enum MHD_Result answer_unread(struct http_exchange *exchange)
{
    const struct http_config *config = &exchange->server->config;
    struct http_response response = {0};
    struct err err;
    if (exchange->answer) {
        http_watch_whole(exchange->server->watch, exchange->watched);
        http_desk_sending(&exchange->server->desk, exchange);
        return answer_queue(exchange, exchange->answer, exchange->status);
    }
    if (!config->too_large) {
        err_set(&err, "too_large", "the body is over the limit of %zu bytes", body_limit(exchange));
        return answer_and_close(exchange, 413, &err);
    }
    http_watch_whole(exchange->server->watch, exchange->watched);
    http_desk_sending(&exchange->server->desk, exchange);
    config->too_large(config->ctx, &exchange->request, &response);
    http_answer_build(exchange, &response, true);
    return answer_queue(exchange, exchange->answer, exchange->status);
}

static enum MHD_Result on_headers(struct http_exchange *exchange, const char *method)
{
    struct http_server *server = exchange->server;
    struct err err;
    exchange->place = HTTP_BODY;
    exchange->request.method = arena_strdup(&exchange->request.arena, method);
    exchange->headers =
        arena_alloc(&exchange->request.arena, LIMIT_HEADERS * sizeof(*exchange->headers));
    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, on_header, exchange);
    if (framing_check(exchange, &err) != 0)
        return answer_and_close(exchange, 400, &err);
    const char *length = http_header(&exchange->request, "Content-Length");
    int64_t expected = length ? strtoll(length, NULL, 10) : 0;
    int refused = headers_check(exchange, &err);
    if (refused) {
        http_answer_error(exchange, refused, &err, false);
        exchange->drop_body = true;
        return MHD_YES;
    }
    http_target_route(exchange, server->config.routes);
    exchange->too_large = (size_t)expected > body_limit(exchange);
    gate_ask(exchange);
    return expected > LIMIT_DRAIN_BODY ? answer_unread(exchange) : MHD_YES;
}

static void body_release(struct http_exchange *exchange)
{
    atomic_fetch_sub(&exchange->server->bodies, exchange->body.len);
    buf_fini(&exchange->body);
}

static void body_refuse_full(struct http_exchange *exchange)
{
    struct err err;
    const struct http_server *server = exchange->server;
    err_set(&err, "overloaded", "the bodies of running requests fill %zu MB",
            server->config.bodies_limit >> 20);
    err_hint(&err, "send it again in a moment");
    body_release(exchange);
    http_answer_error(exchange, 503, &err, false);
    exchange->drop_body = true;
}

static enum MHD_Result on_body(struct http_exchange *exchange, const char *bytes, size_t len)
{
    struct http_server *server = exchange->server;
    exchange->received += len;
    if (exchange->received > LIMIT_DRAIN_BODY)
        return MHD_NO;
    if (!exchange->too_large && exchange->received > body_limit(exchange)) {
        exchange->too_large = true;
        body_release(exchange);
    }
    if (exchange->too_large || exchange->drop_body)
        return MHD_YES;
    if (atomic_fetch_add(&server->bodies, len) + len > server->config.bodies_limit) {
        atomic_fetch_sub(&server->bodies, len);
        body_refuse_full(exchange);
        return MHD_YES;
    }
    buf_put(&exchange->body, bytes, len);
    return MHD_YES;
}

static enum MHD_Result on_whole(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    http_watch_whole(server->watch, exchange->watched);
    exchange->request.body = buf_text(&exchange->body);
    exchange->request.body_len = exchange->body.len;
    exchange->request.started_ms = time_boot_ms();
    if (exchange->answer) {
        http_desk_sending(&server->desk, exchange);
        return answer_queue(exchange, exchange->answer, exchange->status);
    }
    /* Suspended first: a fast handler's resume must find it so. */
    MHD_suspend_connection(exchange->connection);
    http_desk_submit(&server->desk, exchange);
    return MHD_YES;
}

static enum MHD_Result answer_given_up(struct http_exchange *exchange)
{
    static char text[] = "{\"ok\":false,\"error\":{\"code\":\"shutting_down\","
                         "\"message\":\"this process is shutting down\"}}\n";
    struct MHD_Response *answer =
        MHD_create_response_from_buffer(sizeof(text) - 1, text, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(answer, "Content-Type", "application/json; charset=utf-8");
    MHD_add_response_header(answer, "Retry-After", "1");
    MHD_add_response_header(answer, "Connection", "close");
    enum MHD_Result result = MHD_queue_response(exchange->connection, 503, answer);
    MHD_destroy_response(answer);
    return result;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *len, void **con_cls)
{
    struct http_exchange *exchange = *con_cls;
    if (!exchange)
        return MHD_NO;
    /* A suspended exchange is not called; one that was given up is its handler's, place included.
     */
    if (http_desk_gave_up(&exchange->server->desk, exchange))
        return answer_given_up(exchange);
    if (exchange->place == HTTP_HEADERS)
        return on_headers(exchange, method);
    if (exchange->place != HTTP_BODY)
        return answer_queue(exchange, exchange->answer, exchange->status);
    if (*len == 0)
        return on_whole(exchange);
    size_t got = *len;
    *len = 0;
    return on_body(exchange, bytes, got);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode why)
{
    struct http_server *server = cls;
    struct http_exchange *exchange = *con_cls;
    if (!exchange)
        return;
    *con_cls = NULL;
    http_watch_idle(server->watch, exchange->watched);
    atomic_fetch_sub(&server->bodies, exchange->body.len);
    http_desk_sent(&server->desk, exchange);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = cls;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *context = http_watch_add(server->watch, fd);
    } else if (*context) {
        http_watch_drop(server->watch, *context);
        *context = NULL;
    }
}

/* Escapes are decoded by http_target.c, which refuses what the library would let pass. */
static size_t on_unescape(void *cls, struct MHD_Connection *connection, char *text)
{
    return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *format,
                                                         va_list args)
{
    char line[256];
    vsnprintf(line, sizeof(line), format, args);
    log_debug("http: %s", line);
}

/* What a route does not answer: the default 404 or 405. */
static void answer_no_route(struct http_exchange *exchange)
{
    struct err err;
    if (exchange->allow) {
        err_set(&err, "method_not_allowed", "%s is not allowed on %s", exchange->request.method,
                exchange->request.path);
        err_hint(&err, "allowed: %s", exchange->allow);
    } else {
        err_set(&err, "not_found", "there is nothing at %s", exchange->request.path);
    }
    http_answer_error(exchange, exchange->allow ? 405 : 404, &err, false);
}

static void answer_too_large(struct http_exchange *exchange)
{
    struct err err;
    err_set(&err, "too_large", "the body is over the limit of %zu bytes", body_limit(exchange));
    http_answer_error(exchange, 413, &err, false);
}

/* Event thread. A piece that is sent is let go at once: most streams are idle most of the time. The
 * connection is suspended before the desk has the exchange, so that a fast handler's resume finds
 * it so. */
static ssize_t stream_read(void *cls, uint64_t pos, char *out, size_t room)
{
    struct http_exchange *exchange = cls;
    struct http_desk *desk = &exchange->server->desk;
    struct buf *piece = &exchange->request.stream.piece;
    if (http_desk_gave_up(desk, exchange))
        return MHD_CONTENT_READER_END_OF_STREAM;
    size_t left = piece->len - exchange->piece_sent;
    if (left > 0) {
        size_t len = left < room ? left : room;
        memcpy(out, piece->bytes + exchange->piece_sent, len);
        exchange->piece_sent += len;
        return (ssize_t)len;
    }
    if (exchange->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    buf_fini(piece);
    exchange->piece_sent = 0;
    MHD_suspend_connection(exchange->connection);
    http_desk_submit(desk, exchange);
    return 0;
}

static enum http_verdict exchange_go_on(struct http_exchange *exchange, enum http_verdict verdict,
                                        const struct http_response *response)
{
    if (str_eq(exchange->request.method, "HEAD")) {
        http_answer_build(exchange, response, http_desk_is_closing(&exchange->server->desk));
        return HTTP_ANSWER;
    }
    if (!exchange->streams)
        http_answer_stream(exchange, response, stream_read);
    exchange->streams = true;
    exchange->ended = verdict != HTTP_STREAM;
    return verdict;
}

/* On a handler thread: finds who answers and builds the answer. */
static enum http_verdict exchange_run(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    struct http_response response = {0};
    http_handler handler = exchange->too_large ? server->config.too_large
                           : exchange->route   ? exchange->route->handler
                                               : server->config.otherwise;
    enum http_verdict verdict =
        handler ? handler(server->config.ctx, &exchange->request, &response) : HTTP_PASS;
    if (verdict == HTTP_PARK)
        return verdict;
    if (verdict == HTTP_STREAM || exchange->streams)
        return exchange_go_on(exchange, verdict, &response);
    if (verdict == HTTP_ANSWER)
        http_answer_build(exchange, &response, http_desk_is_closing(&server->desk));
    else if (exchange->too_large)
        answer_too_large(exchange);
    else
        answer_no_route(exchange);
    return HTTP_ANSWER;
}

static void server_free(void *arg)
{
    struct http_server *server = arg;
    http_desk_fini(&server->desk);
    free(server->name);
    free(server);
}

/* The library's thread inherits the signal mask: signals belong to the main thread. */
static struct MHD_Daemon *daemon_start(struct http_server *server, int fd)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT,
        server->config.connections > 0 ? (unsigned)server->config.connections : LIMIT_CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SERVER_POOL_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(LIMIT_KEEP_ALIVE_MS / 1000),
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)LIMIT_THREAD_STACK, MHD_OPTION_URI_LOG_CALLBACK,
        on_request_line, server, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

static int server_listen(struct http_server *server, struct err *err)
{
    const struct http_config *config = &server->config;
    if (config->address) {
        int fd = http_tcp_listen(config, &server->port, err);
        if (fd < 0)
            return -1;
        server->daemons[0] = daemon_start(server, fd);
        if (!server->daemons[0]) {
            close(fd);
            return err_set(err, "cannot_serve", "the HTTP server of %s did not start",
                           server->name);
        }
    }
    if (config->unix_fd >= 0) {
        server->daemons[1] = daemon_start(server, config->unix_fd);
        if (!server->daemons[1])
            return err_set(err, "cannot_serve", "the HTTP server of %s did not start",
                           server->name);
    }
    return 0;
}

struct http_server *http_server_open(const struct http_config *config, struct err *err)
{
    struct http_server *server = mem_zalloc(sizeof(*server));
    server->config = *config;
    server->name = mem_strdup(config->name ? config->name : "hq");
    server->config.name = server->name;
    if (server->config.body_limit == 0 || server->config.body_limit > LIMIT_DRAIN_BODY)
        server->config.body_limit = LIMIT_API_BODY;
    if (server->config.bodies_limit == 0)
        server->config.bodies_limit = LIMIT_BODIES;
    server->desk.name = server->name;
    server->desk.threads_max = config->handlers > 0 ? config->handlers : LIMIT_HANDLERS;
    server->desk.run = exchange_run;
    server->desk.on_last = server_free;
    server->desk.owner = server;
    http_desk_init(&server->desk);
    server->watch = http_watch_open(server->name,
                                    config->request_ms > 0 ? config->request_ms : LIMIT_REQUEST_MS,
                                    LIMIT_KEEP_ALIVE_MS);
    if (server->watch && server_listen(server, err) == 0)
        return server;
    if (config->unix_fd >= 0 && !server->daemons[1])
        close(config->unix_fd);
    if (server->watch) {
        http_server_close(server, 0);
    } else {
        err_set(err, "no_threads", "the HTTP server of %s could not start a thread", server->name);
        server_free(server);
    }
    return NULL;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_close(struct http_server *server, int64_t drain_ms)
{
    if (!server)
        return;
    MHD_socket listening[2] = {MHD_INVALID_SOCKET, MHD_INVALID_SOCKET};
    for (int i = 0; i < 2; i++) {
        if (server->daemons[i])
            listening[i] = MHD_quiesce_daemon(server->daemons[i]);
        if (listening[i] != MHD_INVALID_SOCKET)
            shutdown(listening[i], SHUT_RDWR); /* refuses newcomers from here on */
    }
    http_desk_close(&server->desk, drain_ms);
    for (int i = 0; i < 2; i++)
        if (server->daemons[i])
            MHD_stop_daemon(server->daemons[i]);
    for (int i = 0; i < 2; i++) /* the event threads may have named it until they ended */
        if (listening[i] != MHD_INVALID_SOCKET)
            close(listening[i]);
    http_watch_close(server->watch);
    if (!http_desk_orphan(&server->desk))
        server_free(server);
}

uint64_t http_wakes(struct http_server *server)
{
    return http_desk_wakes(&server->desk);
}

void http_wake(struct http_server *server, const char *key)
{
    http_desk_wake(&server->desk, key);
}

size_t http_parked(struct http_server *server)
{
    return http_desk_parked(&server->desk);
}
