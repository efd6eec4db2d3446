/* Any text as a pattern: refused, or matched within the work that was given, and the same each time.
 * The first line is the pattern, the rest is what it looks through. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/pattern.h"
#include "base/str.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORK = 2000000 };

static int find(const struct pattern *pattern, const char *text, size_t len)
{
    int64_t work = WORK;
    int found = pattern_find(pattern, text, len, &work);
    PROPERTY(work <= WORK && (work >= 0 || found < 0), "work is taken off what was given");
    return found;
}

/* A text, written so that each of its characters means itself, finds itself. */
static void find_itself(const char *text, struct arena *arena)
{
    struct err err;
    size_t len = strlen(text), put = 0;
    char *quoted = arena_alloc(arena, 2 * len + 3);
    quoted[put++] = '^';
    for (const char *at = text; *at; at++) {
        if (strchr("^$\\.*+?()[]{}|/", *at))
            quoted[put++] = '\\';
        quoted[put++] = *at;
    }
    quoted[put++] = '$';
    struct pattern *pattern = put < 900 ? pattern_open(quoted, &err) : NULL;
    PROPERTY(pattern || put >= 900, "a quoted text is a pattern");
    if (pattern)
        PROPERTY(find(pattern, text, len) == 1, "a quoted text finds itself");
    pattern_close(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct err err = {0};
    char *text = arena_memdup(&arena, data, size);
    char *line = strchr(text, '\n');
    const char *subject = line ? line + 1 : "";
    if (line)
        *line = '\0';
    if (str_is_utf8(text, strlen(text)) && str_is_utf8(subject, strlen(subject))) {
        struct pattern *pattern = pattern_open(text, &err);
        PROPERTY(pattern || *err.message, "a refusal says why");
        if (pattern)
            PROPERTY(find(pattern, subject, strlen(subject)) == find(pattern, subject, strlen(subject)),
                     "the same is found again");
        pattern_close(pattern);
        find_itself(text, &arena);
    }
    arena_fini(&arena);
    return 0;
}
