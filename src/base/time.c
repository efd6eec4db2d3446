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
    int64_t ms = wall_ms % 1000;
    ms += ms < 0 ? 1000 : 0; /* before 1970 */
    time_t seconds = (time_t)((wall_ms - ms) / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t len = (size_t)snprintf(text, TIME_TEXT, "%04d", tm.tm_year + 1900);
    len += strftime(text + len, TIME_TEXT - len, "-%m-%dT%H:%M:%S", &tm);
    snprintf(text + len, TIME_TEXT - len, ".%03dZ", (int)ms);
}

/* Takes `digits` digits of a number within [min, max] and the `mark` behind it (NUL: none). */
static bool take_number(const char **text, int digits, char mark, int min, int max, int *number)
{
    *number = 0;
    for (; digits > 0; digits--, (*text)++) {
        if (!isdigit((unsigned char)**text))
            return false;
        *number = *number * 10 + (**text - '0');
    }
    if (*number < min || *number > max || (mark && **text != mark))
        return false;
    *text += mark != '\0';
    return true;
}

static bool take_offset(const char *text, int64_t *offset_ms)
{
    int hours, minutes, sign = *text == '-' ? -1 : 1;
    *offset_ms = 0;
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
        return true;
    if (*text != '+' && *text != '-')
        return false;
    text++;
    if (!take_number(&text, 2, ':', 0, 23, &hours) || !take_number(&text, 2, '\0', 0, 59, &minutes))
        return false;
    *offset_ms = (hours * 60 + minutes) * 60000LL * sign;
    return *text == '\0';
}

static bool take_date(const char **text, struct tm *tm)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!take_number(text, 4, '-', 0, 9999, &tm->tm_year) ||
        !take_number(text, 2, '-', 1, 12, &tm->tm_mon))
        return false;
    bool is_leap = tm->tm_year % 4 == 0 && (tm->tm_year % 100 != 0 || tm->tm_year % 400 == 0);
    int last = tm->tm_mon == 2 && !is_leap ? 28 : days[tm->tm_mon - 1];
    tm->tm_year -= 1900;
    tm->tm_mon--;
    return take_number(text, 2, '\0', 1, last, &tm->tm_mday);
}

/* Digits behind a point; what is shorter than a millisecond is cut off. */
static int take_fraction(const char **text)
{
    int ms = 0, scale = 100;
    if (**text != '.')
        return 0;
    for ((*text)++; isdigit((unsigned char)**text); (*text)++, scale /= 10)
        ms += (**text - '0') * scale;
    return ms;
}

bool time_parse_rfc3339(const char *text, int64_t *wall_ms)
{
    struct tm tm = {0};
    int64_t offset, least = INT64_C(-62167219200000), most = INT64_C(253402300799999);
    if (!take_date(&text, &tm) || !strchr("Tt ", *text) || !*text++ ||
        !take_number(&text, 2, ':', 0, 23, &tm.tm_hour) ||
        !take_number(&text, 2, ':', 0, 59, &tm.tm_min) ||
        !take_number(&text, 2, '\0', 0, 60, &tm.tm_sec))
        return false;
    int ms = take_fraction(&text);
    if (!take_offset(text, &offset))
        return false;
    int64_t at = (int64_t)timegm(&tm) * 1000 + ms - offset;
    if (at < least || at > most)
        return false;
    *wall_ms = at;
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
