/* Threads with a name, a small stack and no signals: those belong to the main thread. */
#ifndef HQ_BASE_THREAD_H
#define HQ_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts a joinable thread named `name` (≤ 15 characters) with all signals blocked.
 * Returns 0, or -1 when the system has no more threads. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg);

/* A condition variable on CLOCK_MONOTONIC, so that a jump of the wall clock wakes nobody late. */
void thread_cond_init(pthread_cond_t *cond);

/* Waits until signalled or `ms` have passed (ms < 0: for ever). Returns false at the time-out. */
bool thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t ms);

#endif
