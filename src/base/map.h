/* A hash map from text to pointer. */
#ifndef HQ_BASE_MAP_H
#define HQ_BASE_MAP_H

#include <stddef.h>

struct map_slot {
    char *key;
    void *value;
};

/* A zeroed struct is a valid empty map. Keys are copied; values are the caller's. Not thread-safe. */
struct map {
    struct map_slot *slots;
    size_t count, used, cap;
};

void map_fini(struct map *map); /* frees keys and table, not values */
void map_free(struct map *map); /* values, too, each with free(); the map is empty then */

/* Stores value (not NULL) under key; returns the value that was there before, or NULL. */
void *map_put(struct map *map, const char *key, void *value);
void *map_get(const struct map *map, const char *key);  /* NULL when absent */
void *map_take(struct map *map, const char *key);       /* removes and returns; NULL when absent */

/* Walks in no order: start with *at = 0; returns 0 at the end. Do not change the map meanwhile. */
int map_next(const struct map *map, size_t *at, const char **key, void **value);

#endif
