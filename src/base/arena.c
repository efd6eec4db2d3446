/* A chain of blocks; small requests share a block, large ones get their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"

enum { ARENA_BLOCK = 4096 - 64 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    max_align_t bytes[];
};

void arena_init(struct arena *arena)
{
    arena->head = NULL;
}

void arena_fini(struct arena *arena)
{
    struct arena_block *block = arena->head;
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena->head = NULL;
}

/* A large request goes behind the head, so that the head's free room stays in use. */
static struct arena_block *arena_grow(struct arena *arena, size_t size)
{
    size_t room = size > ARENA_BLOCK / 4 ? size : ARENA_BLOCK;
    struct arena_block *block = mem_alloc(sizeof(*block) + room);
    block->used = 0;
    block->size = room;
    if (arena->head && room == size && size != ARENA_BLOCK) {
        block->next = arena->head->next;
        arena->head->next = block;
    } else {
        block->next = arena->head;
        arena->head = block;
    }
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t align = _Alignof(max_align_t);
    size = (size + align - 1) & ~(align - 1);
    struct arena_block *block = arena->head;
    if (!block || block->size - block->used < size)
        block = arena_grow(arena, size);
    char *at = (char *)block->bytes + block->used;
    block->used += size;
    memset(at, 0, size);
    return at;
}

char *arena_memdup(struct arena *arena, const void *bytes, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);
    if (len)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text ? arena_memdup(arena, text, strlen(text)) : NULL;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    char brief[256]; /* most texts are: they are formatted once */
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(brief, sizeof(brief), format, args);
    if (len < 0) {
        len = 0;
        brief[0] = '\0';
    }
    char *text = arena_alloc(arena, (size_t)len + 1);
    if ((size_t)len < sizeof(brief))
        memcpy(text, brief, (size_t)len + 1);
    else
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}
