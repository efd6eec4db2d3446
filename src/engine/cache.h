/* Runs that were looked at lately, so that they need not be folded again: a monitor, bounded in
 * number and in bytes; the one that was put longest ago goes first. */
#ifndef HQ_ENGINE_CACHE_H
#define HQ_ENGINE_CACHE_H

#include <stddef.h>

struct cache;
struct definitions;
struct followed;

struct cache *cache_open(struct definitions *definitions, size_t runs, size_t bytes);
void cache_close(struct cache *cache);

/* The run, which is the caller's from now on; NULL: it is not there. */
struct followed *cache_take(struct cache *cache, const char *run);

/* Takes the run over. */
void cache_put(struct cache *cache, struct followed *followed);

#endif
