/* The client's way through a task's channel, against a small gateway in a thread: what it sends, how
 * it takes answers, refusals, silence and a gateway that is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/hub_client.h"
#include "net/fetch.h"

/* Takes one request and answers with `answer` (NULL: closes without a word). */
struct fake {
    int fd;
    const char *answer;
    bool reads;       /* the request, before it answers */
    struct buf heard; /* the request's text */
    size_t rights;    /* descriptors that came with it */
    char byte;
};

static void read_whole(int fd, struct buf *out)
{
    ssize_t got;
    while ((got = read(fd, buf_room(out, 4096), 4096)) > 0)
        buf_grow(out, (size_t)got);
}

static void *fake_serve(void *arg)
{
    struct fake *fake = arg;
    int ends[4];
    char space[CMSG_SPACE(sizeof(ends))];
    struct iovec piece = {&fake->byte, 1};
    struct msghdr head = {.msg_iov = &piece,
                          .msg_iovlen = 1,
                          .msg_control = space,
                          .msg_controllen = sizeof(space)};
    if (recvmsg(fake->fd, &head, MSG_CMSG_CLOEXEC) != 1)
        return NULL;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
    if (!rights)
        return NULL;
    fake->rights = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(ends, CMSG_DATA(rights), fake->rights * sizeof(int));
    if (fake->reads)
        read_whole(ends[0], &fake->heard);
    close(ends[0]);
    for (size_t at = 0; fake->answer && at < strlen(fake->answer);) {
        ssize_t put = write(ends[1], fake->answer + at, strlen(fake->answer) - at);
        if (put < 0)
            break;
        at += (size_t)put;
    }
    close(ends[1]);
    return NULL;
}

struct line {
    struct fake fake;
    pthread_t thread;
    struct hub_client *client;
    int ours;
    struct err err;
    json_t *answer;
    int status;
};

static void line_open(struct line *line, const char *answer)
{
    int ends[2];
    *line = (struct line){.fake = {.answer = answer, .reads = true}};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    line->ours = ends[0];
    line->fake.fd = ends[1];
    line->client = hub_client_open_task(line->ours);
}

static enum hub_outcome line_call(struct line *line, const json_t *body)
{
    pthread_create(&line->thread, NULL, fake_serve, &line->fake);
    enum hub_outcome outcome = hub_call(line->client, body ? "POST" : "GET", "/v1/tasks", body, 20000,
                                        NULL, &line->answer, &line->status, &line->err);
    pthread_join(line->thread, NULL);
    return outcome;
}

static void line_close(struct line *line)
{
    json_decref(line->answer);
    hub_client_close(line->client);
    close(line->ours);
    if (line->fake.fd >= 0)
        close(line->fake.fd);
    buf_fini(&line->fake.heard);
}

static void one_message_carries_two_pipes(void **state)
{
    struct line line;
    line_open(&line, "{\"status\":201,\"body\":{\"task\":{\"id\":\"t-1\"}}}");
    json_t *body = json_pack("{s:s}", "agent", "webster");
    assert_int_equal(line_call(&line, body), HUB_OK);
    assert_int_equal(line.fake.rights, 2);
    assert_int_equal(line.fake.byte, 'q');
    assert_string_equal(
        buf_text(&line.fake.heard),
        "{\"body\":{\"agent\":\"webster\"},\"method\":\"POST\",\"path\":\"/v1/tasks\"}");
    assert_int_equal(line.status, 201);
    assert_string_equal(json_get_text(json_object_get(line.answer, "task"), "id", ""), "t-1");
    json_decref(body);
    line_close(&line);
}

static void large_bodies_go_both_ways(void **state)
{
    enum { LARGE = 3 << 20 };
    struct line line;
    char *text = mem_alloc(LARGE + 1);
    memset(text, 'x', LARGE);
    text[LARGE] = '\0';
    json_t *answer = json_pack("{s:i,s:{s:s}}", "status", 200, "body", "text", text);
    char *answer_text = json_dumps(answer, 0);
    line_open(&line, answer_text);
    json_t *body = json_pack("{s:s}", "instruction", text);
    assert_int_equal(line_call(&line, body), HUB_OK);
    assert_true(line.fake.heard.len > LARGE);
    assert_int_equal(strlen(json_get_text(line.answer, "text", "")), LARGE);
    json_decref(body);
    json_decref(answer);
    free(answer_text);
    free(text);
    line_close(&line);
}

static void a_refusal_keeps_its_words(void **state)
{
    struct line line;
    line_open(&line, "{\"status\":403,\"body\":{\"ok\":false,\"error\":{\"code\":\"not_allowed\","
                     "\"message\":\"webster may not ask manager\",\"hint\":\"ask manager\"}}}");
    assert_int_equal(line_call(&line, NULL), HUB_REFUSED);
    assert_int_equal(line.status, 403);
    assert_string_equal(line.err.code, "not_allowed");
    assert_string_equal(line.err.message, "webster may not ask manager");
    assert_string_equal(line.err.hint, "ask manager");
    line_close(&line);
}

static void a_full_hub_is_busy_and_a_lost_task_is_lost(void **state)
{
    struct line line;
    line_open(&line, "{\"status\":503,\"body\":{\"error\":{\"code\":\"queue_full\"}}}");
    assert_int_equal(line_call(&line, NULL), HUB_BUSY);
    line_close(&line);
    line_open(&line, "{\"status\":409,\"body\":{\"error\":{\"code\":\"lost\"}}}");
    assert_int_equal(line_call(&line, NULL), HUB_LOST);
    line_close(&line);
}

static void a_gateway_that_is_gone_or_says_nothing_is_down(void **state)
{
    struct line line;
    line_open(&line, NULL);
    assert_int_equal(line_call(&line, NULL), HUB_DOWN);
    assert_string_equal(line.err.code, "channel_closed");
    line_close(&line);
    line_open(&line, NULL);
    close(line.fake.fd);
    line.fake.fd = -1;
    assert_int_equal(hub_call(line.client, "GET", "/v1/tasks", NULL, 20000, NULL, &line.answer,
                              &line.status, &line.err),
                     HUB_DOWN);
    line_close(&line);
}

static void an_answer_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {"not json", "{\"body\":{}}", "{\"status\":200", "[]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct line line;
        line_open(&line, bad[i]);
        assert_int_equal(line_call(&line, NULL), HUB_REFUSED);
        assert_string_equal(line.err.code, "bad_answer");
        line_close(&line);
    }
}

static void silence_ends_at_the_deadline_and_a_cancel_before_it(void **state)
{
    struct line line;
    line_open(&line, NULL);
    assert_int_equal(hub_call(line.client, "GET", "/v1/tasks", NULL, 50, NULL, &line.answer,
                              &line.status, &line.err),
                     HUB_DOWN);
    assert_string_equal(line.err.code, "channel_late");
    struct fetch_cancel *cancel = fetch_cancel_open();
    fetch_cancel(cancel);
    assert_int_equal(hub_call(line.client, "GET", "/v1/tasks", NULL, 20000, cancel, &line.answer,
                              &line.status, &line.err),
                     HUB_CANCELLED);
    fetch_cancel_close(cancel);
    line_close(&line);
}

static void a_refusal_before_the_whole_request_is_heard(void **state)
{
    enum { LARGE = 3 << 20 };
    struct line line;
    char *text = mem_alloc(LARGE + 1);
    memset(text, 'x', LARGE);
    text[LARGE] = '\0';
    line_open(&line, "{\"status\":413,\"body\":{\"error\":{\"code\":\"too_large\"}}}");
    line.fake.reads = false;
    json_t *body = json_pack("{s:s}", "instruction", text);
    assert_int_equal(line_call(&line, body), HUB_REFUSED);
    assert_string_equal(line.err.code, "too_large");
    json_decref(body);
    free(text);
    line_close(&line);
}

static int count_files(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void no_descriptor_is_left(void **state)
{
    int before = count_files();
    one_message_carries_two_pipes(state);
    a_gateway_that_is_gone_or_says_nothing_is_down(state);
    silence_ends_at_the_deadline_and_a_cancel_before_it(state);
    assert_int_equal(count_files(), before);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_message_carries_two_pipes),
        cmocka_unit_test(large_bodies_go_both_ways),
        cmocka_unit_test(a_refusal_keeps_its_words),
        cmocka_unit_test(a_full_hub_is_busy_and_a_lost_task_is_lost),
        cmocka_unit_test(a_gateway_that_is_gone_or_says_nothing_is_down),
        cmocka_unit_test(an_answer_that_is_none_is_refused),
        cmocka_unit_test(silence_ends_at_the_deadline_and_a_cancel_before_it),
        cmocka_unit_test(a_refusal_before_the_whole_request_is_heard),
        cmocka_unit_test(no_descriptor_is_left),
    };
    return cmocka_run_group_tests_name("client_task_channel", tests, NULL, NULL);
}
