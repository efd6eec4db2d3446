/* A byte string that grows. */
#ifndef HQ_BASE_BUF_H
#define HQ_BASE_BUF_H

#include <stddef.h>

/* A zeroed struct is a valid empty one. `bytes` is NUL-terminated once anything was put. */
struct buf {
    char *bytes;
    size_t len, cap;
};

void buf_fini(struct buf *buf);

/* Append; the bytes may contain NUL. */
void buf_put(struct buf *buf, const void *bytes, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Returns at least `room` writable bytes behind the end; follow with buf_grow(). */
char *buf_room(struct buf *buf, size_t room);
void buf_grow(struct buf *buf, size_t len);

/* Drops the first `len` bytes. */
void buf_drop(struct buf *buf, size_t len);
void buf_clear(struct buf *buf);

/* Returns the text, never NULL; borrowed, valid until the next change. */
const char *buf_text(const struct buf *buf);

/* Hands the text to the caller, who frees it with free(); the buffer is empty afterwards. */
char *buf_take(struct buf *buf);

#endif
