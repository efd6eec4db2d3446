/* Who needs whom: references, cycles, what is upstream. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/values.h"
#include "flow/compile.h"

enum { COLOR_NEW, COLOR_OPEN, COLOR_DONE, PATH_SHOWN = 12 };

struct walk {
    struct flow_compile *compile;
    char *colors;
    size_t *stack, *next; /* steps on the way down; which of its needs each looks at next */
    size_t depth;
    size_t *order; /* those that are done, needs before what needs them */
    size_t ordered;
};

static bool has_index(const size_t *list, size_t count, size_t index)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == index)
            return true;
    return false;
}

static const char *need_pointer(struct flow_compile *compile, size_t step, size_t index)
{
    return arena_printf(compile->arena, "%s/needs/%zu",
                        flow_below(compile, "/steps", compile->steps[step].id), index);
}

/* One of a step's needs: its index, or -1 where that is none. */
static int64_t read_need(struct flow_compile *compile, const struct flow_step *step,
                         const json_t *list, size_t at)
{
    const char *id = json_string_value(json_array_get(list, at));
    if (!id || !value_is_name(id))
        return -1; /* refused */
    const struct flow_step *need = map_get(&compile->ids, id);
    if (need)
        return need - compile->steps;
    const char *pointer = need_pointer(compile, (size_t)(step - compile->steps), at);
    return flow_step_named(compile, id, flow_place(compile, pointer), flow_what(compile, pointer));
}

static void refuse_second(struct flow_compile *compile, const struct flow_step *step, size_t at,
                          size_t need)
{
    const char *pointer = need_pointer(compile, (size_t)(step - compile->steps), at);
    finding_error(compile->findings, flow_place(compile, pointer), "%s: \"%s\" is here twice",
                  flow_what(compile, pointer), compile->steps[need].id);
}

static void read_needs(struct flow_compile *compile, struct flow_step *step, const json_t *list)
{
    size_t count = json_array_size(list);
    size_t *needs = arena_alloc(compile->arena, (count + 1) * sizeof(*needs));
    char *seen = count > 16 ? mem_zalloc(compile->flow->step_count + 1) : NULL;
    for (size_t i = 0; i < count; i++) {
        int64_t need = read_need(compile, step, list, i);
        if (need < 0)
            continue;
        if (seen ? seen[need] : has_index(needs, step->need_count, (size_t)need))
            refuse_second(compile, step, i, (size_t)need);
        else
            needs[step->need_count++] = (size_t)need;
        if (seen)
            seen[need] = 1;
    }
    free(seen);
    step->needs = needs;
}

static void join_feeds(struct flow_compile *compile)
{
    size_t count = compile->flow->step_count;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < compile->steps[i].need_count; k++)
            compile->steps[compile->steps[i].needs[k]].feed_count++;
    for (size_t i = 0; i < count; i++) {
        struct flow_step *step = &compile->steps[i];
        step->feeds = arena_alloc(compile->arena, (step->feed_count + 1) * sizeof(*step->feeds));
        step->feed_count = 0;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < compile->steps[i].need_count; k++) {
            struct flow_step *above = &compile->steps[compile->steps[i].needs[k]];
            ((size_t *)above->feeds)[above->feed_count++] = i;
        }
}

/* The way from `top`, which is on the stack, down to the newest step and back. */
static void report_cycle(struct walk *walk, size_t top)
{
    struct flow_compile *compile = walk->compile;
    size_t from = walk->depth - 1;
    while (walk->stack[from] != top)
        from--;
    struct buf path = {0};
    for (size_t i = from; i < walk->depth; i++) {
        if (i - from == PATH_SHOWN && walk->depth - i > 1) {
            buf_printf(&path, "… (%zu more) → ", walk->depth - i);
            break;
        }
        buf_printf(&path, "%s → ", compile->steps[walk->stack[i]].id);
    }
    size_t last = walk->stack[walk->depth - 1];
    const char *pointer =
        flow_below(compile, flow_below(compile, "/steps", compile->steps[last].id), "needs");
    const json_t *list = json_object_get(
        json_object_get(json_object_get(compile->document->root, "steps"), compile->steps[last].id),
        "needs");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_string_value(json_array_get(list, i)) &&
            strcmp(json_string_value(json_array_get(list, i)), compile->steps[top].id) == 0)
            pointer = need_pointer(compile, last, i);
    finding_error(compile->findings, flow_place(compile, pointer), "steps.%s.needs: a cycle: %s%s",
                  compile->steps[last].id, buf_text(&path), compile->steps[top].id);
    finding_hint(compile->findings, "each of them waits for the next; remove one of these needs");
    buf_fini(&path);
    compile->has_cycle = true;
}

static void go_down(struct walk *walk, size_t step)
{
    walk->colors[step] = COLOR_OPEN;
    walk->next[walk->depth] = 0;
    walk->stack[walk->depth++] = step;
}

/* Depth first, without recursion: a chain may have as many steps as a file. */
static void walk_from(struct walk *walk, size_t start)
{
    go_down(walk, start);
    while (walk->depth) {
        size_t at = walk->stack[walk->depth - 1];
        const struct flow_step *step = &walk->compile->steps[at];
        size_t turn = walk->next[walk->depth - 1]++;
        if (turn >= step->need_count) {
            walk->colors[at] = COLOR_DONE;
            walk->order[walk->ordered++] = at;
            walk->depth--;
        } else if (walk->colors[step->needs[turn]] == COLOR_NEW) {
            go_down(walk, step->needs[turn]);
        } else if (walk->colors[step->needs[turn]] == COLOR_OPEN) {
            report_cycle(walk, step->needs[turn]);
        }
    }
}

static void find_order(struct flow_compile *compile)
{
    size_t count = compile->flow->step_count;
    struct walk walk = {
        .compile = compile,
        .colors = mem_zalloc(count + 1),
        .stack = mem_zalloc((count + 1) * sizeof(size_t)),
        .next = mem_zalloc((count + 1) * sizeof(size_t)),
        .order = arena_alloc(compile->arena, (count + 1) * sizeof(size_t)),
    };
    for (size_t i = 0; i < count; i++)
        if (walk.colors[i] == COLOR_NEW)
            walk_from(&walk, i);
    compile->order = walk.order;
    free(walk.colors);
    free(walk.stack);
    free(walk.next);
}

void flow_order_steps(struct flow_compile *compile)
{
    const json_t *steps = json_object_get(compile->document->root, "steps");
    for (size_t i = 0; i < compile->flow->step_count; i++)
        read_needs(compile, &compile->steps[i],
                   json_object_get(json_object_get(steps, compile->steps[i].id), "needs"));
    join_feeds(compile);
    find_order(compile);
}

/* All rows at once, in the order that needs each row after those it is made of. */
static void fill_upstream(struct flow_compile *compile)
{
    size_t count = compile->flow->step_count;
    compile->row = (count + 63) / 64;
    compile->upstream = mem_zalloc(count * compile->row * sizeof(uint64_t));
    for (size_t i = 0; i < count; i++) {
        size_t at = compile->order[i];
        uint64_t *row = compile->upstream + at * compile->row;
        const struct flow_step *step = &compile->steps[at];
        for (size_t k = 0; k < step->need_count; k++) {
            const uint64_t *above = compile->upstream + step->needs[k] * compile->row;
            for (size_t word = 0; word < compile->row; word++)
                row[word] |= above[word];
            row[step->needs[k] / 64] |= UINT64_C(1) << step->needs[k] % 64;
        }
    }
}

bool flow_is_upstream(struct flow_compile *compile, size_t above, size_t below)
{
    const struct flow_step *step = &compile->steps[below];
    if (step->need_count <= 8 && has_index(step->needs, step->need_count, above))
        return true;
    if (!compile->upstream)
        fill_upstream(compile);
    return compile->upstream[below * compile->row + above / 64] >> above % 64 & 1;
}
