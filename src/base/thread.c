/* The one place that creates threads. */
#include <signal.h>

#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    pthread_attr_t attr;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, LIMIT_THREAD_STACK);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(thread, &attr, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (rc == 0)
        pthread_setname_np(*thread, name);
    return rc == 0 ? 0 : -1;
}

void thread_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

bool thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t ms)
{
    if (ms < 0)
        return pthread_cond_wait(cond, mutex) == 0;
    struct timespec until = time_monotonic_in(ms);
    return pthread_cond_timedwait(cond, mutex, &until) == 0;
}
