/* Any request target either is refused or decodes to clean text; no route reads past it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "net/http_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_route routes[] = {
    {"GET", "/", NULL},
    {"GET", "/v1/tasks/{id}", NULL},
    {"POST", "/v1/{a}/x/{b}/{c}/{d}", NULL},
    {"GET", "/v1/{a}/{b}/{c}/{d}/{e}", NULL},
    {"GET", "/files/*", NULL},
    {NULL, NULL, NULL},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_exchange exchange = {0};
    struct err err;
    exchange.raw_target = arena_memdup(&exchange.request.arena, data, size);
    exchange.request.method = "GET";
    if (http_target_parse(&exchange, &err) == 0) {
        const char *path = exchange.request.path;
        if (path[0] != '/' || !str_is_utf8(path, strlen(path)))
            abort();
        http_target_route(&exchange, routes);
        for (int i = 0; i < 4; i++)
            if (exchange.request.params[i] && !exchange.route)
                abort();
    }
    arena_fini(&exchange.request.arena);
    return 0;
}
