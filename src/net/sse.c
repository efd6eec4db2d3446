/* Server-sent events: lines may end in CR, LF or CRLF, and the bytes come in any pieces. */
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "net/sse.h"

void sse_init(struct sse *sse, int (*on_event)(void *, const char *, const char *, size_t),
              void *ctx)
{
    *sse = (struct sse){.on_event = on_event, .ctx = ctx};
}

void sse_fini(struct sse *sse)
{
    buf_fini(&sse->line);
    buf_fini(&sse->data);
    buf_fini(&sse->name);
    buf_fini(&sse->pending_id);
    buf_fini(&sse->id);
}

/* The blank line: an event without a data field is none. */
static int sse_dispatch(struct sse *sse)
{
    int rc = 0;
    buf_clear(&sse->id);
    buf_puts(&sse->id, buf_text(&sse->pending_id));
    if (sse->data.len > 0) {
        sse->data.bytes[--sse->data.len] = '\0';
        rc = sse->on_event(sse->ctx, buf_text(&sse->name), buf_text(&sse->data), sse->data.len);
    }
    buf_clear(&sse->data);
    buf_clear(&sse->name);
    return rc;
}

static int sse_field(struct sse *sse, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    size_t name_len = colon ? (size_t)(colon - line) : len;
    const char *value = colon ? colon + 1 : line + len;
    if (value < line + len && *value == ' ')
        value++;
    size_t value_len = (size_t)(line + len - value);
    if (name_len == 4 && memcmp(line, "data", 4) == 0) {
        if (sse->data.len + value_len >= LIMIT_SSE_LINE)
            return -1;
        buf_put(&sse->data, value, value_len);
        buf_putc(&sse->data, '\n');
    } else if (name_len == 5 && memcmp(line, "event", 5) == 0) {
        buf_clear(&sse->name);
        buf_put(&sse->name, value, value_len);
    } else if (name_len == 2 && memcmp(line, "id", 2) == 0 && !memchr(value, '\0', value_len)) {
        buf_clear(&sse->pending_id);
        buf_put(&sse->pending_id, value, value_len);
    }
    return 0; /* who comes back keeps times of its own, whatever retry says; a leading colon is a comment */
}

static int sse_line(struct sse *sse)
{
    static const char mark[] = "\xEF\xBB\xBF";
    const char *line = buf_text(&sse->line);
    size_t len = sse->line.len;
    if (!sse->started && len >= 3 && memcmp(line, mark, 3) == 0) {
        line += 3;
        len -= 3;
    }
    sse->started = true;
    int rc = len == 0 ? sse_dispatch(sse) : sse_field(sse, line, len);
    buf_clear(&sse->line);
    return rc;
}

static size_t run_without_line_end(const char *bytes, size_t len)
{
    size_t run = 0;
    while (run < len && bytes[run] != '\n' && bytes[run] != '\r')
        run++;
    return run;
}

int sse_feed(struct sse *sse, const char *bytes, size_t len)
{
    while (len > 0) {
        if (sse->skip_lf && *bytes == '\n') {
            sse->skip_lf = false;
            bytes++;
            len--;
            continue;
        }
        sse->skip_lf = false;
        size_t run = run_without_line_end(bytes, len);
        if (sse->line.len + run > LIMIT_SSE_LINE)
            return -1;
        buf_put(&sse->line, bytes, run);
        if (run == len)
            return 0;
        sse->skip_lf = bytes[run] == '\r';
        bytes += run + 1;
        len -= run + 1;
        int rc = sse_line(sse);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int sse_end(struct sse *sse)
{
    int rc = sse->line.len > 0 ? sse_line(sse) : 0;
    return rc != 0 ? rc : sse_dispatch(sse);
}
