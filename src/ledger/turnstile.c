/* A queue of waiters, each with a semaphore of its own: with one condition for all, every leaving
 * wakes every waiter, and of a busy hub's processor half went there. */
#include <semaphore.h>
#include <stddef.h>

#include "ledger/turnstile.h"

/* On the stack of who waits. */
struct turnstile_waiter {
    sem_t turn;
    struct turnstile_waiter *next;
};

void turnstile_init(struct turnstile *turnstile)
{
    *turnstile = (struct turnstile){0};
    turnstile->last = &turnstile->first;
    pthread_mutex_init(&turnstile->mutex, NULL);
}

void turnstile_fini(struct turnstile *turnstile)
{
    pthread_mutex_destroy(&turnstile->mutex);
}

void turnstile_enter(struct turnstile *turnstile)
{
    struct turnstile_waiter self = {0};
    pthread_mutex_lock(&turnstile->mutex);
    bool waits = turnstile->is_taken;
    if (waits) {
        sem_init(&self.turn, 0, 0);
        *turnstile->last = &self;
        turnstile->last = &self.next;
    }
    turnstile->is_taken = true;
    pthread_mutex_unlock(&turnstile->mutex);
    if (!waits)
        return;
    while (sem_wait(&self.turn) != 0)
        ;
    sem_destroy(&self.turn);
}

void turnstile_leave(struct turnstile *turnstile)
{
    pthread_mutex_lock(&turnstile->mutex);
    struct turnstile_waiter *next = turnstile->first;
    if (next) { /* it stays taken: nobody overtakes who is handed the turn */
        turnstile->first = next->next;
        if (!turnstile->first)
            turnstile->last = &turnstile->first;
    }
    turnstile->is_taken = next != NULL;
    pthread_mutex_unlock(&turnstile->mutex);
    if (next)
        sem_post(&next->turn);
}
