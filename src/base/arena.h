/* Memory that lives as long as one request, turn or parse and is freed in one stroke. */
#ifndef HQ_BASE_ARENA_H
#define HQ_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

/* Not thread-safe: one arena belongs to one thread at a time. A zeroed struct is a valid empty one. */
struct arena {
    struct arena_block *head;
};

/* Makes an empty arena; allocates nothing yet. */
void arena_init(struct arena *arena);

/* Frees everything that came from the arena; it is empty and usable afterwards. */
void arena_fini(struct arena *arena);

/* Returns `size` zeroed bytes, aligned for any type; never NULL (out of memory ends the process). */
void *arena_alloc(struct arena *arena, size_t size);

/* Returns a copy of `len` bytes with a NUL behind them. */
char *arena_memdup(struct arena *arena, const void *bytes, size_t len);

/* Returns a copy of `text`, or NULL where `text` is NULL. */
char *arena_strdup(struct arena *arena, const char *text);

/* Returns the formatted text. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

#endif
