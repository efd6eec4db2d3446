/* Prints findings for people: place, sentence, the line of the file with a caret, the hint. */
#include <locale.h>
#include <string.h>
#include <wchar.h>

#include "base/buf.h"
#include "base/str.h"
#include "config/finding.h"

enum { SHOWN_WHOLE = 120, SHOWN_BEFORE = 70, SHOWN_AFTER = 50 }; /* code points of a line */

static size_t step(const char *at)
{
    size_t len = 1;
    while (((unsigned char)at[len] & 0xc0) == 0x80)
        len++;
    return len;
}

static const char *skip(const char *at, int points)
{
    for (; points > 0 && *at; points--)
        at += step(at);
    return at;
}

/* Columns that one code point takes on a terminal. */
static int width(const char *at, size_t len)
{
    wchar_t wide;
    mbstate_t state = {0};
    if (len == 1 || mbrtowc(&wide, at, len, &state) != len)
        return 1;
    int columns = wcwidth(wide);
    return columns < 0 ? 1 : columns;
}

static void print_caret_line(const char *from, const char *caret, bool cut, struct buf *out)
{
    buf_puts(out, cut ? "   " : "  ");
    while (from < caret && *from) {
        size_t len = step(from);
        int columns = *from == '\t' ? 0 : width(from, len);
        if (*from == '\t')
            buf_putc(out, '\t');
        for (; columns > 0; columns--)
            buf_putc(out, ' ');
        from += len;
    }
    buf_puts(out, "^\n");
}

/* Control characters, and those that turn the direction of text (Unicode UAX #9). */
static bool steers(uint32_t point)
{
    return (point < ' ' && point != '\t') || (point >= 0x7f && point < 0xa0) || point == 0x61c ||
           point == 0x200e || point == 0x200f || (point >= 0x202a && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

/* Nothing in a file may steer the terminal. */
static void put_visible(struct buf *out, const char *from, const char *end)
{
    while (from < end) {
        uint32_t point;
        size_t len = str_utf8_next(from, &point);
        if (steers(point))
            buf_putc(out, ' ');
        else
            buf_put(out, from, len);
        from += len;
    }
}

static void print_source(const struct finding *finding, struct buf *out)
{
    int before = finding->column - 1;
    bool is_long = *skip(finding->source, SHOWN_WHOLE);
    bool cut = is_long && before > SHOWN_BEFORE;
    const char *from = skip(finding->source, cut ? before - SHOWN_BEFORE : 0);
    const char *caret = skip(finding->source, before);
    const char *end = skip(caret, is_long ? SHOWN_AFTER : SHOWN_WHOLE);
    buf_puts(out, cut ? "  …" : "  ");
    put_visible(out, from, end);
    buf_puts(out, *end ? "…\n" : "\n");
    print_caret_line(from, caret, cut, out);
}

static void print_one(const char *path, const struct finding *finding, struct buf *out)
{
    buf_puts(out, path);
    if (finding->line > 0)
        buf_printf(out, ":%d:%d", finding->line, finding->column);
    buf_puts(out, finding->is_error ? ": " : ": warning: ");
    put_visible(out, finding->message, finding->message + strlen(finding->message));
    buf_putc(out, '\n');
    if (finding->source && *finding->source && finding->column > 0)
        print_source(finding, out);
    if (finding->hint) {
        buf_puts(out, "  hint: ");
        put_visible(out, finding->hint, finding->hint + strlen(finding->hint));
        buf_putc(out, '\n');
    }
}

void config_print_findings(const char *path, const struct finding *findings, size_t count,
                           struct buf *out)
{
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t old = utf8 ? uselocale(utf8) : (locale_t)0;
    for (size_t i = 0; i < count; i++)
        print_one(path, &findings[i], out);
    if (utf8) {
        uselocale(old);
        freelocale(utf8);
    }
}
