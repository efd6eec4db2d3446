/* Whole requests wait here for a handler thread, or parked for their key or their deadline. No
 * thread keeps the time of the parked ones: an idle handler thread waits no longer than the nearest
 * deadline, and when none is idle nobody could run the handler anyway. */
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/http_desk.h"

enum {
    DESK_IDLE_MS = 30000,  /* a thread without work ends after this, if others are left */
    DESK_LOOK_MS = 10000,  /* how often parked connections are looked at for peers that left */
    DESK_END_MS = 200,     /* … and for threads that are on their way out */
    DESK_UNSENT_MS = 1000, /* how long a closing server waits for answers on their way */
};

void http_desk_init(struct http_desk *desk)
{
    pthread_mutex_init(&desk->mutex, NULL);
    thread_cond_init(&desk->work);
    thread_cond_init(&desk->quiet);
    desk->queue_end = &desk->queue;
    desk->next_due = desk->next_look = INT64_MAX;
}

void http_desk_fini(struct http_desk *desk)
{
    pthread_cond_destroy(&desk->quiet);
    pthread_cond_destroy(&desk->work);
    pthread_mutex_destroy(&desk->mutex);
}

static void list_add(struct http_exchange **head, struct http_exchange *exchange)
{
    exchange->next = *head;
    exchange->link = head;
    if (*head)
        (*head)->link = &exchange->next;
    *head = exchange;
}

static void list_drop(struct http_exchange *exchange)
{
    *exchange->link = exchange->next;
    if (exchange->next)
        exchange->next->link = exchange->link;
    exchange->next = NULL;
    exchange->link = NULL;
}

static struct http_desk_bucket *desk_bucket(struct http_desk *desk, const char *key)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return &desk->buckets[hash % HTTP_DESK_BUCKETS];
}

static void *desk_work(void *arg);

/* Wakes an idle thread, or starts one. Idle threads that were woken but have not run yet still
 * count as idle, so that is compared with the length of the queue. */
static void desk_want_thread(struct http_desk *desk)
{
    if (desk->queued <= desk->idle && desk->idle > 0) {
        pthread_cond_signal(&desk->work);
        return;
    }
    pthread_t thread;
    char name[16];
    snprintf(name, sizeof(name), "%.8s-http", desk->name);
    if (desk->threads >= desk->threads_max)
        return;
    if (thread_start(&thread, name, desk_work, desk) != 0) {
        log_error("no thread for an HTTP handler (%d run)", desk->threads);
        return;
    }
    pthread_detach(thread);
    desk->threads++;
}

static void desk_enqueue(struct http_desk *desk, struct http_exchange *exchange)
{
    exchange->place = HTTP_QUEUED;
    exchange->next = NULL;
    exchange->link = desk->queue_end;
    *desk->queue_end = exchange;
    desk->queue_end = &exchange->next;
    desk->queued++;
    desk_want_thread(desk);
}

static struct http_exchange *desk_dequeue(struct http_desk *desk)
{
    struct http_exchange *exchange = desk->queue;
    if (desk->queue_end == &exchange->next)
        desk->queue_end = exchange->link;
    list_drop(exchange);
    desk->queued--;
    return exchange;
}

static void desk_unpark(struct http_desk *desk, struct http_exchange *exchange)
{
    list_drop(exchange);
    desk->parked--;
    desk_enqueue(desk, exchange);
}

/* Fills a 503, which also closes the connection, or ends the stream; the caller resumes the
 * connection when it has let go of the lock. */
static void desk_refuse(struct http_exchange *exchange, const char *code, const char *message)
{
    struct err err;
    err_set(&err, code, "%s", message);
    if (exchange->streams)
        exchange->ended = true;
    else
        http_answer_error(exchange, 503, &err, true);
    exchange->place = HTTP_ANSWERED;
}

static void desk_refuse_closing(struct http_exchange *exchange)
{
    desk_refuse(exchange, "shutting_down", "this process is shutting down");
}

static bool desk_was_woken(struct http_desk *desk, const struct http_exchange *exchange)
{
    return desk_bucket(desk, exchange->park_key)->woken > exchange->park_seen;
}

static void desk_park(struct http_desk *desk, struct http_exchange *exchange)
{
    exchange->request.parked_before = true;
    if (desk->closing) {
        desk_refuse_closing(exchange);
        return;
    }
    if (desk_was_woken(desk, exchange)) {
        desk_enqueue(desk, exchange);
        return;
    }
    int64_t now = time_boot_ms();
    if (exchange->request.deadline_passed && exchange->park_deadline <= now) {
        /* Parking it again would call the handler for ever. */
        log_error("%s: a handler parked a request whose time is up", desk->name);
        desk_refuse(exchange, "wait_over", "the time to wait is over");
        return;
    }
    if (exchange->park_deadline > now + LIMIT_WAIT_MS)
        exchange->park_deadline = now + LIMIT_WAIT_MS;
    exchange->place = HTTP_PARKED;
    list_add(&desk_bucket(desk, exchange->park_key)->parked, exchange);
    if (desk->parked++ == 0)
        desk->next_look = now + DESK_LOOK_MS;
    if (exchange->park_deadline < desk->next_due)
        desk->next_due = exchange->park_deadline;
}

/* Ends the parking of those whose time is up, and of those whose peer left: the answer to those
 * is never read, but they would hold their connection until the deadline. */
static void desk_pass_deadlines(struct http_desk *desk)
{
    int64_t now = time_boot_ms();
    bool look = now >= desk->next_look;
    if (now < desk->next_due && !look)
        return;
    desk->next_due = INT64_MAX;
    for (int i = 0; i < HTTP_DESK_BUCKETS; i++) {
        struct http_exchange *next, *exchange = desk->buckets[i].parked;
        for (; exchange; exchange = next) {
            next = exchange->next;
            if (exchange->park_deadline <= now ||
                (look && !http_connection_is_there(exchange->fd))) {
                exchange->request.deadline_passed = true;
                desk_unpark(desk, exchange);
            } else if (exchange->park_deadline < desk->next_due) {
                desk->next_due = exchange->park_deadline;
            }
        }
    }
    desk->next_look = desk->parked ? now + DESK_LOOK_MS : INT64_MAX;
}

/* Waits for work; NULL when this thread is to end. */
static struct http_exchange *desk_next(struct http_desk *desk)
{
    int64_t idle_until = time_boot_ms() + DESK_IDLE_MS;
    for (;;) {
        desk_pass_deadlines(desk);
        if (desk->queue) {
            struct http_exchange *exchange = desk_dequeue(desk);
            if (desk->parked > 0 && desk->idle == 0)
                desk_want_thread(desk); /* someone must see the deadlines */
            return exchange;
        }
        int64_t now = time_boot_ms();
        bool needed = desk->parked > 0 && desk->idle == 0;
        if (desk->closing || (now >= idle_until && !needed))
            return NULL;
        int64_t until = desk->next_due < desk->next_look ? desk->next_due : desk->next_look;
        if (!needed && idle_until < until)
            until = idle_until;
        desk->idle++;
        thread_cond_wait(&desk->work, &desk->mutex, until > now ? until - now : 0);
        desk->idle--;
    }
}

/* Lets go of the lock meanwhile, because the library has a lock of its own. The answer may be sent
 * before the library's call is over, which still names the daemon: so these calls are counted. */
static void desk_resume(struct http_desk *desk, struct http_exchange *exchange)
{
    desk->resuming++;
    pthread_mutex_unlock(&desk->mutex);
    MHD_resume_connection(exchange->connection);
    pthread_mutex_lock(&desk->mutex);
    if (--desk->resuming == 0 && desk->closing)
        pthread_cond_broadcast(&desk->quiet);
}

/* Both sides of an exchange that was given up let go of it; the caller holds the lock. */
static bool desk_let_go(struct http_exchange *exchange)
{
    return --exchange->holders == 0;
}

/* Likewise: a stream's reader asks the desk while it holds the lock of its answer. */
static void desk_close_exchange(struct http_desk *desk, struct http_exchange *exchange)
{
    pthread_mutex_unlock(&desk->mutex);
    http_exchange_close(exchange);
    pthread_mutex_lock(&desk->mutex);
}

static void desk_run(struct http_desk *desk, struct http_exchange *exchange)
{
    exchange->place = HTTP_RUNNING;
    list_add(&desk->running, exchange);
    pthread_mutex_unlock(&desk->mutex);
    enum http_verdict verdict = desk->run(exchange);
    pthread_mutex_lock(&desk->mutex);
    if (exchange->place != HTTP_RUNNING) {
        if (desk_let_go(exchange))
            desk_close_exchange(desk, exchange);
        return;
    }
    list_drop(exchange);
    pthread_cond_broadcast(&desk->quiet);
    if (verdict == HTTP_PARK)
        desk_park(desk, exchange);
    else
        exchange->place = HTTP_ANSWERED;
    if (verdict == HTTP_STREAM) {
        exchange->request.parked_before = true;
        exchange->request.deadline_passed = false;
    }
    if (exchange->place == HTTP_ANSWERED)
        desk_resume(desk, exchange);
}

static void *desk_work(void *arg)
{
    struct http_desk *desk = arg;
    struct http_exchange *exchange;
    pthread_mutex_lock(&desk->mutex);
    while ((exchange = desk_next(desk)))
        desk_run(desk, exchange);
    bool last = --desk->threads == 0 && desk->orphaned;
    pthread_cond_broadcast(&desk->quiet);
    pthread_mutex_unlock(&desk->mutex);
    if (last)
        desk->on_last(desk->owner);
    return NULL;
}

void http_desk_submit(struct http_desk *desk, struct http_exchange *exchange)
{
    pthread_mutex_lock(&desk->mutex);
    desk->unsent += !exchange->counted;
    exchange->counted = true;
    if (desk->closing) {
        desk_refuse_closing(exchange);
    } else {
        desk_enqueue(desk, exchange);
        if (desk->threads == 0) {
            desk_dequeue(desk);
            desk_refuse(exchange, "no_threads", "this process could not start a thread");
        }
    }
    if (exchange->place == HTTP_ANSWERED)
        desk_resume(desk, exchange);
    pthread_mutex_unlock(&desk->mutex);
}

void http_desk_sending(struct http_desk *desk, struct http_exchange *exchange)
{
    pthread_mutex_lock(&desk->mutex);
    desk->unsent++;
    exchange->counted = true;
    pthread_mutex_unlock(&desk->mutex);
}

void http_desk_sent(struct http_desk *desk, struct http_exchange *exchange)
{
    pthread_mutex_lock(&desk->mutex);
    if (exchange->counted && --desk->unsent == 0)
        pthread_cond_broadcast(&desk->quiet);
    bool free_it = desk_let_go(exchange);
    pthread_mutex_unlock(&desk->mutex);
    if (free_it)
        http_exchange_close(exchange);
}

bool http_desk_gave_up(struct http_desk *desk, struct http_exchange *exchange)
{
    pthread_mutex_lock(&desk->mutex);
    bool gave_up = exchange->gave_up;
    pthread_mutex_unlock(&desk->mutex);
    return gave_up;
}

bool http_desk_is_closing(struct http_desk *desk)
{
    pthread_mutex_lock(&desk->mutex);
    bool closing = desk->closing;
    pthread_mutex_unlock(&desk->mutex);
    return closing;
}

/* Takes all that waits; the result is linked by `next`. */
static struct http_exchange *desk_take_waiting(struct http_desk *desk)
{
    struct http_exchange *all = NULL, *exchange;
    for (int i = 0; i < HTTP_DESK_BUCKETS; i++)
        while ((exchange = desk->buckets[i].parked))
            desk_unpark(desk, exchange);
    while (desk->queue) {
        exchange = desk_dequeue(desk);
        desk_refuse_closing(exchange);
        exchange->next = all;
        all = exchange;
    }
    return all;
}

/* Takes the running ones: from now on their handler and their connection hold them separately. */
static struct http_exchange *desk_give_up_running(struct http_desk *desk)
{
    struct http_exchange *all = NULL, *exchange;
    while ((exchange = desk->running)) {
        list_drop(exchange);
        exchange->holders++;
        exchange->gave_up = true;
        exchange->place = HTTP_ANSWERED;
        exchange->next = all;
        all = exchange;
    }
    return all;
}

static void desk_resume_all(struct http_desk *desk, struct http_exchange *all)
{
    pthread_mutex_unlock(&desk->mutex);
    for (struct http_exchange *next; all; all = next) {
        next = all->next;
        MHD_resume_connection(all->connection);
    }
    pthread_mutex_lock(&desk->mutex);
}

void http_desk_close(struct http_desk *desk, int64_t drain_ms)
{
    int64_t until = time_boot_ms() + drain_ms, now;
    pthread_mutex_lock(&desk->mutex);
    desk->closing = true;
    desk_resume_all(desk, desk_take_waiting(desk));
    pthread_cond_broadcast(&desk->work);
    while (desk->running && (now = time_boot_ms()) < until)
        thread_cond_wait(&desk->quiet, &desk->mutex, until - now);
    if (desk->running)
        log_warn("%s: a request handler still runs after %lld ms; its client gets 503", desk->name,
                 (long long)drain_ms);
    desk_resume_all(desk, desk_give_up_running(desk));
    until = time_boot_ms() + DESK_UNSENT_MS;
    while (desk->unsent > 0 && (now = time_boot_ms()) < until)
        thread_cond_wait(&desk->quiet, &desk->mutex, until - now);
    while (desk->resuming > 0) /* the daemons are freed next; the call waits for nobody */
        thread_cond_wait(&desk->quiet, &desk->mutex, -1);
    pthread_mutex_unlock(&desk->mutex);
}

bool http_desk_orphan(struct http_desk *desk)
{
    int64_t until = time_boot_ms() + DESK_END_MS, now;
    pthread_mutex_lock(&desk->mutex);
    while (desk->threads > 0 && (now = time_boot_ms()) < until)
        thread_cond_wait(&desk->quiet, &desk->mutex, until - now);
    desk->orphaned = desk->threads > 0;
    bool orphaned = desk->orphaned;
    pthread_mutex_unlock(&desk->mutex);
    return orphaned;
}

uint64_t http_desk_wakes(struct http_desk *desk)
{
    pthread_mutex_lock(&desk->mutex);
    uint64_t generation = desk->generation;
    pthread_mutex_unlock(&desk->mutex);
    return generation;
}

/* key NULL: all that are parked here. The caller holds the mutex. */
static void wake_bucket(struct http_desk *desk, struct http_desk_bucket *bucket, const char *key)
{
    bucket->woken = ++desk->generation;
    struct http_exchange *next, *exchange = bucket->parked;
    for (; exchange; exchange = next) {
        next = exchange->next;
        if (!key || str_eq(exchange->park_key, key))
            desk_unpark(desk, exchange);
    }
}

void http_desk_wake(struct http_desk *desk, const char *key)
{
    pthread_mutex_lock(&desk->mutex);
    if (key)
        wake_bucket(desk, desk_bucket(desk, key), key);
    for (size_t i = 0; !key && i < sizeof(desk->buckets) / sizeof(desk->buckets[0]); i++)
        wake_bucket(desk, &desk->buckets[i], NULL);
    pthread_mutex_unlock(&desk->mutex);
}

size_t http_desk_parked(struct http_desk *desk)
{
    pthread_mutex_lock(&desk->mutex);
    size_t parked = desk->parked;
    pthread_mutex_unlock(&desk->mutex);
    return parked;
}
