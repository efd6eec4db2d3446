/* One exchange with the hub, repeated while the hub is away. A repeat is safe: every write carries a
 * request id or an id made from its content. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "client/hub_client.h"
#include "client/task_channel.h"
#include "net/fetch.h"

enum { BACKOFF_FIRST_MS = 20, BACKOFF_MAX_MS = 500, SHORTEST_TRY_MS = 1000 };

struct hub_client {
    struct fetch *fetch; /* borrowed */
    char *state_dir, *token;
    int task_fd; /* borrowed; -1: speaks to the hub itself */
};

/* One call's constant part, so that the functions below stay small. */
struct exchange {
    struct hub_client *client;
    struct fetch_request request;
    int64_t deadline;
    const char *headers[3];
    struct buf *raw; /* where the answer's bytes go that are not JSON; NULL: it is JSON */
};

struct hub_client *hub_client_open(struct fetch *fetch, const char *state_dir, const char *token)
{
    struct hub_client *client = mem_zalloc(sizeof(*client));
    client->fetch = fetch;
    client->state_dir = mem_strdup(state_dir);
    client->token = mem_strdup(token);
    client->task_fd = -1;
    return client;
}

struct hub_client *hub_client_open_task(int fd)
{
    struct hub_client *client = mem_zalloc(sizeof(*client));
    client->task_fd = fd;
    return client;
}

void hub_client_close(struct hub_client *client)
{
    if (!client)
        return;
    free(client->state_dir);
    free(client->token);
    free(client);
}

static enum hub_outcome outcome_of_error(int status, const struct err *err)
{
    if (status == 409 && str_eq(err->code, "lost"))
        return HUB_LOST;
    if (status == 503)
        return str_eq(err->code, "shutting_down") ? HUB_DOWN : HUB_BUSY;
    return HUB_REFUSED;
}

static void error_from_body(int status, const json_t *body, struct err *err)
{
    const json_t *error = json_object_get(body, "error");
    err_set(err, json_get_text(error, "code", "http_error"), "%s",
            json_get_text(error, "message", "the hub refused the request"));
    err_hint(err, "%s", json_get_text(error, "hint", ""));
    if (!error)
        err_set(err, "http_error", "the hub answered %d", status);
}

static enum hub_outcome read_answer(const struct fetch_response *response, struct buf *raw,
                                    json_t **answer, struct err *err)
{
    if (response->status < 200 || response->status > 299) {
        json_t *body = json_parse(buf_text(&response->body), response->body.len, NULL);
        error_from_body(response->status, body, err);
        json_decref(body);
        return outcome_of_error(response->status, err);
    }
    if (raw) {
        buf_put(raw, buf_text(&response->body), response->body.len);
        return HUB_OK;
    }
    *answer = json_parse(buf_text(&response->body), response->body.len, err);
    return *answer ? HUB_OK : HUB_REFUSED;
}

/* One try. HUB_DOWN means: worth another. */
static enum hub_outcome exchange_once(struct exchange *exchange, json_t **answer, int *status,
                                      struct err *err)
{
    struct fetch_response response = {0};
    int64_t left = exchange->deadline - time_boot_ms();
    exchange->request.total_ms = left > SHORTEST_TRY_MS ? left : SHORTEST_TRY_MS;
    crash_point("client.send.before");
    enum fetch_outcome outcome =
        fetch_run(exchange->client->fetch, &exchange->request, &response, err);
    crash_point("client.receive.after");
    enum hub_outcome result = HUB_DOWN;
    if (outcome == FETCH_OK) {
        *status = response.status;
        result = read_answer(&response, exchange->raw, answer, err);
    } else if (outcome == FETCH_CANCELLED) {
        result = HUB_CANCELLED;
    } else if (outcome == FETCH_TOO_LARGE) {
        result = HUB_REFUSED;
    }
    fetch_response_fini(&response);
    return result;
}

static void sleep_before_retry(int64_t *pause_ms, int64_t deadline)
{
    int64_t left = deadline - time_boot_ms();
    int64_t pause = *pause_ms < left ? *pause_ms : left;
    if (pause > 0)
        usleep((useconds_t)pause * 1000);
    *pause_ms = *pause_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : *pause_ms * 2;
}

static enum hub_outcome exchange_run(struct exchange *exchange, json_t **answer, int *http_status,
                                     struct err *err)
{
    int64_t pause_ms = BACKOFF_FIRST_MS;
    int status = 0;
    struct err last = {0};
    *answer = NULL;
    enum hub_outcome outcome = exchange_once(exchange, answer, &status, &last);
    while (outcome == HUB_DOWN && time_boot_ms() < exchange->deadline) {
        sleep_before_retry(&pause_ms, exchange->deadline);
        outcome = exchange_once(exchange, answer, &status, &last);
    }
    if (outcome == HUB_DOWN) {
        err_set(err, "hub_down", "the hub does not answer (%s/hub.sock)",
                exchange->client->state_dir);
        err_hint(err, "start the company: hq up -d");
    } else if (outcome != HUB_OK && err) {
        *err = last;
    }
    if (http_status)
        *http_status = status;
    return outcome;
}

/* The hub's unix socket, with the token; `arena` holds the texts until the exchange is over. */
static void exchange_init(struct exchange *exchange, struct hub_client *client, const char *token,
                          int64_t deadline_ms, struct arena *arena)
{
    *exchange = (struct exchange){
        .client = client,
        .deadline = time_boot_ms() + deadline_ms,
        .request = {.unix_dir = client->state_dir,
                    .unix_name = "hub.sock",
                    .connect_ms = 2000,
                    .max_body = LIMIT_BLOB},
    };
    exchange->headers[0] = arena_printf(arena, "Authorization: Bearer %s", token);
    exchange->request.headers = exchange->headers;
}

static enum hub_outcome call_with(struct hub_client *client, const char *token, const char *method,
                                  const char *path, const json_t *body, int64_t deadline_ms,
                                  struct fetch_cancel *cancel, json_t **answer, int *http_status,
                                  struct err *err)
{
    struct arena arena = {0};
    struct exchange exchange;
    const char *text = body ? json_print(&arena, body) : NULL;
    exchange_init(&exchange, client, token, deadline_ms, &arena);
    exchange.request.method = method;
    exchange.request.url = arena_printf(&arena, "http://hub%s", path);
    exchange.request.body = text;
    exchange.request.body_len = text ? strlen(text) : 0;
    exchange.request.cancel = cancel;
    exchange.headers[1] = text ? "Content-Type: application/json" : NULL;
    enum hub_outcome outcome = exchange_run(&exchange, answer, http_status, err);
    arena_fini(&arena);
    return outcome;
}

static enum hub_outcome read_task_answer(json_t *whole, json_t **answer, int *http_status,
                                         struct err *err)
{
    int status = (int)json_get_int(whole, "status", 0);
    json_t *body = json_object_get(whole, "body");
    enum hub_outcome outcome = HUB_OK;
    if (http_status)
        *http_status = status;
    if (status >= 200 && status <= 299) {
        *answer = body ? json_incref(body) : json_object();
    } else {
        error_from_body(status, body, err);
        outcome = outcome_of_error(status, err);
    }
    json_decref(whole);
    return outcome;
}

/* The gateway repeats for us while the hub is away; when the gateway is gone, so are we. */
static enum hub_outcome call_by_task(struct hub_client *client, const struct task_message *message,
                                     json_t **answer, int *http_status, struct err *err)
{
    json_t *whole = NULL;
    *answer = NULL;
    if (http_status)
        *http_status = 0;
    switch (task_channel_call(client->task_fd, message, &whole, err)) {
    case TASK_CHANNEL_OK:
        return read_task_answer(whole, answer, http_status, err);
    case TASK_CHANNEL_CANCELLED:
        return HUB_CANCELLED;
    case TASK_CHANNEL_BAD:
        return HUB_REFUSED;
    default:
        return HUB_DOWN;
    }
}

enum hub_outcome hub_call(struct hub_client *client, const char *method, const char *path,
                          const json_t *body, int64_t deadline_ms, struct fetch_cancel *cancel,
                          json_t **answer, int *http_status, struct err *err)
{
    if (client->task_fd >= 0) {
        struct task_message message = {.method = method,
                                       .path = path,
                                       .body = body,
                                       .deadline = time_boot_ms() + deadline_ms,
                                       .cancel = cancel};
        return call_by_task(client, &message, answer, http_status, err);
    }
    return call_with(client, client->token, method, path, body, deadline_ms, cancel, answer,
                     http_status, err);
}

enum hub_outcome hub_call_as(struct hub_client *client, const char *token, const char *method,
                             const char *path, const json_t *body, int64_t deadline_ms,
                             json_t **answer, int *http_status, struct err *err)
{
    return call_with(client, token, method, path, body, deadline_ms, NULL, answer, http_status,
                     err);
}

static enum hub_outcome refuse_raw(struct err *err)
{
    err_set(err, "not_here", "raw bytes do not go through a task's channel");
    return HUB_REFUSED;
}

enum hub_outcome hub_put_blob(struct hub_client *client, const void *bytes, size_t len,
                              int64_t deadline_ms, struct fetch_cancel *cancel, char *hex,
                              struct err *err)
{
    struct arena arena = {0};
    struct exchange exchange;
    json_t *answer = NULL;
    if (client->task_fd >= 0)
        return refuse_raw(err);
    exchange_init(&exchange, client, client->token, deadline_ms, &arena);
    exchange.request.method = "PUT";
    exchange.request.url = "http://hub/v1/blobs";
    exchange.request.body = len ? bytes : "";
    exchange.request.body_len = len;
    exchange.request.cancel = cancel;
    exchange.headers[1] = "Content-Type: application/octet-stream";
    enum hub_outcome outcome = exchange_run(&exchange, &answer, NULL, err);
    const char *name = json_get_text(answer, "sha256", "");
    if (outcome == HUB_OK && strlen(name) != 64) {
        err_set(err, "bad_answer", "the hub did not name the blob");
        outcome = HUB_REFUSED;
    }
    snprintf(hex, 65, "%s", name);
    json_decref(answer);
    arena_fini(&arena);
    return outcome;
}

enum hub_outcome hub_get_bytes(struct hub_client *client, const char *path, int64_t deadline_ms,
                               struct buf *out, struct err *err)
{
    struct arena arena = {0};
    struct exchange exchange;
    json_t *answer = NULL;
    if (client->task_fd >= 0)
        return refuse_raw(err);
    exchange_init(&exchange, client, client->token, deadline_ms, &arena);
    exchange.request.method = "GET";
    exchange.request.url = arena_printf(&arena, "http://hub%s", path);
    exchange.raw = out;
    enum hub_outcome outcome = exchange_run(&exchange, &answer, NULL, err);
    arena_fini(&arena);
    return outcome;
}
