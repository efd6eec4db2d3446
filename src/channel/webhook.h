/* What is posted to a webhook, and what the answer to it means; two forms.
 *
 * cloudevents: CloudEvents 1.0.2 in structured mode (cloudevents.io: HTTP protocol binding 3.2,
 * JSON event format). "Consumers MAY assume that Events with identical source and id are
 * duplicates": the id is the effect's, so after a crash or a cut the same event is sent again and
 * the receiver drops it. An Idempotency-Key header (IETF draft-ietf-httpapi-idempotency-key-header)
 * says the same to those who do not read the body.
 *
 * discord: "Execute Webhook" of Discord's API (docs.discord.com: developers/resources/webhook). The
 * content has at most 2000 characters, so a longer text is cut and comes whole as an attached file:
 * one request, one message. Incoming webhooks know no nonce and no key, so what may have arrived is
 * never sent again: it becomes `unknown`. 429 carries Retry-After and retry_after in seconds, with
 * decimals; a webhook that answered 404 is not to be used again (developers/topics/rate-limits). */
#ifndef HQ_CHANNEL_WEBHOOK_H
#define HQ_CHANNEL_WEBHOOK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/fetch.h"

struct arena;
struct config;
struct config_webhook;
struct err;

/* What is to be sent. */
struct webhook_message {
    const struct config *config;
    const struct config_webhook *webhook;
    const char *url;    /* the webhook's: a secret */
    const char *id;     /* of the effect */
    const json_t *body; /* channel/delivery.h */
};

/* A request that is ready to go; everything lies in the arena it was made in. */
struct webhook_post {
    const char *url; /* a secret */
    const char *const *headers;
    const char *body;
    size_t body_len;
};

void webhook_post(const struct webhook_message *message, struct arena *arena,
                  struct webhook_post *post);

enum webhook_verdict {
    WEBHOOK_CONFIRMED,
    WEBHOOK_RETRY,   /* it surely did not arrive, or may be sent again */
    WEBHOOK_DEAD,    /* the receiver does not want it */
    WEBHOOK_UNKNOWN, /* it may have arrived and must not be sent again */
};

/* What came back from fetch_run. */
struct webhook_answer {
    enum fetch_outcome outcome;
    const struct fetch_response *response;
    const struct err *err; /* of anything but FETCH_OK */
};

struct webhook_judgement {
    enum webhook_verdict verdict;
    const char *receiver_id; /* the receiver's own id of it, or NULL */
    const char *reason;      /* of anything but confirmed; holds nothing of the URL */
    int64_t wait_ms;         /* the receiver asks to wait so long; -1: it does not */
    bool is_gone;            /* this webhook is not to be used again */
};

/* Sorts the answer to a post; the texts lie in the arena. */
void webhook_judge(const struct webhook_message *message, const struct webhook_answer *answer,
                   struct arena *arena, struct webhook_judgement *judgement);

/* True where the receiver drops what it has seen, so that the same may be sent twice. */
bool webhook_may_repeat(const struct config_webhook *webhook);

#endif
