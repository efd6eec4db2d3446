/* Reads clocks; parses and prints times. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t time_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t time_boot_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}

void time_rfc3339(int64_t wall_ms, char text[TIME_TEXT])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t len = strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + len, TIME_TEXT - len, ".%03dZ", (int)(wall_ms % 1000));
}

static bool parse_offset(const char *text, int64_t *offset_ms)
{
    int hours, minutes, used = 0;
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        *offset_ms = 0;
        return true;
    }
    if (sscanf(text, "%*[+-]%2d:%2d%n", &hours, &minutes, &used) != 2 || text[used])
        return false;
    if (hours > 23 || minutes > 59)
        return false;
    *offset_ms = (hours * 60 + minutes) * 60000LL * (text[0] == '-' ? -1 : 1);
    return true;
}

bool time_parse_rfc3339(const char *text, int64_t *wall_ms)
{
    struct tm tm = {0};
    int used = 0, ms = 0;
    if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) != 6 || !used)
        return false;
    if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    const char *rest = text + used;
    if (*rest == '.') {
        int scale = 100;
        for (rest++; isdigit((unsigned char)*rest); rest++, scale /= 10)
            ms += (*rest - '0') * scale;
    }
    int64_t offset;
    if (!parse_offset(rest, &offset))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *wall_ms = (int64_t)timegm(&tm) * 1000 + ms - offset;
    return true;
}

static int64_t unit_ms(const char *unit, size_t len)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strlen(units[i].name) == len && strncmp(units[i].name, unit, len) == 0)
            return units[i].ms;
    return 0;
}

bool time_parse_duration(const char *text, int64_t *ms)
{
    int64_t total = 0;
    if (!text || !*text)
        return false;
    while (*text) {
        if (!isdigit((unsigned char)*text))
            return false;
        char *unit;
        long long count = strtoll(text, &unit, 10);
        size_t len = strspn(unit, "msdh");
        int64_t each = unit_ms(unit, len);
        if (!each || count > INT64_C(4000000000000) / each)
            return false;
        total += count * each;
        text = unit + len;
    }
    *ms = total;
    return true;
}

void time_print_duration(int64_t ms, char text[TIME_TEXT])
{
    int64_t s = ms / 1000;
    if (s < 10)
        snprintf(text, TIME_TEXT, "%d.%ds", (int)s, (int)(ms % 1000 / 100));
    else if (s < 60)
        snprintf(text, TIME_TEXT, "%ds", (int)s);
    else if (s < 3600)
        snprintf(text, TIME_TEXT, "%dm%02ds", (int)(s / 60), (int)(s % 60));
    else if (s < 86400)
        snprintf(text, TIME_TEXT, "%dh%02dm", (int)(s / 3600), (int)(s / 60 % 60));
    else
        snprintf(text, TIME_TEXT, "%dd %dh", (int)(s / 86400), (int)(s / 3600 % 24));
}

struct timespec time_monotonic_in(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(ms / 1000);
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}
