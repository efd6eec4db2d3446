/* Walks the links depth first; every way to an end is a chain. */
#include <stdbool.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "hub/chains.h"

enum { CHAIN_LENGTH = 32 /* trees are 16 deep at most; lanes add some */ };

/* Links of one task lie behind one another: the map leads to the first. */
struct walk {
    const struct chain_link *links;
    size_t count, max;
    struct map first;   /* task → its first link */
    struct map awaited; /* tasks that somebody waits for */
    struct map seen;    /* tasks that are on a chain */
    const struct chain_link *way[CHAIN_LENGTH];
    size_t length;
    json_t *chains;
};

static void put_text(json_t *list, const char *text)
{
    json_array_append_new(list, json_string(text ? text : ""));
}

static void emit(struct walk *walk, const char *ends, bool cycle)
{
    const struct chain_link *last = walk->way[walk->length - 1];
    json_t *agents = json_array(), *tasks = json_array();
    for (size_t i = 0; i < walk->length; i++) {
        put_text(agents, walk->way[i]->agent);
        put_text(tasks, walk->way[i]->task);
    }
    if (last->to) {
        put_text(agents, last->to_agent);
        put_text(tasks, last->to);
    }
    json_array_append_new(walk->chains, json_pack("{s:o,s:o,s:s,s:b}", "agents", agents, "tasks",
                                                  tasks, "ends", ends, "cycle", cycle));
}

static bool is_on_way(const struct walk *walk, const char *task)
{
    for (size_t i = 0; i < walk->length; i++)
        if (str_eq(walk->way[i]->task, task))
            return true;
    return false;
}

/* Recursion is bounded by CHAIN_LENGTH and by the number of chains. */
static void follow(struct walk *walk, const char *task)
{
    const struct chain_link *link = map_get(&walk->first, task);
    map_put(&walk->seen, task, walk);
    for (; link && link < walk->links + walk->count && str_eq(link->task, task); link++) {
        if (json_array_size(walk->chains) >= walk->max)
            return;
        walk->way[walk->length++] = link;
        if (link->to && is_on_way(walk, link->to))
            emit(walk, "cycle", true);
        else if (link->to && map_get(&walk->first, link->to) && walk->length < CHAIN_LENGTH)
            follow(walk, link->to);
        else
            emit(walk, link->ends, false);
        walk->length--;
    }
}

json_t *chains_walk(const struct chain_link *links, size_t count, size_t max)
{
    struct walk walk = {.links = links, .count = count, .max = max, .chains = json_array()};
    for (size_t i = count; i-- > 0;) {
        map_put(&walk.first, links[i].task, (void *)&links[i]);
        if (links[i].to)
            map_put(&walk.awaited, links[i].to, &walk);
    }
    for (size_t i = 0; i < count; i++)
        if (!map_get(&walk.awaited, links[i].task) && !map_get(&walk.seen, links[i].task))
            follow(&walk, links[i].task);
    for (size_t i = 0; i < count; i++) /* what is left runs in circles */
        if (!map_get(&walk.seen, links[i].task))
            follow(&walk, links[i].task);
    map_fini(&walk.first);
    map_fini(&walk.awaited);
    map_fini(&walk.seen);
    return walk.chains;
}
