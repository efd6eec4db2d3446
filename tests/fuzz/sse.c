/* Any bytes, cut at any place, give the same events as in one piece. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int collect(void *ctx, const char *name, const char *data, size_t len)
{
    struct buf *seen = ctx;
    buf_puts(seen, name);
    buf_putc(seen, '\0');
    buf_put(seen, data, len);
    buf_putc(seen, '\0');
    return 0;
}

static int feed_in_two(const char *bytes, size_t size, size_t cut, struct buf *seen)
{
    struct sse sse;
    sse_init(&sse, collect, seen);
    int rc = sse_feed(&sse, bytes, cut);
    if (rc == 0)
        rc = sse_feed(&sse, bytes + cut, size - cut);
    if (rc == 0)
        rc = sse_end(&sse);
    sse_fini(&sse);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = {0}, parts = {0};
    size_t cut = size > 0 ? data[0] * size / 256 : 0;
    int a = feed_in_two((const char *)data, size, 0, &whole);
    int b = feed_in_two((const char *)data, size, cut, &parts);
    if (a != b || whole.len != parts.len ||
        (whole.len > 0 && memcmp(whole.bytes, parts.bytes, whole.len) != 0))
        abort();
    buf_fini(&whole);
    buf_fini(&parts);
    return 0;
}
