/* One thread that sleeps until the nearest deadline of a request that is still being read. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/http_watch.h"

struct http_watched {
    struct http_watched *next, **link;
    int fd;
    int64_t due; /* time_boot_ms(), INT64_MAX: not being read */
    bool begun;  /* the request line is there: a 408 would be understood */
};

struct http_watch {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    struct http_watched *all;
    int64_t request_ms, idle_ms;
    int64_t planned; /* when the thread will look next */
    bool closing;
};

/* The event thread is not writing to this socket while it reads a request, so a 408 from here
 * cannot mix with another answer. Neither call blocks. The shutdown makes the event thread close.
 */
static void watched_end(struct http_watched *watched)
{
    static const char late[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                               "Content-Type: application/json; charset=utf-8\r\n"
                               "Content-Length: 43\r\n\r\n"
                               "{\"ok\":false,\"error\":\"request body timeout\"}";
    if (watched->begun)
        (void)!send(watched->fd, late, sizeof(late) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(watched->fd, SHUT_RDWR);
    watched->due = INT64_MAX;
}

static int64_t watch_look(struct http_watch *watch, int64_t now)
{
    int64_t next = INT64_MAX;
    for (struct http_watched *watched = watch->all; watched; watched = watched->next) {
        if (watched->due <= now)
            watched_end(watched);
        if (watched->due < next)
            next = watched->due;
    }
    return next;
}

static void *watch_run(void *arg)
{
    struct http_watch *watch = arg;
    pthread_mutex_lock(&watch->mutex);
    while (!watch->closing) {
        int64_t now = time_boot_ms();
        watch->planned = watch_look(watch, now);
        thread_cond_wait(&watch->changed, &watch->mutex,
                         watch->planned == INT64_MAX ? -1 : watch->planned - now);
    }
    pthread_mutex_unlock(&watch->mutex);
    return NULL;
}

struct http_watch *http_watch_open(const char *name, int64_t request_ms, int64_t idle_ms)
{
    struct http_watch *watch = mem_zalloc(sizeof(*watch));
    char thread_name[16];
    snprintf(thread_name, sizeof(thread_name), "%.8s-watch", name);
    pthread_mutex_init(&watch->mutex, NULL);
    thread_cond_init(&watch->changed);
    watch->request_ms = request_ms;
    watch->idle_ms = idle_ms;
    watch->planned = INT64_MAX;
    if (thread_start(&watch->thread, thread_name, watch_run, watch) == 0)
        return watch;
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->mutex);
    free(watch);
    return NULL;
}

void http_watch_close(struct http_watch *watch)
{
    pthread_mutex_lock(&watch->mutex);
    watch->closing = true;
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->mutex);
    pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->mutex);
    free(watch);
}

/* The thread is woken only when it would look too late. */
static void watched_set(struct http_watch *watch, struct http_watched *watched, int64_t due)
{
    watched->due = due;
    if (due < watch->planned) {
        watch->planned = due;
        pthread_cond_signal(&watch->changed);
    }
}

struct http_watched *http_watch_add(struct http_watch *watch, int fd)
{
    struct http_watched *watched = mem_zalloc(sizeof(*watched));
    watched->fd = fd;
    pthread_mutex_lock(&watch->mutex);
    watched->next = watch->all;
    watched->link = &watch->all;
    if (watch->all)
        watch->all->link = &watched->next;
    watch->all = watched;
    watched_set(watch, watched, time_boot_ms() + watch->request_ms);
    pthread_mutex_unlock(&watch->mutex);
    return watched;
}

void http_watch_begin(struct http_watch *watch, struct http_watched *watched)
{
    int64_t due = time_boot_ms() + watch->request_ms;
    pthread_mutex_lock(&watch->mutex);
    watched->begun = true;
    if (due < watched->due)
        watched_set(watch, watched, due);
    pthread_mutex_unlock(&watch->mutex);
}

void http_watch_whole(struct http_watch *watch, struct http_watched *watched)
{
    pthread_mutex_lock(&watch->mutex);
    watched->begun = false;
    watched->due = INT64_MAX;
    pthread_mutex_unlock(&watch->mutex);
}

void http_watch_idle(struct http_watch *watch, struct http_watched *watched)
{
    pthread_mutex_lock(&watch->mutex);
    watched_set(watch, watched, time_boot_ms() + watch->idle_ms + watch->request_ms);
    pthread_mutex_unlock(&watch->mutex);
}

void http_watch_drop(struct http_watch *watch, struct http_watched *watched)
{
    pthread_mutex_lock(&watch->mutex);
    *watched->link = watched->next;
    if (watched->next)
        watched->next->link = watched->link;
    pthread_mutex_unlock(&watch->mutex);
    free(watched);
}
