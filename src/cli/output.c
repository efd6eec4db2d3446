/* Prints results, remarks and failures. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/output.h"
#include "config/finding.h"

static void fail_json(const struct err *err)
{
    json_t *error = json_object();
    json_set_text(error, "code", err->code);
    json_set_text(error, "message", err->message);
    json_set_text(error, "hint", *err->hint ? err->hint : NULL);
    json_t *document = json_pack("{s:b, s:o}", "ok", 0, "error", error);
    output_json_line(document);
}

int output_fail(const struct invocation *invocation, int code, const struct err *err)
{
    fflush(stdout);
    if (invocation->json) {
        fail_json(err);
        return code;
    }
    fprintf(stderr, "hq: %s\n", err->message);
    if (*err->hint)
        fprintf(stderr, "  %s\n", err->hint);
    return code;
}

int output_json(json_t *document)
{
    json_t *whole = json_pack("{s:i}", "schema_version", 1);
    json_object_update(whole, document);
    json_dumpf(whole, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(whole);
    json_decref(document);
    return fflush(stdout) == 0 ? COMMAND_OK : COMMAND_FAILED;
}

void output_json_line(json_t *document)
{
    json_dumpf(document, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(document);
}

void output_note(const struct invocation *invocation, const char *format, ...)
{
    if (invocation->quiet)
        return;
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

bool output_has_color(const struct invocation *invocation, int fd)
{
    if (invocation->color != COLOR_AUTO)
        return invocation->color == COLOR_ALWAYS;
    const char *term = getenv("TERM");
    return str_is_empty(getenv("NO_COLOR")) && !str_eq(term, "dumb") && isatty(fd);
}

bool output_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (!str_is_empty(value))
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

int output_columns(void)
{
    struct winsize size;
    int64_t columns;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    return str_to_int(getenv("COLUMNS"), 40, 1000, &columns) ? (int)columns : 80;
}

int output_rows(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row >= 2 ? size.ws_row : 24;
}

json_t *output_finding(const struct finding *finding)
{
    json_t *object = json_object();
    json_set_text(object, "level", finding->is_error ? "error" : "warning");
    json_object_set_new(object, "line", json_integer(finding->line));
    json_object_set_new(object, "column", json_integer(finding->column));
    json_set_text(object, "message", finding->message);
    json_set_text(object, "hint", finding->hint);
    return object;
}
