/* Where lanes stand: an order with few crossings (each lane near the middle of those it is joined
 * with), then columns that keep lines straight where they can be. */
#include <stdlib.h>
#include <string.h>

#include "flow/graph_picture.h"

enum { SWEEPS = 6 };

static size_t *joints(struct graph_lane *lane, bool of_up, size_t *count)
{
    *count = of_up ? lane->up_count : lane->down_count;
    return of_up ? lane->up : lane->down;
}

/* ---- order ---- */

static void fill_places(const struct graph_layer *layer, size_t *place)
{
    for (size_t i = 0; i < layer->count; i++)
        place[layer->order[i]] = i;
}

/* Sorts a layer by the mean place of its joints; who has none stays where it is. */
static void sort_layer(struct graph_picture *picture, size_t at, bool by_up)
{
    struct graph_layer *layer = &picture->layers[at];
    size_t place[256];
    fill_places(&picture->layers[by_up ? at - 1 : at + 1], place);
    for (size_t i = 0; i < layer->count; i++) {
        struct graph_lane *lane = &layer->lanes[layer->order[i]];
        size_t count, *to = joints(lane, by_up, &count);
        double sum = 0;
        for (size_t n = 0; n < count; n++)
            sum += (double)place[to[n]];
        lane->wish = count ? sum / (double)count : (double)i;
    }
    for (size_t i = 1; i < layer->count; i++) { /* insertion: keeps the order of equals */
        size_t moved = layer->order[i], to = i;
        for (; to > 0 && layer->lanes[layer->order[to - 1]].wish > layer->lanes[moved].wish; to--)
            layer->order[to] = layer->order[to - 1];
        layer->order[to] = moved;
    }
}

static size_t crossings_of(const struct graph_layer *above, const size_t *place, size_t left,
                           size_t right)
{
    const struct graph_lane *a = &above->lanes[above->order[left]];
    const struct graph_lane *b = &above->lanes[above->order[right]];
    size_t count = 0;
    for (size_t i = 0; i < a->down_count; i++)
        for (size_t n = 0; n < b->down_count; n++)
            count += place[a->down[i]] > place[b->down[n]];
    return count;
}

static size_t crossings(const struct graph_picture *picture)
{
    size_t place[256], count = 0;
    for (size_t at = 0; at + 1 < picture->count; at++) {
        const struct graph_layer *above = &picture->layers[at];
        fill_places(&picture->layers[at + 1], place);
        for (size_t right = 1; right < above->count; right++)
            for (size_t left = 0; left < right; left++)
                count += crossings_of(above, place, left, right);
    }
    return count;
}

static void copy_order(const struct graph_picture *picture, size_t *kept, bool back)
{
    for (size_t at = 0; at < picture->count; at++) {
        struct graph_layer *layer = &picture->layers[at];
        if (back)
            memcpy(layer->order, kept, layer->count * sizeof(size_t));
        else
            memcpy(kept, layer->order, layer->count * sizeof(size_t));
        kept += layer->count;
    }
}

void graph_sort(struct graph_picture *picture)
{
    size_t total = 0, best = crossings(picture);
    for (size_t at = 0; at < picture->count; at++)
        total += picture->layers[at].count;
    size_t *kept = arena_alloc(picture->arena, (total + 1) * sizeof(*kept));
    copy_order(picture, kept, false);
    for (int sweep = 0; sweep < SWEEPS && best > 0; sweep++) {
        for (size_t i = 1; i < picture->count; i++)
            sort_layer(picture, sweep % 2 ? picture->count - 1 - i : i, sweep % 2 == 0);
        size_t now = crossings(picture);
        if (now < best) {
            best = now;
            copy_order(picture, kept, false);
        }
    }
    copy_order(picture, kept, true);
}

/* ---- columns ---- */

static int room_of(const struct graph_lane *lane, int label_most)
{
    int label = lane->label < label_most ? lane->label : label_most;
    int room = (label + 3) / 2 * 2; /* all columns are even: graph_lines.c */
    return room > GRAPH_LANE ? room : GRAPH_LANE;
}

/* Gives all lanes their room with labels of at most `most` columns; false: a layer is too wide. */
static bool fit_rooms(struct graph_picture *picture, int most)
{
    for (size_t at = 0; at < picture->count; at++) {
        struct graph_layer *layer = &picture->layers[at];
        int sum = 0;
        for (size_t i = 0; i < layer->count; i++)
            sum += layer->lanes[i].room = room_of(&layer->lanes[i], most);
        if (sum > picture->look->width / 2 * 2)
            return false;
    }
    return true;
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The column of the joint in the middle: of two, the left one, so that its line is straight. */
static int wanted_x(struct graph_lane *lane, const struct graph_layer *other, bool by_up)
{
    int columns[256];
    size_t count, *to = joints(lane, by_up, &count);
    for (size_t i = 0; i < count; i++)
        columns[i] = other->lanes[to[i]].x;
    qsort(columns, count, sizeof(int), compare_ints);
    return count ? columns[(count - 1) / 2] : lane->x;
}

/* Moves a layer's lanes towards their joints without changing their order. */
static void shift_layer(struct graph_picture *picture, size_t at, bool by_up)
{
    struct graph_layer *layer = &picture->layers[at];
    const struct graph_layer *other = &picture->layers[by_up ? at - 1 : at + 1];
    int next = 0, limit = picture->look->width / 2 * 2;
    for (size_t i = 0; i < layer->count; i++) {
        struct graph_lane *lane = &layer->lanes[layer->order[i]];
        int wanted = wanted_x(lane, other, by_up);
        lane->x = wanted > next ? wanted : next;
        next = lane->x + lane->room;
    }
    for (size_t i = layer->count; i-- > 0;) {
        struct graph_lane *lane = &layer->lanes[layer->order[i]];
        limit -= lane->room;
        lane->x = lane->x > limit ? limit : lane->x;
        limit = lane->x;
    }
}

static void pack_left(struct graph_layer *layer)
{
    int next = 0;
    for (size_t i = 0; i < layer->count; i++) {
        struct graph_lane *lane = &layer->lanes[layer->order[i]];
        lane->x = next;
        next += lane->room;
    }
}

/* Nothing stands further right than it must. */
static void move_left(struct graph_picture *picture)
{
    int least = picture->look->width;
    for (size_t at = 0; at < picture->count; at++)
        for (size_t i = 0; i < picture->layers[at].count; i++)
            if (picture->layers[at].lanes[i].x < least)
                least = picture->layers[at].lanes[i].x;
    for (size_t at = 0; at < picture->count; at++)
        for (size_t i = 0; i < picture->layers[at].count; i++)
            picture->layers[at].lanes[i].x -= least;
}

bool graph_place(struct graph_picture *picture)
{
    int most = picture->look->width - 2;
    while (most >= GRAPH_LABEL_LEAST && !fit_rooms(picture, most))
        most--;
    if (most < GRAPH_LABEL_LEAST)
        return false;
    for (size_t at = 0; at < picture->count; at++)
        pack_left(&picture->layers[at]);
    for (int sweep = 0; sweep < 3; sweep++)
        for (size_t i = 1; i < picture->count; i++)
            shift_layer(picture, sweep % 2 ? picture->count - 1 - i : i, sweep % 2 == 0);
    move_left(picture);
    return true;
}
