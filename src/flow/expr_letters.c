/* Upper and lower case of the letters whose pairs lie at a fixed distance: ASCII, Latin-1, Latin
 * Extended-A, Greek, Cyrillic. No locale decides, so every machine gives the same text. */
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "flow/expr_tree.h"

/* Ranges of upper case letters; `apart` 1: upper and lower take turns, beginning with `first`. */
static const struct letters {
    uint32_t first, last, apart;
} ranges[] = {
    {'A', 'Z', 32},     {0xc0, 0xd6, 32},   {0xd8, 0xde, 32},   {0x100, 0x12e, 1},
    {0x132, 0x136, 1},  {0x139, 0x147, 1},  {0x14a, 0x176, 1},  {0x179, 0x17d, 1},
    {0x391, 0x3a1, 32}, {0x3a3, 0x3a9, 32}, {0x410, 0x42f, 32}, {0x400, 0x40f, 80},
};

static uint32_t change(uint32_t c, int to)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const struct letters *range = &ranges[i];
        uint32_t shift = to == LETTERS_UPPER ? range->apart : 0;
        if (c < range->first + shift || c > range->last + shift)
            continue;
        if (range->apart == 1 && (c - range->first - shift) % 2 != 0)
            continue;
        return to == LETTERS_UPPER ? c - shift : c + range->apart;
    }
    return c;
}

/* All of the ranges lie below U+0800: one or two bytes. */
static void put_letter(struct buf *out, uint32_t c)
{
    if (c >= 0x80)
        buf_putc(out, (char)(0xc0 | c >> 6));
    buf_putc(out, (char)(c < 0x80 ? c : (0x80 | (c & 0x3f))));
}

json_t *expr_letters(const char *text, int to)
{
    struct buf out = {0};
    while (*text) {
        uint32_t c;
        size_t width = str_utf8_next(text, &c);
        if (width <= 2)
            put_letter(&out, change(c, to));
        else
            buf_put(&out, text, width);
        text += width;
    }
    json_t *value = json_stringn(buf_text(&out), out.len);
    buf_fini(&out);
    return value ? value : json_null();
}
