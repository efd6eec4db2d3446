/* Header lines of any server: the wait that Retry-After asks for is none, or within a year. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/time.h"
#include "property.h"

/* Its callbacks are what reads the lines. */
#include "net/fetch_call.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fetch_response response = {.retry_after_ms = -1};
    struct fetch_call call = {.response = &response};
    const char *at = (const char *)data, *end = at + size;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop + 1 : end) - at);
        /* A copy of its own: the library's line has no NUL behind it either. */
        char *line = malloc(len);
        memcpy(line, at, len);
        PROPERTY(on_header(line, 1, len, &call) == len, "every header is taken");
        free(line);
        at += len;
    }
    PROPERTY(response.retry_after_ms >= -1, "no wait ends in the past");
    PROPERTY(response.retry_after_ms <= INT64_C(365) * 86400 * 1000, "no wait is over a year");
    return 0;
}
