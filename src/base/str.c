/* Plain text questions; no locale, no allocation but in the caller's arena. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

bool str_eq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_is_empty(const char *text)
{
    return !text || !*text;
}

bool str_starts(const char *text, const char *prefix)
{
    return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *text, const char *suffix)
{
    if (!text)
        return false;
    size_t len = strlen(text), tail = strlen(suffix);
    return len >= tail && strcmp(text + len - tail, suffix) == 0;
}

bool str_in(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (str_eq(text, *words))
            return true;
    return false;
}

static bool char_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool str_is_blank(const char *text)
{
    while (text && char_is_space(*text))
        text++;
    return str_is_empty(text);
}

char *str_trim(struct arena *arena, const char *text)
{
    const char *end = text + strlen(text);
    while (char_is_space(*text))
        text++;
    while (end > text && char_is_space(end[-1]))
        end--;
    return arena_memdup(arena, text, (size_t)(end - text));
}

char *str_lower(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; c && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return copy;
}

/* Returns the length of the well-formed sequence at `at`, or 0 (RFC 3629, section 4). */
static size_t utf8_step(const unsigned char *at, size_t left)
{
    unsigned char c = at[0];
    if (c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4)
        return 0;
    if (c < 0x80)
        return 1;
    size_t need = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (left < need)
        return 0;
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return need;
}

bool str_is_utf8(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t step = utf8_step((const unsigned char *)bytes + i, len - i);
        if (!step)
            return false;
        i += step;
    }
    return true;
}

size_t str_utf8_next(const char *text, uint32_t *code_point)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t width = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t value = width == 1 ? at[0] : at[0] & (0xffu >> (width + 1));
    for (size_t i = 1; i < width; i++)
        value = value << 6 | (at[i] & 0x3f);
    *code_point = value;
    return width;
}

char *str_clean_utf8(struct arena *arena, const char *bytes, size_t len)
{
    if (str_is_utf8(bytes, len))
        return arena_memdup(arena, bytes, len);
    char *out = arena_alloc(arena, len * 3 + 1), *at = out;
    for (size_t i = 0; i < len;) {
        size_t step = utf8_step((const unsigned char *)bytes + i, len - i);
        if (step) {
            memcpy(at, bytes + i, step);
            at += step;
            i += step;
        } else {
            memcpy(at, "\xef\xbf\xbd", 3);
            at += 3;
            i++;
        }
    }
    *at = '\0';
    return out;
}

size_t str_utf8_cut(const char *bytes, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)bytes[max] & 0xc0) == 0x80)
        max--;
    return max;
}

/* Levenshtein distance, capped at the sizes that configuration words have. */
static size_t edit_distance(const char *a, const char *b)
{
    enum { MAX_WORD = 63 };
    size_t la = strlen(a), lb = strlen(b);
    if (la > MAX_WORD || lb > MAX_WORD)
        return MAX_WORD;
    size_t row[MAX_WORD + 1];
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t shift = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < shift ? change : shift;
        }
    }
    return row[lb];
}

const char *str_nearest(const char *text, const char *const *words)
{
    const char *best = NULL;
    size_t best_distance = strlen(text) / 3 + 1;
    for (; *words; words++) {
        size_t distance = edit_distance(text, *words);
        if (distance <= best_distance && (!best || distance < best_distance)) {
            best = *words;
            best_distance = distance;
        }
    }
    return best;
}

bool str_to_int(const char *text, int64_t min, int64_t max, int64_t *out)
{
    if (str_is_empty(text) || char_is_space(*text))
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || value < min || value > max)
        return false;
    *out = value;
    return true;
}
