/* A ticket lock that sleeps. */
#include "ledger/turnstile.h"
#include "base/thread.h"

void turnstile_init(struct turnstile *turnstile)
{
    *turnstile = (struct turnstile){0};
    pthread_mutex_init(&turnstile->mutex, NULL);
    thread_cond_init(&turnstile->cond);
}

void turnstile_fini(struct turnstile *turnstile)
{
    pthread_cond_destroy(&turnstile->cond);
    pthread_mutex_destroy(&turnstile->mutex);
}

void turnstile_enter(struct turnstile *turnstile)
{
    pthread_mutex_lock(&turnstile->mutex);
    uint64_t ticket = turnstile->next++;
    while (turnstile->serving != ticket)
        pthread_cond_wait(&turnstile->cond, &turnstile->mutex);
    pthread_mutex_unlock(&turnstile->mutex);
}

void turnstile_leave(struct turnstile *turnstile)
{
    pthread_mutex_lock(&turnstile->mutex);
    turnstile->serving++;
    if (turnstile->serving != turnstile->next)
        pthread_cond_broadcast(&turnstile->cond);
    pthread_mutex_unlock(&turnstile->mutex);
}
