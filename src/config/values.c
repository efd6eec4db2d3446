/* The forms of values: numbers in a range, durations, addresses, ids. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/time.h"
#include "config/finding.h"
#include "config/values.h"

enum { ID_MAX = 40, NAME_MAX_LEN = 64, FILE_MAX_LEN = 200, SHOWN_MAX = 60 };

#define LOWER_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"

bool value_to_int(const json_t *value, const struct config_key *key, int64_t *out)
{
    if (!json_is_integer(value))
        return false;
    int64_t number = json_integer_value(value);
    if (number < key->min || number > key->max)
        return false;
    *out = number;
    return true;
}

bool value_duration(const json_t *value, const struct config_key *key, int64_t *ms)
{
    int64_t read;
    if (key->words &&
        str_in(json_string_value(value) ? json_string_value(value) : "", key->words)) {
        *ms = -1;
        return true;
    }
    if (!json_is_string(value) || !time_parse_duration(json_string_value(value), &read))
        return false;
    if (read < key->min || (key->max && read > key->max))
        return false;
    *ms = read;
    return true;
}

bool value_usd(const json_t *value, int64_t *micro_usd)
{
    if (!json_is_number(value))
        return false;
    double usd = json_number_value(value);
    if (!(usd >= 0) || usd > 1e9)
        return false;
    *micro_usd = (int64_t)(usd * 1e6 + 0.5);
    return true;
}

static bool made_of(const char *text, const char *set, size_t max)
{
    size_t len = strlen(text);
    return len > 0 && len <= max && strspn(text, set) == len;
}

bool value_is_id(const char *text)
{
    return *text != '-' && made_of(text, LOWER_DIGITS "-", ID_MAX);
}

bool value_is_provider(const char *text)
{
    return !strchr("-_", *text) && made_of(text, LOWER_DIGITS "-_", ID_MAX);
}

bool value_amount(const json_t *value, const struct config_key *key, int64_t *out)
{
    static const char units[] = "kM";
    const char *text = json_string_value(value);
    size_t digits = text ? strspn(text, "0123456789") : 0;
    if (!text)
        return value_to_int(value, key, out);
    if (!digits || digits > 9 || !text[digits] || text[digits + 1] || !strchr(units, text[digits]))
        return false;
    int64_t number = strtoll(text, NULL, 10) * (text[digits] == 'k' ? 1000 : 1000000);
    if (number < key->min || number > key->max)
        return false;
    *out = number;
    return true;
}

bool value_bytes(const json_t *value, const struct config_key *key, int64_t *out)
{
    static const struct {
        const char *unit;
        int64_t bytes;
    } units[] = {{"B", 1}, {"kB", 1000}, {"MB", 1000000}, {"GB", 1000000000}};
    const char *text = json_string_value(value);
    size_t digits = text ? strspn(text, "0123456789") : 0;
    if (!digits || digits > 9)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        int64_t bytes = strtoll(text, NULL, 10) * units[i].bytes;
        if (!str_eq(text + digits, units[i].unit) || bytes < key->min || bytes > key->max)
            continue;
        *out = bytes;
        return true;
    }
    return false;
}

bool value_number(const json_t *value, const struct config_key *key, double *out)
{
    double number = json_number_value(value);
    if (!json_is_number(value) || number < (double)key->min || number > (double)key->max)
        return false;
    *out = number;
    return true;
}

bool value_is_name(const char *text)
{
    return isalpha((unsigned char)*text) &&
           made_of(text, LOWER_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_", NAME_MAX_LEN);
}

bool value_is_file(const char *text)
{
    if (!made_of(text, LOWER_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.+/", FILE_MAX_LEN) ||
        *text == '/' || *text == '-')
        return false;
    for (const char *part = text; part; part = strchr(part, '/')) {
        part += *part == '/';
        size_t len = strcspn(part, "/");
        if (!len || strncmp(part, "..", len) == 0)
            return false;
    }
    return true;
}

bool value_is_decider(const char *text)
{
    const char *colon = strchr(text, ':');
    return (str_starts(text, "person:") || str_starts(text, "role:")) && value_is_id(colon + 1);
}

bool value_is_model(const char *text)
{
    const char *slash = strchr(text, '/');
    return slash && slash > text && slash[1] && !value_has_control(text) && !strchr(text, ' ');
}

bool value_is_env(const char *text)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    return *text && strchr(upper, *text) &&
           made_of(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789", 128) &&
           !text_looks_secret(text, strlen(text));
}

bool value_has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    return false;
}

bool value_is_url(const char *text)
{
    const char *host = str_starts(text, "https://")  ? text + 8
                       : str_starts(text, "http://") ? text + 7
                                                     : NULL;
    if (!host || value_has_control(text) || strpbrk(text, " \"<>\\^`{|}"))
        return false;
    size_t len = strcspn(host, "/?#");
    return len > 0 && !memchr(host, '@', len) && *host != ':';
}

static bool host_is_loopback(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    if (strcmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

enum listen_result value_listen(const char *text, struct arena *arena, struct listen *out)
{
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (!colon || !isdigit((unsigned char)colon[1]) || !str_to_int(colon + 1, 1, 65535, &port))
        return LISTEN_MALFORMED;
    size_t len = (size_t)(colon - text);
    bool bracketed = len > 2 && text[0] == '[' && colon[-1] == ']';
    char *host =
        bracketed ? arena_memdup(arena, text + 1, len - 2) : arena_memdup(arena, text, len);
    if (!bracketed && strchr(host, ':'))
        return LISTEN_MALFORMED;
    if (!host_is_loopback(host))
        return LISTEN_WIDE;
    *out = (struct listen){host, (int)port};
    return LISTEN_OK;
}

char *value_route(const char *text, struct arena *arena)
{
    char *route = arena_printf(arena, "%s%s", *text == '/' ? "" : "/", text);
    size_t len = strlen(route);
    while (len > 0 && route[len - 1] == '/')
        route[--len] = '\0';
    if (!len || value_has_control(route) || strpbrk(route, " ?#%\\\"<>"))
        return NULL;
    return route;
}

const char *value_shown(const json_t *value, struct arena *arena)
{
    const char *text = json_string_value(value);
    if (text && text_looks_secret(text, strlen(text)))
        return "(not shown: it looks like a secret)";
    if (json_is_object(value))
        return "a map";
    if (json_is_array(value))
        return "a list";
    char *json = json_dumps(value, JSON_ENCODE_ANY);
    size_t len = strlen(json), keep = str_utf8_cut(json, len, SHOWN_MAX);
    char *shown = arena_printf(arena, "%.*s%s", (int)keep, json, keep < len ? "…" : "");
    free(json);
    return shown;
}
