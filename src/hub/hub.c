/* Puts the hub together: ledger, principals, server, and the thread that wakes parked requests. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/time.h"
#include "engine/engine.h"
#include "hub/api.h"
#include "hub/chronicle.h"
#include "hub/counters.h"
#include "hub/courier.h"
#include "hub/engine_router.h"
#include "hub/halt.h"
#include "hub/hub.h"
#include "hub/jobs.h"
#include "hub/retention.h"
#include "hub/sample.h"
#include "hub/spending.h"
#include "hub/tail.h"
#include "hub/traces.h"
#include "hub/track.h"
#include "ledger/store.h"
#include "net/auth_throttle.h"

/* The one listener of the ledger: what was touched wakes who is parked on it. */
struct waker {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    bool broken, started;
    atomic_bool stopping;
    _Atomic int64_t answered_ms; /* when the commit thread last did, boot ms */
};

enum { PING_EVERY_MS = 5000 };

/* NULL: everybody. */
static void wake(struct hub *hub, const char *key)
{
    http_wake(hub->server, key);
    if (!key || str_eq(key, "effects"))
        courier_wake(hub->courier);
    if (!key || str_eq(key, "stream:chronicle"))
        chronicle_wake(hub->chronicle);
    if (!key || str_starts(key, "run:"))
        engine_wake(hub->engine, key ? key + strlen("run:") : NULL);
    if (!key || str_eq(key, "jobs"))
        jobs_wake(hub->jobs);
    if (!key || str_starts(key, "stream:"))
        tail_wake(hub->tail);
}

/* While the commit thread is silent there is nothing to wake anybody for. */
static void ping(struct hub *hub)
{
    struct err err;
    if (hub_silent_ms(hub) >= PING_EVERY_MS && ledger_ping(hub->ledger, &err) == 0)
        atomic_store(&hub->waker->answered_ms, time_boot_ms());
}

static void *wake_loop(void *arg)
{
    struct hub *hub = arg;
    struct waker *waker = hub->waker;
    bool sound = true;
    while (sound && !atomic_load(&waker->stopping)) {
        struct arena arena = {0};
        const char **keys = NULL;
        size_t count = 0;
        sound = ledger_wait(hub->ledger, 1000, &arena, &keys, &count);
        for (size_t i = 0; sound && i < count; i++)
            wake(hub, str_eq(keys[i], "*") ? NULL : keys[i]);
        arena_fini(&arena);
        ping(hub);
    }
    pthread_mutex_lock(&waker->mutex);
    waker->broken = !sound && !atomic_load(&waker->stopping);
    pthread_cond_broadcast(&waker->ended);
    pthread_mutex_unlock(&waker->mutex);
    return NULL;
}

static enum http_verdict refuse_token(struct hub *hub, struct http_request *request,
                                      struct http_response *response)
{
    struct err err;
    int wait_s = auth_throttle_fail(hub->throttle, request->remote);
    if (wait_s > 0) {
        http_add_header(response, "Retry-After", arena_printf(&request->arena, "%d", wait_s));
        err_set(&err, "too_many_requests", "too many wrong tokens from %s", request->remote);
        return http_error(request, response, 429, &err);
    }
    err_set(&err, "unauthorized", "the token is missing or wrong");
    err_hint(&err, "Authorization: Bearer, with a token from the company's secrets/ folder");
    return http_error(request, response, 401, &err);
}

static enum http_verdict gate(void *ctx, struct http_request *request,
                              struct http_response *response)
{
    static const char *const open_paths[] = {"/healthz", "/readyz", "/metrics", NULL};
    struct hub *hub = ctx;
    if (str_in(request->path, open_paths))
        return HTTP_PASS;
    const struct principal *principal = principals_find(hub->principals, http_bearer(request));
    if (!principal)
        return refuse_token(hub, request, response);
    auth_throttle_good(hub->throttle, request->remote);
    request->state = (void *)principal;
    return HTTP_PASS;
}

static int serve(struct hub *hub, struct err *err)
{
    int fd = http_unix_listen(hub->config->state, "hub.sock", err);
    if (fd < 0)
        return -1;
    struct http_config config = {
        .name = "hub",
        .address = hub->config->hub_port > 0 ? hub->config->hub_address : NULL,
        .port = hub->config->hub_port,
        .unix_fd = fd,
        .routes = hub_routes,
        .ctx = hub,
        .gate = gate,
        .large = "/v1/blobs",
        .large_limit = LIMIT_BLOB,
        .body_limit = LIMIT_API_BODY,
        .connections = LIMIT_HUB_CONNECTIONS,
    };
    hub->server = http_server_open(&config, err);
    return hub->server ? 0 : -1;
}

static void on_event(void *ctx, const struct event *event)
{
    struct hub *hub = ctx;
    counters_take(hub->counters, event);
}

static void on_news(void *ctx)
{
    struct hub *hub = ctx;
    http_wake(hub->server, "feed");
    traces_wake(hub->traces);
}

/* Its thread wakes the server's requests, which read it: it starts behind the server, and stops
 * before it. */
static int open_tail(struct hub *hub, struct err *err)
{
    const struct tail_config config = {.ledger = hub->ledger,
                                       .ledger_id = ledger_id(hub->ledger),
                                       .on_event = on_event,
                                       .on_news = on_news,
                                       .ctx = hub};
    hub->counters = counters_open(hub->config);
    hub->sample = sample_open(hub->config, hub->ledger);
    hub->spending = spending_open(hub->config, hub->ledger);
    hub->tail = tail_open(&config, err);
    return hub->tail ? 0 : -1;
}

static int start_waker(struct hub *hub, struct err *err)
{
    struct waker *waker = hub->waker;
    if (thread_start(&waker->thread, "hub-wake", wake_loop, hub) < 0)
        return err_set(err, "no_thread", "cannot start a thread");
    waker->started = true;
    return 0;
}

/* How much may be asked of each provider at once and per minute, over all agents. */
static void set_providers(struct hub *hub)
{
    const struct config *config = hub->config;
    struct ledger_provider *list = mem_zalloc((config->model_count + 1) * sizeof(*list));
    for (size_t i = 0; i < config->model_count; i++)
        list[i] = (struct ledger_provider){config->models[i].name, config->models[i].concurrent,
                                           config->models[i].per_minute};
    ledger_set_providers(hub->ledger, list, config->model_count);
    free(list);
}

struct hub *hub_open(const struct config *config, struct store *store, struct err *err)
{
    struct hub *hub = mem_zalloc(sizeof(*hub));
    hub->config = config;
    hub->started_at = time_wall_ms();
    hub->throttle = auth_throttle_open();
    hub->track = track_open();
    hub->waker = mem_zalloc(sizeof(*hub->waker));
    atomic_store(&hub->waker->answered_ms, time_boot_ms());
    pthread_mutex_init(&hub->waker->mutex, NULL);
    thread_cond_init(&hub->waker->ended);
    hub->principals = principals_open(config, err);
    if (!hub->principals) {
        store->ops->close(store);
        goto fail;
    }
    hub->ledger = ledger_open(store, err);
    if (!hub->ledger)
        goto fail;
    set_providers(hub);
    if (halt_take_over(hub, err) < 0 || open_tail(hub, err) < 0)
        goto fail;
    track_load(hub->track, hub->ledger);
    hub->courier = courier_open(config, hub->ledger, err);
    hub->chronicle = chronicle_open(config, hub->ledger);
    hub->traces = traces_open(config, hub->ledger, hub->counters);
    const struct engine_router router = engine_router_of(hub);
    hub->engine = hub->courier ? engine_open(config, hub->ledger, &router, err) : NULL;
    if (!hub->engine || jobs_open(config, hub->ledger, &hub->jobs, err) < 0 ||
        serve(hub, err) < 0 || tail_start(hub->tail, err) < 0 || start_waker(hub, err) < 0)
        goto fail;
    hub->retention = retention_open(config, hub->ledger);
    return hub;
fail:
    hub_close(hub);
    return NULL;
}

int hub_port(const struct hub *hub)
{
    return hub->config->hub_port > 0 ? http_server_port(hub->server) : 0;
}

bool hub_is_sound(struct hub *hub, int64_t ms)
{
    struct waker *waker = hub->waker;
    pthread_mutex_lock(&waker->mutex);
    if (!waker->broken)
        thread_cond_wait(&waker->ended, &waker->mutex, ms);
    bool sound = !waker->broken;
    pthread_mutex_unlock(&waker->mutex);
    return sound;
}

int64_t hub_silent_ms(const struct hub *hub)
{
    return time_boot_ms() - atomic_load(&hub->waker->answered_ms);
}

void hub_close(struct hub *hub)
{
    if (!hub)
        return;
    atomic_store(&hub->waker->stopping, true);
    if (hub->ledger)
        ledger_end_wait(hub->ledger);
    if (hub->waker->started)
        pthread_join(hub->waker->thread, NULL);
    tail_stop(hub->tail);
    retention_close(hub->retention);
    traces_close(hub->traces);
    jobs_close(hub->jobs);
    chronicle_close(hub->chronicle);
    courier_close(hub->courier);
    if (hub->server)
        http_server_close(hub->server, 2000);
    tail_close(hub->tail);
    spending_close(hub->spending);
    sample_close(hub->sample);
    counters_close(hub->counters);
    engine_close(hub->engine);
    if (hub->ledger)
        ledger_close(hub->ledger);
    principals_close(hub->principals);
    auth_throttle_close(hub->throttle);
    track_close(hub->track);
    pthread_mutex_destroy(&hub->waker->mutex);
    pthread_cond_destroy(&hub->waker->ended);
    free(hub->waker);
    free(hub);
}
