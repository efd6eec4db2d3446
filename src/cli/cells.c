/* Counts code points and cuts between them. */
#include "cli/cells.h"
#include "base/str.h"

int cell_width(const char *text)
{
    int columns = 0;
    for (; *text; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

/* Bytes of the longest beginning that takes at most `columns`. */
static int fit(const char *text, int columns)
{
    int at = 0;
    while (text[at]) {
        int next = at + 1;
        while (((unsigned char)text[next] & 0xc0) == 0x80)
            next++;
        if (columns-- <= 0)
            break;
        at = next;
    }
    return at;
}

bool cell_is_harmful(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200e && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* Names of folders need not be UTF-8: broken sequences are left to the terminal. */
static bool is_harmful(const char *text, size_t len)
{
    uint32_t code;
    if (!str_is_utf8(text, len))
        return false;
    str_utf8_next(text, &code);
    return cell_is_harmful(code);
}

void cell_put(struct buf *out, const char *text, int columns, bool utf8)
{
    int wide = cell_width(text);
    int bytes = columns > 0 ? fit(text, wide > columns ? columns - 1 : columns) : 0;
    for (int at = 0, next; at < bytes; at = next) {
        next = at + fit(text + at, 1);
        if (is_harmful(text + at, (size_t)(next - at)))
            buf_putc(out, ' ');
        else
            buf_put(out, text + at, (size_t)(next - at));
    }
    if (wide > columns && columns > 0)
        buf_puts(out, utf8 ? "…" : "~");
    for (; wide < columns; wide++)
        buf_putc(out, ' ');
}

void cell_end_line(struct buf *out)
{
    while (out->len && out->bytes[out->len - 1] == ' ')
        out->bytes[--out->len] = '\0';
    buf_putc(out, '\n');
}
