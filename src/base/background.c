/* One mutex, one condition and one flag for all such loops. */
#include "base/background.h"
#include "base/thread.h"
#include "base/time.h"

void background_init(struct background *background)
{
    *background = (struct background){0};
    pthread_mutex_init(&background->mutex, NULL);
    thread_cond_init(&background->changed);
}

int background_start(struct background *background, const char *name, void *(*run)(void *),
                     void *arg)
{
    background->started = thread_start(&background->thread, name, run, arg) == 0;
    return background->started ? 0 : -1;
}

static bool rest(struct background *background, int64_t ms, bool until_woken)
{
    int64_t until = time_boot_ms() + ms, left;
    pthread_mutex_lock(&background->mutex);
    while (!background->ending && !(until_woken && background->wakes != background->seen) &&
           (left = until - time_boot_ms()) > 0)
        thread_cond_wait(&background->changed, &background->mutex, left);
    background->seen = background->wakes;
    bool goes_on = !background->ending;
    pthread_mutex_unlock(&background->mutex);
    return goes_on;
}

bool background_sleep(struct background *background, int64_t ms)
{
    return rest(background, ms, false);
}

bool background_wait(struct background *background, int64_t ms)
{
    return rest(background, ms, true);
}

void background_wake(struct background *background)
{
    pthread_mutex_lock(&background->mutex);
    background->wakes++;
    pthread_cond_broadcast(&background->changed);
    pthread_mutex_unlock(&background->mutex);
}

void background_end(struct background *background)
{
    pthread_mutex_lock(&background->mutex);
    background->ending = true;
    pthread_cond_broadcast(&background->changed);
    pthread_mutex_unlock(&background->mutex);
}

void background_fini(struct background *background)
{
    background_end(background);
    if (background->started)
        pthread_join(background->thread, NULL);
    pthread_cond_destroy(&background->changed);
    pthread_mutex_destroy(&background->mutex);
}
