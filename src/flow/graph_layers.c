/* Layers of steps, and the lines of those that are needed further down. */
#include <string.h>

#include "flow/graph_picture.h"

size_t *graph_layers_of(const struct flow *flow, struct arena *arena, size_t *count)
{
    size_t total = flow->step_count, head = 0, tail = 0;
    size_t *layer = arena_alloc(arena, (total + 1) * sizeof(*layer));
    size_t *missing = arena_alloc(arena, (total + 1) * sizeof(*missing));
    size_t *queue = arena_alloc(arena, (total + 1) * sizeof(*queue));
    *count = 0;
    for (size_t i = 0; i < total; i++)
        if ((missing[i] = flow->steps[i].need_count) == 0)
            queue[tail++] = i;
    while (head < tail) {
        size_t at = queue[head++];
        const struct flow_step *step = &flow->steps[at];
        *count = layer[at] + 1 > *count ? layer[at] + 1 : *count;
        for (size_t i = 0; i < step->feed_count; i++) {
            size_t next = step->feeds[i];
            layer[next] = layer[at] + 1 > layer[next] ? layer[at] + 1 : layer[next];
            if (--missing[next] == 0)
                queue[tail++] = next;
        }
    }
    return layer;
}

struct builder {
    struct graph_picture *picture;
    const size_t *layer, *last; /* of each step; of the last one that needs it */
    size_t **lane_at;           /* per layer: step → its lane there + 1 */
};

static size_t lanes_most(const struct graph_picture *picture)
{
    return (size_t)(picture->look->width / GRAPH_LANE);
}

/* Gives the step a lane in each layer from its own to the one above its last follower. */
static bool add_lanes(struct builder *builder, size_t step)
{
    struct graph_picture *picture = builder->picture;
    size_t first = builder->layer[step];
    for (size_t at = first; at == first || at < builder->last[step]; at++) {
        struct graph_layer *layer = &picture->layers[at];
        if (layer->count >= lanes_most(picture))
            return false;
        layer->lanes[layer->count] = (struct graph_lane){.step = step, .is_line = at > first};
        builder->lane_at[at][step] = ++layer->count;
    }
    return true;
}

static void join(struct graph_picture *picture, size_t at, size_t from, size_t to)
{
    struct graph_lane *above = &picture->layers[at].lanes[from];
    struct graph_lane *below = &picture->layers[at + 1].lanes[to];
    for (size_t i = 0; i < above->down_count; i++)
        if (above->down[i] == to)
            return;
    above->down[above->down_count++] = to;
    below->up[below->up_count++] = from;
}

/* Joins a lane with those below it: its step's followers there, and its own line. */
static void join_below(struct builder *builder, size_t at, size_t from)
{
    struct graph_picture *picture = builder->picture;
    size_t step = picture->layers[at].lanes[from].step;
    const struct flow_step *it = &picture->flow->steps[step];
    if (at + 1 >= picture->count)
        return;
    for (size_t i = 0; i < it->feed_count; i++)
        if (builder->layer[it->feeds[i]] == at + 1)
            join(picture, at, from, builder->lane_at[at + 1][it->feeds[i]] - 1);
    if (builder->last[step] > at + 1)
        join(picture, at, from, builder->lane_at[at + 1][step] - 1);
}

static void prepare_layers(struct builder *builder)
{
    struct graph_picture *picture = builder->picture;
    size_t most = lanes_most(picture) + 1;
    picture->layers =
        arena_alloc(picture->arena, (picture->count + 1) * sizeof(struct graph_layer));
    builder->lane_at = arena_alloc(picture->arena, (picture->count + 1) * sizeof(size_t *));
    for (size_t i = 0; i < picture->count; i++) {
        picture->layers[i].lanes = arena_alloc(picture->arena, most * sizeof(struct graph_lane));
        picture->layers[i].order = arena_alloc(picture->arena, most * sizeof(size_t));
        builder->lane_at[i] =
            arena_alloc(picture->arena, (picture->flow->step_count + 1) * sizeof(size_t));
    }
}

static void join_all(struct builder *builder)
{
    struct graph_picture *picture = builder->picture;
    size_t most = lanes_most(picture) + 1;
    for (size_t at = 0; at < picture->count; at++) {
        for (size_t i = 0; i < picture->layers[at].count; i++) {
            struct graph_lane *lane = &picture->layers[at].lanes[i];
            lane->up = arena_alloc(picture->arena, most * sizeof(size_t));
            lane->down = arena_alloc(picture->arena, most * sizeof(size_t));
            picture->layers[at].order[i] = i;
        }
    }
    for (size_t at = 0; at < picture->count; at++)
        for (size_t i = 0; i < picture->layers[at].count; i++)
            join_below(builder, at, i);
}

bool graph_build(struct graph_picture *picture)
{
    const struct flow *flow = picture->flow;
    if (flow->step_count > GRAPH_STEPS_DRAWN)
        return false;
    size_t *layer = graph_layers_of(flow, picture->arena, &picture->count);
    size_t *last = arena_alloc(picture->arena, (flow->step_count + 1) * sizeof(*last));
    struct builder builder = {.picture = picture, .layer = layer, .last = last};
    for (size_t i = 0; i < flow->step_count; i++)
        for (size_t n = 0; n < flow->steps[i].feed_count; n++)
            if (layer[flow->steps[i].feeds[n]] > last[i])
                last[i] = layer[flow->steps[i].feeds[n]];
    prepare_layers(&builder);
    for (size_t i = 0; i < flow->step_count; i++)
        if (!add_lanes(&builder, i))
            return false;
    join_all(&builder);
    return true;
}
