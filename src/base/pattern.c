/* Compiles an expression to a program for a Thompson machine (K. Thompson, "Regular Expression
 * Search Algorithm", 1968): recursive descent, one pass. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "base/pattern_code.h"
#include "base/str.h"

enum { GROUPS_MAX = 50, LAST_CODE_POINT = 0x10ffff, NO_LIMIT = -1 };

struct parser {
    struct pattern *pattern;
    const char *at;
    struct err *err;
    int groups; /* open ones */
};

struct times {
    int64_t least, most; /* most: or NO_LIMIT */
};

static const struct pattern_range digits[] = {{'0', '9'}};
static const struct pattern_range words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct pattern_range spaces[] = {
    {0x09, 0x0d},     {0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff},
};
static const struct pattern_range line_ends[] = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

static const struct class
{
    char letter;
    const struct pattern_range *ranges;
    size_t count;
} classes[] = {{'d', digits, 1}, {'w', words, 4}, {'s', spaces, 10}};

static int parse_choice(struct parser *parser);

static int refuse(struct parser *parser, const char *what)
{
    return err_set(parser->err, "bad_pattern", "%s", what);
}

/* Makes room for `count` instructions at `start`, moving what lies behind. */
static struct pattern_step *insert(struct parser *parser, size_t start, size_t count)
{
    struct pattern *pattern = parser->pattern;
    if (pattern->count + count > LIMIT_REGEX_CODE) {
        refuse(parser, "it repeats too much");
        return NULL;
    }
    struct pattern_step *at = pattern->code + start;
    memmove(at + count, at, (pattern->count - start) * sizeof(*at));
    memset(at, 0, count * sizeof(*at));
    pattern->count += count;
    return at;
}

static int emit(struct parser *parser, struct pattern_step step)
{
    struct pattern_step *at = insert(parser, parser->pattern->count, 1);
    if (!at)
        return -1;
    *at = step;
    return 0;
}

static int add_range(struct parser *parser, uint32_t first, uint32_t last)
{
    struct pattern *pattern = parser->pattern;
    if (pattern->range_count == LIMIT_REGEX_CODE)
        return refuse(parser, "its sets are too large");
    pattern->ranges[pattern->range_count++] = (struct pattern_range){first, last};
    return 0;
}

static int add_ranges(struct parser *parser, const struct pattern_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (add_range(parser, ranges[i].first, ranges[i].last) < 0)
            return -1;
    return 0;
}

/* Everything but those; the ranges are sorted and lie apart. */
static int add_others(struct parser *parser, const struct pattern_range *ranges, size_t count)
{
    uint32_t from = 0;
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].first > from && add_range(parser, from, ranges[i].first - 1) < 0)
            return -1;
        from = ranges[i].last + 1;
    }
    return add_range(parser, from, LAST_CODE_POINT);
}

/* The class that \d \w \s or, as all other characters, \D \W \S names; false: it names none. */
static bool class_of(char letter, const struct class **class, bool *others)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
        *others = letter == classes[i].letter - 'a' + 'A';
        *class = &classes[i];
        if (letter == classes[i].letter || *others)
            return true;
    }
    return false;
}

static int add_class(struct parser *parser, const struct class *class, bool others)
{
    return others ? add_others(parser, class->ranges, class->count)
                  : add_ranges(parser, class->ranges, class->count);
}

/* `count` hex digits behind the escape's letter. */
static int parse_hex(struct parser *parser, int count, uint32_t *character)
{
    *character = 0;
    for (int i = 0; i < count; i++, parser->at++) {
        static const char hex[] = "0123456789abcdefABCDEF";
        const char *digit = *parser->at ? strchr(hex, *parser->at) : NULL;
        if (!digit)
            return refuse(parser, "an escape \\x or \\u lacks its hex digits");
        *character = *character * 16 + (uint32_t)(digit - hex < 16 ? digit - hex : digit - hex - 6);
    }
    if (*character >= 0xd800 && *character <= 0xdfff)
        return refuse(parser, "it names half of a surrogate pair");
    return 0;
}

/* Behind a backslash that begins no class. */
static int parse_escape(struct parser *parser, uint32_t *character)
{
    static const char letters[] = "nrtfv", meant[] = "\n\r\t\f\v";
    char letter = *parser->at++;
    const char *known = letter ? strchr(letters, letter) : NULL;
    if (known) {
        *character = (unsigned char)meant[known - letters];
        return 0;
    }
    if (letter == 'x')
        return parse_hex(parser, 2, character);
    if (letter == 'u')
        return parse_hex(parser, 4, character);
    if (letter && strchr("^$\\.*+?()[]{}|/-\"'#%&,:;<=>@_`~! ", letter)) {
        *character = (unsigned char)letter;
        return 0;
    }
    return err_set(parser->err, "bad_pattern", "the escape \\%.1s is not supported",
                   letter ? parser->at - 1 : "");
}

static uint32_t parse_character(struct parser *parser)
{
    uint32_t character;
    parser->at += str_utf8_next(parser->at, &character);
    return character;
}

/* One member of a set: a class (*single = false), or a character. */
static int parse_member(struct parser *parser, uint32_t *character, bool *single)
{
    const struct class *class;
    bool others;
    *single = true;
    if (*parser->at != '\\') {
        *character = parse_character(parser);
        return 0;
    }
    parser->at++;
    if (class_of(*parser->at, &class, &others)) {
        parser->at++;
        *single = false;
        return add_class(parser, class, others);
    }
    if (*parser->at == 'b') {
        parser->at++;
        *character = '\b';
        return 0;
    }
    return parse_escape(parser, character);
}

static int parse_range(struct parser *parser)
{
    uint32_t first, last;
    bool single;
    if (parse_member(parser, &first, &single) < 0)
        return -1;
    if (!single)
        return 0;
    last = first;
    if (parser->at[0] == '-' && parser->at[1] && parser->at[1] != ']') {
        parser->at++;
        if (parse_member(parser, &last, &single) < 0)
            return -1;
        if (!single || last < first)
            return refuse(parser, "a set has a range that ends before it begins");
    }
    return add_range(parser, first, last);
}

static int emit_set(struct parser *parser, size_t first_range, bool negated)
{
    size_t count = parser->pattern->range_count - first_range;
    return emit(parser,
                (struct pattern_step){PATTERN_SET, negated, (int32_t)first_range, (int32_t)count});
}

static int parse_set(struct parser *parser)
{
    size_t first = parser->pattern->range_count;
    bool negated = *++parser->at == '^';
    parser->at += negated;
    while (*parser->at != ']') {
        if (!*parser->at)
            return refuse(parser, "a set [ is not closed");
        if (parse_range(parser) < 0)
            return -1;
    }
    parser->at++;
    return emit_set(parser, first, negated);
}

static int parse_group(struct parser *parser)
{
    parser->at++;
    if (parser->at[0] == '?') {
        if (parser->at[1] != ':')
            return err_set(parser->err, "bad_pattern", "the group (?%.1s is not supported",
                           parser->at + 1);
        parser->at += 2;
    }
    if (++parser->groups > GROUPS_MAX)
        return refuse(parser, "its groups nest too deep");
    if (parse_choice(parser) < 0)
        return -1;
    parser->groups--;
    if (*parser->at != ')')
        return refuse(parser, "a group ( is not closed");
    parser->at++;
    return 0;
}

/* Behind a backslash outside of sets. */
static int parse_escaped_atom(struct parser *parser)
{
    size_t first = parser->pattern->range_count;
    const struct class *class;
    uint32_t character;
    bool others;
    parser->at++;
    if (*parser->at == 'b' || *parser->at == 'B')
        return emit(parser,
                    (struct pattern_step){*parser->at++ == 'b' ? PATTERN_WORD : PATTERN_NO_WORD,
                                          false, 0, 0});
    if (class_of(*parser->at, &class, &others)) {
        parser->at++;
        return add_class(parser, class, others) < 0 ? -1 : emit_set(parser, first, false);
    }
    if (parse_escape(parser, &character) < 0 || add_range(parser, character, character) < 0)
        return -1;
    return emit_set(parser, first, false);
}

static int parse_atom(struct parser *parser)
{
    size_t first = parser->pattern->range_count;
    switch (*parser->at) {
    case '(':
        return parse_group(parser);
    case '[':
        return parse_set(parser);
    case '\\':
        return parse_escaped_atom(parser);
    case '^':
        parser->at++;
        return emit(parser, (struct pattern_step){PATTERN_BEGIN, false, 0, 0});
    case '$':
        parser->at++;
        return emit(parser, (struct pattern_step){PATTERN_END, false, 0, 0});
    case '.':
        parser->at++;
        return add_ranges(parser, line_ends, 3) < 0 ? -1 : emit_set(parser, first, true);
    case '*':
    case '+':
    case '?':
        return refuse(parser, "a repetition has nothing before it");
    default:
        break;
    }
    uint32_t character = parse_character(parser);
    return add_range(parser, character, character) < 0 ? -1 : emit_set(parser, first, false);
}

/* A number of times; what is too much anyway becomes the least that is. */
static int64_t parse_count(const char *text, char **end)
{
    unsigned long count = strtoul(text, end, 10);
    return count > LIMIT_REGEX_CODE ? LIMIT_REGEX_CODE + 1 : (int64_t)count;
}

/* {n}, {n,}, {n,m}; false: an ordinary brace. */
static bool parse_braces(struct parser *parser, struct times *times)
{
    char *end;
    const char *at = parser->at + 1;
    if (*at < '0' || *at > '9')
        return false;
    times->least = times->most = parse_count(at, &end);
    if (*end == ',') {
        at = end + 1;
        times->most = NO_LIMIT;
        if (*at >= '0' && *at <= '9')
            times->most = parse_count(at, &end);
        else
            end++;
    }
    if (*end != '}')
        return false;
    parser->at = end + 1;
    return true;
}

static bool parse_times(struct parser *parser, struct times *times)
{
    switch (*parser->at) {
    case '*':
        *times = (struct times){0, NO_LIMIT};
        break;
    case '+':
        *times = (struct times){1, NO_LIMIT};
        break;
    case '?':
        *times = (struct times){0, 1};
        break;
    case '{':
        if (!parse_braces(parser, times))
            return false;
        parser->at--;
        break;
    default:
        return false;
    }
    parser->at++;
    if (*parser->at == '?') /* lazy: finds the same texts */
        parser->at++;
    return true;
}

static int append_copy(struct parser *parser, size_t from, size_t len)
{
    struct pattern_step *to = insert(parser, parser->pattern->count, len);
    if (!to)
        return -1;
    memmove(to, parser->pattern->code + from, len * sizeof(*to));
    return 0;
}

/* Writes the instructions from `start` on out as often as they are asked for: the copies that must
 * be there, then a loop or the copies that may be there. */
static int repeat(struct parser *parser, size_t start, const struct times *times)
{
    struct pattern *pattern = parser->pattern;
    size_t len = pattern->count - start;
    int32_t size = (int32_t)len;
    if (times->most != NO_LIMIT && times->most < times->least)
        return refuse(parser, "a repetition {n,m} has m below n");
    if (times->least > LIMIT_REGEX_CODE || times->most > LIMIT_REGEX_CODE)
        return refuse(parser, "it repeats too much");
    int64_t may = times->most == NO_LIMIT ? 1 : times->most - times->least;
    struct pattern_step skip = {PATTERN_SPLIT, false, 1, size + 1 + (times->most == NO_LIMIT)};
    for (int64_t i = 0; i < times->least + may; i++) {
        bool must = i < times->least;
        if (!must && emit(parser, skip) < 0)
            return -1;
        if (append_copy(parser, start, len) < 0)
            return -1;
    }
    if (times->most == NO_LIMIT &&
        emit(parser, (struct pattern_step){PATTERN_JUMP, false, -size - 1, 0}) < 0)
        return -1;
    /* The first copy was the model for the others. */
    struct pattern_step *first = pattern->code + start;
    memmove(first, first + len, (pattern->count - start - len) * sizeof(*first));
    pattern->count -= len;
    return 0;
}

static int parse_sequence(struct parser *parser)
{
    while (*parser->at && *parser->at != '|' && *parser->at != ')') {
        size_t start = parser->pattern->count;
        struct times times;
        if (parse_atom(parser) < 0)
            return -1;
        while (parse_times(parser, &times))
            if (repeat(parser, start, &times) < 0)
                return -1;
    }
    return 0;
}

/* Alternatives: each but the last begins with a split to the next one and ends with a jump behind
 * all of them; until that place is known, a jump's x links it to the one before. */
static int parse_choice(struct parser *parser)
{
    struct pattern *pattern = parser->pattern;
    int32_t last_jump = -1;
    for (;;) {
        size_t start = pattern->count;
        if (parse_sequence(parser) < 0)
            return -1;
        if (*parser->at != '|')
            break;
        parser->at++;
        struct pattern_step *split = insert(parser, start, 1);
        if (!split || emit(parser, (struct pattern_step){PATTERN_JUMP, false, last_jump, 0}) < 0)
            return -1;
        last_jump = (int32_t)pattern->count - 1;
        *split = (struct pattern_step){PATTERN_SPLIT, false, 1, (int32_t)(pattern->count - start)};
    }
    while (last_jump >= 0) {
        struct pattern_step *jump = &pattern->code[last_jump];
        int32_t before = jump->x;
        jump->x = (int32_t)pattern->count - last_jump;
        last_jump = before;
    }
    return 0;
}

struct pattern *pattern_open(const char *text, struct err *err)
{
    if (strlen(text) > LIMIT_REGEX) {
        err_set(err, "bad_pattern", "it has more than %d bytes", LIMIT_REGEX);
        return NULL;
    }
    struct pattern *pattern = mem_zalloc(sizeof(*pattern));
    struct parser parser = {.pattern = pattern, .at = text, .err = err};
    pattern->code = arena_alloc(&pattern->arena, (LIMIT_REGEX_CODE + 1) * sizeof(*pattern->code));
    pattern->ranges = arena_alloc(&pattern->arena, LIMIT_REGEX_CODE * sizeof(*pattern->ranges));
    int rc = parse_choice(&parser);
    if (rc == 0 && *parser.at)
        rc = refuse(&parser, "a group ) was not opened");
    if (rc == 0) {
        pattern->code[pattern->count++].op = PATTERN_FOUND;
        return pattern;
    }
    pattern_close(pattern);
    return NULL;
}

void pattern_close(struct pattern *pattern)
{
    if (!pattern)
        return;
    arena_fini(&pattern->arena);
    free(pattern);
}
