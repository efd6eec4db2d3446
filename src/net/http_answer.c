/* What handlers fill becomes an answer: JSON, text, errors, headers. */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "net/http_exchange.h"

enum { HEADERS_MAX = 8 };

enum http_verdict http_json(struct http_request *request, struct http_response *response,
                            int status, json_t *body)
{
    struct buf text = {0};
    json_put(&text, body, 0);
    buf_putc(&text, '\n');
    json_decref(body);
    response->status = status;
    response->content_type = NULL;
    response->body = arena_memdup(&request->arena, buf_text(&text), text.len);
    response->body_len = text.len;
    buf_fini(&text);
    return HTTP_ANSWER;
}

enum http_verdict http_text(struct http_response *response, int status, const char *text)
{
    response->status = status;
    response->content_type = "text/plain; charset=utf-8";
    response->body = text;
    response->body_len = strlen(text);
    return HTTP_ANSWER;
}

enum http_verdict http_error(struct http_request *request, struct http_response *response,
                             int status, const struct err *err)
{
    json_t *error = json_object();
    json_set_text(error, "code", err->code);
    json_set_text(error, "message", err->message);
    json_set_text(error, "hint", err->hint[0] ? err->hint : NULL);
    json_t *body = json_object();
    json_object_set_new(body, "ok", json_false());
    json_object_set_new(body, "error", error);
    return http_json(request, response, status, body);
}

void http_add_header(struct http_response *response, const char *name, const char *value)
{
    int i = 0;
    while (i < HEADERS_MAX && response->headers[i][0])
        i++;
    if (i == HEADERS_MAX) {
        log_warn("an answer has over %d headers; %s was left out", HEADERS_MAX, name);
        return;
    }
    response->headers[i][0] = name;
    response->headers[i][1] = value;
}

static void answer_header(struct MHD_Response *answer, const char *name, const char *value)
{
    if (MHD_add_response_header(answer, name, value) != MHD_YES)
        log_warn("header %s of an answer has characters that HTTP forbids; it was left out", name);
}

static void answer_headers(struct MHD_Response *answer, const struct http_response *response)
{
    for (int i = 0; i < HEADERS_MAX && response->headers[i][0]; i++)
        answer_header(answer, response->headers[i][0], response->headers[i][1]);
}

static int answer_status(const struct http_response *response)
{
    return response->status >= 200 && response->status <= 999 ? response->status : 500;
}

void http_answer_stream(struct http_exchange *exchange, const struct http_response *response,
                        MHD_ContentReaderCallback read)
{
    enum { BLOCK = 4096 /* for HTTP/1.0; chunks are made in the connection's own memory */ };
    exchange->answer =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read, exchange, NULL);
    if (!exchange->answer)
        abort();
    if (response->content_type)
        answer_header(exchange->answer, "Content-Type", response->content_type);
    answer_headers(exchange->answer, response);
    exchange->status = answer_status(response);
}

void http_answer_build(struct http_exchange *exchange, const struct http_response *response,
                       bool closing)
{
    /* The library copies; its parameter is not const only because it could take ownership. */
    union {
        const void *in;
        void *out;
    } body = {.in = response->body_len ? response->body : ""};
    struct MHD_Response *answer =
        MHD_create_response_from_buffer(response->body_len, body.out, MHD_RESPMEM_MUST_COPY);
    if (!answer)
        abort();
    const char *type =
        response->content_type ? response->content_type : "application/json; charset=utf-8";
    if (response->body_len || response->content_type)
        answer_header(answer, "Content-Type", type);
    answer_headers(answer, response);
    if (closing)
        answer_header(answer, "Connection", "close");
    if (exchange->answer)
        MHD_destroy_response(exchange->answer);
    exchange->answer = answer;
    exchange->status = answer_status(response);
}

void http_answer_error(struct http_exchange *exchange, int status, const struct err *err,
                       bool closing)
{
    struct http_response response = {0};
    http_error(&exchange->request, &response, status, err);
    if (status == 503)
        http_add_header(&response, "Retry-After", "1");
    if (status == 405 && exchange->allow)
        http_add_header(&response, "Allow", exchange->allow);
    http_answer_build(exchange, &response, closing);
}
