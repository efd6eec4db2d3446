/* Private to net/: the monitor between the event threads and the handlers: a queue of whole
 * requests, the threads that run handlers, and the parked requests with their keys. */
#ifndef HQ_NET_HTTP_DESK_H
#define HQ_NET_HTTP_DESK_H

#include <pthread.h>

#include "net/http_exchange.h"

enum { HTTP_DESK_BUCKETS = 256 };

struct http_desk_bucket {
    struct http_exchange *parked;
    uint64_t woken; /* generation of the last wake of any key in this bucket */
};

struct http_desk {
    pthread_mutex_t mutex;
    pthread_cond_t work;  /* the queue, the nearest deadline or `closing` changed */
    pthread_cond_t quiet; /* `threads`, `running`, `unsent` or `resuming` fell */
    const char *name;
    int threads_max;
    /* Calls the handler; HTTP_PARK after http_park(), else the answer has been built. */
    enum http_verdict (*run)(struct http_exchange *exchange);
    void (*on_last)(void *owner); /* frees the owner when the desk outlives it */
    void *owner;

    struct http_exchange *queue, **queue_end;
    struct http_exchange *running;
    struct http_desk_bucket buckets[HTTP_DESK_BUCKETS];
    size_t parked, unsent;
    uint64_t generation;
    int64_t next_due, next_look; /* time_boot_ms() */
    int threads, idle, queued;
    int resuming; /* threads inside MHD_resume_connection() */
    bool closing, orphaned;
};

void http_desk_init(struct http_desk *desk);
void http_desk_fini(struct http_desk *desk);

/* Event thread: a suspended exchange whose request is whole, or whose piece of a stream is sent. Its
 * connection is resumed when exchange->answer is there, or the next piece. */
void http_desk_submit(struct http_desk *desk, struct http_exchange *exchange);

/* Event thread: counts an answer that will be sent; http_desk_sent() when that is over. */
void http_desk_sending(struct http_desk *desk, struct http_exchange *exchange);
void http_desk_sent(struct http_desk *desk, struct http_exchange *exchange);

/* True when the closing server no longer waits for this exchange's handler: only the handler's
 * thread may then look into request and answer. */
bool http_desk_gave_up(struct http_desk *desk, struct http_exchange *exchange);
bool http_desk_is_closing(struct http_desk *desk);

/* Answers all that waits with 503, waits at most drain_ms for running handlers, gives the others
 * up, and waits a little until the answers are sent. Then only event threads name the connections. */
void http_desk_close(struct http_desk *desk, int64_t drain_ms);

/* After the connections are gone: true when handlers still run; the last of them calls on_last. */
bool http_desk_orphan(struct http_desk *desk);

/* What http_wakes(), http_wake() and http_parked() do (http_server.h). */
uint64_t http_desk_wakes(struct http_desk *desk);
void http_desk_wake(struct http_desk *desk, const char *key);
size_t http_desk_parked(struct http_desk *desk);

#endif
