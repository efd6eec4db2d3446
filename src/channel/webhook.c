/* CloudEvents, and what an answer means for either form. */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "channel/discord.h"
#include "channel/webhook.h"
#include "config/config.h"

enum {
    WAIT_MAX_S = 86400, /* a receiver may ask for a day, not for ever */
    REASON_MAX = 200,
    SECRET_MIN = 6, /* a shorter piece of a URL gives nothing away, and is in every text */
};

static bool is_discord(const struct config_webhook *webhook)
{
    return str_eq(webhook->form, "discord");
}

bool webhook_may_repeat(const struct config_webhook *webhook)
{
    return !is_discord(webhook);
}

/* A part of a path as RFC 3986 wants it. */
static void put_path_part(struct buf *out, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text; text++) {
        if (strchr(plain, *text))
            buf_putc(out, *text);
        else
            buf_printf(out, "%%%02X", (unsigned char)*text);
    }
}

static const char *source_of(const struct webhook_message *message, struct arena *arena)
{
    struct buf source = {0};
    buf_puts(&source, "/hq/");
    put_path_part(&source, message->config->company);
    buf_putc(&source, '/');
    put_path_part(&source, json_get_text(message->body, "agent",
                                         json_get_text(message->body, "workflow", "")));
    const char *text = arena_strdup(arena, buf_text(&source));
    buf_fini(&source);
    return text;
}

/* The same effect gives the same bytes, however often it is sent. */
static void cloudevents_post(const struct webhook_message *message, struct arena *arena,
                             struct webhook_post *post)
{
    const char **headers = arena_alloc(arena, 3 * sizeof(*headers));
    json_t *event = json_object();
    json_set_text(event, "specversion", "1.0");
    json_set_text(event, "id", message->id);
    json_set_text(event, "source", source_of(message, arena));
    json_set_text(event, "type",
                  json_object_get(message->body, "step") ? "hq.flow.effect" : "hq.task.result");
    json_set_text(event, "subject", json_get_text(message->body, "task", NULL));
    json_set_text(event, "time", json_get_text(message->body, "finished_at", NULL));
    json_set_text(event, "datacontenttype", "application/json");
    json_object_set(event, "data", (json_t *)message->body);
    headers[0] = "Content-Type: application/cloudevents+json; charset=utf-8";
    headers[1] = arena_printf(arena, "Idempotency-Key: %s", message->id);
    post->url = message->url;
    post->headers = headers;
    post->body = json_print(arena, event);
    post->body_len = strlen(post->body);
    json_decref(event);
}

void webhook_post(const struct webhook_message *message, struct arena *arena,
                  struct webhook_post *post)
{
    if (is_discord(message->webhook))
        discord_post(message, arena, post);
    else
        cloudevents_post(message, arena, post);
}

static char *replace(const char *text, const char *part, size_t len, struct arena *arena)
{
    struct buf out = {0};
    const char *piece = arena_memdup(arena, part, len);
    for (const char *at; (at = strstr(text, piece)); text = at + len) {
        buf_put(&out, text, (size_t)(at - text));
        buf_puts(&out, "…");
    }
    buf_puts(&out, text);
    char *whole = arena_strdup(arena, buf_text(&out));
    buf_fini(&out);
    return whole;
}

/* Takes every longer piece of the URL (host, parts of path and query) out of a text. */
static const char *without_url(const char *text, const char *url, struct arena *arena)
{
    const char *at = strstr(url, "://");
    at = at ? at + 3 : url;
    text = replace(text, url, strlen(url), arena);
    text = replace(text, url, (size_t)(at - url) + strcspn(at, "/?#"), arena);
    for (; *at; at += strspn(at, "/?&=#:")) {
        size_t len = strcspn(at, "/?&=#:");
        if (len >= SECRET_MIN)
            text = replace(text, at, len, arena);
        at += len;
    }
    return arena_memdup(arena, text, str_utf8_cut(text, strlen(text), REASON_MAX));
}

/* "answered 404: Unknown Webhook": the status and what the receiver says of it. */
static const char *status_text(const struct fetch_response *response, const json_t *body,
                               struct arena *arena)
{
    const char *says = json_get_text(body, "message", json_get_text(body, "error", NULL));
    return arena_printf(arena, "the receiver answered %d%s%s", response->status, says ? ": " : "",
                        says ? says : "");
}

static int64_t wait_of(const struct fetch_response *response, const json_t *body)
{
    const json_t *after = json_object_get(body, "retry_after");
    double seconds = json_is_number(after) ? json_number_value(after) : -1;
    int64_t ms = response->retry_after_ms;
    if (seconds >= 0 && seconds <= WAIT_MAX_S && (int64_t)ceil(seconds * 1000) > ms)
        ms = (int64_t)ceil(seconds * 1000);
    return ms > WAIT_MAX_S * 1000LL ? WAIT_MAX_S * 1000LL : ms;
}

/* Which of a gateway's errors leave open whether Discord made the message? 429, 408 and 503 do not.
 */
static enum webhook_verdict status_verdict(const struct config_webhook *webhook, int status)
{
    if (status >= 200 && status < 300)
        return WEBHOOK_CONFIRMED;
    if (status == 429 || status == 408 || status == 503)
        return WEBHOOK_RETRY;
    if (status >= 500)
        return is_discord(webhook) ? WEBHOOK_UNKNOWN : WEBHOOK_RETRY;
    return WEBHOOK_DEAD;
}

static const char *receiver_id(const json_t *body, struct arena *arena)
{
    const char *id = json_get_text(body, "id", NULL);
    if (str_is_empty(id))
        return NULL;
    return arena_memdup(arena, id, str_utf8_cut(id, strlen(id), 100));
}

static void judge_status(const struct webhook_message *message,
                         const struct fetch_response *response, struct arena *arena,
                         struct webhook_judgement *judgement)
{
    json_t *body = json_parse(buf_text(&response->body), response->body.len, NULL);
    judgement->verdict = status_verdict(message->webhook, response->status);
    if (judgement->verdict == WEBHOOK_CONFIRMED)
        judgement->receiver_id = receiver_id(body, arena);
    else
        judgement->reason = status_text(response, body, arena);
    judgement->wait_ms = wait_of(response, body);
    judgement->is_gone = is_discord(message->webhook) && response->status == 404;
    json_decref(body);
}

/* No whole answer came. What was not sent may be sent; what was, only to who drops a second one. */
static void judge_break(const struct webhook_message *message, const struct webhook_answer *answer,
                        struct webhook_judgement *judgement)
{
    bool sure = !answer->response->sent || webhook_may_repeat(message->webhook);
    judgement->verdict = sure ? WEBHOOK_RETRY : WEBHOOK_UNKNOWN;
    judgement->reason = answer->err->message;
}

void webhook_judge(const struct webhook_message *message, const struct webhook_answer *answer,
                   struct arena *arena, struct webhook_judgement *judgement)
{
    bool has_status = answer->outcome == FETCH_OK || answer->outcome == FETCH_TOO_LARGE;
    *judgement = (struct webhook_judgement){.wait_ms = -1};
    if (has_status)
        judge_status(message, answer->response, arena, judgement);
    else
        judge_break(message, answer, judgement);
    if (!judgement->reason)
        return;
    judgement->reason = without_url(judgement->reason, message->url, arena);
    if (judgement->verdict == WEBHOOK_UNKNOWN)
        judgement->reason =
            arena_printf(arena, "%s; it may have arrived, and this receiver would show it twice",
                         judgement->reason);
}
