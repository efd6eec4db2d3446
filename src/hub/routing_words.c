/* Words of a text, folded and cut to their stems, and whether a term is among them. */
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/str.h"
#include "hub/routing.h"

enum { STEM = 4 /* letters that must be left of a word: "rest" is no form of "r" */ };

struct route_words {
    const char **stems; /* sorted by nothing: a text that is routed has some dozens */
    size_t count;
};

/* Letters of other alphabets are bytes from 0x80 on; they are words, too. */
static bool is_word_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static bool is_digit_or_upper_half(unsigned char c)
{
    return (c >= '0' && c <= '9') || c >= 0x80;
}

static void cut_suffix(char *word)
{
    static const char *const suffixes[] = {"ations", "ation", "ators", "ator", "ates", "ated",
                                           "ating",  "ings",  "ate",   "ing",  "ions", "ion",
                                           "ors",    "ers",   "ies",   "or",   "er",   "ed",
                                           "es",     "s",     "y",     "e",    NULL};
    size_t len = strlen(word);
    for (size_t i = 0; suffixes[i]; i++) {
        size_t cut = strlen(suffixes[i]);
        if (len >= cut + STEM && str_ends(word, suffixes[i])) {
            word[len - cut] = '\0';
            break;
        }
    }
    len = strlen(word);
    if (len > STEM && word[len - 1] == word[len - 2])
        word[len - 1] = '\0'; /* planning, plan */
}

/* The next word as its stem; NULL at the end. *text is lower case and moves on. */
static char *next_stem(const char **text, struct arena *arena, size_t *letters)
{
    const char *at = *text;
    while (*at && !is_word_byte((unsigned char)*at))
        at++;
    const char *start = at;
    while (is_word_byte((unsigned char)*at))
        at++;
    *text = at;
    *letters = (size_t)(at - start);
    if (at == start)
        return NULL;
    char *word = arena_memdup(arena, start, *letters);
    if (!is_digit_or_upper_half((unsigned char)word[*letters - 1]))
        cut_suffix(word);
    return word;
}

struct route_words *route_words_of(const char *text, struct arena *arena)
{
    size_t len = str_utf8_cut(text, strlen(text), LIMIT_ROUTE_TEXT), letters;
    const char *at = str_lower(arena, arena_memdup(arena, text, len));
    struct route_words *words = arena_alloc(arena, sizeof(*words));
    words->stems = arena_alloc(arena, (len / 2 + 1) * sizeof(*words->stems));
    for (char *stem; (stem = next_stem(&at, arena, &letters));)
        words->stems[words->count++] = stem;
    return words;
}

static bool has_stem(const struct route_words *words, const char *stem)
{
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->stems[i], stem) == 0)
            return true;
    return false;
}

bool route_words_have(const struct route_words *words, const char *term, bool *part)
{
    struct arena arena = {0};
    const char *at = str_lower(&arena, term);
    size_t letters, count = 0, have = 0;
    *part = false;
    for (char *stem; (stem = next_stem(&at, &arena, &letters)); count++) {
        if (!has_stem(words, stem))
            continue;
        have++;
        *part |= letters >= STEM;
    }
    arena_fini(&arena);
    return count > 0 && have == count;
}
