/* Allocation that cannot fail: out of memory ends the process here, in one place. */
#ifndef HQ_BASE_MEM_H
#define HQ_BASE_MEM_H

#include <stddef.h>

/* malloc, calloc, realloc and strdup without the NULL; the caller frees with free(). */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *old, size_t size);
char *mem_strdup(const char *text); /* NULL stays NULL */
char *mem_strndup(const char *text, size_t len);

#endif
