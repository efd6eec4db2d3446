/* The Chat Completions provider against a small server of our own on loopback: requests as they
 * arrive, statuses, retries, cuts, cancelling, deadlines, and that no key is shown. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/time.h"
#include "config/config.h"
#include "model/model.h"
#include "net/fetch.h"

enum { REPLIES = 8 };

struct reply {
    const char *head; /* status and headers, without the blank line; NULL: hang up at once */
    const char *body;
    bool hold; /* keep the connection open until the client leaves */
    bool cut;  /* promise more than is sent */
};

struct stage {
    int listener, port;
    pthread_t thread;
    pthread_mutex_t mutex;
    const struct reply *replies; /* the n-th request gets the n-th; the last one repeats */
    size_t count;
    struct buf requests[REPLIES];
    size_t seen;

    struct config_model provider;
    struct config config;
    char url[64];
    struct fetch *fetch;
    struct models *models;
    struct fetch_cancel *cancel;
    struct buf heard;
    bool cancel_when_heard;
    json_t *messages, *tools;
    struct model_answer answer;
    int64_t retry_after_ms, deadline;
    struct err err;
};

static const char secret[] = "sk-0123456789abcdef";

#define SSE "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
#define CHUNK(text) "data: {\"choices\":[{\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define END                                                                                        \
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"                          \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":10,"            \
    "\"prompt_tokens_details\":{\"cached_tokens\":400}}}\n\ndata: [DONE]\n\n"

static const struct reply good = {.head = SSE, .body = CHUNK("Hello ") CHUNK("you.") END};

/* ---- the server ---- */

static size_t body_missing(const struct buf *request)
{
    const char *text = buf_text(request), *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\nContent-Length:");
    if (!end)
        return 1;
    size_t want = length ? strtoul(length + 17, NULL, 10) : 0;
    size_t have = request->len - (size_t)(end + 4 - text);
    return want > have ? want - have : 0;
}

static void read_request(int fd, struct buf *request)
{
    while (body_missing(request)) {
        ssize_t got = read(fd, buf_room(request, 65536), 65536);
        if (got <= 0)
            return;
        buf_grow(request, (size_t)got);
        buf_putc(request, '\0');
        request->len--;
    }
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

static void send_reply(int fd, const struct reply *reply)
{
    struct buf out = {0};
    buf_puts(&out, reply->head);
    if (reply->cut)
        buf_printf(&out, "Content-Length: %zu\r\n", strlen(reply->body) + 100);
    buf_printf(&out, "Connection: close\r\n\r\n%s", reply->body);
    send_all(fd, out.bytes, out.len);
    buf_fini(&out);
    char byte;
    if (reply->hold)
        while (read(fd, &byte, 1) > 0)
            continue;
}

static void *serve(void *arg)
{
    struct stage *stage = arg;
    for (;;) {
        int fd = accept4(stage->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            return NULL;
        struct buf request = {0};
        read_request(fd, &request);
        pthread_mutex_lock(&stage->mutex);
        size_t at = stage->seen < stage->count ? stage->seen : stage->count - 1;
        const struct reply *reply = &stage->replies[at];
        struct buf *kept = &stage->requests[stage->seen < REPLIES ? stage->seen : REPLIES - 1];
        buf_fini(kept);
        *kept = request;
        stage->seen++;
        pthread_mutex_unlock(&stage->mutex);
        if (reply->head)
            send_reply(fd, reply);
        close(fd);
    }
}

static void listen_loopback(struct stage *stage)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    stage->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stage->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(stage->listener, 16), 0);
    getsockname(stage->listener, (struct sockaddr *)&address, &len);
    stage->port = ntohs(address.sin_port);
}

/* ---- stage ---- */

static int set_up(void **state)
{
    struct stage *stage = mem_zalloc(sizeof(*stage));
    pthread_mutex_init(&stage->mutex, NULL);
    listen_loopback(stage);
    stage->replies = &good;
    stage->count = 1;
    assert_int_equal(thread_start(&stage->thread, "server", serve, stage), 0);
    snprintf(stage->url, sizeof(stage->url), "http://127.0.0.1:%d/v1/", stage->port);
    stage->provider = (struct config_model){.name = "local",
                                            .api = "openai-chat",
                                            .base_url = stage->url,
                                            .priced = true,
                                            .price_in = 3000000,
                                            .price_out = 15000000,
                                            .price_cached = 300000,
                                            .max_tokens = 777};
    stage->provider.api_key.value = secret;
    stage->config.models = &stage->provider;
    stage->config.model_count = 1;
    stage->fetch = fetch_open();
    stage->cancel = fetch_cancel_open();
    stage->models = models_open(&stage->config, stage->fetch);
    stage->messages = json_pack("[{s:s, s:s}]", "role", "user", "text", "Hi");
    stage->tools = json_array();
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    shutdown(stage->listener, SHUT_RDWR);
    pthread_join(stage->thread, NULL);
    close(stage->listener);
    models_close(stage->models);
    fetch_cancel_close(stage->cancel);
    fetch_close(stage->fetch);
    for (size_t i = 0; i < REPLIES; i++)
        buf_fini(&stage->requests[i]);
    buf_fini(&stage->heard);
    json_decref(stage->messages);
    json_decref(stage->tools);
    json_decref(stage->answer.message);
    pthread_mutex_destroy(&stage->mutex);
    free(stage);
    return 0;
}

static void hear(void *ctx, const char *text, size_t len)
{
    struct stage *stage = ctx;
    buf_put(&stage->heard, text, len);
    if (stage->cancel_when_heard)
        fetch_cancel(stage->cancel);
}

static enum model_outcome call(struct stage *stage, bool listening)
{
    const char *name;
    struct model *model = models_get(stage->models, "local/big/one", &name, &stage->err);
    if (!model)
        fail_msg("%s", stage->err.message);
    struct model_request request = {.model = name,
                                    .system = "Be brief.",
                                    .messages = stage->messages,
                                    .tools = stage->tools,
                                    .cancel = stage->cancel,
                                    .deadline_boot_ms = stage->deadline,
                                    .on_text = listening ? hear : NULL,
                                    .ctx = stage};
    json_decref(stage->answer.message);
    buf_clear(&stage->heard);
    stage->err = (struct err){0};
    enum model_outcome outcome =
        model_complete(model, &request, &stage->answer, &stage->retry_after_ms, &stage->err);
    assert_null(strstr(stage->err.message, secret));
    assert_null(strstr(stage->err.hint, secret));
    assert_true((outcome == MODEL_OK) == (stage->answer.message != NULL));
    assert_true((outcome == MODEL_OK) == (stage->err.message[0] == '\0') || outcome == MODEL_OK);
    return outcome;
}

static void play(struct stage *stage, const struct reply *replies, size_t count)
{
    pthread_mutex_lock(&stage->mutex);
    stage->replies = replies;
    stage->count = count;
    stage->seen = 0;
    pthread_mutex_unlock(&stage->mutex);
}

static size_t requests_seen(struct stage *stage)
{
    pthread_mutex_lock(&stage->mutex);
    size_t seen = stage->seen;
    pthread_mutex_unlock(&stage->mutex);
    return seen;
}

static enum model_outcome call_with(struct stage *stage, const struct reply *replies, size_t count)
{
    play(stage, replies, count);
    return call(stage, true);
}

/* ---- tests ---- */

static void test_answer_usage_and_cost(void **state)
{
    struct stage *stage = *state;
    assert_int_equal(call(stage, true), MODEL_OK);
    assert_string_equal(json_get_text(stage->answer.message, "text", ""), "Hello you.");
    assert_string_equal(buf_text(&stage->heard), "Hello you.");
    assert_int_equal(stage->answer.usage.in, 1000);
    assert_int_equal(stage->answer.usage.cached, 400);
    assert_int_equal(models_cost(stage->models, "local/big/one", &stage->answer.usage),
                     600 * 3 + 400 * 3 / 10 + 10 * 15);
    struct model_usage little = {.in = 1};
    assert_int_equal(models_cost(stage->models, "local/x", &little), 3);
    stage->provider.price_in = 1;
    assert_int_equal(models_cost(stage->models, "local/x", &little), 1); /* rounded up */
    stage->provider.priced = false;
    assert_int_equal(models_cost(stage->models, "local/x", &little), -1);
}

static void add_history(struct stage *stage)
{
    json_decref(stage->messages);
    stage->messages =
        json_pack("[{s:s,s:s}, {s:s,s:n,s:s,s:[{s:s,s:s,s:{s:s},s:{s:s,s:s}}]}, "
                  "{s:s,s:s,s:s,s:s,s:b}, {s:s,s:s}]",
                  "role", "user", "text", "Hi", "role", "assistant", "text", "thinking", "hm",
                  "tool_calls", "id", "c1", "name", "read", "arguments", "path", "a", "extra",
                  "local", "sig", "other", "no", "role", "tool", "call_id", "c1", "name", "read",
                  "text", "content", "is_error", 0, "role", "assistant", "text", "So.");
    json_decref(stage->tools);
    stage->tools = json_pack("[{s:s, s:s, s:{s:s}}]", "name", "read", "description", "reads",
                             "parameters", "type", "object");
}

static void test_request(void **state)
{
    struct stage *stage = *state;
    add_history(stage);
    assert_int_equal(call(stage, true), MODEL_OK);
    const char *request = buf_text(&stage->requests[0]);
    assert_true(str_starts(request, "POST /v1/chat/completions HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "Authorization: Bearer sk-0123456789abcdef\r\n"));
    assert_non_null(strstr(request, "Content-Type: application/json\r\n"));
    assert_string_equal(
        strstr(request, "\r\n\r\n") + 4,
        "{\"max_tokens\":777,\"messages\":["
        "{\"content\":\"Be brief.\",\"role\":\"system\"},{\"content\":\"Hi\",\"role\":\"user\"},"
        "{\"content\":null,\"role\":\"assistant\",\"tool_calls\":[{\"extra_content\":\"sig\","
        "\"function\":"
        "{\"arguments\":\"{\\\"path\\\":\\\"a\\\"}\",\"name\":\"read\"},\"id\":\"c1\",\"type\":"
        "\"function\"}]},"
        "{\"content\":\"content\",\"role\":\"tool\",\"tool_call_id\":\"c1\"},"
        "{\"content\":\"So.\",\"role\":\"assistant\"}],\"model\":\"big/one\",\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true},\"tool_choice\":\"auto\",\"tools\":["
        "{\"function\":{\"description\":\"reads\",\"name\":\"read\",\"parameters\":{\"type\":"
        "\"object\"}},"
        "\"type\":\"function\"}]}");
}

static void test_no_key_no_header(void **state)
{
    struct stage *stage = *state;
    stage->provider.api_key.value = NULL;
    assert_int_equal(call(stage, true), MODEL_OK);
    assert_null(strstr(buf_text(&stage->requests[0]), "Authorization"));
    assert_null(strstr(buf_text(&stage->requests[0]), "tool_choice"));
}

#define JSON_HEAD(status) "HTTP/1.1 " status "\r\nContent-Type: application/json\r\n"

static const struct verdict {
    struct reply reply;
    enum model_outcome want;
    const char *says; /* part of the sentence */
    size_t requests;
} verdicts[] = {
    {{JSON_HEAD("401 Unauthorized"),
      "{\"error\":{\"message\":\"Incorrect API key provided: sk-0123456789abcdef.\"}}", 0, 0},
     MODEL_AUTH,
     "does not accept the key (401): Incorrect API key provided: [key].",
     1},
    {{JSON_HEAD("403 Forbidden"), "{\"detail\":\"no\"}", 0, 0}, MODEL_AUTH, "(403): no", 1},
    {{JSON_HEAD("403 Forbidden"), "{\"error\":{\"message\":\"Your input was flagged\"}}", 0, 0},
     MODEL_REFUSED,
     "refused the request",
     1},
    {{JSON_HEAD("402 Payment Required"), "{\"error\":{\"message\":\"Insufficient credits\"}}", 0,
      0},
     MODEL_AUTH,
     "nothing left",
     1},
    {{JSON_HEAD("429 Too Many"), "{\"error\":{\"message\":\"x\",\"code\":\"insufficient_quota\"}}",
      0, 0},
     MODEL_AUTH,
     "nothing left",
     1},
    {{JSON_HEAD("404 Not Found"), "{\"error\":\"model 'big/one' not found, try pulling it first\"}",
      0, 0},
     MODEL_REFUSED,
     "provider \"local\" has no model \"big/one\" (404): model 'big/one' not found",
     1},
    {{JSON_HEAD("400 Bad"), "[{\"error\":{\"code\":400,\"message\":\"Unknown name\"}}]", 0, 0},
     MODEL_REFUSED,
     "refused the request for \"big/one\" (400): Unknown name",
     1},
    {{JSON_HEAD("400 Bad"),
      "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":\"context_length_"
      "exceeded\"}}",
      0, 0},
     MODEL_TOO_LONG,
     "does not fit",
     1},
    {{JSON_HEAD("400 Bad"),
      "{\"object\":\"error\",\"message\":\"This model's maximum context length is 8192 tokens\"}",
      0, 0},
     MODEL_TOO_LONG,
     "maximum context length is 8192",
     1},
    {{JSON_HEAD("400 Bad"),
      "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context "
      "size\",\"type\":\"exceed_context_size_error\"}}",
      0, 0},
     MODEL_TOO_LONG,
     "available context size",
     1},
    {{JSON_HEAD("413 Large"), "", 0, 0}, MODEL_TOO_LONG, "(413)", 1},
    {{JSON_HEAD("429 Too Many") "Retry-After: 30\r\n", "{\"error\":{\"message\":\"slow down\"}}", 0,
      0},
     MODEL_RETRY_LATER,
     "later (429): slow down",
     1},
    {{JSON_HEAD("503 Busy") "Retry-After: 30\r\n", "", 0, 0}, MODEL_RETRY_LATER, "later (503)", 1},
    {{JSON_HEAD("529 Overloaded"),
      "{\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", 0, 0},
     MODEL_RETRY_LATER,
     "later (529): Overloaded",
     3},
    {{"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n",
      "<html>\n<head><title>502 Bad\n Gateway</title></head><body>nginx</body></html>", 0, 0},
     MODEL_UNREACHABLE,
     "in trouble (502): 502 Bad Gateway",
     3},
    {{"HTTP/1.1 500 Oops\r\n", "<p>It\tbroke</p>", 0, 0}, MODEL_UNREACHABLE, "(500): It broke", 3},
    {{NULL, NULL, 0, 0}, MODEL_UNREACHABLE, "gave no whole answer", 3},
    {{SSE, "", 0, 0}, MODEL_UNREACHABLE, "before it was complete", 3},
    {{SSE, CHUNK("Half"), 0, 0}, MODEL_UNREACHABLE, "before it was complete", 1},
    {{SSE, CHUNK("Half"), 0, 1}, MODEL_UNREACHABLE, "gave no whole answer", 1},
    {{SSE,
      CHUNK("Half") "data: "
                    "{\"error\":{\"message\":\"Overloaded\",\"type\":\"overloaded_error\"}}\n\n",
      0, 0},
     MODEL_RETRY_LATER,
     "(529): Overloaded",
     1},
    {{SSE, "data: {\"error\":{\"message\":\"No sk-0123456789abcdef\",\"code\":401}}\n\n", 0, 0},
     MODEL_AUTH,
     "No [key]",
     1},
    {{SSE, "data: {\"error\":{\"message\":\"hiccup\",\"code\":502}}\n\n", 0, 0},
     MODEL_UNREACHABLE,
     "hiccup",
     3},
    {{"HTTP/1.1 200 OK\r\n", "<html>sk-0123456789abcdef</html>", 0, 0},
     MODEL_MALFORMED,
     "begins: <html>[key]",
     1},
    {{SSE, "data: nonsense\n\n", 0, 0}, MODEL_MALFORMED, "cannot be read", 1},
};

static void test_verdicts(void **state)
{
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        const struct verdict *verdict = &verdicts[i];
        enum model_outcome got = call_with(stage, &verdict->reply, 1);
        if (got != verdict->want || !strstr(stage->err.message, verdict->says) ||
            requests_seen(stage) != verdict->requests)
            fail_msg("verdict %zu: %d after %zu requests: %s", i, got, requests_seen(stage),
                     stage->err.message);
        if (got == MODEL_RETRY_LATER)
            assert_true(stage->retry_after_ms == 30000 || stage->retry_after_ms == 10000);
    }
}

static void test_short_troubles_heal(void **state)
{
    struct stage *stage = *state;
    const struct reply then_good[] = {
        {.head = "HTTP/1.1 502 Bad\r\n", .body = ""},
        {.head = JSON_HEAD("429 Too Many") "Retry-After: 0\r\n", .body = ""},
        good};
    assert_int_equal(call_with(stage, then_good, 3), MODEL_OK);
    assert_int_equal(requests_seen(stage), 3);
    int64_t started = time_boot_ms();
    const struct reply soon[] = {
        {.head = JSON_HEAD("429 Too Many") "Retry-After: 1\r\n", .body = ""}, good};
    assert_int_equal(call_with(stage, soon, 2), MODEL_OK);
    assert_true(time_boot_ms() - started >= 1000);
}

/* Nobody has heard a part of the answer, so the cut stream may be asked for again. */
static void test_cut_without_listener_is_tried_again(void **state)
{
    struct stage *stage = *state;
    const struct reply replies[] = {{.head = SSE, .body = CHUNK("Half"), .cut = true}, good};
    play(stage, replies, 2);
    assert_int_equal(call(stage, false), MODEL_OK);
    assert_string_equal(json_get_text(stage->answer.message, "text", ""), "Hello you.");
}

/* The answer was whole before the connection went bad. */
static void test_cut_behind_the_end_is_no_cut(void **state)
{
    struct stage *stage = *state;
    const struct reply reply = {.head = SSE, .body = CHUNK("All") END, .cut = true};
    assert_int_equal(call_with(stage, &reply, 1), MODEL_OK);
    assert_int_equal(requests_seen(stage), 1);
}

static void test_cancel_in_mid_stream(void **state)
{
    struct stage *stage = *state;
    const struct reply reply = {.head = SSE, .body = CHUNK("Begin"), .hold = true};
    stage->cancel_when_heard = true;
    assert_int_equal(call_with(stage, &reply, 1), MODEL_CANCELLED);
    assert_string_equal(buf_text(&stage->heard), "Begin");
    assert_int_equal(call_with(stage, &reply, 1), MODEL_CANCELLED); /* stays thrown */
}

static void *cancel_soon(void *arg)
{
    struct stage *stage = arg;
    while (requests_seen(stage) == 0)
        usleep(1000);
    fetch_cancel(stage->cancel);
    return NULL;
}

static void test_cancel_between_tries(void **state)
{
    struct stage *stage = *state;
    const struct reply replies[] = {
        {.head = JSON_HEAD("429 Too Many") "Retry-After: 2\r\n", .body = ""},
        {.head = SSE, .body = "", .hold = true}}; /* here a cancel that is late finds the call */
    pthread_t thread;
    play(stage, replies, 2);
    assert_int_equal(thread_start(&thread, "cancel", cancel_soon, stage), 0);
    assert_int_equal(call(stage, true), MODEL_CANCELLED);
    pthread_join(thread, NULL);
}

static void test_deadline(void **state)
{
    struct stage *stage = *state;
    const struct reply reply = {.head = SSE, .body = CHUNK("Begin"), .hold = true};
    /* A busy machine may reach the first deadlines before the first piece. */
    for (int64_t ms = 150; ms <= 20000 && stage->heard.len == 0; ms *= 4) {
        stage->deadline = time_boot_ms() + ms;
        assert_int_equal(call_with(stage, &reply, 1), MODEL_UNREACHABLE);
    }
    assert_string_equal(buf_text(&stage->heard), "Begin"); /* once: it was not tried again */
}

static void test_nobody_listens(void **state)
{
    struct stage *stage = *state;
    snprintf(stage->url, sizeof(stage->url), "http://127.0.0.1:1/v1");
    assert_int_equal(call(stage, true), MODEL_UNREACHABLE);
    assert_non_null(strstr(stage->err.hint, "models.local.base_url"));
}

static void test_references(void **state)
{
    struct stage *stage = *state;
    const char *name;
    struct err err;
    assert_null(models_get(stage->models, "lokal/x", &name, &err));
    assert_string_equal(err.code, "unknown_provider");
    assert_string_equal(err.hint, "did you mean local/x?");
    assert_null(models_get(stage->models, "local", &name, &err));
    assert_null(models_get(stage->models, "local/", &name, &err));
    assert_string_equal(err.code, "bad_model");
    stage->provider.api = "anthropic";
    assert_null(models_get(stage->models, "local/x", &name, &err));
    assert_string_equal(err.code, "no_api");
    stage->provider.api = "openai-chat";
    stage->provider.api_key = (struct config_secret){.file = "/nowhere/key"};
    assert_null(models_get(stage->models, "local/x", &name, &err));
    stage->provider.api_key = (struct config_secret){0};
    struct model *model = models_get(stage->models, "local/a/b", &name, &err);
    assert_string_equal(name, "a/b");
    assert_ptr_equal(model, models_get(stage->models, "local/c", &name, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answer_usage_and_cost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_key_no_header, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_verdicts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_short_troubles_heal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_without_listener_is_tried_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_cut_behind_the_end_is_no_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_in_mid_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel_between_tries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_listens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_references, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
