/* A binary heap that knows where each step stands in it. */
#include <stdlib.h>

#include "base/mem.h"
#include "flow/interpret_heap.h"

enum { FIRST_ROOM = 16 };

static bool item_is_less(const struct heap_item *a, const struct heap_item *b)
{
    return a->key != b->key ? a->key < b->key : a->step < b->step;
}

static void put_at(struct heap *heap, size_t at, struct heap_item item)
{
    heap->items[at] = item;
    heap->place[item.step] = at + 1;
}

static void sift_up(struct heap *heap, size_t at)
{
    struct heap_item item = heap->items[at];
    for (; at > 0; at = (at - 1) / 2) {
        if (!item_is_less(&item, &heap->items[(at - 1) / 2]))
            break;
        put_at(heap, at, heap->items[(at - 1) / 2]);
    }
    put_at(heap, at, item);
}

static void sift_down(struct heap *heap, size_t at)
{
    struct heap_item item = heap->items[at];
    for (size_t child = at * 2 + 1; child < heap->count; child = at * 2 + 1) {
        if (child + 1 < heap->count && item_is_less(&heap->items[child + 1], &heap->items[child]))
            child++;
        if (!item_is_less(&heap->items[child], &item))
            break;
        put_at(heap, at, heap->items[child]);
        at = child;
    }
    put_at(heap, at, item);
}

void heap_init(struct heap *heap, size_t steps)
{
    *heap = (struct heap){.place = mem_zalloc((steps + 1) * sizeof(size_t))};
}

void heap_fini(struct heap *heap)
{
    free(heap->items);
    free(heap->place);
    *heap = (struct heap){0};
}

void heap_put(struct heap *heap, size_t step, int64_t key)
{
    heap_remove(heap, step);
    if (heap->count == heap->room) {
        heap->room = heap->room ? heap->room * 2 : FIRST_ROOM;
        heap->items = mem_realloc(heap->items, heap->room * sizeof(*heap->items));
    }
    heap->count++;
    put_at(heap, heap->count - 1, (struct heap_item){.key = key, .step = step});
    sift_up(heap, heap->count - 1);
}

void heap_remove(struct heap *heap, size_t step)
{
    size_t at = heap->place[step];
    if (at-- == 0)
        return;
    heap->place[step] = 0;
    struct heap_item last = heap->items[--heap->count];
    if (at == heap->count)
        return;
    put_at(heap, at, last);
    sift_up(heap, at);
    sift_down(heap, heap->place[last.step] - 1);
}

const struct heap_item *heap_top(const struct heap *heap)
{
    return heap->count ? heap->items : NULL;
}
