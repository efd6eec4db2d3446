/* The server answers what a client may send, and what a client should not send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/http_server.h"
#include "net_probe.h"

struct fixture {
    struct http_server *server;
    int port;
    atomic_int hold_entered, hold_left;
    atomic_bool release;
};

/* Stands before the library's function. With `lag_ms` its caller stays inside for so long after the
 * connection went on, as it may on a busy machine. */
static atomic_int lag_ms, inside;

void MHD_resume_connection(struct MHD_Connection *connection)
{
    void (*resume)(struct MHD_Connection *);
    *(void **)&resume = dlsym(RTLD_NEXT, "MHD_resume_connection");
    inside++;
    resume(connection);
    usleep(lag_ms * 1000);
    inside--;
}

static enum http_verdict show(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    const char *q = http_query(request, "q"), *extra = http_header(request, "x-EXTRA");
    const char *bearer = http_bearer(request);
    json_t *body = json_object();
    json_set_text(body, "method", request->method);
    json_set_text(body, "path", request->path);
    json_set_text(body, "p0", request->params[0]);
    json_set_text(body, "p1", request->params[1]);
    json_set_text(body, "q", q);
    json_set_text(body, "extra", extra);
    json_set_text(body, "bearer", bearer);
    json_set_text(body, "remote", request->remote);
    json_object_set_new(body, "len", json_integer((json_int_t)request->body_len));
    http_add_header(response, "X-Answer", "yes");
    return http_json(request, response, 200, body);
}

static enum http_verdict echo(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    return http_text(response, 201, request->body);
}

static enum http_verdict hold(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    struct fixture *fixture = ctx;
    fixture->hold_entered++;
    while (!fixture->release)
        usleep(1000);
    bool there = http_peer_is_there(request);
    fixture->hold_left++;
    return http_text(response, 200, there ? "there" : "gone");
}

static const struct http_route routes[] = {
    {"GET", "/v1/tasks/{id}", show},
    {"POST", "/v1/tasks/{id}", show},
    {"GET", "/v1/tasks/{id}/calls/{n}", show},
    {"GET", "/files/*", show},
    {"POST", "/echo", echo},
    {"GET", "/hold", hold},
    {"POST", "/hold", hold},
    {NULL, NULL, NULL},
};

static enum http_verdict gate(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    struct err err;
    if (strncmp(request->path, "/hold", 5) == 0 || http_bearer(request))
        return HTTP_PASS;
    err_set(&err, "unauthorized", "no token");
    return http_error(request, response, 401, &err);
}

static void fixture_open(struct fixture *fixture, int64_t request_ms)
{
    struct err err = {0};
    struct http_config config = {.name = "test",
                                 .address = "127.0.0.1",
                                 .unix_fd = -1,
                                 .routes = routes,
                                 .ctx = fixture,
                                 .gate = gate,
                                 .body_limit = 1000,
                                 .request_ms = request_ms};
    fixture->server = http_server_open(&config, &err);
    if (!fixture->server)
        fail_msg("%s", err.message);
    fixture->port = http_server_port(fixture->server);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture_open(fixture, 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    http_server_close(fixture->server, 5000);
    free(fixture);
    return 0;
}

#define AUTH "Authorization: bEaReR  abc \r\nHost: x\r\n"

static void has(const char *answer, const char *text)
{
    assert_non_null(answer);
    if (!strstr(answer, text))
        fail_msg("\"%s\" is not in:\n%s", text, answer);
}

static void routes_have_params(void **state)
{
    struct fixture *fixture = *state;
    const char *answer = probe_ask(fixture->port, "GET /v1/tasks/t-1%2Fa/calls/7?x=1&q=a%20b+c "
                                                  "HTTP/1.1\r\n" AUTH "X-Extra: e\r\n\r\n");
    has(answer, "HTTP/1.1 200");
    has(answer, "X-Answer: yes");
    has(answer, "Content-Type: application/json; charset=utf-8");
    has(answer, "\"p0\":\"t-1/a\",\"p1\":\"7\",\"q\":\"a b c\",\"extra\":\"e\",\"bearer\":\"abc\"");
    has(answer, "\"path\":\"/v1/tasks/t-1/a/calls/7\"");
    has(answer, "\"remote\":\"127.0.0.1\"");
    answer = probe_ask(fixture->port, "GET /files/a/b%20c HTTP/1.1\r\n" AUTH "\r\n");
    has(answer, "\"p0\":\"a/b c\"");
}

static void unknown_paths_and_methods_are_named(void **state)
{
    struct fixture *fixture = *state;
    const char *answer = probe_ask(fixture->port, "GET /nothing HTTP/1.1\r\n" AUTH "\r\n");
    has(answer, "HTTP/1.1 404");
    has(answer, "\"code\":\"not_found\"");
    answer = probe_ask(fixture->port, "DELETE /v1/tasks/1 HTTP/1.1\r\n" AUTH "\r\n");
    has(answer, "HTTP/1.1 405");
    has(answer, "Allow: GET, HEAD, POST");
    answer = probe_ask(fixture->port, "BREW /v1/tasks/1 HTTP/1.1\r\n" AUTH "\r\n");
    has(answer, "HTTP/1.1 405");
    answer = probe_ask(fixture->port, "GET /v1/tasks/ HTTP/1.1\r\n" AUTH "\r\n");
    has(answer, "HTTP/1.1 404");
}

static void head_has_no_body(void **state)
{
    struct fixture *fixture = *state;
    char answer[4096];
    int fd = probe_connect(fixture->port);
    probe_send(fd, "HEAD /v1/tasks/1 HTTP/1.1\r\nConnection: close\r\n" AUTH "\r\n");
    shutdown(fd, SHUT_WR);
    assert_true(probe_read(fd, answer, sizeof(answer)) > 0);
    close(fd);
    has(answer, "HTTP/1.1 200");
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void broken_targets_are_refused(void **state)
{
    static const char *const targets[] = {"/a%00b",       "/a%zz",    "/a%2",   "/a%",
                                          "/v1?q=%ff%fe", "/a%0d%0a", "http:x", "/%c3%28"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        char request[256];
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" AUTH "\r\n", targets[i]);
        has(probe_ask(fixture->port, request), "HTTP/1.1 400");
    }
}

static void bodies_arrive_whole(void **state)
{
    struct fixture *fixture = *state;
    has(probe_ask(fixture->port, "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: 5\r\n\r\nhello"),
        "\r\n\r\nhello");
    has(probe_ask(fixture->port, "POST /echo HTTP/1.1\r\n" AUTH
                                 "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n there\r\n"
                                 "0\r\n\r\n"),
        "\r\n\r\nhello there");
}

static void connections_are_kept(void **state)
{
    struct fixture *fixture = *state;
    char answer[4096];
    int fd = probe_connect(fixture->port);
    for (int i = 0; i < 20; i++) {
        assert_true(probe_send(fd, "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: 2\r\n\r\nhi"));
        assert_true(probe_read(fd, answer, sizeof(answer)) > 0);
        has(answer, "HTTP/1.1 201");
    }
    close(fd);
}

static void framing_lies_are_refused(void **state)
{
    static const char *const lies[] = {
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: five\r\n\r\nhello",
        "Content-Length: 5x\r\n\r\nhello",
        "Content-Length: +5\r\n\r\nhello",
        "Content-Length : 5\r\n\r\nhello",
        "X-Y(): 5\r\n\r\n",
        "Content-Length: -5\r\n\r\nhello",
        "Content-Length: 99999999999999999999999\r\n\r\nhello",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
        char request[512];
        snprintf(request, sizeof(request), "POST /echo HTTP/1.1\r\n" AUTH "%s", lies[i]);
        const char *answer = probe_ask(fixture->port, request);
        if (strncmp(answer, "HTTP/1.1 4", 10) != 0)
            fail_msg("case %zu: %s", i, answer);
    }
}

static bool hold_has_entered(void *ctx)
{
    return ((struct fixture *)ctx)->hold_entered > 0;
}

static bool hold_has_left(void *ctx)
{
    return ((struct fixture *)ctx)->hold_left > 0;
}

/* Whatever the library makes of them: no handler sees such a body as whole. */
static void broken_chunks_never_reach_a_handler(void **state)
{
    static const char *const chunks[] = {
        "zz\r\nhello\r\n0\r\n\r\n", "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloo\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5\r\nhel"};
    struct fixture fixture = {0};
    fixture_open(&fixture, 300); /* ends what the library takes for an unfinished body */
    for (size_t i = 0; i < sizeof(chunks) / sizeof(*chunks); i++) {
        char request[512], answer[4096];
        int fd = probe_connect(fixture.port);
        snprintf(request, sizeof(request),
                 "POST /echo HTTP/1.1\r\n" AUTH "Transfer-Encoding: chunked\r\n\r\n%s", chunks[i]);
        assert_true(probe_send(fd, request));
        shutdown(fd, SHUT_WR);
        assert_int_not_equal(probe_read(fd, answer, sizeof(answer)), -1);
        if (strstr(answer, " 201 "))
            fail_msg("case %zu: %s", i, answer);
        close(fd);
    }
    http_server_close(fixture.server, 1000);
}

static void older_and_careful_clients_are_served(void **state)
{
    struct fixture *fixture = *state;
    char answer[4096];
    has(probe_ask(fixture->port, "GET /v1/tasks/1 HTTP/1.0\r\n" AUTH "\r\n"), " 200 OK");
    int fd = probe_connect(fixture->port);
    assert_true(probe_send(fd, "POST /echo HTTP/1.1\r\n" AUTH "Expect: 100-continue\r\n"
                               "Content-Length: 5\r\n\r\n"));
    assert_int_equal(recv(fd, answer, 25, MSG_WAITALL), 25);
    assert_memory_equal(answer, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    assert_true(probe_send(fd, "hello"));
    assert_true(probe_read(fd, answer, sizeof(answer)) > 0);
    has(answer, "\r\n\r\nhello");
    close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    char answer[65536] = "";
    int fd = probe_connect(fixture->port), used = 0;
    for (int i = 0; i < 5; i++) {
        char request[256];
        snprintf(request, sizeof(request),
                 "POST /echo HTTP/1.1\r\n%s" AUTH "Content-Length: 2\r\n\r\nn%d",
                 i == 4 ? "Connection: close\r\n" : "", i);
        assert_true(probe_send(fd, request));
    }
    for (ssize_t got; (got = recv(fd, answer + used, sizeof(answer) - 1 - (size_t)used, 0)) > 0;)
        used += (int)got;
    const char *at = answer;
    for (int i = 0; i < 5; i++) {
        char body[8];
        snprintf(body, sizeof(body), "\r\n\r\nn%d", i);
        at = strstr(at, body);
        assert_non_null(at);
    }
    close(fd);
}

static enum http_verdict own_page(void *ctx, struct http_request *request,
                                  struct http_response *response)
{
    http_add_header(response, "X-Bad", "a\r\nX-Injected: b");
    return http_text(response, 418, request->body_len ? "with body" : "own page");
}

static void the_owner_may_answer_the_rest(void **state)
{
    struct err err;
    struct http_config config = {.name = "test",
                                 .address = "127.0.0.1",
                                 .unix_fd = -1,
                                 .routes = routes,
                                 .otherwise = own_page,
                                 .too_large = own_page,
                                 .body_limit = 10};
    struct http_server *server = http_server_open(&config, &err);
    int port = http_server_port(server);
    const char *answer = probe_ask(port, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    has(answer, "HTTP/1.1 418");
    has(answer, "own page");
    assert_null(strstr(answer, "Injected"));
    answer = probe_ask(port, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"
                             "hello there");
    has(answer, "own page"); /* a body over the limit is not handed over */
    http_server_close(server, 1000);
}

static void all_bodies_together_are_bound(void **state)
{
    struct err err;
    struct fixture fixture = {0};
    char answer[4096];
    struct http_config config = {.name = "test",
                                 .address = "127.0.0.1",
                                 .unix_fd = -1,
                                 .routes = routes,
                                 .ctx = &fixture,
                                 .bodies_limit = 12};
    struct http_server *server = http_server_open(&config, &err);
    int port = http_server_port(server);
    int held = probe_connect(port);
    probe_send(held, "POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n12345678");
    assert_true(probe_until(hold_has_entered, &fixture));
    static const char echo_five[] =
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    const char *full = probe_ask(port, echo_five);
    has(full, "HTTP/1.1 503");
    has(full, "Retry-After: 1");
    fixture.release = true;
    assert_true(probe_read(held, answer, sizeof(answer)) > 0);
    close(held);
    for (int i = 0; i < 5; i++) /* what was counted is given back */
        has(probe_ask(port, echo_five), "hello");
    http_server_close(server, 1000);
}

static void large_headers_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static char request[200000];
    for (size_t size = 17000; size < 150000; size += 60000) {
        int used = sprintf(request, "GET /v1/tasks/1 HTTP/1.1\r\n" AUTH "X-Big: ");
        memset(request + used, 'a', size);
        strcpy(request + used + size, "\r\n\r\n");
        int fd = probe_connect(fixture->port);
        char answer[4096];
        probe_send(fd, request);
        int len = probe_read(fd, answer, sizeof(answer));
        assert_true(len == 0 || strncmp(answer, "HTTP/1.1 431", 12) == 0);
        close(fd);
    }
    has(probe_ask(fixture->port, "GET /v1/tasks/1 HTTP/1.1\r\n" AUTH "\r\n"), "200");
}

/* Sends the whole body before it reads: the answer must still be there. */
static void refused_upload(struct fixture *fixture, const char *head, const char *expect)
{
    size_t len = 5 << 20;
    char *body = mem_alloc(len), answer[4096];
    memset(body, 'x', len);
    int fd = probe_connect(fixture->port);
    assert_true(probe_send(fd, head));
    assert_true(probe_send_bytes(fd, body, len));
    if (strstr(head, "chunked"))
        assert_true(probe_send(fd, "\r\n0\r\n\r\n"));
    assert_true(probe_read(fd, answer, sizeof(answer)) > 0);
    has(answer, expect);
    assert_true(probe_send(fd, "GET /v1/tasks/1 HTTP/1.1\r\n" AUTH "\r\n"));
    assert_true(probe_read(fd, answer, sizeof(answer)) > 0);
    has(answer, "HTTP/1.1 200");
    close(fd);
    free(body);
}

static void refusals_of_large_bodies_are_readable(void **state)
{
    struct fixture *fixture = *state;
    refused_upload(fixture, "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: 5242880\r\n\r\n",
                   "HTTP/1.1 413");
    refused_upload(fixture,
                   "POST /echo HTTP/1.1\r\n" AUTH "Transfer-Encoding: chunked\r\n\r\n500000\r\n",
                   "\"code\":\"too_large\"");
    refused_upload(fixture, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5242880\r\n\r\n",
                   "HTTP/1.1 401");
    has(probe_ask(fixture->port,
                  "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: 99999999999\r\n\r\n"),
        "HTTP/1.1 413");
    has(probe_ask(fixture->port,
                  "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"),
        "HTTP/1.1 401");
}

static void the_gate_is_asked_first(void **state)
{
    struct fixture *fixture = *state;
    has(probe_ask(fixture->port, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 401");
    has(probe_ask(fixture->port, "GET /v1/tasks/1 HTTP/1.1\r\nHost: x\r\n\r\n"), "no token");
}

static void half_closed_clients_get_their_answer(void **state)
{
    struct fixture *fixture = *state;
    char answer[4096];
    int fd = probe_connect(fixture->port);
    probe_send(fd, "POST /echo HTTP/1.1\r\n" AUTH "Content-Length: 5\r\n\r\nhello");
    shutdown(fd, SHUT_WR);
    assert_true(probe_read(fd, answer, sizeof(answer)) > 0);
    has(answer, "hello");
    close(fd);
}

static void clients_may_hang_up_while_the_handler_runs(void **state)
{
    struct fixture *fixture = *state;
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = probe_connect(fixture->port);
    probe_send(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(probe_until(hold_has_entered, fixture));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    fixture->release = true;
    assert_true(probe_until(hold_has_left, fixture));
    has(probe_ask(fixture->port, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"), "there");
}

/* The kernel's buffers do not hold this answer, so that the client leaves in its middle. */
static enum http_verdict flood(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    response->status = 200;
    response->body_len = 32 << 20;
    response->body = arena_alloc(&request->arena, response->body_len);
    return HTTP_ANSWER;
}

static void clients_may_hang_up_in_the_middle_of_an_answer(void **state)
{
    static const struct http_route flood_routes[] = {{"GET", "/flood", flood}, {NULL, NULL, NULL}};
    struct err err;
    struct http_config config = {
        .name = "test", .address = "127.0.0.1", .unix_fd = -1, .routes = flood_routes};
    struct http_server *server = http_server_open(&config, &err);
    assert_non_null(server);
    for (int i = 0; i < 3; i++) {
        char some[1000];
        int fd = probe_connect(http_server_port(server));
        probe_send(fd, "GET /flood HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(recv(fd, some, sizeof(some), 0) > 0);
        close(fd);
    }
    has(probe_ask(http_server_port(server), "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"), "404");
    http_server_close(server, 1000);
}

enum { SHORT_MS = 150 };

/* What is told to one who sends no more than this. */
static int send_start(struct fixture *fixture, const char *start, char *answer, size_t cap)
{
    int fd = probe_connect(fixture->port);
    probe_send(fd, start);
    int len = probe_read(fd, answer, cap);
    close(fd);
    return len;
}

/* Returns the connection on which a handler took its time. A busy machine may not read the request
 * itself in time: then it is asked again. */
static int hold_for_long(struct fixture *fixture, char *answer, size_t cap)
{
    int64_t until = time_boot_ms() + PROBE_WAIT_MS;
    for (;;) {
        int fd = probe_connect(fixture->port);
        fixture->release = false;
        probe_send(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
        usleep(2 * SHORT_MS * 1000);
        fixture->release = true;
        probe_read(fd, answer, cap);
        if (strstr(answer, "there") || time_boot_ms() > until)
            return fd;
        close(fd);
    }
}

static void slow_requests_are_ended(void **state)
{
    static const char *const starts[] = {"", "GET /v1/ta", "GET / HTTP/1.1\r\nX-A: b\r\n",
                                         "POST /echo HTTP/1.1\r\n" AUTH
                                         "Content-Length: 50\r\n\r\nhel"};
    struct fixture fixture = {0};
    char answer[4096];
    fixture_open(&fixture, SHORT_MS);
    for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
        int64_t until = time_boot_ms() + PROBE_WAIT_MS;
        int len = send_start(&fixture, starts[i], answer, sizeof(answer));
        while (len == 0 && i >= 2 && time_boot_ms() < until) /* the first line was late, too */
            len = send_start(&fixture, starts[i], answer, sizeof(answer));
        assert_true(len == 0 || strncmp(answer, "HTTP/1.1 408", 12) == 0);
        assert_true(i < 2 || len > 0);
        if (len > 0)
            has(answer, "\r\n\r\n{\"ok\":false,\"error\":\"request body timeout\"}");
    }
    /* A second request on a kept connection is bound as well; a handler's time is not counted. */
    int fd = hold_for_long(&fixture, answer, sizeof(answer));
    has(answer, "there");
    probe_send(fd, "GET /v1/tasks/1 HTTP/1.1\r\nX-A:");
    assert_int_not_equal(probe_read(fd, answer, sizeof(answer)), -1);
    assert_null(strstr(answer, "200 OK"));
    close(fd);
    http_server_close(fixture.server, 1000);
}

/* The library frees the daemon that a thread still names when it has just resumed a connection. */
static void a_closing_server_waits_for_those_who_resume(void **state)
{
    struct fixture fixture = {0};
    fixture_open(&fixture, 0);
    lag_ms = 300;
    has(probe_ask(fixture.port, "GET /v1/tasks/1 HTTP/1.1\r\n" AUTH "Connection: close\r\n\r\n"),
        "200 OK");
    http_server_close(fixture.server, 1000);
    assert_int_equal(inside, 0);
    lag_ms = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(routes_have_params, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_paths_and_methods_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(head_has_no_body, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_targets_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_arrive_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(connections_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(framing_lies_are_refused, setup, teardown),
        cmocka_unit_test(broken_chunks_never_reach_a_handler),
        cmocka_unit_test_setup_teardown(older_and_careful_clients_are_served, setup, teardown),
        cmocka_unit_test_setup_teardown(pipelined_requests_are_answered_in_order, setup, teardown),
        cmocka_unit_test(the_owner_may_answer_the_rest),
        cmocka_unit_test(all_bodies_together_are_bound),
        cmocka_unit_test_setup_teardown(large_headers_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_of_large_bodies_are_readable, setup, teardown),
        cmocka_unit_test_setup_teardown(the_gate_is_asked_first, setup, teardown),
        cmocka_unit_test_setup_teardown(half_closed_clients_get_their_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(clients_may_hang_up_while_the_handler_runs, setup,
                                        teardown),
        cmocka_unit_test(clients_may_hang_up_in_the_middle_of_an_answer),
        cmocka_unit_test(slow_requests_are_ended),
        cmocka_unit_test(a_closing_server_waits_for_those_who_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
