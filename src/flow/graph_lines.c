/* The rows of lines between two layers. Lines with the same followers share a track, because a
 * joint says exactly that; one that only crosses leaves a gap in the other; one that comes to a
 * step beside another's line ends there with an arrow: "│<──┘". */
#include <string.h>

#include "flow/graph_picture.h"

enum { TRACKS = 64 };

/* Sources that all lead to the same targets. */
struct track {
    const size_t *targets;
    size_t target_count;
    size_t sources[TRACKS], source_count;
    int row;         /* -1: a straight line that needs none */
    int first, last; /* columns */
};

struct channel {
    const struct graph_layer *above, *below;
    int shift; /* of the targets' columns against their lanes */
    struct track tracks[TRACKS];
    size_t count;
    bool before[TRACKS][TRACKS]; /* [a][b]: a's row is above b's */
};

static int source_x(const struct channel *channel, size_t lane)
{
    return channel->above->lanes[lane].x;
}

static int target_x(const struct channel *channel, size_t lane)
{
    return channel->below->lanes[lane].x + channel->shift;
}

static bool leads_to(const struct track *track, size_t lane)
{
    for (size_t i = 0; i < track->target_count; i++)
        if (track->targets[i] == lane)
            return true;
    return false;
}

static bool same_targets(const struct track *track, const struct graph_lane *lane)
{
    if (track->target_count != lane->down_count)
        return false;
    for (size_t i = 0; i < lane->down_count; i++)
        if (!leads_to(track, lane->down[i]))
            return false;
    return true;
}

struct graph_spot {
    size_t row;
    int x;
};

static bool add_source(struct channel *channel, size_t at)
{
    const struct graph_lane *lane = &channel->above->lanes[at];
    struct track *track = channel->tracks;
    while (track < channel->tracks + channel->count && !same_targets(track, lane))
        track++;
    if (track == channel->tracks + channel->count) {
        if (channel->count == TRACKS)
            return false;
        channel->count++;
        *track = (struct track){.targets = lane->down, .target_count = lane->down_count};
    }
    if (track->source_count == TRACKS)
        return false;
    track->sources[track->source_count++] = at;
    return true;
}

static bool is_straight(const struct channel *channel, const struct track *track)
{
    return track->source_count == 1 && track->target_count == 1 &&
           source_x(channel, track->sources[0]) == target_x(channel, track->targets[0]);
}

static void widen(struct track *track, int x)
{
    track->first = x < track->first ? x : track->first;
    track->last = x > track->last ? x : track->last;
}

static void measure(const struct channel *channel, struct track *track)
{
    track->first = track->last = source_x(channel, track->sources[0]);
    for (size_t i = 0; i < track->source_count; i++)
        widen(track, source_x(channel, track->sources[i]));
    for (size_t i = 0; i < track->target_count; i++)
        widen(track, target_x(channel, track->targets[i]));
    track->row = is_straight(channel, track) ? -1 : 0;
}

/* Where a source stands above another's target, its line must have left the column before the
 * target's begins: its track is the upper one. */
static void order_tracks(struct channel *channel)
{
    memset(channel->before, 0, sizeof(channel->before));
    for (size_t a = 0; a < channel->count; a++) {
        const struct track *upper = &channel->tracks[a];
        for (size_t s = 0; s < upper->source_count; s++) {
            for (size_t t = 0; t < channel->below->count; t++) {
                if (target_x(channel, t) != source_x(channel, upper->sources[s]))
                    continue;
                for (size_t b = 0; b < channel->count; b++)
                    if (b != a && leads_to(&channel->tracks[b], t))
                        channel->before[a][b] = true;
            }
        }
    }
}

static bool overlap(const struct track *a, const struct track *b)
{
    return a->first <= b->last + 1 && b->first <= a->last + 1;
}

/* The first row that the track may have once those above it have theirs. */
static int row_for(const struct channel *channel, size_t at, const bool *done)
{
    const struct track *track = &channel->tracks[at];
    int row = 0;
    for (size_t i = 0; i < channel->count; i++)
        if (channel->before[i][at] && channel->tracks[i].row >= row)
            row = channel->tracks[i].row + 1;
    for (bool free = false; !free; row += !free) {
        free = true;
        for (size_t i = 0; i < channel->count; i++)
            if (done[i] && i != at && channel->tracks[i].row == row &&
                overlap(track, &channel->tracks[i]))
                free = false;
    }
    return row;
}

static bool is_next(const struct channel *channel, size_t at, const bool *done)
{
    for (size_t i = 0; i < channel->count; i++)
        if (channel->before[i][at] && !done[i])
            return false;
    return !done[at];
}

/* Gives rows to tracks; *rows: how many. False: two want to be above each other. */
static bool give_rows(struct channel *channel, int *rows)
{
    bool done[TRACKS] = {false};
    *rows = 0;
    for (size_t round = 0; round < channel->count; round++) {
        size_t at = 0;
        while (at < channel->count && !is_next(channel, at, done))
            at++;
        if (at == channel->count)
            return false;
        struct track *track = &channel->tracks[at];
        if (track->row >= 0) {
            track->row = row_for(channel, at, done);
            *rows = track->row + 1 > *rows ? track->row + 1 : *rows;
        }
        done[at] = true;
    }
    return true;
}

/* ---- drawing ---- */

static void draw_span(struct graph_canvas *canvas, size_t row, const struct track *track)
{
    for (int x = track->first; x <= track->last; x++)
        canvas_line(canvas, row, x, LINE_LEFT | LINE_RIGHT);
}

static void draw_upright(struct graph_canvas *canvas, size_t from, size_t to, int x)
{
    for (size_t row = from; row < to; row++)
        canvas_line(canvas, row, x, LINE_UP | LINE_DOWN);
}

/* The first row in which a line to the target begins: above it there is none. */
static int first_row_of(const struct channel *channel, size_t lane, int rows)
{
    int first = rows;
    for (size_t i = 0; i < channel->count; i++) {
        const struct track *track = &channel->tracks[i];
        if (leads_to(track, lane) && track->row < first)
            first = track->row < 0 ? 0 : track->row;
    }
    return first;
}

static bool has_source_at(const struct channel *channel, const struct track *track, int x)
{
    for (size_t i = 0; i < track->source_count; i++)
        if (source_x(channel, track->sources[i]) == x)
            return true;
    return false;
}

/* The target in this column, as index + 1; 0: none. */
static size_t target_at(const struct channel *channel, int x)
{
    for (size_t i = 0; i < channel->below->count; i++)
        if (channel->below->lanes[i].up_count && target_x(channel, i) == x)
            return i + 1;
    return 0;
}

/* Does another line to the target come down in this column already? */
static bool comes_from_above(const struct channel *channel, size_t target,
                             const struct track *track)
{
    for (size_t i = 0; i < channel->count; i++)
        if (&channel->tracks[i] != track && leads_to(&channel->tracks[i], target) &&
            channel->tracks[i].row < track->row)
            return true;
    return false;
}

/* Arrows into an upright, from the sides on which sources are. Columns are even: there is always
 * one between. */
static void draw_arrow(struct graph_canvas *canvas, const struct channel *channel,
                       const struct track *track, struct graph_spot spot)
{
    for (size_t i = 0; i < track->source_count; i++) {
        bool from_left = source_x(channel, track->sources[i]) < spot.x;
        canvas_text(canvas, spot.row, from_left ? spot.x - 1 : spot.x + 1, from_left ? ">" : "<", 1,
                    0);
    }
    canvas_line(canvas, spot.row, spot.x, LINE_UP | LINE_DOWN);
}

static void draw_joints(struct graph_canvas *canvas, const struct channel *channel,
                        const struct track *track, size_t top)
{
    for (int x = track->first; x <= track->last; x++) {
        size_t target = target_at(channel, x), row = top + (size_t)track->row;
        bool is_target = target && leads_to(track, target - 1);
        bool is_source = has_source_at(channel, track, x);
        unsigned arms = (x > track->first ? LINE_LEFT : 0) | (x < track->last ? LINE_RIGHT : 0);
        if (is_target && !is_source && comes_from_above(channel, target - 1, track)) {
            draw_arrow(canvas, channel, track, (struct graph_spot){row, x});
            continue;
        }
        arms |= (is_source ? LINE_UP : 0) | (is_target ? LINE_DOWN : 0);
        if (is_target || is_source)
            canvas_line(canvas, row, x, arms);
    }
}

static void draw(struct graph_canvas *canvas, const struct channel *channel, int rows)
{
    size_t top = canvas->count;
    for (int i = 0; i < rows; i++)
        canvas_row(canvas);
    for (size_t i = 0; i < channel->count; i++)
        if (channel->tracks[i].row >= 0)
            draw_span(canvas, top + (size_t)channel->tracks[i].row, &channel->tracks[i]);
    for (size_t i = 0; i < channel->count; i++) {
        const struct track *track = &channel->tracks[i];
        size_t end = track->row < 0 ? (size_t)rows : (size_t)track->row;
        for (size_t s = 0; s < track->source_count; s++)
            draw_upright(canvas, top, top + end, source_x(channel, track->sources[s]));
    }
    for (size_t i = 0; i < channel->below->count; i++)
        if (channel->below->lanes[i].up_count)
            draw_upright(canvas, top + (size_t)first_row_of(channel, i, rows), top + (size_t)rows,
                         target_x(channel, i));
    for (size_t i = 0; i < channel->count; i++)
        if (channel->tracks[i].row >= 0)
            draw_joints(canvas, channel, &channel->tracks[i], top);
}

/* The layer below stands where its lines came in. */
static void move_below(struct channel *channel)
{
    for (size_t i = 0; i < channel->below->count; i++)
        channel->below->lanes[i].x += channel->shift;
}

bool graph_draw_lines(struct graph_picture *picture, size_t at, struct graph_canvas *canvas)
{
    struct channel *channel = arena_alloc(picture->arena, sizeof(*channel));
    int rows = 0;
    channel->above = &picture->layers[at];
    channel->below = &picture->layers[at + 1];
    for (size_t i = 0; i < channel->above->count; i++)
        if (channel->above->lanes[i].down_count && !add_source(channel, i))
            return false;
    for (channel->shift = 0; channel->shift < GRAPH_LANE; channel->shift += 2) {
        for (size_t i = 0; i < channel->count; i++)
            measure(channel, &channel->tracks[i]);
        order_tracks(channel);
        if (give_rows(channel, &rows)) {
            draw(canvas, channel, rows);
            move_below(channel);
            return true;
        }
    }
    return false;
}
