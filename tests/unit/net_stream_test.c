/* Streams: written piece by piece, with no thread and no more than one piece held for anybody; let
 * go however they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"
#include "net/http_server.h"
#include "net_probe.h"

enum { PIECE = 32 * 1024, MANY = 300 };

struct fixture {
    struct http_server *server;
    int port;
    atomic_llong value;
    atomic_int calls, pieces, open, alive, held;
    atomic_bool release, is_held;
};

static void let_go(void *state)
{
    struct fixture *fixture = *(struct fixture **)state;
    fixture->open--;
    free(state);
}

static struct http_stream *stream_of(struct fixture *fixture, struct http_request *request)
{
    struct http_stream *stream = &request->stream;
    if (!stream->state) {
        stream->state = malloc(sizeof(void *));
        *(struct fixture **)stream->state = fixture;
        stream->on_end = let_go;
        fixture->open++;
    }
    return stream;
}

/* Tells each value up to ?last= as it comes; a line of life where none came for ?ms=. */
static enum http_verdict count_up(void *ctx, struct http_request *request,
                                  struct http_response *response)
{
    struct fixture *fixture = ctx;
    struct http_stream *stream = stream_of(fixture, request);
    int64_t *told = request->state;
    uint64_t seen = http_wakes(request->server);
    const char *ms = http_query(request, "ms");
    fixture->calls++;
    if (!told)
        told = request->state = arena_alloc(&request->arena, sizeof(*told));
    if (request->deadline_passed && !http_peer_is_there(request))
        return HTTP_ANSWER;
    if (*told == atoi(http_query(request, "last")))
        return HTTP_ANSWER;
    while (*told < fixture->value)
        buf_printf(&stream->piece, "<%lld>", (long long)++*told);
    if (stream->piece.len == 0 && request->deadline_passed) {
        buf_puts(&stream->piece, "alive");
        fixture->alive++;
    }
    response->status = 200;
    response->content_type = "text/plain";
    return stream->piece.len > 0
               ? HTTP_STREAM
               : http_park(request, "value", seen, time_boot_ms() + (ms ? atoi(ms) : 60000));
}

/* Never has enough. */
static enum http_verdict flood(void *ctx, struct http_request *request,
                               struct http_response *response)
{
    struct fixture *fixture = ctx;
    struct buf *piece = &stream_of(fixture, request)->piece;
    memset(buf_room(piece, PIECE), 'a' + fixture->pieces++ % 26, PIECE);
    buf_grow(piece, PIECE);
    response->status = 200;
    return HTTP_STREAM;
}

/* Its second piece takes its time. */
static enum http_verdict hold(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    struct fixture *fixture = ctx;
    buf_puts(&stream_of(fixture, request)->piece, "piece");
    response->status = 200;
    fixture->is_held = request->parked_before;
    while (request->parked_before && !fixture->release)
        poll(NULL, 0, 1);
    return HTTP_STREAM;
}

static const struct http_route routes[] = {
    {"GET", "/count", count_up}, {"GET", "/flood", flood}, {"GET", "/hold", hold}, {0}};

static void fixture_open(struct fixture *fixture)
{
    struct err err = {0};
    struct http_config config = {.name = "test",
                                 .address = "127.0.0.1",
                                 .unix_fd = -1,
                                 .routes = routes,
                                 .ctx = fixture,
                                 .handlers = 3};
    fixture->server = http_server_open(&config, &err);
    if (!fixture->server)
        fail_msg("%s", err.message);
    fixture->port = http_server_port(fixture->server);
}

/* The receiver's memory is bounded, so that what the kernel holds is small against what is made. */
static int ask(struct fixture *fixture, const char *target)
{
    char request[256];
    int fd = probe_connect(fixture->port), room = 16384;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    assert_true(probe_send(fd, request));
    return fd;
}

/* Reads until `text` has come; false when the stream ended before. */
static bool read_until(int fd, char *got, size_t cap, const char *text)
{
    size_t used = strlen(got);
    int64_t until = time_boot_ms() + PROBE_WAIT_MS;
    while (!strstr(got, text) && time_boot_ms() < until) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (poll(&poll_fd, 1, 100) <= 0)
            continue;
        ssize_t count = recv(fd, got + used, cap - 1 - used, 0);
        if (count <= 0)
            break;
        used += (size_t)count;
        got[used] = '\0';
    }
    return strstr(got, text) != NULL;
}

static bool all_let_go(void *ctx)
{
    return ((struct fixture *)ctx)->open == 0;
}

static bool many_are_open(void *ctx)
{
    return ((struct fixture *)ctx)->open == MANY;
}

static bool a_piece_is_made(void *ctx)
{
    return ((struct fixture *)ctx)->pieces > 0;
}

static void raise_to(struct fixture *fixture, int value)
{
    fixture->value = value;
    http_wake(fixture->server, "value");
}

static void pieces_come_as_they_are_made(void **state)
{
    struct fixture fixture = {.value = 1};
    char got[4096] = "";
    fixture_open(&fixture);
    int fd = ask(&fixture, "/count?last=4");
    assert_true(read_until(fd, got, sizeof(got), "<1>"));
    assert_non_null(strstr(got, "HTTP/1.1 200"));
    assert_non_null(strcasestr(got, "Transfer-Encoding: chunked"));
    assert_non_null(strcasestr(got, "Content-Type: text/plain"));
    raise_to(&fixture, 2);
    assert_true(read_until(fd, got, sizeof(got), "<2>"));
    raise_to(&fixture, 4);
    assert_true(read_until(fd, got, sizeof(got), "<3><4>"));
    assert_true(read_until(fd, got, sizeof(got), "\r\n0\r\n\r\n"));
    /* The connection is as good as new. */
    assert_true(probe_send(fd, "GET /count?last=0 HTTP/1.1\r\nHost: x\r\n\r\n"));
    got[0] = '\0';
    assert_true(read_until(fd, got, sizeof(got), "HTTP/1.1"));
    close(fd);
    http_server_close(fixture.server, PROBE_WAIT_MS);
    assert_int_equal(fixture.open, 0);
}

static void a_silent_stream_gives_signs_of_life(void **state)
{
    struct fixture fixture = {.value = 1};
    char got[4096] = "";
    fixture_open(&fixture);
    int fd = ask(&fixture, "/count?last=2&ms=20");
    assert_true(read_until(fd, got, sizeof(got), "alive\r\n5\r\nalive"));
    raise_to(&fixture, 2);
    assert_true(read_until(fd, got, sizeof(got), "<2>"));
    close(fd);
    http_server_close(fixture.server, 1000);
}

static int pieces_of(struct fixture *fixture)
{
    int before = -1;
    for (int64_t still = 0; still < 50; poll(NULL, 0, 2), still++)
        if (before != fixture->pieces) {
            before = fixture->pieces;
            still = 0;
        }
    return before;
}

/* Only as much is made as the peer takes, and it gets all of it, in order. */
static void a_deaf_peer_costs_one_piece(void **state)
{
    struct fixture fixture = {0};
    static char bytes[1 << 16];
    fixture_open(&fixture);
    int fd = ask(&fixture, "/flood");
    assert_true(probe_until(a_piece_is_made, &fixture));
    int made = pieces_of(&fixture);
    assert_in_range(made, 1, (8 << 20) / PIECE);
    for (long long total = 0; total < 4LL * made * PIECE;) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
        assert_true(got > 0);
        total += got;
    }
    assert_true(fixture.pieces > made);
    close(fd);
    assert_true(probe_until(all_let_go, &fixture));
    http_server_close(fixture.server, 1000);
}

static void all_are_let_go_when_they_leave(void **state)
{
    struct fixture fixture = {.value = 1};
    static int fds[MANY];
    static char got[4096];
    fixture_open(&fixture);
    for (int i = 0; i < MANY; i++)
        fds[i] = ask(&fixture, i % 10 ? "/count?last=1000000&ms=50" : "/flood");
    for (int i = 1; i < MANY; i += 10) {
        got[0] = '\0';
        assert_true(read_until(fds[i], got, sizeof(got), "<1>"));
    }
    assert_true(probe_until(many_are_open, &fixture));
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    assert_true(probe_until(all_let_go, &fixture));
    http_server_close(fixture.server, 1000);
}

static void a_closing_server_ends_its_streams(void **state)
{
    struct fixture fixture = {.value = 1};
    char got[4096] = "";
    fixture_open(&fixture);
    int parked = ask(&fixture, "/count?last=5"), deaf = ask(&fixture, "/flood");
    assert_true(read_until(parked, got, sizeof(got), "<1>"));
    pieces_of(&fixture);
    http_server_close(fixture.server, PROBE_WAIT_MS);
    assert_true(read_until(parked, got, sizeof(got), "\r\n0\r\n\r\n"));
    assert_int_equal(fixture.open, 0);
    close(parked);
    close(deaf);
}

static bool is_held(void *ctx)
{
    return ((struct fixture *)ctx)->is_held;
}

static void a_closing_server_does_not_wait_for_ever(void **state)
{
    struct fixture fixture = {0};
    fixture_open(&fixture);
    int fd = ask(&fixture, "/hold");
    assert_true(probe_until(is_held, &fixture));
    http_server_close(fixture.server, 50);
    assert_int_equal(fixture.open, 1);
    fixture.release = true;
    assert_true(probe_until(all_let_go, &fixture));
    close(fd);
}

static void a_question_for_the_head_begins_no_stream(void **state)
{
    struct fixture fixture = {.value = 1};
    fixture_open(&fixture);
    const char *answer = probe_ask(
        fixture.port, "HEAD /count?last=5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(answer, "200 OK"));
    assert_null(strstr(answer, "<1>"));
    http_server_close(fixture.server, PROBE_WAIT_MS);
    assert_int_equal(fixture.open, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_come_as_they_are_made),
        cmocka_unit_test(a_silent_stream_gives_signs_of_life),
        cmocka_unit_test(a_deaf_peer_costs_one_piece),
        cmocka_unit_test(all_are_let_go_when_they_leave),
        cmocka_unit_test(a_closing_server_ends_its_streams),
        cmocka_unit_test(a_closing_server_does_not_wait_for_ever),
        cmocka_unit_test(a_question_for_the_head_begins_no_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
