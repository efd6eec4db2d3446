/* Doubling growth; always a NUL behind the last byte. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

void buf_fini(struct buf *buf)
{
    free(buf->bytes);
    *buf = (struct buf){0};
}

char *buf_room(struct buf *buf, size_t room)
{
    if (buf->cap - buf->len < room + 1 || !buf->bytes) {
        size_t cap = buf->cap ? buf->cap : 64;
        while (cap - buf->len < room + 1)
            cap *= 2;
        buf->bytes = mem_realloc(buf->bytes, cap);
        buf->cap = cap;
    }
    return buf->bytes + buf->len;
}

void buf_grow(struct buf *buf, size_t len)
{
    buf->len += len;
    buf->bytes[buf->len] = '\0';
}

void buf_put(struct buf *buf, const void *bytes, size_t len)
{
    char *at = buf_room(buf, len);
    if (len)
        memcpy(at, bytes, len);
    buf_grow(buf, len);
}

void buf_puts(struct buf *buf, const char *text)
{
    buf_put(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c)
{
    buf_put(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len > 0) {
        vsnprintf(buf_room(buf, (size_t)len), (size_t)len + 1, format, args);
        buf_grow(buf, (size_t)len);
    }
    va_end(args);
}

void buf_drop(struct buf *buf, size_t len)
{
    if (len >= buf->len) {
        buf_clear(buf);
        return;
    }
    memmove(buf->bytes, buf->bytes + len, buf->len - len + 1);
    buf->len -= len;
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    if (buf->bytes)
        buf->bytes[0] = '\0';
}

const char *buf_text(const struct buf *buf)
{
    return buf->bytes ? buf->bytes : "";
}

char *buf_take(struct buf *buf)
{
    char *text = buf->bytes ? buf->bytes : mem_strdup("");
    *buf = (struct buf){0};
    return text;
}
