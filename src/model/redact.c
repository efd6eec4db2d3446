/* Keeps a key out of what a server echoes. */
#include <string.h>

#include "base/buf.h"
#include "model/redact.h"

enum { SHORTEST_SECRET = 6 };

char *redact(struct arena *arena, const char *text, const char *secret)
{
    size_t len = secret ? strlen(secret) : 0;
    if (len < SHORTEST_SECRET)
        return arena_strdup(arena, text);
    struct buf out = {0};
    for (const char *hit; (hit = strstr(text, secret)); text = hit + len) {
        buf_put(&out, text, (size_t)(hit - text));
        buf_puts(&out, "[key]");
    }
    buf_puts(&out, text);
    char *clean = arena_strdup(arena, buf_text(&out));
    buf_fini(&out);
    return clean;
}
