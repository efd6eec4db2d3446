/* Any text as data: one opening fence, one closing fence, and a code that the text cannot hold. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/quote.h"
#include "base/arena.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count_of(const char *text, const char *word)
{
    int count = 0;
    for (const char *at = text; (at = strcasestr(at, word)); at += strlen(word))
        count++;
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    const char *text = str_clean_utf8(&arena, (const char *)data, size);
    const char *quoted = quote_text(&arena, text, text);
    const char *line = strchr(quoted, '\n');
    if (!line || strncmp(line + 1, "<<<DATA ", 8) != 0 || count_of(quoted, "<<<DATA") != 1 ||
        count_of(quoted, "DATA>>>") != 1 || !str_ends(quoted, " DATA>>>"))
        abort();
    if (!str_is_utf8(quoted, strlen(quoted)))
        abort();
    arena_fini(&arena);
    return 0;
}
