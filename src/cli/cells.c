/* Counts code points and cuts between them. */
#include "cli/cells.h"

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

void cell_put(struct buf *out, const char *text, int columns, bool utf8)
{
    int wide = cell_width(text);
    int bytes = columns > 0 ? fit(text, wide > columns ? columns - 1 : columns) : 0;
    for (int i = 0; i < bytes; i++)
        buf_putc(out, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i]);
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
