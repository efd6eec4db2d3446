/* Sends due effects, one after the other per webhook, and writes down what came of each. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/time.h"
#include "channel/webhook.h"
#include "config/config.h"
#include "config/secret.h"
#include "hub/courier.h"
#include "hub/outbox.h"
#include "ledger/ledger.h"
#include "net/fetch.h"

enum {
    CONNECT_MS = 10000,
    FIRST_BYTE_MS = 30000,
    SEND_MS = 60000,
    ANSWER_BYTES = 65536, /* a message object of Discord has a few kB */
    IDLE_MS = 60000,
    TROUBLE_MS = 1000,  /* the ledger did not answer */
    BLOCKED_MS = 60000, /* until somebody has put the URL in its place */
    MINUTE_MS = 60000,
    GRACE_MS = 2000,
};

/* One webhook and its thread. */
struct carrier {
    struct courier *courier;
    const struct config_webhook *webhook;
    struct outbox_place place;
    pthread_t thread;
    bool started;
    struct fetch_cancel *cancel; /* of the post that is on its way; NULL: none is */
    bool is_gone;                /* the receiver said that it is not to be used again */
    int64_t *starts;             /* of the last per_minute posts, a ring */
    int64_t at;
};

struct courier {
    const struct config *config;
    struct ledger *ledger;
    struct fetch *fetch;
    struct arena arena;
    struct carrier *carriers;
    size_t count, running;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t wakes;
    uint64_t halts; /* how often people have stopped it: what was begun before does not start */
    bool stopping;
};

/* How long until the next post may begin; 0: now. */
static int64_t rate_wait(const struct carrier *carrier)
{
    int64_t oldest = carrier->starts[carrier->at % carrier->webhook->per_minute];
    int64_t wait = oldest ? oldest + MINUTE_MS - time_boot_ms() : 0;
    return wait > 0 ? wait : 0;
}

static void rate_note(struct carrier *carrier)
{
    carrier->starts[carrier->at++ % carrier->webhook->per_minute] = time_boot_ms();
}

/* The effect goes back with a reason; nothing overtakes it. */
static int put_off(struct carrier *carrier, struct effect *effect, int64_t wait_ms,
                   const char *reason)
{
    int64_t at = ledger_now(carrier->courier->ledger) + wait_ms;
    snprintf(carrier->place.head, sizeof(carrier->place.head), "%s", effect->id);
    return outbox_put_off(carrier->courier->ledger, effect, at, reason);
}

static int64_t back_off_ms(int64_t attempts)
{
    int64_t ms = LIMIT_EFFECT_FIRST_MS;
    for (int64_t i = 1; i < attempts && ms < LIMIT_EFFECT_WAIT_MS; i++)
        ms *= 2;
    return ms < LIMIT_EFFECT_WAIT_MS ? ms : LIMIT_EFFECT_WAIT_MS;
}

static int settle(struct carrier *carrier, struct effect *effect,
                  const struct webhook_judgement *judgement, struct arena *arena)
{
    struct ledger *ledger = carrier->courier->ledger;
    int64_t wait = back_off_ms(effect->attempts);
    switch (judgement->verdict) {
    case WEBHOOK_CONFIRMED:
        return outbox_confirm(ledger, effect, judgement->receiver_id);
    case WEBHOOK_UNKNOWN:
        return outbox_end(ledger, effect, EFFECT_UNKNOWN, judgement->reason);
    case WEBHOOK_DEAD:
        return outbox_end(ledger, effect, EFFECT_DEAD, judgement->reason);
    case WEBHOOK_RETRY:
        break;
    }
    if (effect->attempts >= LIMIT_EFFECT_ATTEMPTS)
        return outbox_end(ledger, effect, EFFECT_DEAD,
                          arena_printf(arena, "given up after %lld attempts: %s",
                                       (long long)effect->attempts, judgement->reason));
    return put_off(carrier, effect, judgement->wait_ms > wait ? judgement->wait_ms : wait,
                   judgement->reason);
}

/* False: people have stopped the company since `halts` was read, or the hub ends. */
static bool set_out(struct carrier *carrier, uint64_t halts)
{
    struct courier *courier = carrier->courier;
    struct fetch_cancel *cancel = fetch_cancel_open();
    pthread_mutex_lock(&courier->mutex);
    bool may = courier->halts == halts && !courier->stopping;
    carrier->cancel = may ? cancel : NULL;
    pthread_mutex_unlock(&courier->mutex);
    if (!may)
        fetch_cancel_close(cancel);
    return may;
}

static void come_back(struct carrier *carrier)
{
    struct courier *courier = carrier->courier;
    pthread_mutex_lock(&courier->mutex);
    struct fetch_cancel *cancel = carrier->cancel;
    carrier->cancel = NULL;
    pthread_cond_broadcast(&courier->changed);
    pthread_mutex_unlock(&courier->mutex);
    fetch_cancel_close(cancel);
}

static uint64_t halts_of(struct courier *courier)
{
    pthread_mutex_lock(&courier->mutex);
    uint64_t halts = courier->halts;
    pthread_mutex_unlock(&courier->mutex);
    return halts;
}

/* The effect is in flight, on disk, and has set out. Returns 0, or -1 when the ledger did not take
 * the outcome. */
static int send(struct carrier *carrier, struct effect *effect,
                const struct webhook_message *message, struct arena *arena)
{
    struct courier *courier = carrier->courier;
    struct err err = {0};
    struct webhook_post post;
    struct fetch_response response = {0};
    struct webhook_judgement judgement;
    webhook_post(message, arena, &post);
    struct fetch_request request = {.method = "POST",
                                    .url = post.url,
                                    .headers = post.headers,
                                    .body = post.body,
                                    .body_len = post.body_len,
                                    .connect_ms = CONNECT_MS,
                                    .first_byte_ms = FIRST_BYTE_MS,
                                    .total_ms = SEND_MS,
                                    .max_body = ANSWER_BYTES,
                                    .once = true,
                                    .cancel = carrier->cancel};
    rate_note(carrier);
    crash_point("courier.send.before");
    enum fetch_outcome outcome = fetch_run(courier->fetch, &request, &response, &err);
    crash_point("courier.send.after");
    come_back(carrier);
    webhook_judge(message, &(struct webhook_answer){outcome, &response, &err}, arena, &judgement);
    carrier->is_gone = carrier->is_gone || judgement.is_gone;
    carrier->place.head[0] = '\0';
    if (judgement.reason)
        log_warn("delivery %s to %s: %s", effect->id, effect->destination, judgement.reason);
    int rc = settle(carrier, effect, &judgement, arena);
    fetch_response_fini(&response);
    return rc;
}

/* Makes the due effect ready and sends it. Returns 0, or -1 when the ledger did not answer. */
static int deliver(struct carrier *carrier, struct effect *effect, struct arena *arena)
{
    struct courier *courier = carrier->courier;
    struct err err = {0};
    if (carrier->is_gone)
        return outbox_end(courier->ledger, effect, EFFECT_DEAD,
                          "the receiver has answered 404 before: the webhook is not used again "
                          "until the hub starts anew");
    const char *url = secret_webhook_url(carrier->webhook, arena, &err);
    if (!url)
        return put_off(carrier, effect, BLOCKED_MS, err.message);
    json_t *body = outbox_body(courier->ledger, effect, arena, &err);
    if (!body)
        return put_off(carrier, effect, BLOCKED_MS, err.message);
    struct webhook_message message = {courier->config, carrier->webhook, url, effect->id, body};
    uint64_t halts = halts_of(courier);
    int rc = outbox_begin(courier->ledger, effect);
    if (rc > 0) /* paused: it stands aside, and others may go on */
        carrier->place.head[0] = '\0';
    else if (rc == 0 && set_out(carrier, halts))
        rc = send(carrier, effect, &message, arena);
    else if (rc == 0)
        rc = put_off(carrier, effect, 0, "stopped before it was sent");
    json_decref(body);
    return rc < 0 ? -1 : 0;
}

/* Does what is due; returns how long there is nothing more to do, 0: look again. */
static int64_t step(struct carrier *carrier)
{
    struct arena arena = {0};
    struct effect effect;
    int64_t wait = IDLE_MS;
    int found = outbox_next(carrier->courier->ledger, &carrier->place, &arena, &effect);
    if (found > 0) {
        int64_t due = effect.ready_at - ledger_now(carrier->courier->ledger);
        int64_t rate = rate_wait(carrier);
        wait = due > rate ? due : rate;
        if (wait <= 0)
            wait = deliver(carrier, &effect, &arena) < 0 ? TROUBLE_MS : 0;
    } else if (found < 0) {
        wait = TROUBLE_MS;
    }
    arena_fini(&arena);
    return wait;
}

static void *carrier_loop(void *arg)
{
    struct carrier *carrier = arg;
    struct courier *courier = carrier->courier;
    pthread_mutex_lock(&courier->mutex);
    courier->running++;
    while (!courier->stopping) {
        uint64_t seen = courier->wakes;
        pthread_mutex_unlock(&courier->mutex);
        int64_t wait = step(carrier);
        pthread_mutex_lock(&courier->mutex);
        if (wait > 0 && !courier->stopping && courier->wakes == seen)
            thread_cond_wait(&courier->changed, &courier->mutex, wait);
    }
    courier->running--;
    pthread_cond_broadcast(&courier->changed);
    pthread_mutex_unlock(&courier->mutex);
    return NULL;
}

static int start(struct courier *courier, struct err *err)
{
    for (size_t i = 0; i < courier->count; i++) {
        struct carrier *carrier = &courier->carriers[i];
        outbox_find_head(courier->ledger, &carrier->place);
        carrier->started =
            thread_start(&carrier->thread, "hub-courier", carrier_loop, carrier) == 0;
        if (!carrier->started)
            break;
    }
    return courier->count == 0 || courier->carriers[courier->count - 1].started
               ? 0
               : err_set(err, "no_thread", "cannot start a thread");
}

struct courier *courier_open(const struct config *config, struct ledger *ledger, struct err *err)
{
    struct courier *courier = mem_zalloc(sizeof(*courier));
    courier->config = config;
    courier->ledger = ledger;
    courier->fetch = fetch_open();
    pthread_mutex_init(&courier->mutex, NULL);
    thread_cond_init(&courier->changed);
    courier->count = config->webhook_count;
    courier->carriers =
        arena_alloc(&courier->arena, (courier->count + 1) * sizeof(*courier->carriers));
    for (size_t i = 0; i < courier->count; i++) {
        const struct config_webhook *webhook = &config->webhooks[i];
        courier->carriers[i] = (struct carrier){
            .courier = courier,
            .webhook = webhook,
            .place.destination = arena_printf(&courier->arena, WEBHOOK_PREFIX "%s", webhook->name),
            .starts = arena_alloc(&courier->arena, (size_t)webhook->per_minute * sizeof(int64_t)),
        };
    }
    if (outbox_recover(config, ledger, err) == 0 && start(courier, err) == 0)
        return courier;
    courier_close(courier);
    return NULL;
}

void courier_wake(struct courier *courier)
{
    pthread_mutex_lock(&courier->mutex);
    courier->wakes++;
    pthread_cond_broadcast(&courier->changed);
    pthread_mutex_unlock(&courier->mutex);
}

static size_t under_way(const struct courier *courier)
{
    size_t count = 0;
    for (size_t i = 0; i < courier->count; i++)
        count += courier->carriers[i].cancel != NULL;
    return count;
}

static void break_off(struct courier *courier)
{
    for (size_t i = 0; i < courier->count; i++)
        if (courier->carriers[i].cancel)
            fetch_cancel(courier->carriers[i].cancel);
}

/* The caller holds the mutex. */
static void wait_for_none_under_way(struct courier *courier, int64_t ms)
{
    int64_t until = time_boot_ms() + ms;
    for (int64_t left = ms; under_way(courier) > 0 && left > 0; left = until - time_boot_ms())
        thread_cond_wait(&courier->changed, &courier->mutex, left);
}

size_t courier_halt(struct courier *courier, bool panic)
{
    size_t broken = 0;
    pthread_mutex_lock(&courier->mutex);
    courier->halts++;
    if (panic) {
        wait_for_none_under_way(courier, GRACE_MS);
        broken = under_way(courier);
        break_off(courier);
        wait_for_none_under_way(courier, GRACE_MS);
    }
    pthread_mutex_unlock(&courier->mutex);
    return broken;
}

void courier_close(struct courier *courier)
{
    if (!courier)
        return;
    int64_t until = time_boot_ms() + GRACE_MS;
    pthread_mutex_lock(&courier->mutex);
    courier->stopping = true;
    pthread_cond_broadcast(&courier->changed);
    while (courier->running > 0 && time_boot_ms() < until)
        thread_cond_wait(&courier->changed, &courier->mutex, until - time_boot_ms());
    break_off(courier);
    pthread_mutex_unlock(&courier->mutex);
    for (size_t i = 0; i < courier->count; i++)
        if (courier->carriers[i].started)
            pthread_join(courier->carriers[i].thread, NULL);
    fetch_close(courier->fetch);
    pthread_mutex_destroy(&courier->mutex);
    pthread_cond_destroy(&courier->changed);
    arena_fini(&courier->arena);
    free(courier);
}
