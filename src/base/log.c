/* Formats a line on the stack and writes it whole. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"

static char log_who[64] = "hq";
static enum log_level log_least = LOG_INFO;

void log_init(const char *who, enum log_level least)
{
    snprintf(log_who, sizeof(log_who), "%s", who);
    log_least = least;
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (level < log_least)
        return;
    char line[2048], stamp[TIME_TEXT];
    time_rfc3339(time_wall_ms(), stamp);
    int head = snprintf(line, sizeof(line), "%s %-5s %s: ", stamp, names[level], log_who);
    va_list args;
    va_start(args, format);
    vsnprintf(line + head, sizeof(line) - (size_t)head - 1, format, args);
    va_end(args);
    size_t len = strlen(line);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    line[len++] = '\n';
    (void)!write(STDERR_FILENO, line, len);
}
