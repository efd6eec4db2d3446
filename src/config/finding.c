/* Collects findings; the copy of the file's lines that they show has its secrets starred. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/str.h"
#include "config/finding.h"

enum { SECRET_PREFIX_MAX = 8 };

void findings_init(struct findings *findings, struct arena *arena)
{
    *findings = (struct findings){.arena = arena};
}

/* The breaks that libyaml counts: LF, CR, CRLF, NEL, LS, PS. Returns the length of one at `at`. */
static size_t break_len(const char *at, size_t left)
{
    if (*at == '\n')
        return 1;
    if (*at == '\r')
        return left > 1 && at[1] == '\n' ? 2 : 1;
    if (left > 1 && memcmp(at, "\xc2\x85", 2) == 0)
        return 2;
    if (left > 2 && (memcmp(at, "\xe2\x80\xa8", 3) == 0 || memcmp(at, "\xe2\x80\xa9", 3) == 0))
        return 3;
    return 0;
}

bool text_looks_secret(const char *text, size_t len)
{
    static const char *const prefixes[] = {"sk-",  "AIza", "xoxb-", "xoxp-",  "xapp-", "ghp_",
                                           "gho_", "eyJ",  "AKIA",  "glpat-", "sk_",   NULL};
    for (const char *const *prefix = prefixes; *prefix; prefix++)
        if (len >= strlen(*prefix) && strncmp(text, *prefix, strlen(*prefix)) == 0)
            return true;
    return false;
}

/* True where the word that ends at `end` names a secret: api_key, hooks-token, password … */
static bool word_names_secret(const char *line, const char *end)
{
    static const char *const words[] = {"key", "token", "secret", "password", "passwd", NULL};
    for (const char *const *word = words; *word; word++) {
        size_t len = strlen(*word);
        if ((size_t)(end - line) >= len && strncasecmp(end - len, *word, len) == 0)
            return true;
    }
    return false;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* True where a secret's value starts at `at`: it looks like one, or stands behind a word that names
 * one ("api_key: x"; a map there only refers to it), or is the "name:password@" of a URL. */
static bool secret_starts(const char *line, const char *at)
{
    if (at == line)
        return text_looks_secret(at, SECRET_PREFIX_MAX);
    if (at - line >= 2 && at[-1] == '/' && at[-2] == '/')
        return at[strcspn(at, " \t/@\"'")] == '@';
    if (!is_word_char(at[-1]) && text_looks_secret(at, SECRET_PREFIX_MAX))
        return true;
    if (strchr(" \t{#&*", *at))
        return false;
    const char *colon = at;
    while (colon > line && strchr(" \t", colon[-1]))
        colon--;
    if (colon == line || colon[-1] != ':')
        return false;
    const char *end = colon - 1;
    end -= end > line && strchr("\"'", end[-1]) != NULL;
    return word_names_secret(line, end);
}

/* Copies a line with its secrets starred, one star for each code point, up to the end of a flow
 * item: places keep their columns. */
static void copy_starred(char *out, const char *line)
{
    bool starring = false;
    for (const char *at = line; *at; at++) {
        if (starring && strchr(",}]@", *at))
            starring = false;
        else if (!starring && secret_starts(line, at))
            starring = true;
        if (!starring || strchr(" \t", *at))
            *out++ = *at;
        else if (((unsigned char)*at & 0xc0) != 0x80)
            *out++ = '*';
    }
    *out = '\0';
}

static void add_start(struct findings *findings, size_t *cap, size_t start)
{
    if (findings->line_count == *cap) {
        size_t bigger = *cap ? *cap * 2 : 64;
        size_t *starts = arena_alloc(findings->arena, (bigger + 1) * sizeof(*starts));
        if (*cap)
            memcpy(starts, findings->starts, *cap * sizeof(*starts));
        findings->starts = starts;
        *cap = bigger;
    }
    findings->starts[findings->line_count++] = start;
}

/* Most files have no finding: their lines are looked for, but not copied. */
void findings_set_text(struct findings *findings, const char *bytes, size_t len)
{
    size_t cap = 0, start = 0;
    findings->text = arena_memdup(findings->arena, bytes, len);
    findings->starts = NULL;
    findings->line_count = 0;
    for (size_t i = 0; i < len;) {
        size_t gap = break_len(bytes + i, len - i);
        if (gap)
            add_start(findings, &cap, start);
        i += gap ? gap : 1;
        if (gap)
            start = i;
    }
    if (start < len)
        add_start(findings, &cap, start);
    if (findings->line_count)
        findings->starts[findings->line_count] = len;
    findings->shown =
        arena_alloc(findings->arena, (findings->line_count + 1) * sizeof(*findings->shown));
}

const char *findings_line(const struct findings *findings, int line)
{
    if (line < 1 || (size_t)line > findings->line_count)
        return NULL;
    if (findings->shown[line - 1])
        return findings->shown[line - 1];
    size_t start = findings->starts[line - 1], end = start, next = findings->starts[line];
    while (end < next && !break_len(findings->text + end, next - end))
        end++;
    const char *plain = arena_memdup(findings->arena, findings->text + start, end - start);
    char *shown = arena_alloc(findings->arena, end - start + 1);
    copy_starred(shown, plain);
    return findings->shown[line - 1] = shown;
}

static struct finding *finding_room(struct findings *findings)
{
    if (findings->count >= LIMIT_FINDINGS)
        return &findings->spare;
    if (findings->count == findings->cap) {
        size_t cap = findings->cap ? findings->cap * 2 : 16;
        struct finding *items = arena_alloc(findings->arena, cap * sizeof(*items));
        if (findings->count)
            memcpy(items, findings->items, findings->count * sizeof(*items));
        findings->items = items;
        findings->cap = cap;
    }
    return &findings->items[findings->count++];
}

/* Names come from the file and may be as long as it. */
static const char *shorten(struct arena *arena, const char *message)
{
    enum { LONGEST = 400 };
    size_t len = strlen(message), keep = str_utf8_cut(message, len, LONGEST);
    return keep < len ? arena_printf(arena, "%.*s…", (int)keep, message) : message;
}

__attribute__((format(printf, 3, 0))) static void
finding_add(struct findings *findings, struct place at, const char *format, va_list args)
{
    bool kept = findings->count < LIMIT_FINDINGS;
    findings->last = finding_room(findings);
    *findings->last = (struct finding){.line = at.line, .column = at.column};
    if (!kept)
        return;
    findings->last->message =
        shorten(findings->arena, arena_vprintf(findings->arena, format, args));
    findings->last->source = findings_line(findings, at.line);
}

void finding_error(struct findings *findings, struct place at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    finding_add(findings, at, format, args);
    va_end(args);
    findings->last->is_error = true;
    findings->errors++;
}

void finding_warn(struct findings *findings, struct place at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    finding_add(findings, at, format, args);
    va_end(args);
}

void finding_hint(struct findings *findings, const char *format, ...)
{
    if (!findings->last || findings->last == &findings->spare)
        return;
    va_list args;
    va_start(args, format);
    findings->last->hint = arena_vprintf(findings->arena, format, args);
    va_end(args);
}

void finding_hide(struct findings *findings)
{
    if (findings->last)
        findings->last->source = NULL;
}

static int finding_order(const struct finding *a, const struct finding *b)
{
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->column < b->column ? -1 : a->column > b->column;
}

/* Insertion sort: stable, and the list is short (LIMIT_FINDINGS) and nearly in order. */
void findings_sort(struct findings *findings)
{
    for (size_t i = 1; i < findings->count; i++) {
        struct finding moved = findings->items[i];
        size_t at = i;
        for (; at > 0 && finding_order(&findings->items[at - 1], &moved) > 0; at--)
            findings->items[at] = findings->items[at - 1];
        findings->items[at] = moved;
    }
    findings->last = NULL;
}
