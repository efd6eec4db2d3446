/* Words of a text, folded and cut to their stems, and whether a term is among them. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "hub/routing.h"

enum {
    STEM = 4,      /* letters that must be left of a word: "rest" is no form of "r" */
    WORD_MAX = 64, /* longer ones are cut: the longest English word has 45 */
};

struct route_words {
    struct map stems;
};

/* Letters of other alphabets are bytes from 0x80 on; they are words, too. */
static char folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_word_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
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

/* The next word as its stem; false at the end. *letters is how long the word was. */
static bool next_stem(const char **text, char stem[WORD_MAX], size_t *letters)
{
    const char *at = *text;
    size_t len = 0;
    while (*at && !is_word_byte((unsigned char)folded(*at)))
        at++;
    const char *start = at;
    for (; is_word_byte((unsigned char)folded(*at)); at++)
        if (len < WORD_MAX - 1)
            stem[len++] = folded(*at);
    stem[len] = '\0';
    *text = at;
    *letters = (size_t)(at - start);
    if (len > 0 && stem[len - 1] >= 'a' && stem[len - 1] <= 'z')
        cut_suffix(stem);
    return len > 0;
}

struct route_words *route_words_open(const char *text)
{
    struct route_words *words = mem_zalloc(sizeof(*words));
    const char *end = text + str_utf8_cut(text, strlen(text), LIMIT_ROUTE_TEXT);
    char stem[WORD_MAX];
    size_t letters;
    for (const char *at = text; at < end && next_stem(&at, stem, &letters);)
        map_put(&words->stems, stem, words);
    return words;
}

void route_words_close(struct route_words *words)
{
    if (!words)
        return;
    map_fini(&words->stems);
    free(words);
}

bool route_words_have(const struct route_words *words, const char *term, bool *part)
{
    char stem[WORD_MAX];
    size_t letters, count = 0, have = 0;
    *part = false;
    for (const char *at = term; next_stem(&at, stem, &letters); count++) {
        if (!map_get(&words->stems, stem))
            continue;
        have++;
        *part |= letters >= STEM;
    }
    return count > 0 && have == count;
}
