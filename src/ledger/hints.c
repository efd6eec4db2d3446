/* The set of touched keys. */
#include "ledger/hints.h"
#include "base/arena.h"
#include "base/thread.h"
#include "base/time.h"

enum { HINTS_KEPT = 8192 /* keys between two looks; a listener that stalls gets "*" */ };

void hints_init(struct hints *hints)
{
    *hints = (struct hints){0};
    pthread_mutex_init(&hints->mutex, NULL);
    thread_cond_init(&hints->cond);
}

void hints_fini(struct hints *hints)
{
    map_fini(&hints->keys);
    pthread_cond_destroy(&hints->cond);
    pthread_mutex_destroy(&hints->mutex);
}

void hints_add(struct hints *hints, const char *const *keys, size_t count)
{
    if (count == 0)
        return;
    pthread_mutex_lock(&hints->mutex);
    for (size_t i = 0; i < count && !hints->overflow; i++) {
        map_put(&hints->keys, keys[i], hints);
        if (hints->keys.count >= HINTS_KEPT) {
            map_fini(&hints->keys);
            hints->overflow = true;
        }
    }
    pthread_cond_signal(&hints->cond);
    pthread_mutex_unlock(&hints->mutex);
}

void hints_close(struct hints *hints)
{
    pthread_mutex_lock(&hints->mutex);
    hints->closed = true;
    pthread_cond_broadcast(&hints->cond);
    pthread_mutex_unlock(&hints->mutex);
}

static void hints_take(struct hints *hints, struct arena *arena, const char ***keys, size_t *count)
{
    const char *key;
    void *value;
    *count = 0;
    *keys = arena_alloc(arena, (hints->keys.count + 1) * sizeof(**keys));
    for (size_t at = 0; map_next(&hints->keys, &at, &key, &value);)
        (*keys)[(*count)++] = arena_strdup(arena, key);
    if (hints->overflow)
        (*keys)[(*count)++] = "*";
    map_fini(&hints->keys);
    hints->overflow = false;
}

bool hints_wait(struct hints *hints, int64_t ms, struct arena *arena, const char ***keys,
                size_t *count)
{
    int64_t until = time_boot_ms() + ms;
    pthread_mutex_lock(&hints->mutex);
    while (!hints->closed && !hints->overflow && hints->keys.count == 0) {
        int64_t left = until - time_boot_ms();
        if (left <= 0 || !thread_cond_wait(&hints->cond, &hints->mutex, left))
            break;
    }
    hints_take(hints, arena, keys, count);
    bool open = !hints->closed;
    pthread_mutex_unlock(&hints->mutex);
    return open;
}

bool hints_are_closed(struct hints *hints)
{
    pthread_mutex_lock(&hints->mutex);
    bool closed = hints->closed;
    pthread_mutex_unlock(&hints->mutex);
    return closed;
}
