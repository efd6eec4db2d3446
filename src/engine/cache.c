/* A map, and a list from the newest to the oldest. */
#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "engine/cache.h"
#include "engine/followed.h"

struct cache {
    pthread_mutex_t mutex;
    struct definitions *definitions;
    struct map runs;
    struct followed *newest, *oldest;
    size_t max_runs, max_bytes, bytes;
};

struct cache *cache_open(struct definitions *definitions, size_t runs, size_t bytes)
{
    struct cache *cache = mem_zalloc(sizeof(*cache));
    cache->definitions = definitions;
    cache->max_runs = runs;
    cache->max_bytes = bytes;
    pthread_mutex_init(&cache->mutex, NULL);
    return cache;
}

/* Under the mutex. */
static struct followed *take(struct cache *cache, const char *run)
{
    struct followed *followed = map_take(&cache->runs, run);
    if (!followed)
        return NULL;
    *(followed->newer ? &followed->newer->older : &cache->newest) = followed->older;
    *(followed->older ? &followed->older->newer : &cache->oldest) = followed->newer;
    cache->bytes -= followed_bytes(followed);
    followed->newer = followed->older = NULL;
    return followed;
}

void cache_close(struct cache *cache)
{
    if (!cache)
        return;
    while (cache->newest)
        followed_close(take(cache, cache->newest->id), cache->definitions);
    map_fini(&cache->runs);
    pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

struct followed *cache_take(struct cache *cache, const char *run)
{
    pthread_mutex_lock(&cache->mutex);
    struct followed *followed = take(cache, run);
    pthread_mutex_unlock(&cache->mutex);
    return followed;
}

void cache_put(struct cache *cache, struct followed *followed)
{
    pthread_mutex_lock(&cache->mutex);
    map_put(&cache->runs, followed->id, followed);
    followed->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = followed;
    cache->newest = followed;
    cache->bytes += followed_bytes(followed);
    struct followed *gone = NULL;
    while (cache->oldest != followed &&
           (cache->runs.count > cache->max_runs || cache->bytes > cache->max_bytes)) {
        struct followed *oldest = take(cache, cache->oldest->id);
        oldest->older = gone;
        gone = oldest;
    }
    pthread_mutex_unlock(&cache->mutex);
    while (gone) {
        struct followed *next = gone->older;
        followed_close(gone, cache->definitions);
        gone = next;
    }
}
