/* A switch that other threads throw: running calls are woken from their poll, later ones do not
 * start. */
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/fetch_call.h"

struct fetch_cancel {
    pthread_mutex_t mutex;
    bool thrown;
    struct fetch_running *running;
};

struct fetch_cancel *fetch_cancel_open(void)
{
    struct fetch_cancel *cancel = mem_zalloc(sizeof(*cancel));
    pthread_mutex_init(&cancel->mutex, NULL);
    return cancel;
}

void fetch_cancel_close(struct fetch_cancel *cancel)
{
    if (!cancel)
        return;
    pthread_mutex_destroy(&cancel->mutex);
    free(cancel);
}

/* The wake-up only writes to a pipe that is never full; the lock keeps the multi alive meanwhile.
 */
void fetch_cancel(struct fetch_cancel *cancel)
{
    pthread_mutex_lock(&cancel->mutex);
    cancel->thrown = true;
    for (struct fetch_running *running = cancel->running; running; running = running->next)
        curl_multi_wakeup(running->multi);
    pthread_mutex_unlock(&cancel->mutex);
}

bool fetch_is_cancelled(const struct fetch_cancel *cancel)
{
    if (!cancel)
        return false;
    struct fetch_cancel *locked = (struct fetch_cancel *)cancel;
    pthread_mutex_lock(&locked->mutex);
    bool thrown = locked->thrown;
    pthread_mutex_unlock(&locked->mutex);
    return thrown;
}

void fetch_cancel_enter(struct fetch_cancel *cancel, struct fetch_running *running)
{
    if (!cancel)
        return;
    pthread_mutex_lock(&cancel->mutex);
    running->next = cancel->running;
    running->link = &cancel->running;
    if (running->next)
        running->next->link = &running->next;
    cancel->running = running;
    pthread_mutex_unlock(&cancel->mutex);
}

void fetch_cancel_leave(struct fetch_cancel *cancel, struct fetch_running *running)
{
    if (!cancel)
        return;
    pthread_mutex_lock(&cancel->mutex);
    *running->link = running->next;
    if (running->next)
        running->next->link = running->link;
    pthread_mutex_unlock(&cancel->mutex);
}
