/* Renders events as the seed's agents wrote their logs by hand (the line form and the section's
 * parts are theirs). */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "hub/chronicle_text.h"

enum { WORDS_MAX = 200, STAMP = 32 };

/* Length of what some reader takes for the end of a line: control characters, U+0085, U+2028,
 * U+2029. */
static size_t break_at(const char *text)
{
    unsigned char c = (unsigned char)*text;
    if (c < ' ' || c == 0x7f)
        return 1;
    if (strncmp(text, "\xc2\x85", 2) == 0)
        return 2;
    return strncmp(text, "\xe2\x80\xa8", 3) == 0 || strncmp(text, "\xe2\x80\xa9", 3) == 0 ? 3 : 0;
}

/* A text as words on one line, at most WORDS_MAX bytes; nothing but breaks and blanks is
 * `otherwise`. */
static void put_words(struct buf *out, const char *text, const char *otherwise)
{
    size_t start = out->len;
    bool gap = false;
    for (text = text ? text : ""; *text;) {
        size_t skip = break_at(text);
        if (skip || *text == ' ') {
            gap = true;
            text += skip ? skip : 1;
            continue;
        }
        if (gap && out->len > start)
            buf_putc(out, ' ');
        gap = false;
        if (out->len - start >= WORDS_MAX) {
            size_t keep = str_utf8_cut(out->bytes + start, out->len - start, WORDS_MAX);
            out->len = start + keep;
            out->bytes[out->len] = '\0';
            buf_puts(out, "…");
            return;
        }
        buf_putc(out, *text++);
    }
    if (out->len == start)
        buf_puts(out, otherwise);
}

static void stamp(int64_t at, char text[STAMP])
{
    time_t seconds = (time_t)(at / 1000);
    struct tm local;
    localtime_r(&seconds, &local);
    strftime(text, STAMP, "%Y-%m-%d %H:%M", &local);
}

bool chronicle_has_line(const json_t *completed)
{
    static const char *const routine[] = {"heartbeat", "cron", NULL};
    return json_get_text(completed, "agent", NULL) &&
           !str_in(json_get_text(completed, "kind", ""), routine);
}

static void put_end(struct buf *out, const json_t *completed)
{
    const char *state = json_get_text(completed, "state", "");
    const char *status = json_get_text(completed, "status", "");
    const char *failure = json_get_text(completed, "failure_class", NULL);
    if (str_eq(state, "cancelled") || str_eq(failure, "cancelled"))
        buf_puts(out, "Cancelled");
    else if (str_eq(status, "blocked") || str_eq(failure, "blocked"))
        buf_puts(out, "Blocked");
    else if (!str_eq(state, "done")) {
        buf_puts(out, "Failed (");
        put_words(out, failure, "failed");
        buf_putc(out, ')');
    } else
        buf_puts(out, str_eq(status, "partial") ? "Partial" : "Completed");
}

void chronicle_line(struct buf *out, int64_t at, const json_t *completed)
{
    char when[STAMP];
    stamp(at, when);
    buf_printf(out, "[%s] ", when);
    put_words(out, json_get_text(completed, "agent", NULL), "?");
    buf_puts(out, ": ");
    put_end(out, completed);
    buf_puts(out, " — ");
    put_words(out, json_get_text(completed, "what", NULL), "(no title)");
    buf_putc(out, '\n');
}

static bool is_mode(const json_t *delegated, const char *mode)
{
    return str_eq(json_get_text(delegated, "mode", "sync"), mode);
}

/* Who waits for what. */
static void put_dependencies(struct buf *out, const struct chronicle_plan *plan)
{
    size_t waits = 0;
    for (size_t i = 0; i < plan->count; i++)
        waits += is_mode(plan->delegated[i], "sync");
    buf_puts(out, "\n**Dependencies:** ");
    if (is_mode(plan->delegated[0], "reassign"))
        buf_puts(out, "whoever waited for the old task waits for this one");
    else if (waits == 0)
        buf_puts(out, "none; nobody waits");
    else {
        put_words(out, json_get_text(plan->delegated[0], "by", NULL), "?");
        if (waits < plan->count)
            buf_printf(out, " waits for those marked sync (%zu of %zu)", waits, plan->count);
        else
            buf_puts(out, " waits for all of them");
    }
    buf_putc(out, '\n');
}

/* "- X": a line of a list begins with one field of the delegation. */
static void put_item(struct buf *out, const json_t *delegated, const char *field, const char *then)
{
    buf_puts(out, "- ");
    put_words(out, json_get_text(delegated, field, NULL), "?");
    buf_puts(out, then);
}

static void put_tasks(struct buf *out, const struct chronicle_plan *plan)
{
    buf_puts(out, "\n**Tasks created:**\n");
    for (size_t i = 0; i < plan->count; i++) {
        put_item(out, plan->delegated[i], "child", " — ");
        put_words(out, json_get_text(plan->delegated[i], "what", NULL), "(no title)");
        buf_putc(out, '\n');
    }
}

static void put_assignments(struct buf *out, const struct chronicle_plan *plan)
{
    buf_puts(out, "\n**Agent assignments:**\n");
    for (size_t i = 0; i < plan->count; i++) {
        put_item(out, plan->delegated[i], "agent", ": ");
        put_words(out, json_get_text(plan->delegated[i], "child", NULL), "?");
        buf_puts(out, " (");
        put_words(out, json_get_text(plan->delegated[i], "mode", NULL), "sync");
        buf_puts(out, ")\n");
    }
}

static void put_expected(struct buf *out, const struct chronicle_plan *plan)
{
    buf_puts(out, "\n**Expected output:**\n");
    for (size_t i = 0; i < plan->count; i++) {
        put_item(out, plan->delegated[i], "agent", ": ");
        put_words(out, plan->wants[i], "a result as text");
        buf_putc(out, '\n');
    }
    buf_putc(out, '\n');
}

void chronicle_section(struct buf *out, const struct chronicle_plan *plan)
{
    char when[STAMP];
    const char *objective = json_get_text(plan->delegated[0], "objective", NULL);
    stamp(plan->at, when);
    buf_printf(out, "## [%s] ", when);
    put_words(out, str_is_blank(plan->title) ? objective : plan->title, "(no title)");
    buf_puts(out, "\n\n**Objective:** ");
    put_words(out, objective, "(none)");
    buf_putc(out, '\n');
    put_tasks(out, plan);
    put_assignments(out, plan);
    put_dependencies(out, plan);
    put_expected(out, plan);
}
