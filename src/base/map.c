/* Open addressing with linear probing; a removed slot keeps its key gone and its value a tombstone. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

static char tombstone;

static uint64_t map_hash(const char *key)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 1099511628211u;
    return hash;
}

void map_fini(struct map *map)
{
    for (size_t i = 0; i < map->cap; i++)
        free(map->slots[i].key);
    free(map->slots);
    *map = (struct map){0};
}

void map_free(struct map *map)
{
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].key)
            free(map->slots[i].value);
    map_fini(map);
}

/* Returns the slot that holds key, or the first free one on its way. */
static struct map_slot *map_find(const struct map *map, const char *key)
{
    struct map_slot *grave = NULL;
    for (size_t i = map_hash(key) & (map->cap - 1);; i = (i + 1) & (map->cap - 1)) {
        struct map_slot *slot = &map->slots[i];
        if (slot->key && strcmp(slot->key, key) == 0)
            return slot;
        if (!slot->key && slot->value == &tombstone && !grave)
            grave = slot;
        if (!slot->key && !slot->value)
            return grave ? grave : slot;
    }
}

static void map_rehash(struct map *map)
{
    struct map bigger = {.cap = 16};
    while (bigger.cap < map->count * 4)
        bigger.cap *= 2;
    bigger.slots = mem_zalloc(bigger.cap * sizeof(*bigger.slots));
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].key)
            *map_find(&bigger, map->slots[i].key) = map->slots[i];
    bigger.count = bigger.used = map->count;
    free(map->slots);
    *map = bigger;
}

void *map_put(struct map *map, const char *key, void *value)
{
    if ((map->used + 1) * 4 > map->cap * 3)
        map_rehash(map);
    struct map_slot *slot = map_find(map, key);
    if (slot->key) {
        void *old = slot->value;
        slot->value = value;
        return old;
    }
    if (!slot->value)
        map->used++;
    slot->key = mem_strdup(key);
    slot->value = value;
    map->count++;
    return NULL;
}

void *map_get(const struct map *map, const char *key)
{
    if (!map->cap)
        return NULL;
    struct map_slot *slot = map_find(map, key);
    return slot->key ? slot->value : NULL;
}

void *map_take(struct map *map, const char *key)
{
    if (!map->cap)
        return NULL;
    struct map_slot *slot = map_find(map, key);
    if (!slot->key)
        return NULL;
    void *value = slot->value;
    free(slot->key);
    slot->key = NULL;
    slot->value = &tombstone;
    map->count--;
    return value;
}

int map_next(const struct map *map, size_t *at, const char **key, void **value)
{
    for (; *at < map->cap; (*at)++) {
        if (map->slots[*at].key) {
            *key = map->slots[*at].key;
            *value = map->slots[(*at)++].value;
            return 1;
        }
    }
    return 0;
}
