/* Lone UTF-16 surrogates: hidden from the JSON reader, joined afterwards. */
#include <string.h>

#include "model/surrogate.h"

/* U+D800…U+DFFF stand at U+10F800…U+10FFFF, the end of the last private plane. */
enum { STAND_IN = 0x10F800 - 0xD800 };

static bool is_high(unsigned unit)
{
    return unit >= 0xD800 && unit < 0xDC00;
}

static bool is_low(unsigned unit)
{
    return unit >= 0xDC00 && unit < 0xE000;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The unit of an escape \uXXXX at `at`, or 0. */
static unsigned unit_at(const char *json, size_t len, size_t at)
{
    unsigned unit = 0;
    if (at + 6 > len || json[at] != '\\' || json[at + 1] != 'u')
        return 0;
    for (size_t i = at + 2; i < at + 6; i++) {
        int digit = hex_digit(json[i]);
        if (digit < 0)
            return 0;
        unit = unit * 16 + (unsigned)digit;
    }
    return unit;
}

static void put_utf8(struct buf *out, unsigned code)
{
    char bytes[4] = {
        (char)(0xF0 | code >> 18),
        (char)(0x80 | (code >> 12 & 0x3F)),
        (char)(0x80 | (code >> 6 & 0x3F)),
        (char)(0x80 | (code & 0x3F)),
    };
    buf_put(out, bytes, sizeof(bytes));
}

static bool may_have_one(const char *json, size_t len)
{
    return memmem(json, len, "\\ud", 3) || memmem(json, len, "\\uD", 3);
}

bool surrogate_hide(const char *json, size_t len, struct buf *out)
{
    if (!may_have_one(json, len))
        return false;
    size_t i = 0;
    while (i < len) {
        unsigned unit = unit_at(json, len, i);
        size_t width = json[i] == '\\' ? 2 : 1;
        if (unit)
            width = 6;
        if (is_high(unit) && is_low(unit_at(json, len, i + 6)))
            width = 12;
        else if (is_high(unit) || is_low(unit))
            put_utf8(out, unit + STAND_IN);
        if (width > len - i)
            width = len - i;
        if (width != 6 || !(is_high(unit) || is_low(unit)))
            buf_put(out, json + i, width);
        i += width;
    }
    return true;
}

/* The surrogate for which the four bytes at `text` stand, or 0. */
static unsigned stand_in_at(const char *text, size_t len)
{
    const unsigned char *b = (const unsigned char *)text;
    if (len < 4 || b[0] != 0xF4 || b[1] != 0x8F || b[2] < 0xA0)
        return 0;
    return (0x100000u | (b[1] & 0x3Fu) << 12 | (b[2] & 0x3Fu) << 6 | (b[3] & 0x3Fu)) - STAND_IN;
}

void surrogate_end(struct buf *out, unsigned *half)
{
    if (*half)
        buf_puts(out, "\xEF\xBF\xBD");
    *half = 0;
}

static void put_unit(struct buf *out, unsigned *half, unsigned unit)
{
    if (is_low(unit) && *half) {
        put_utf8(out, 0x10000 + ((*half - 0xD800) << 10) + (unit - 0xDC00));
        *half = 0;
        return;
    }
    surrogate_end(out, half);
    *half = unit;
    if (is_low(unit))
        surrogate_end(out, half);
}

void surrogate_join(struct buf *out, unsigned *half, const char *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        unsigned unit = stand_in_at(text + i, len - i);
        if (unit) {
            put_unit(out, half, unit);
            i += 4;
            continue;
        }
        const char *next = memchr(text + i + 1, 0xF4, len - i - 1);
        size_t end = next ? (size_t)(next - text) : len;
        surrogate_end(out, half);
        buf_put(out, text + i, end - i);
        i = end;
    }
}
