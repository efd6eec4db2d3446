/* Parked requests hold no thread and lose no wake-up; a closing server answers them all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/http_server.h"
#include "net_probe.h"

enum { PARKED = 200, HAMMERERS = 4, HAMMER_ROUNDS = 1500 };

struct fixture {
    struct http_server *server;
    int port;
    int handlers;
    atomic_llong values[HAMMERERS];
    atomic_int running, running_most, calls, entered;
    atomic_bool release;
};

static void count_in(struct fixture *fixture)
{
    int running = ++fixture->running, most = fixture->running_most;
    fixture->calls++;
    while (running > most && !atomic_compare_exchange_weak(&fixture->running_most, &most, running))
        ;
}

/* Waits until values[slot] is over ?above=, or its deadline of ?ms= is over. */
static enum http_verdict wait_for(void *ctx, struct http_request *request,
                                  struct http_response *response)
{
    struct fixture *fixture = ctx;
    uint64_t seen = http_wakes(fixture->server);
    int slot = atoi(request->params[0]);
    const char *ms = http_query(request, "ms");
    int64_t *deadline = request->state;
    enum http_verdict verdict = HTTP_PARK;
    count_in(fixture);
    if (!deadline) {
        deadline = request->state = arena_alloc(&request->arena, sizeof(*deadline));
        *deadline = time_boot_ms() + (ms ? atoi(ms) : 60000);
        assert_false(request->parked_before);
    }
    long long value = fixture->values[slot];
    if (value > atoll(http_query(request, "above")))
        verdict = http_text(response, 200, arena_printf(&request->arena, "%lld", value));
    else if (request->deadline_passed)
        verdict = http_text(response, 200, "time is up");
    fixture->running--;
    sched_yield(); /* widens the gap in which a wake-up could be lost */
    if (verdict == HTTP_PARK)
        return http_park(request, arena_printf(&request->arena, "slot %d", slot), seen, *deadline);
    return verdict;
}

static enum http_verdict hold(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    struct fixture *fixture = ctx;
    fixture->entered++;
    while (!fixture->release)
        usleep(1000);
    return http_text(response, 200, http_peer_is_there(request) ? "there" : "gone");
}

/* What it waits for comes to pass after it has looked and before it is parked. */
static enum http_verdict just_missed(void *ctx, struct http_request *request,
                                     struct http_response *response)
{
    struct fixture *fixture = ctx;
    uint64_t seen = http_wakes(fixture->server);
    if (request->parked_before)
        return http_text(response, 200, request->deadline_passed ? "lost" : "woken");
    http_wake(fixture->server, "missed");
    return http_park(request, "missed", seen, time_boot_ms() + 300);
}

/* Never answers by itself. */
static enum http_verdict stubborn(void *ctx, struct http_request *request,
                                  struct http_response *response)
{
    struct fixture *fixture = ctx;
    fixture->calls++;
    return http_park(request, "never", http_wakes(fixture->server), time_boot_ms() - 1);
}

static bool all_have_met(void *ctx)
{
    return ((struct fixture *)ctx)->entered == 3;
}

/* Three that are woken together run together, though only two threads were idle. */
static enum http_verdict meet(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    struct fixture *fixture = ctx;
    if (!request->parked_before)
        return http_park(request, "meet", http_wakes(fixture->server), time_boot_ms() + 60000);
    fixture->entered++;
    return http_text(response, 200, probe_until(all_have_met, fixture) ? "met" : "alone");
}

static const struct http_route routes[] = {
    {"GET", "/wait/{slot}", wait_for}, {"GET", "/hold", hold},
    {"GET", "/missed", just_missed},   {"GET", "/meet", meet},
    {"GET", "/stubborn", stubborn},    {NULL, NULL, NULL}};

static void fixture_open(struct fixture *fixture)
{
    struct err err = {0};
    struct http_config config = {.name = "test",
                                 .address = "127.0.0.1",
                                 .unix_fd = -1,
                                 .routes = routes,
                                 .ctx = fixture,
                                 .handlers = fixture->handlers};
    fixture->server = http_server_open(&config, &err);
    if (!fixture->server)
        fail_msg("%s", err.message);
    fixture->port = http_server_port(fixture->server);
}

static int send_wait(struct fixture *fixture, int slot, long long above, int ms)
{
    char request[256];
    int fd = probe_connect(fixture->port);
    snprintf(request, sizeof(request), "GET /wait/%d?above=%lld&ms=%d HTTP/1.1\r\nHost: x\r\n\r\n",
             slot, above, ms);
    assert_true(probe_send(fd, request));
    return fd;
}

static void expect(int fd, const char *text)
{
    char answer[4096];
    assert_true(probe_read(fd, answer, sizeof(answer)) > 0);
    if (!strstr(answer, text))
        fail_msg("\"%s\" is not in:\n%s", text, answer);
    close(fd);
}

static bool parked_is(struct fixture *fixture, size_t count)
{
    int64_t until = time_boot_ms() + PROBE_WAIT_MS;
    while (http_parked(fixture->server) != count && time_boot_ms() < until)
        usleep(1000);
    return http_parked(fixture->server) == count;
}

/* Parked, or was: a short wait may be over before this thread looks. */
static bool has_parked(void *ctx)
{
    struct fixture *fixture = ctx;
    return http_parked(fixture->server) > 0 || fixture->calls > 1;
}

static void a_key_wakes_all_that_wait_for_it(void **state)
{
    struct fixture fixture = {.handlers = 4};
    static int fds[PARKED];
    fixture_open(&fixture);
    for (int i = 0; i < PARKED; i++)
        fds[i] = send_wait(&fixture, i % 2, 0, 60000);
    assert_true(parked_is(&fixture, PARKED));
    assert_int_equal(fixture.running, 0);
    int before = fixture.calls;
    fixture.values[0] = 5;
    http_wake(fixture.server, "slot 0");
    for (int i = 0; i < PARKED; i += 2)
        expect(fds[i], "\r\n\r\n5");
    assert_int_equal(http_parked(fixture.server), PARKED / 2);
    assert_int_equal(fixture.calls - before, PARKED / 2);
    assert_true(fixture.running_most <= 4);
    fixture.values[1] = 6;
    http_wake(fixture.server, "slot 1");
    for (int i = 1; i < PARKED; i += 2)
        expect(fds[i], "\r\n\r\n6");
    http_server_close(fixture.server, 1000);
}

static void no_key_wakes_everybody(void **state)
{
    struct fixture fixture = {.handlers = 4};
    fixture_open(&fixture);
    int first = send_wait(&fixture, 0, 0, 60000), second = send_wait(&fixture, 1, 0, 60000);
    assert_true(parked_is(&fixture, 2));
    fixture.values[0] = 7;
    fixture.values[1] = 8;
    http_wake(fixture.server, NULL);
    expect(first, "\r\n\r\n7");
    expect(second, "\r\n\r\n8");
    http_server_close(fixture.server, 1000);
}

struct hammerer {
    struct fixture *fixture;
    int slot;
    bool good;
};

/* Raises its value right while the handler looks; a lost wake-up would leave the answer out. */
static void *hammer(void *arg)
{
    struct hammerer *hammerer = arg;
    struct fixture *fixture = hammerer->fixture;
    char key[32], request[128], answer[1024];
    int fd = probe_connect(fixture->port);
    snprintf(key, sizeof(key), "slot %d", hammerer->slot);
    hammerer->good = true;
    for (int i = 0; i < HAMMER_ROUNDS && hammerer->good; i++) {
        snprintf(request, sizeof(request), "GET /wait/%d?above=%d HTTP/1.1\r\nHost: x\r\n\r\n",
                 hammerer->slot, i);
        probe_send(fd, request);
        for (unsigned spin = (unsigned)i * 7919 % 3000; spin > 0; spin--)
            __asm__ volatile("" ::: "memory");
        fixture->values[hammerer->slot] = i + 1;
        http_wake(fixture->server, key);
        hammerer->good = probe_read(fd, answer, sizeof(answer)) > 0 && strstr(answer, "200 OK");
    }
    close(fd);
    return NULL;
}

static void no_wake_up_is_lost(void **state)
{
    struct fixture fixture = {.handlers = 3};
    struct hammerer hammerers[HAMMERERS];
    pthread_t threads[HAMMERERS];
    fixture_open(&fixture);
    for (int i = 0; i < HAMMERERS; i++) {
        hammerers[i] = (struct hammerer){&fixture, i, false};
        assert_int_equal(thread_start(&threads[i], "hammer", hammer, &hammerers[i]), 0);
    }
    for (int i = 0; i < HAMMERERS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(hammerers[i].good);
    }
    assert_int_equal(http_parked(fixture.server), 0);
    http_server_close(fixture.server, 1000);
}

static void a_wake_between_look_and_park_counts(void **state)
{
    struct fixture fixture = {0};
    fixture_open(&fixture);
    int fd = probe_connect(fixture.port);
    assert_true(probe_send(fd, "GET /missed HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect(fd, "woken");
    http_server_close(fixture.server, 0);
}

static void requests_woken_together_run_together(void **state)
{
    struct fixture fixture = {0};
    int fds[3];
    fixture_open(&fixture);
    for (int i = 0; i < 3; i++) { /* one after the other, so that no third thread is started */
        fds[i] = probe_connect(fixture.port);
        assert_true(probe_send(fds[i], "GET /meet HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_true(parked_is(&fixture, (size_t)i + 1));
    }
    http_wake(fixture.server, "meet");
    for (int i = 0; i < 3; i++)
        expect(fds[i], "met");
    http_server_close(fixture.server, 1000);
}

static bool hold_has_entered(void *ctx)
{
    return ((struct fixture *)ctx)->entered > 0;
}

static void deadlines_pass_while_a_handler_is_busy(void **state)
{
    struct fixture fixture = {0};
    fixture_open(&fixture);
    int soon = send_wait(&fixture, 0, 0, 300);
    assert_true(probe_until(has_parked, &fixture));
    int held = probe_connect(fixture.port);
    assert_true(probe_send(held, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(probe_until(hold_has_entered, &fixture));
    expect(soon, "time is up");
    fixture.release = true;
    expect(held, "there");
    http_server_close(fixture.server, 1000);
}

static void a_handler_that_parks_for_ever_is_ended(void **state)
{
    struct fixture fixture = {0};
    fixture_open(&fixture);
    int fd = probe_connect(fixture.port);
    assert_true(probe_send(fd, "GET /stubborn HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect(fd, "\"code\":\"wait_over\"");
    assert_int_equal(fixture.calls, 2);
    http_server_close(fixture.server, 1000);
}

static void closing_answers_what_waits(void **state)
{
    struct fixture fixture = {0};
    static int fds[PARKED];
    fixture_open(&fixture);
    for (int i = 0; i < PARKED; i++)
        fds[i] = send_wait(&fixture, 0, 0, 60000);
    assert_true(parked_is(&fixture, PARKED));
    http_server_close(fixture.server, 1000);
    for (int i = 0; i < PARKED; i++)
        expect(fds[i], "HTTP/1.1 503");
}

static void *release_soon(void *arg)
{
    struct fixture *fixture = arg;
    usleep(50000);
    fixture->release = true;
    return NULL;
}

static void closing_waits_for_running_handlers(void **state)
{
    struct fixture fixture = {0};
    pthread_t thread;
    fixture_open(&fixture);
    int held = probe_connect(fixture.port);
    assert_true(probe_send(held, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(probe_until(hold_has_entered, &fixture));
    assert_int_equal(thread_start(&thread, "release", release_soon, &fixture), 0);
    http_server_close(fixture.server, 10000);
    pthread_join(thread, NULL);
    expect(held, "there");
}

/* The handler outlives its server: its client is answered, its memory is freed when it ends. */
static void closing_does_not_wait_for_ever(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture);
    int held = probe_connect(fixture.port);
    int parked = send_wait(&fixture, 0, 0, 60000);
    assert_true(probe_send(held, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(probe_until(hold_has_entered, &fixture));
    assert_true(parked_is(&fixture, 1));
    http_server_close(fixture.server, 20);
    expect(held, "HTTP/1.1 503");
    expect(parked, "HTTP/1.1 503");
    fixture.release = true;
    usleep(100000); /* lets the handler end before the leak check; nothing is asserted on it */
}

static void peers_that_left_are_seen(void **state)
{
    struct fixture fixture = {0};
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    fixture_open(&fixture);
    int fd = send_wait(&fixture, 0, 0, 200);
    assert_true(probe_until(has_parked, &fixture));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    fd = send_wait(&fixture, 0, 0, 250); /* the server goes on */
    expect(fd, "time is up");
    assert_int_equal(http_parked(fixture.server), 0);
    http_server_close(fixture.server, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_wakes_all_that_wait_for_it),
        cmocka_unit_test(no_key_wakes_everybody),
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(a_wake_between_look_and_park_counts),
        cmocka_unit_test(requests_woken_together_run_together),
        cmocka_unit_test(deadlines_pass_while_a_handler_is_busy),
        cmocka_unit_test(a_handler_that_parks_for_ever_is_ended),
        cmocka_unit_test(closing_answers_what_waits),
        cmocka_unit_test(closing_waits_for_running_handlers),
        cmocka_unit_test(closing_does_not_wait_for_ever),
        cmocka_unit_test(peers_that_left_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
