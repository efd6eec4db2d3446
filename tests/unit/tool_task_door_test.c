/* The gateway's side of a command's channel against a small hub: what passes and as what, what is
 * refused, and that hostile clients only harm themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/time.h"
#include "client/hub_client.h"
#include "net/fetch.h"
#include "net/http_server.h"
#include "tool/task_door.h"
#include "tool/tool.h"

enum { PATIENCE_MS = 20000 };

/* What the last request to the hub was. */
static struct {
    pthread_mutex_t mutex;
    struct buf target, body, bearer;
    int calls;
} heard = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static char top[64];
static struct arena arena;
static struct http_server *hub;
static struct fetch *fetch;
static struct tool_place place;
static struct task_door *door;
static struct hub_client *client;
static int end;

static void keep(struct buf *buf, const char *text)
{
    buf_clear(buf);
    buf_puts(buf, text ? text : "");
}

static const char *query_text(struct http_request *request)
{
    static const char *const names[] = {"wait_ms", "state", "limit", "agent", "full", NULL};
    const char *text = "";
    for (size_t i = 0; names[i]; i++)
        if (http_query(request, names[i]))
            text = arena_printf(&request->arena, "%s %s=%s", text, names[i],
                                http_query(request, names[i]));
    return text;
}

static enum http_verdict hub_answer(void *ctx, struct http_request *request,
                                    struct http_response *response)
{
    pthread_mutex_lock(&heard.mutex);
    heard.calls++;
    keep(&heard.target, arena_printf(&request->arena, "%s %s%s", request->method, request->path,
                                     query_text(request)));
    keep(&heard.body, request->body);
    keep(&heard.bearer, http_bearer(request));
    pthread_mutex_unlock(&heard.mutex);
    if (strstr(request->path, "forever") && !request->deadline_passed)
        return http_park(request, "forever", http_wakes(request->server), time_boot_ms() + 60000);
    if (strstr(request->body, "forbidden")) {
        struct err err = {0};
        err_set(&err, "not_allowed", "webster may not ask manager");
        err_hint(&err, "tech-lead may");
        return http_error(request, response, 403, &err);
    }
    return http_json(request, response, strstr(request->body, "webster") ? 201 : 200,
                     json_pack("{s:s}", "you", "are heard"));
}

/* A copy of what the hub heard last. */
static const char *last(const struct buf *part)
{
    pthread_mutex_lock(&heard.mutex);
    const char *text = arena_strdup(&arena, buf_text(part));
    pthread_mutex_unlock(&heard.mutex);
    return text;
}

static int calls_heard(void)
{
    pthread_mutex_lock(&heard.mutex);
    int calls = heard.calls;
    pthread_mutex_unlock(&heard.mutex);
    return calls;
}

static int open_all(void **state)
{
    static const struct http_route none[] = {{NULL, NULL, NULL}};
    struct err err;
    snprintf(top, sizeof(top), "/tmp/hq-door-XXXXXX");
    if (!mkdtemp(top))
        return -1;
    struct http_config config = {.name = "hub",
                                 .unix_fd = http_unix_listen(top, "hub.sock", &err),
                                 .otherwise = hub_answer,
                                 .routes = none,
                                 .body_limit = LIMIT_API_BODY};
    hub = http_server_open(&config, &err);
    fetch = fetch_open();
    place = (struct tool_place){.task = "t-own",
                                .agent = "optimizer",
                                .fence = 7,
                                .hub = hub_client_open(fetch, top, "agents-token")};
    heard.calls = 0;
    door = task_door_open(&place, &err);
    if (!hub || !door)
        return -1;
    end = dup(task_door_fd(door)); /* what the command would inherit */
    task_door_hand_over(door);
    client = hub_client_open_task(end);
    return 0;
}

static int close_all(void **state)
{
    task_door_close(door);
    hub_client_close(client);
    close(end);
    hub_client_close(place.hub);
    fetch_close(fetch);
    http_server_close(hub, 2000);
    buf_fini(&heard.target);
    buf_fini(&heard.body);
    buf_fini(&heard.bearer);
    arena_fini(&arena);
    return system(arena_printf(&arena, "rm -rf %s", top));
}

/* One call through the real client; its outcome, *err of a refusal. */
static enum hub_outcome call(const char *method, const char *path, const char *body,
                             struct err *err)
{
    json_t *answer = NULL, *json = body ? json_parse(body, strlen(body), err) : NULL;
    enum hub_outcome outcome =
        hub_call(client, method, path, json, PATIENCE_MS, NULL, &answer, NULL, err);
    json_decref(json);
    json_decref(answer);
    return outcome;
}

static void must_pass(const char *method, const char *path, const char *body, const char *as)
{
    struct err err = {0};
    if (call(method, path, body, &err) != HUB_OK)
        fail_msg("%s %s: %s", method, path, err.message);
    assert_string_equal(last(&heard.target), as);
    assert_string_equal(last(&heard.bearer), "agents-token");
}

static void known_calls_pass_as_the_agent(void **state)
{
    must_pass("POST", "/v1/tasks",
              "{\"agent\":\"webster\",\"instruction\":\"look\",\"key\":\"k\",\"kind\":\"ask\","
              "\"parent\":\"t-other\",\"fence\":99,\"caller\":\"manager\",\"priority\":0,"
              "\"worker\":\"me\",\"state\":\"done\",\"grant\":\"x\",\"data\":[{\"a\":1}],"
              "\"deadline_ms\":5,\"root\":\"t-other\",\"retry_of\":\"t-x\"}",
              "POST /v1/tasks");
    assert_string_equal(last(&heard.body),
                        "{\"agent\":\"webster\",\"data\":[{\"a\":1}],\"deadline_ms\":5,\"fence\":7,"
                        "\"instruction\":\"look\",\"key\":\"k\",\"kind\":\"delegation\","
                        "\"parent\":\"t-own\"}");
    must_pass("POST", "/v1/route", "{\"text\":\"who?\",\"caller\":\"manager\"}", "POST /v1/route");
    assert_string_equal(last(&heard.body), "{\"caller\":\"optimizer\",\"text\":\"who?\"}");
    must_pass("GET", "/v1/tasks/t-1?wait_ms=50&full=1", NULL, "GET /v1/tasks/t-1 wait_ms=50");
    must_pass("GET", "/v1/tasks/t-1?wait_ms=600000", NULL, "GET /v1/tasks/t-1 wait_ms=20000");
    must_pass("GET", "/v1/tasks/t-1/tree", NULL, "GET /v1/tasks/t-1/tree");
    must_pass("POST", "/v1/tasks/t-1/cancel", "{}", "POST /v1/tasks/t-1/cancel");
    must_pass("GET", "/v1/tasks?state=queued&limit=5&agent=manager", NULL,
              "GET /v1/tasks state=queued limit=5");
    must_pass("GET", "/v1/agents", NULL, "GET /v1/agents");
}

static void everything_else_is_refused(void **state)
{
    static const char *const others[][2] = {
        {"POST", "/v1/batch"},           {"POST", "/v1/claim"},
        {"POST", "/v1/register"},        {"POST", "/v1/extend"},
        {"POST", "/v1/tasks/t-1/retry"}, {"POST", "/v1/tasks/t-1/reassign"},
        {"POST", "/v1/tasks/t-1/note"},  {"POST", "/v1/admin/check"},
        {"GET", "/v1/status"},           {"GET", "/v1/events?stream=x"},
        {"GET", "/v1/usage"},            {"GET", "/v1/sessions"},
        {"PUT", "/v1/blobs"},            {"DELETE", "/v1/tasks/t-1"},
        {"GET", "/v1/tasks/"},           {"GET", "/v1/tasks/../admin/check"},
        {"GET", "/v1/tasks/.."},         {"POST", "/v1/tasks/%2e%2e/cancel"},
        {"POST", "/v1/tasks/a b/cancel"}, {"POST", "/v1/tasks/a\r\nX: y/cancel"},
        {"get", "/v1/agents"},           {"GET", "http://hub/v1/agents"},
        {"GET", ""},                     {"", "/v1/agents"},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        struct err err = {0};
        assert_int_equal(call(others[i][0], others[i][1], "{}", &err), HUB_REFUSED);
        assert_string_equal(err.code, "not_allowed");
        assert_non_null(strstr(err.message, "is not open to a command that an agent runs"));
    }
    assert_int_equal(calls_heard(), 0);
}

static void refusals_of_the_hub_come_through(void **state)
{
    struct err err = {0};
    assert_int_equal(call("POST", "/v1/tasks", "{\"agent\":\"manager\",\"name\":\"forbidden\"}", &err),
                     HUB_REFUSED);
    assert_string_equal(err.code, "not_allowed");
    assert_string_equal(err.message, "webster may not ask manager");
    assert_string_equal(err.hint, "tech-lead may");
    assert_int_equal(call("POST", "/v1/tasks", "[1]", &err), HUB_REFUSED);
    assert_string_equal(err.code, "bad_request");
    char *big = mem_zalloc(LIMIT_DOOR_BODY + 100);
    memset(big, 'x', LIMIT_DOOR_BODY + 50);
    json_t *body = json_pack("{s:s}", "instruction", big), *answer = NULL;
    assert_int_equal(
        hub_call(client, "POST", "/v1/tasks", body, PATIENCE_MS, NULL, &answer, NULL, &err),
        HUB_REFUSED);
    assert_string_equal(err.code, "request_too_large");
    json_decref(body);
    free(big);
}

/* ---- clients that are none ---- */

static ssize_t send_fds(const char *bytes, size_t len, const int *fds, size_t count)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control = {0};
    struct iovec piece = {(char *)bytes, len};
    struct msghdr head = {.msg_iov = &piece, .msg_iovlen = 1};
    if (count > 0) {
        head.msg_control = &control;
        head.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
        *rights = (struct cmsghdr){CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    }
    return sendmsg(end, &head, MSG_NOSIGNAL);
}

/* Sends the text as a request and gives what comes back, "" for nothing. */
static const char *ask_raw(const char *text)
{
    int ask[2], answer[2];
    char *got = arena_alloc(&arena, 4096);
    assert_int_equal(pipe2(ask, O_CLOEXEC) | pipe2(answer, O_CLOEXEC), 0);
    assert_int_equal(send_fds("q", 1, (int[]){ask[0], answer[1]}, 2), 1);
    close(ask[0]);
    close(answer[1]);
    assert_int_equal(write(ask[1], text, strlen(text)), strlen(text));
    close(ask[1]);
    size_t len = 0;
    ssize_t piece;
    while (len < 4095 && (piece = read(answer[0], got + len, 4095 - len)) > 0)
        len += (size_t)piece;
    got[len] = '\0';
    close(answer[0]);
    return got;
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void must_still_serve(void)
{
    must_pass("GET", "/v1/agents", NULL, "GET /v1/agents");
}

static void garbage_is_answered_or_dropped(void **state)
{
    must_still_serve();
    int ask[2], answer[2], before = open_descriptors();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(pipe2(ask, O_CLOEXEC) | pipe2(answer, O_CLOEXEC), 0);
    assert_non_null(strstr(ask_raw(""), "\"status\":400"));
    assert_non_null(strstr(ask_raw("{"), "\"status\":400"));
    assert_non_null(strstr(ask_raw("[]"), "\"status\":403"));
    assert_non_null(strstr(ask_raw("{\"method\":1,\"path\":{}}"), "\"status\":403"));
    send_fds("q", 1, NULL, 0);                                         /* no descriptors */
    send_fds("qqqqqqqqqqqqqqqq", 16, NULL, 0);                         /* too long */
    send_fds("q", 1, (int[]){ask[0]}, 1);                              /* one */
    send_fds("q", 1, (int[]){ask[0], answer[1], null, null}, 4);       /* more than two */
    send_fds("q", 1, (int[]){null, null}, 2);                          /* no pipes */
    send_fds("q", 1, (int[]){ask[1], answer[0]}, 2);                   /* the wrong ends */
    send_fds("q", 1, (int[]){end, end}, 2);                            /* the channel itself */
    send_fds("", 0, NULL, 0);                                          /* nothing at all */
    must_still_serve();
    close(null);
    close(ask[0]);
    close(ask[1]);
    close(answer[0]);
    close(answer[1]);
    must_still_serve();
    for (int64_t late = time_boot_ms() + PATIENCE_MS;
         open_descriptors() > before + 2 && time_boot_ms() < late;)
        poll(NULL, 0, 5); /* a pooled connection may be open; what was sent is closed */
    assert_true(open_descriptors() <= before + 2);
    for (int i = 0; i <= LIMIT_DOOR_MISFITS; i++)
        send_fds("x", 1, NULL, 0);
    struct err err;
    assert_int_equal(call("GET", "/v1/agents", NULL, &err), HUB_DOWN); /* enough of it */
}

/* Opening a descriptor anew must grant nothing: who may only read a pipe makes us write nothing. */
static void a_reading_end_is_not_written_to(void **state)
{
    static const char request[] = "{\"method\":\"GET\",\"path\":\"/v1/agents\"}";
    enum { ROUNDS = 30 };
    int ask[2], other[2];
    char byte;
    assert_int_equal(pipe2(ask, O_CLOEXEC) | pipe2(other, O_CLOEXEC | O_NONBLOCK), 0);
    send_fds("q", 1, (int[]){ask[0], other[0]}, 2);
    close(ask[0]);
    (void)!write(ask[1], request, sizeof(request) - 1);
    close(ask[1]);
    for (int i = 0; i < ROUNDS; i++)
        must_still_serve(); /* meanwhile a wrong one would have come through */
    assert_int_equal(read(other[0], &byte, 1), -1);
    assert_int_equal(calls_heard(), ROUNDS);
    close(other[0]);
    close(other[1]);
}

/* The command makes its ends blocking, never closes, never reads: the door closes all the same. */
static void who_hangs_holds_nobody(void **state)
{
    int ask[2], answer[2], both[2];
    assert_int_equal(pipe2(ask, O_CLOEXEC) | pipe2(answer, O_CLOEXEC) | pipe2(both, O_CLOEXEC), 0);
    send_fds("q", 1, (int[]){ask[0], answer[1]}, 2);   /* sends nothing */
    send_fds("q", 1, (int[]){both[0], both[1]}, 2);    /* both ends of one pipe */
    assert_int_equal(write(ask[1], "{", 1), 1);
    must_still_serve();
    close(answer[0]); /* nobody will read the answer */
    must_still_serve();
    int64_t start = time_boot_ms();
    task_door_close(door);
    door = NULL;
    assert_true(time_boot_ms() - start < LIMIT_DOOR_MS);
    assert_int_equal(send_fds("q", 1, NULL, 0), -1); /* after its end nobody listens */
    struct err err;
    assert_int_equal(call("GET", "/v1/agents", NULL, &err), HUB_DOWN);
    assert_string_equal(err.code, "channel_closed");
    for (int i = 0; i < 2; i++) {
        close(ask[i]);
        close(both[i]);
    }
    close(answer[1]);
}

static void *wait_forever(void *arg)
{
    struct err *err = arg;
    json_t *answer = NULL;
    enum hub_outcome outcome = hub_call(client, "GET", "/v1/tasks/forever?wait_ms=20000", NULL,
                                        PATIENCE_MS, NULL, &answer, NULL, err);
    json_decref(answer);
    return (void *)(intptr_t)outcome;
}

static void waits_end_with_the_command(void **state)
{
    enum { WAITERS = LIMIT_DOOR_AT_ONCE + 4 };
    pthread_t threads[WAITERS];
    struct err errs[WAITERS];
    void *outcome;
    for (int i = 0; i < WAITERS; i++)
        assert_int_equal(thread_start(&threads[i], "waiter", wait_forever, &errs[i]), 0);
    for (int64_t late = time_boot_ms() + PATIENCE_MS;
         calls_heard() < LIMIT_DOOR_AT_ONCE && time_boot_ms() < late;)
        poll(NULL, 0, 5);
    assert_true(calls_heard() >= LIMIT_DOOR_AT_ONCE); /* the others wait for a place */
    task_door_close(door);
    door = NULL;
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(threads[i], &outcome);
        assert_int_equal((intptr_t)outcome, HUB_DOWN);
        assert_string_equal(errs[i].code, "channel_closed");
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(known_calls_pass_as_the_agent, open_all, close_all),
        cmocka_unit_test_setup_teardown(everything_else_is_refused, open_all, close_all),
        cmocka_unit_test_setup_teardown(refusals_of_the_hub_come_through, open_all, close_all),
        cmocka_unit_test_setup_teardown(garbage_is_answered_or_dropped, open_all, close_all),
        cmocka_unit_test_setup_teardown(a_reading_end_is_not_written_to, open_all, close_all),
        cmocka_unit_test_setup_teardown(who_hangs_holds_nobody, open_all, close_all),
        cmocka_unit_test_setup_teardown(waits_end_with_the_command, open_all, close_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
