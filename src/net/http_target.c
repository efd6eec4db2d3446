/* From the request line to path, query parameters and route. */
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"
#include "net/http_target.h"

enum { PARAMS_MAX = 4 };

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns the decoded text in the arena, or NULL when an escape is broken or the text unfit. */
static char *target_decode(struct arena *arena, const char *raw, size_t len, bool plus_is_space)
{
    char *text = arena_alloc(arena, len + 1);
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        char c = raw[i];
        if (c == '+' && plus_is_space)
            c = ' ';
        if (c == '%') {
            int high = len - i > 2 ? hex_value(raw[i + 1]) : -1;
            int low = len - i > 2 ? hex_value(raw[i + 2]) : -1;
            if (high < 0 || low < 0)
                return NULL;
            c = (char)(high << 4 | low);
            i += 2;
        }
        text[used++] = c;
    }
    return str_is_utf8(text, used) ? text : NULL;
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static int query_parse(struct http_exchange *exchange, const char *raw)
{
    struct arena *arena = &exchange->request.arena;
    exchange->query = arena_alloc(arena, LIMIT_QUERY_PARAMETERS * sizeof(*exchange->query));
    while (*raw) {
        size_t len = strcspn(raw, "&"), name_len = strcspn(raw, "=&");
        size_t value_at = name_len < len ? name_len + 1 : len;
        if (len > 0) {
            char *name = target_decode(arena, raw, name_len, true);
            char *value = target_decode(arena, raw + value_at, len - value_at, true);
            if (!name || !value || exchange->query_count == LIMIT_QUERY_PARAMETERS)
                return -1;
            exchange->query[exchange->query_count++] = (struct http_pair){name, value};
        }
        raw += len + (raw[len] == '&');
    }
    return 0;
}

int http_target_parse(struct http_exchange *exchange, struct err *err)
{
    const char *raw = exchange->raw_target;
    size_t path_len = strcspn(raw, "?");
    if (raw[0] != '/')
        return err_set(err, "bad_target", "the request's target is not a path that begins with /");
    char *path = target_decode(&exchange->request.arena, raw, path_len, false);
    if (!path || has_control(path))
        return err_set(err, "bad_path",
                       "the path has a broken %%-escape, a control character or is not UTF-8");
    exchange->request.path = path;
    if (raw[path_len] == '?' && query_parse(exchange, raw + path_len + 1) != 0)
        return err_set(err, "bad_query",
                       "the query has a broken %%-escape, is not UTF-8 or has over %d parameters",
                       LIMIT_QUERY_PARAMETERS);
    return 0;
}

/* Splits the raw path: returns the segment behind *at's slash and moves *at to the next slash. */
static const char *next_segment(const char **at, const char *end, size_t *len)
{
    const char *start = *at + 1;
    const char *stop = start;
    while (stop < end && *stop != '/')
        stop++;
    *len = (size_t)(stop - start);
    *at = stop;
    return start;
}

static bool pattern_matches(struct http_exchange *exchange, const char *pattern,
                            const char **params)
{
    struct arena *arena = &exchange->request.arena;
    const char *raw = exchange->raw_target, *raw_end = raw + strcspn(raw, "?");
    const char *pattern_end = pattern + strlen(pattern);
    int count = 0;
    while (pattern < pattern_end && raw < raw_end) {
        size_t want_len, len;
        const char *want = next_segment(&pattern, pattern_end, &want_len);
        if (str_eq(want, "*")) {
            params[count] = target_decode(arena, raw + 1, (size_t)(raw_end - raw - 1), false);
            return true;
        }
        const char *segment = next_segment(&raw, raw_end, &len);
        char *text = target_decode(arena, segment, len, false);
        if (want[0] == '{' && want_len > 2) {
            if (!*text || count == PARAMS_MAX)
                return false;
            params[count++] = text;
        } else if (strlen(text) != want_len || memcmp(text, want, want_len) != 0) {
            return false;
        }
    }
    return pattern == pattern_end && raw == raw_end;
}

static void allow_add(struct http_exchange *exchange, const char *method)
{
    struct arena *arena = &exchange->request.arena;
    if (exchange->allow && strstr(exchange->allow, method))
        return;
    exchange->allow = exchange->allow ? arena_printf(arena, "%s, %s", exchange->allow, method)
                                      : arena_strdup(arena, method);
    if (str_eq(method, "GET"))
        allow_add(exchange, "HEAD");
}

void http_target_route(struct http_exchange *exchange, const struct http_route *routes)
{
    const char *method = exchange->request.method;
    for (const struct http_route *route = routes; route && route->method; route++) {
        const char *params[PARAMS_MAX] = {0};
        if (!pattern_matches(exchange, route->pattern, params))
            continue;
        if (str_eq(route->method, method) ||
            (str_eq(method, "HEAD") && str_eq(route->method, "GET"))) {
            exchange->route = route;
            memcpy(exchange->request.params, params, sizeof(params));
            return;
        }
        allow_add(exchange, route->method);
    }
}
