/* Formats errors; long sentences are cut, never overrun. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

__attribute__((format(printf, 3, 0))) static void err_fill(struct err *err, const char *code,
                                                            const char *format, va_list args)
{
    snprintf(err->code, sizeof(err->code), "%s", code);
    vsnprintf(err->message, sizeof(err->message), format, args);
    err->hint[0] = '\0';
}

int err_set(struct err *err, const char *code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err_fill(err, code, format, args);
        va_end(args);
    }
    return -1;
}

void err_hint(struct err *err, const char *format, ...)
{
    if (!err)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(err->hint, sizeof(err->hint), format, args);
    va_end(args);
}

int err_errno(struct err *err, const char *code, const char *format, ...)
{
    int saved = errno;
    if (err) {
        va_list args;
        va_start(args, format);
        err_fill(err, code, format, args);
        va_end(args);
        size_t len = strlen(err->message);
        snprintf(err->message + len, sizeof(err->message) - len, ": %s", strerror(saved));
    }
    return -1;
}
