/* A monitor around the running turns, and three kinds of thread: one claims, one keeps leases and
 * flushes projections, one per running turn. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/time.h"
#include "base/version.h"
#include "client/control.h"
#include "client/hub_client.h"
#include "client/worker.h"
#include "net/fetch.h"

enum {
    CLAIM_WAIT_MS = 25000, /* parked at the hub */
    CLAIM_TRY_MS = 40000,  /* one claim, the hub's answer included */
    REGISTER_TRY_MS = 5000,
    EXTEND_TRY_MS = LIMIT_LEASE_MS - LIMIT_EXTEND_MS,
    ROUND_MS = 1000, /* while turns run: a cancel arrives within */
    DYING_MS = 20,   /* while turns are broken off: people wait for the word */
};

struct running { /* one turn; a node of the worker's list */
    struct running *next;
    struct worker *worker;
    struct turn_control *control;
    json_t *claimed;
    int64_t halt; /* the newest pause that its claim looked at */
};

struct worker {
    struct worker_config config;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct running *turns;
    int count;
    int64_t done;
    bool stopping, closing, registered;
    /* Pauses, by their numbers: the newest that a claim told of, the newest that the turns were
     * told of, and the newest of which nothing runs here any more, which is said to the hub. */
    int64_t halt_heard, halt_seen, halt_done;
    json_t *untold; /* tasks that are safe in transcripts, until the hub knows; the keeper's */
    struct fetch_cancel *cancel; /* ends a parked claim */
    pthread_t claimer, keeper;
    bool has_claimer, has_keeper;
    _Atomic int64_t claimed_ms, kept_ms; /* when their rounds began, boot ms; 0: not looked at */
};

struct worker *worker_open(const struct worker_config *config)
{
    struct worker *worker = mem_zalloc(sizeof(*worker));
    worker->config = *config;
    pthread_mutex_init(&worker->mutex, NULL);
    thread_cond_init(&worker->changed);
    worker->untold = json_array();
    worker->cancel = fetch_cancel_open();
    return worker;
}

static bool is_stopping(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    bool stopping = worker->stopping;
    pthread_mutex_unlock(&worker->mutex);
    return stopping;
}

/* ---- one turn ---- */

static void forget(struct running *turn)
{
    struct worker *worker = turn->worker;
    pthread_mutex_lock(&worker->mutex);
    for (struct running **at = &worker->turns; *at; at = &(*at)->next) {
        if (*at == turn) {
            *at = turn->next;
            break;
        }
    }
    worker->count--;
    worker->done++;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    turn_control_close(turn->control);
    json_decref(turn->claimed);
    free(turn);
}

static void *turn_thread(void *arg)
{
    struct running *turn = arg;
    const struct worker_config *config = &turn->worker->config;
    log_about(turn_control_task(turn->control));
    config->run(config->ctx, turn->claimed, turn->control);
    log_about(NULL);
    forget(turn);
    return NULL;
}

/* Takes the reference. Runs it here when there is no thread left: slower, but nothing is lost. What
 * was claimed before a pause that the other turns have been told of is given back: nobody will tell
 * this one. */
static void start_turn(struct worker *worker, json_t *claimed, int64_t halt, int64_t since)
{
    pthread_t thread;
    const json_t *task = json_object_get(claimed, "task");
    struct running *turn = mem_zalloc(sizeof(*turn));
    turn->worker = worker;
    turn->claimed = claimed;
    turn->halt = halt;
    turn->control =
        turn_control_open(json_get_text(task, "id", ""), json_get_int(task, "fence", 0), since);
    pthread_mutex_lock(&worker->mutex);
    if (halt < worker->halt_seen)
        turn_control_stop(turn->control, STOP_HALT);
    turn->next = worker->turns;
    worker->turns = turn;
    worker->count++;
    pthread_mutex_unlock(&worker->mutex);
    if (thread_start(&thread, "turn", turn_thread, turn) == 0) {
        pthread_detach(thread);
        return;
    }
    atomic_store(&worker->claimed_ms, 0);
    turn_thread(turn);
}

/* ---- registering ---- */

/* {"task","fence"} of everything that runs; the caller holds the mutex. */
static json_t *held_list(struct worker *worker)
{
    json_t *held = json_array();
    for (struct running *turn = worker->turns; turn; turn = turn->next)
        json_array_append_new(held, turn_control_held(turn->control));
    return held;
}

static void stop_lost(struct worker *worker, const json_t *ids)
{
    size_t i;
    const json_t *id;
    pthread_mutex_lock(&worker->mutex);
    json_array_foreach (ids, i, id)
        for (struct running *turn = worker->turns; turn; turn = turn->next)
            if (str_eq(turn_control_task(turn->control), json_string_value(id)))
                turn_control_stop(turn->control, STOP_LOST);
    pthread_mutex_unlock(&worker->mutex);
}

static enum hub_outcome register_once(struct worker *worker, struct err *err)
{
    json_t *answer = NULL;
    pthread_mutex_lock(&worker->mutex);
    json_t *held = held_list(worker);
    pthread_mutex_unlock(&worker->mutex);
    json_t *body =
        json_pack("{s:s,s:s,s:s,s:i,s:i,s:O,s:o}", "agent", worker->config.agent, "nonce",
                  worker->config.nonce, "version", hq_version, "pid", (int)getpid(), "port",
                  worker->config.port, "card", worker->config.card, "held", held);
    enum hub_outcome outcome = hub_call(worker->config.hub, "POST", "/v1/register", body,
                                        REGISTER_TRY_MS, worker->cancel, &answer, NULL, err);
    if (outcome == HUB_OK)
        stop_lost(worker, json_object_get(answer, "lost"));
    json_decref(answer);
    json_decref(body);
    return outcome;
}

static void set_registered(struct worker *worker, bool registered)
{
    pthread_mutex_lock(&worker->mutex);
    worker->registered = registered;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

/* Until it works or the worker stops. */
static void register_worker(struct worker *worker)
{
    struct err err;
    bool told = false;
    set_registered(worker, false);
    while (!is_stopping(worker)) {
        atomic_store(&worker->claimed_ms, time_boot_ms());
        enum hub_outcome outcome = register_once(worker, &err);
        if (outcome == HUB_OK) {
            set_registered(worker, true);
            return;
        }
        if (!told)
            log_warn("not registered: %s", err.message);
        told = true;
        if (outcome != HUB_DOWN)
            usleep(500000);
    }
}

/* ---- claiming ---- */

/* Waits for a free place; 0: stopping. */
static int wait_for_room(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    while (!worker->stopping && worker->count >= worker->config.max) {
        atomic_store(&worker->claimed_ms, time_boot_ms());
        thread_cond_wait(&worker->changed, &worker->mutex, 1000);
    }
    atomic_store(&worker->claimed_ms, worker->stopping ? 0 : time_boot_ms());
    int room = worker->stopping ? 0 : worker->config.max - worker->count;
    pthread_mutex_unlock(&worker->mutex);
    return room;
}

/* Somebody has paused something: the keeper asks for whom that is meant. */
static void hear_of_halt(struct worker *worker, int64_t halt)
{
    pthread_mutex_lock(&worker->mutex);
    if (halt > worker->halt_heard)
        worker->halt_heard = halt;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
}

/* Each turn becomes the only owner of its part of the answer, which then says what time it is. */
static void take_claimed(struct worker *worker, const json_t *answer, int64_t since)
{
    json_t *tasks = json_object_get(answer, "tasks");
    int64_t halt = json_get_int(answer, "halt", 0);
    crash_point("gateway.claimed");
    while (json_array_size(tasks) > 0) {
        json_t *claimed = json_incref(json_array_get(tasks, 0));
        json_array_remove(tasks, 0);
        json_set_text(claimed, "now", json_get_text(answer, "now", NULL));
        start_turn(worker, claimed, halt, since);
    }
    hear_of_halt(worker, halt);
}

/* One claim. The lease is counted from when the claim was given at the latest: a parked claim's
 * answer comes long after it was sent, so the time of the answer less a second is used. */
static void claim_once(struct worker *worker, int room)
{
    char request[33];
    struct err err;
    json_t *answer = NULL;
    rand_hex(request, 32);
    pthread_mutex_lock(&worker->mutex);
    int64_t heard = worker->halt_heard;
    pthread_mutex_unlock(&worker->mutex);
    json_t *body = json_pack("{s:s,s:s,s:s,s:i,s:i,s:I}", "request", request, "agent",
                             worker->config.agent, "nonce", worker->config.nonce, "max", room,
                             "wait_ms", CLAIM_WAIT_MS, "halt", (json_int_t)heard);
    enum hub_outcome outcome = hub_call(worker->config.hub, "POST", "/v1/claim", body, CLAIM_TRY_MS,
                                        worker->cancel, &answer, NULL, &err);
    if (outcome == HUB_OK)
        take_claimed(worker, answer, time_boot_ms() - 1000);
    else if (outcome == HUB_LOST)
        register_worker(worker);
    else if (outcome == HUB_REFUSED || outcome == HUB_BUSY)
        usleep(200000);
    json_decref(answer);
    json_decref(body);
}

static void *claim_loop(void *arg)
{
    struct worker *worker = arg;
    register_worker(worker);
    if (worker->config.begin && !is_stopping(worker))
        worker->config.begin(worker->config.ctx);
    for (int room = wait_for_room(worker); room > 0; room = wait_for_room(worker))
        claim_once(worker, room);
    return NULL;
}

/* ---- keeping leases ---- */

/* What the hub's word for a task means; NONE: go on. */
static enum turn_stop stop_of(const json_t *result)
{
    const char *word = json_get_text(result, "result", "");
    const char *reason = json_get_text(result, "reason", "");
    return str_eq(word, "lost")        ? STOP_LOST
           : str_eq(word, "halt")      ? STOP_HALT
           : str_eq(word, "pause")     ? STOP_PAUSE
           : !str_eq(word, "cancel")   ? STOP_NONE
           : str_eq(reason, "timeout") ? STOP_TIMEOUT
                                       : STOP_CANCELLED;
}

/* First the stop, then the lease: no call slips in between. The caller holds the mutex. */
static void apply_result(struct worker *worker, const json_t *result, int64_t since)
{
    const char *id = json_get_text(result, "task", "");
    enum turn_stop stop = stop_of(result);
    for (struct running *turn = worker->turns; turn; turn = turn->next) {
        if (!str_eq(turn_control_task(turn->control), id))
            continue;
        if (stop != STOP_NONE)
            turn_control_stop(turn->control, stop);
        if (stop != STOP_LOST && stop != STOP_HALT)
            turn_control_renew(turn->control, since);
    }
}

static bool is_answered(const json_t *results, const struct running *turn)
{
    size_t i;
    const json_t *result;
    json_array_foreach (results, i, result)
        if (str_eq(json_get_text(result, "task", ""), turn_control_task(turn->control)))
            return true;
    return false;
}

/* Turns that began while the hub was asked were not asked about: those that were claimed before the
 * pause are given back. */
static void apply_results(struct worker *worker, const json_t *answer, int64_t since)
{
    size_t i;
    const json_t *result, *results = json_object_get(answer, "results");
    int64_t halt = json_get_int(answer, "halt", 0);
    pthread_mutex_lock(&worker->mutex);
    json_array_foreach (results, i, result)
        apply_result(worker, result, since);
    for (struct running *turn = worker->turns; turn; turn = turn->next)
        if (turn->halt < halt && !is_answered(results, turn))
            turn_control_stop(turn->control, STOP_HALT);
    if (halt > worker->halt_seen)
        worker->halt_seen = halt;
    if (halt > worker->halt_heard)
        worker->halt_heard = halt;
    pthread_mutex_unlock(&worker->mutex);
}

/* The newest pause of which nothing runs here any more; the caller holds the mutex. */
static int64_t halt_done(struct worker *worker)
{
    bool is_dying = false;
    for (struct running *turn = worker->turns; turn; turn = turn->next)
        is_dying = is_dying || turn_control_is_dying(turn->control);
    if (!is_dying)
        worker->halt_done = worker->halt_seen;
    return worker->halt_done;
}

/* As many as the hub takes at once. */
static json_t *some_untold(const struct worker *worker)
{
    size_t i;
    json_t *id, *some = json_array();
    json_array_foreach (worker->untold, i, id)
        if (i < LIMIT_LIST)
            json_array_append(some, id);
    return some;
}

static void extend_once(struct worker *worker)
{
    struct err err;
    json_t *answer = NULL, *projected = some_untold(worker);
    pthread_mutex_lock(&worker->mutex);
    json_t *held = held_list(worker);
    int64_t done = halt_done(worker);
    pthread_mutex_unlock(&worker->mutex);
    json_t *body = json_pack("{s:s,s:s,s:o,s:O,s:I}", "agent", worker->config.agent, "nonce",
                             worker->config.nonce, "held", held, "projected", projected, "halted",
                             (json_int_t)done);
    int64_t since = time_boot_ms();
    enum hub_outcome outcome = hub_call(worker->config.hub, "POST", "/v1/extend", body,
                                        EXTEND_TRY_MS, NULL, &answer, NULL, &err);
    if (outcome == HUB_OK) {
        apply_results(worker, answer, since);
        for (size_t i = json_array_size(projected); i > 0; i--)
            json_array_remove(worker->untold, 0);
    }
    if (outcome == HUB_LOST)
        log_warn("the hub does not know this process any more: %s", err.message);
    json_decref(answer);
    json_decref(body);
    json_decref(projected);
}

/* How long until the hub is asked again. The caller holds the mutex. */
static int64_t round_ms(struct worker *worker)
{
    if (worker->halt_heard > worker->halt_seen && worker->count > 0)
        return 0;
    if (worker->halt_seen > worker->halt_done && worker->count > 0)
        return DYING_MS;
    return worker->count > 0 ? ROUND_MS : LIMIT_EXTEND_MS;
}

/* Waits for the next round. */
static bool next_round(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    int64_t since = time_boot_ms();
    for (int64_t left = round_ms(worker); left > 0 && !worker->closing;) {
        thread_cond_wait(&worker->changed, &worker->mutex, left);
        left = since + round_ms(worker) - time_boot_ms();
    }
    bool go_on = !worker->closing;
    pthread_mutex_unlock(&worker->mutex);
    return go_on;
}

static void flush(struct worker *worker)
{
    json_t *more = worker->config.flush ? worker->config.flush(worker->config.ctx) : NULL;
    if (more)
        json_array_extend(worker->untold, more);
    json_decref(more);
}

/* Leases come first; what was flushed in one round is told in the next. */
static void *keep_loop(void *arg)
{
    struct worker *worker = arg;
    while (next_round(worker)) {
        atomic_store(&worker->kept_ms, time_boot_ms());
        extend_once(worker);
        flush(worker);
    }
    return NULL;
}

/* ---- the worker as a whole ---- */

int worker_start(struct worker *worker, struct err *err)
{
    if (thread_start(&worker->keeper, "keeper", keep_loop, worker) < 0)
        return err_set(err, "no_thread", "cannot start a thread");
    worker->has_keeper = true;
    if (thread_start(&worker->claimer, "claimer", claim_loop, worker) < 0)
        return err_set(err, "no_thread", "cannot start a thread");
    worker->has_claimer = true;
    return 0;
}

int worker_running(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    int count = worker->count;
    pthread_mutex_unlock(&worker->mutex);
    return count;
}

int64_t worker_turns_done(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    int64_t done = worker->done;
    pthread_mutex_unlock(&worker->mutex);
    return done;
}

int64_t worker_silent_ms(struct worker *worker)
{
    int64_t claimed = atomic_load(&worker->claimed_ms), kept = atomic_load(&worker->kept_ms);
    int64_t now = time_boot_ms();
    pthread_mutex_lock(&worker->mutex);
    bool claims = claimed && !worker->stopping;
    pthread_mutex_unlock(&worker->mutex);
    int64_t oldest = claims && claimed < kept ? claimed : kept;
    return oldest && oldest < now ? now - oldest : 0;
}

bool worker_wait_registered(struct worker *worker, int64_t ms)
{
    int64_t until = time_boot_ms() + ms;
    pthread_mutex_lock(&worker->mutex);
    while (!worker->registered && time_boot_ms() < until)
        thread_cond_wait(&worker->changed, &worker->mutex, until - time_boot_ms());
    bool registered = worker->registered;
    pthread_mutex_unlock(&worker->mutex);
    return registered;
}

void worker_drain(struct worker *worker, bool give_back)
{
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = true;
    if (give_back)
        for (struct running *turn = worker->turns; turn; turn = turn->next)
            turn_control_stop(turn->control, STOP_DRAIN);
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    fetch_cancel(worker->cancel);
}

bool worker_wait_idle(struct worker *worker, int64_t ms)
{
    int64_t until = time_boot_ms() + ms;
    pthread_mutex_lock(&worker->mutex);
    while (worker->count > 0 && time_boot_ms() < until)
        thread_cond_wait(&worker->changed, &worker->mutex, until - time_boot_ms());
    bool idle = worker->count == 0;
    pthread_mutex_unlock(&worker->mutex);
    return idle;
}

void worker_close(struct worker *worker)
{
    if (!worker)
        return;
    worker_drain(worker, true);
    pthread_mutex_lock(&worker->mutex);
    worker->closing = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->mutex);
    if (worker->has_claimer)
        pthread_join(worker->claimer, NULL);
    if (worker->has_keeper)
        pthread_join(worker->keeper, NULL);
    if (!worker_wait_idle(worker, 0))
        return;
    flush(worker);
    if (json_array_size(worker->untold) > 0)
        extend_once(worker);
    json_decref(worker->untold);
    fetch_cancel_close(worker->cancel);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->mutex);
    json_decref(worker->config.card);
    free(worker);
}
