/* The one place where a lack of memory is met. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static void *mem_or_die(void *block)
{
    if (block)
        return block;
    static const char text[] = "hq: out of memory\n";
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    abort();
}

void *mem_alloc(size_t size)
{
    return mem_or_die(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return mem_or_die(calloc(1, size ? size : 1));
}

void *mem_realloc(void *old, size_t size)
{
    return mem_or_die(realloc(old, size ? size : 1));
}

char *mem_strdup(const char *text)
{
    return text ? mem_or_die(strdup(text)) : NULL;
}

char *mem_strndup(const char *text, size_t len)
{
    return mem_or_die(strndup(text, len));
}
