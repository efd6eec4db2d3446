/* Calls end with the outcome that tells what happened, whatever the server does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/thread.h"
#include "net/fetch.h"
#include "net/http_server.h"
#include "net_probe.h"

/* A server that says exactly what a test wants: one connection, one request. */
struct script {
    const char *first, *second; /* second is sent once `go` is set */
    bool stall;                 /* keeps the connection open until `go` */
    atomic_bool asked, go;
    char request[8192];
    int listener, port;
    pthread_t thread;
};

static bool is_set(void *ctx)
{
    return *(atomic_bool *)ctx;
}

static void read_head(struct script *script, int fd)
{
    size_t used = 0;
    while (used < sizeof(script->request) - 1 && !strstr(script->request, "\r\n\r\n")) {
        ssize_t got = recv(fd, script->request + used, sizeof(script->request) - 1 - used, 0);
        if (got <= 0)
            return;
        used += (size_t)got;
    }
}

static void *script_run(void *arg)
{
    struct script *script = arg;
    int fd = accept4(script->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return NULL;
    read_head(script, fd);
    script->asked = true;
    if (script->first)
        probe_send(fd, script->first);
    if (script->stall || script->second)
        probe_until(is_set, &script->go);
    if (script->second)
        probe_send(fd, script->second);
    close(fd);
    return NULL;
}

/* A port of ours on which nobody listens yet. */
static int take_port(int *port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    getsockname(fd, (struct sockaddr *)&addr, &len);
    *port = ntohs(addr.sin_port);
    return fd;
}

static void script_start(struct script *script)
{
    script->listener = take_port(&script->port);
    assert_int_equal(listen(script->listener, 4), 0);
    assert_int_equal(thread_start(&script->thread, "script", script_run, script), 0);
}

static void script_end(struct script *script)
{
    script->go = true;
    shutdown(script->listener, SHUT_RDWR);
    pthread_join(script->thread, NULL);
    close(script->listener);
}

struct outcome {
    enum fetch_outcome outcome;
    struct fetch_response response;
    struct err err;
};

static struct outcome ask(struct fetch *fetch, struct fetch_request *request, int port,
                          const char *path)
{
    struct outcome got = {0};
    char url[256];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    if (!request->url)
        request->url = url;
    got.outcome = fetch_run(fetch, request, &got.response, &got.err);
    if (request->url == url)
        request->url = NULL;
    return got;
}

/* One call to a scripted server. */
static struct outcome ask_script(struct fetch *fetch, struct script *script,
                                 struct fetch_request *request)
{
    script_start(script);
    struct outcome got = ask(fetch, request, script->port, "/x?key=secret");
    script_end(script);
    assert_null(strstr(got.err.message, "secret"));
    return got;
}

static int setup(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    *state = fetch_open();
    return 0;
}

static int teardown(void **state)
{
    fetch_close(*state);
    return 0;
}

static enum http_verdict mirror(void *ctx, struct http_request *request,
                                struct http_response *response)
{
    json_t *body = json_object();
    json_set_text(body, "method", request->method);
    json_set_text(body, "body", request->body);
    json_set_text(body, "type", http_header(request, "Content-Type"));
    json_set_text(body, "agent", http_header(request, "User-Agent"));
    json_set_text(body, "extra", http_header(request, "X-Extra"));
    json_set_text(body, "expect", http_header(request, "Expect"));
    return http_json(request, response, 200, body);
}

static enum http_verdict large(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    response->status = 200;
    response->body_len = 3 << 20;
    response->body = arena_alloc(&request->arena, response->body_len);
    return HTTP_ANSWER;
}

static enum http_verdict moved(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    http_add_header(response, "Location", "/mirror");
    return http_text(response, 302, "elsewhere");
}

static const struct http_route routes[] = {
    {"GET", "/mirror", mirror}, {"POST", "/mirror", mirror},
    {"PUT", "/mirror", mirror}, {"DELETE", "/mirror", mirror},
    {"GET", "/large", large},   {"GET", "/moved", moved},
    {NULL, NULL, NULL},
};

static struct http_server *server_open(int unix_fd)
{
    struct err err = {0};
    struct http_config config = {.name = "test",
                                 .address = unix_fd < 0 ? "127.0.0.1" : NULL,
                                 .unix_fd = unix_fd,
                                 .routes = routes};
    struct http_server *server = http_server_open(&config, &err);
    if (!server)
        fail_msg("%s", err.message);
    return server;
}

static void answers(struct outcome *got, int status, const char *body)
{
    if (got->outcome != FETCH_OK)
        fail_msg("outcome %d: %s", got->outcome, got->err.message);
    assert_int_equal(got->response.status, status);
    if (body && strcmp(buf_text(&got->response.body), body) != 0)
        fail_msg("%s", buf_text(&got->response.body));
    fetch_response_fini(&got->response);
}

static void methods_bodies_and_headers_arrive(void **state)
{
    struct http_server *server = server_open(-1);
    int port = http_server_port(server);
    static const char *const headers[] = {"X-Extra: e", "Content-Type: text/x", NULL};
    struct fetch_request request = {0};
    struct outcome got = ask(*state, &request, port, "/mirror");
    answers(&got, 200, "{\"method\":\"GET\",\"body\":\"\",\"agent\":\"hq/" HQ_VERSION "\"}\n");
    request = (struct fetch_request){.body = "hello there", .body_len = 5, .headers = headers};
    got = ask(*state, &request, port, "/mirror");
    answers(&got, 200,
            "{\"method\":\"POST\",\"body\":\"hello\",\"type\":\"text/x\",\"agent\":\"hq/" HQ_VERSION
            "\",\"extra\":\"e\"}\n");
    request = (struct fetch_request){.method = "PUT", .body = "p", .body_len = 1};
    got = ask(*state, &request, port, "/mirror");
    answers(&got, 200, "{\"method\":\"PUT\",\"body\":\"p\",\"agent\":\"hq/" HQ_VERSION "\"}\n");
    request = (struct fetch_request){.method = "POST"};
    got = ask(*state, &request, port, "/mirror");
    answers(&got, 200, "{\"method\":\"POST\",\"body\":\"\",\"agent\":\"hq/" HQ_VERSION "\"}\n");
    request = (struct fetch_request){.method = "DELETE"};
    got = ask(*state, &request, port, "/mirror");
    answers(&got, 200, "{\"method\":\"DELETE\",\"body\":\"\",\"agent\":\"hq/" HQ_VERSION "\"}\n");
    request = (struct fetch_request){.method = "HEAD"};
    got = ask(*state, &request, port, "/mirror");
    answers(&got, 200, "");
    request = (struct fetch_request){0};
    got = ask(*state, &request, port, "/moved");
    answers(&got, 302, "elsewhere");
    http_server_close(server, 1000);
}

static void headers_with_line_breaks_are_refused(void **state)
{
    static const char *const headers[] = {"X: a\r\nY: b", NULL};
    struct fetch_request request = {.headers = headers};
    struct outcome got = ask(*state, &request, 1, "/");
    assert_int_equal(got.outcome, FETCH_UNREACHABLE);
    assert_string_equal(got.err.code, "bad_header");
    assert_false(got.response.sent);
}

struct pieces {
    struct buf seen;
    struct script *script;
    int stop_after, count;
    int ticks;
};

static int on_piece(void *ctx, const char *bytes, size_t len)
{
    struct pieces *pieces = ctx;
    buf_put(&pieces->seen, bytes, len);
    if (pieces->script)
        pieces->script->go = true;
    return ++pieces->count == pieces->stop_after;
}

static void bodies_stream_piece_by_piece(void **state)
{
    /* The second piece is sent only after the first was handed over. */
    struct script script = {.first = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "3\r\none\r\n",
                            .second = "3\r\ntwo\r\n0\r\n\r\n"};
    struct pieces pieces = {.script = &script};
    struct fetch_request request = {.on_piece = on_piece, .ctx = &pieces};
    struct outcome got = ask_script(*state, &script, &request);
    answers(&got, 200, "");
    assert_string_equal(buf_text(&pieces.seen), "onetwo");
    assert_int_equal(pieces.count, 2);
    buf_fini(&pieces.seen);
}

static void bodies_of_errors_are_collected(void **state)
{
    struct script script = {.first = "HTTP/1.1 429 Slow\r\nContent-Length: 4\r\n\r\nwhy?"};
    struct pieces pieces = {0};
    struct fetch_request request = {.on_piece = on_piece, .ctx = &pieces};
    struct outcome got = ask_script(*state, &script, &request);
    answers(&got, 429, "why?");
    assert_int_equal(pieces.count, 0);
}

static void the_reader_may_stop(void **state)
{
    struct script script = {.first = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome",
                            .stall = true};
    struct pieces pieces = {.stop_after = 1};
    struct fetch_request request = {.on_piece = on_piece, .ctx = &pieces};
    assert_int_equal(ask_script(*state, &script, &request).outcome, FETCH_STOPPED);
    buf_fini(&pieces.seen);
}

static int on_tick(void *ctx)
{
    struct pieces *pieces = ctx;
    pieces->ticks += pieces->count > 0;
    return pieces->ticks == 3;
}

static void a_caller_has_its_turns_while_nothing_comes(void **state)
{
    struct script script = {.first = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome",
                            .stall = true};
    struct pieces pieces = {0};
    struct fetch_request request = {
        .on_piece = on_piece, .on_tick = on_tick, .tick_ms = 5, .ctx = &pieces};
    assert_int_equal(ask_script(*state, &script, &request).outcome, FETCH_STOPPED);
    assert_int_equal(pieces.ticks, 3);
    assert_string_equal(buf_text(&pieces.seen), "some");
    buf_fini(&pieces.seen);
}

static void large_answers_are_cut_off(void **state)
{
    struct http_server *server = server_open(-1);
    struct fetch_request request = {.max_body = 1 << 20};
    struct outcome got = ask(*state, &request, http_server_port(server), "/large");
    assert_int_equal(got.outcome, FETCH_TOO_LARGE);
    assert_true(got.response.body.len <= 1 << 20);
    fetch_response_fini(&got.response);
    request.max_body = 3 << 20;
    got = ask(*state, &request, http_server_port(server), "/large");
    answers(&got, 200, NULL);
    http_server_close(server, 1000);
}

struct canceller {
    struct script *script;
    struct fetch_cancel *cancel;
};

static void *cancel_when_asked(void *arg)
{
    struct canceller *canceller = arg;
    probe_until(is_set, &canceller->script->asked);
    fetch_cancel(canceller->cancel);
    return NULL;
}

static void another_thread_may_cancel(void **state)
{
    static const char *const firsts[] = {NULL, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"};
    for (int i = 0; i < 2; i++) {
        struct script script = {.first = firsts[i], .stall = true};
        struct canceller canceller = {.script = &script, .cancel = fetch_cancel_open()};
        struct fetch_request request = {.cancel = canceller.cancel};
        pthread_t thread;
        assert_false(fetch_is_cancelled(canceller.cancel));
        assert_int_equal(thread_start(&thread, "cancel", cancel_when_asked, &canceller), 0);
        struct outcome got = ask_script(*state, &script, &request);
        pthread_join(thread, NULL);
        assert_int_equal(got.outcome, FETCH_CANCELLED);
        assert_true(got.response.sent);
        fetch_response_fini(&got.response);
        got = ask(*state, &request, 1, "/"); /* a later call does not even start */
        assert_int_equal(got.outcome, FETCH_CANCELLED);
        assert_false(got.response.sent);
        fetch_cancel_close(canceller.cancel);
    }
}

static void times_out(struct fetch *fetch, struct script *script, struct fetch_request *request,
                      const char *phase)
{
    struct outcome got = ask_script(fetch, script, request);
    assert_int_equal(got.outcome, FETCH_TIMEOUT);
    if (!strstr(got.err.message, phase))
        fail_msg("%s", got.err.message);
    fetch_response_fini(&got.response);
}

static void every_phase_has_a_deadline(void **state)
{
    struct script silent = {.stall = true};
    struct fetch_request request = {.first_byte_ms = 60};
    times_out(*state, &silent, &request, "the first byte");
    struct script slow = {.first = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
                          .stall = true};
    request = (struct fetch_request){.first_byte_ms = PROBE_WAIT_MS, .idle_ms = 60};
    times_out(*state, &slow, &request, "the next piece");
    struct script total = {.first = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
                           .stall = true};
    request = (struct fetch_request){.idle_ms = PROBE_WAIT_MS, .total_ms = 60};
    times_out(*state, &total, &request, "the whole answer");
}

static void a_handshake_is_part_of_connecting(void **state)
{
    struct script silent = {.stall = true};
    char url[64];
    script_start(&silent);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", silent.port);
    struct fetch_request request = {.url = url, .connect_ms = 60};
    struct outcome got = ask(*state, &request, 0, "");
    script_end(&silent);
    assert_int_equal(got.outcome, FETCH_TIMEOUT);
    assert_non_null(strstr(got.err.message, "the connection"));
    assert_false(got.response.sent);
}

static void cut_answers_are_told_from_whole_ones(void **state)
{
    static const char *const cuts[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        "HTTP/1.1 20",
        "not http at all\r\n\r\n",
        NULL,
    };
    for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
        struct script script = {.first = cuts[i]};
        struct fetch_request request = {0};
        struct outcome got = ask_script(*state, &script, &request);
        if (got.outcome != FETCH_CUT)
            fail_msg("case %zu: %d %s", i, got.outcome, got.err.message);
        assert_true(got.response.sent);
        fetch_response_fini(&got.response);
    }
}

static int64_t retry_after_of(struct fetch *fetch, const char *header)
{
    char answer[256];
    snprintf(answer, sizeof(answer), "HTTP/1.1 503 Busy\r\n%s\r\nContent-Length: 0\r\n\r\n",
             header);
    struct script script = {.first = answer};
    struct fetch_request request = {0};
    struct outcome got = ask_script(fetch, &script, &request);
    assert_int_equal(got.outcome, FETCH_OK);
    assert_int_equal(got.response.status, 503);
    fetch_response_fini(&got.response);
    return got.response.retry_after_ms;
}

static void retry_after_has_two_forms(void **state)
{
    char header[128];
    time_t soon = time(NULL) + 100;
    struct tm tm;
    assert_int_equal(retry_after_of(*state, "X: y"), -1);
    assert_int_equal(retry_after_of(*state, "retry-AFTER:  7 "), 7000);
    assert_int_equal(retry_after_of(*state, "Retry-After: 0"), 0);
    assert_int_equal(retry_after_of(*state, "Retry-After: soon"), -1);
    assert_int_equal(retry_after_of(*state, "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT"), 0);
    gmtime_r(&soon, &tm);
    strftime(header, sizeof(header), "Retry-After: %a, %d %b %Y %H:%M:%S GMT", &tm);
    int64_t ms = retry_after_of(*state, header);
    assert_true(ms > 50000 && ms <= 100000);
}

static void refused_connections_were_not_sent(void **state)
{
    int port, fd = take_port(&port); /* and nobody else gets it meanwhile */
    struct fetch_request request = {.body = "x", .body_len = 1};
    struct outcome got = ask(*state, &request, port, "/?key=secret");
    close(fd);
    assert_int_equal(got.outcome, FETCH_UNREACHABLE);
    assert_false(got.response.sent);
    assert_string_equal(got.err.code, "unreachable");
    assert_null(strstr(got.err.message, "secret"));
    request.url = "ftp://127.0.0.1/";
    assert_int_equal(ask(*state, &request, 0, "").outcome, FETCH_UNREACHABLE);
    request.url = "nonsense";
    assert_int_equal(ask(*state, &request, 0, "").outcome, FETCH_UNREACHABLE);
}

static void unix_sockets_of_any_path_length(void **state)
{
    char dir[512];
    struct err err;
    snprintf(dir, sizeof(dir), "%s/hq-net-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(dir));
    size_t base = strlen(dir);
    snprintf(dir + base, sizeof(dir) - base, "/%0120d", 7);
    assert_int_equal(mkdir(dir, 0700), 0);
    struct fetch_request request = {
        .url = "http://hub/mirror", .unix_dir = dir, .unix_name = "hub.sock"};
    assert_int_equal(ask(*state, &request, 0, "").outcome, FETCH_UNREACHABLE);
    for (int i = 0; i < 3; i++) { /* each time another server at the same place */
        struct http_server *server = server_open(http_unix_listen(dir, "hub.sock", &err));
        for (int j = 0; j < 3; j++) {
            struct outcome got = ask(*state, &request, 0, "");
            answers(&got, 200, NULL);
        }
        http_server_close(server, 1000);
    }
    struct outcome got = ask(*state, &request, 0, "");
    assert_int_equal(got.outcome, FETCH_UNREACHABLE);
    char sock[1024];
    snprintf(sock, sizeof(sock), "%s/hub.sock", dir);
    unlink(sock);
    rmdir(dir);
    dir[base] = '\0';
    assert_int_equal(rmdir(dir), 0);
}

struct many {
    struct fetch *fetch;
    int port;
    atomic_int good;
};

static void *ask_many(void *arg)
{
    struct many *many = arg;
    for (int i = 0; i < 50; i++) {
        struct fetch_request request = {.body = "x", .body_len = 1};
        struct outcome got = ask(many->fetch, &request, many->port, "/mirror");
        many->good += got.outcome == FETCH_OK && got.response.status == 200;
        fetch_response_fini(&got.response);
    }
    return NULL;
}

static void many_threads_share_the_pool(void **state)
{
    struct http_server *server = server_open(-1);
    struct many many = {.fetch = *state, .port = http_server_port(server)};
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        assert_int_equal(thread_start(&threads[i], "many", ask_many, &many), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(many.good, 400);
    http_server_close(server, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_bodies_and_headers_arrive),
        cmocka_unit_test(headers_with_line_breaks_are_refused),
        cmocka_unit_test(bodies_stream_piece_by_piece),
        cmocka_unit_test(bodies_of_errors_are_collected),
        cmocka_unit_test(the_reader_may_stop),
        cmocka_unit_test(a_caller_has_its_turns_while_nothing_comes),
        cmocka_unit_test(large_answers_are_cut_off),
        cmocka_unit_test(another_thread_may_cancel),
        cmocka_unit_test(every_phase_has_a_deadline),
        cmocka_unit_test(a_handshake_is_part_of_connecting),
        cmocka_unit_test(cut_answers_are_told_from_whole_ones),
        cmocka_unit_test(retry_after_has_two_forms),
        cmocka_unit_test(refused_connections_were_not_sent),
        cmocka_unit_test(unix_sockets_of_any_path_length),
        cmocka_unit_test(many_threads_share_the_pool),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
