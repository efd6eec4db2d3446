/* Filters, keeps the newest, merges. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/log_book.h"

enum { SPARE = 1024, GREP_WORK = 8000000 };

static bool matches(const struct pattern *pattern, const char *text)
{
    int64_t work = GREP_WORK;
    return pattern_find(pattern, text, strlen(text), &work) == 1;
}

static bool is_wanted(const struct log_wish *wish, const struct log_line *line)
{
    int64_t at;
    if (line->level != LOG_NO_LEVEL && line->level < wish->least)
        return false;
    if (wish->since_ms && time_parse_rfc3339(line->stamp, &at) && at < wish->since_ms)
        return false;
    if (wish->task && !str_starts(line->about, wish->task) && !strstr(line->message, wish->task))
        return false;
    return !wish->grep || matches(wish->grep, line->message);
}

static void copy_line(struct log_line *to, const struct log_line *from, struct arena *arena)
{
    *to = *from;
    to->stamp = arena_strdup(arena, from->stamp);
    to->name = arena_strdup(arena, from->name);
    to->about = arena_strdup(arena, from->about);
    to->code = arena_strdup(arena, from->code);
    to->message = arena_strdup(arena, from->message);
}

/* Lets go of all but the last `most` lines. */
static void shorten(struct log_page *page, size_t most)
{
    struct arena fresh = {0};
    size_t first = page->count - most;
    for (size_t i = 0; i < most; i++)
        copy_line(&page->lines[i], &page->lines[first + i], &fresh);
    arena_fini(&page->arena);
    page->arena = fresh;
    page->count = most;
}

void log_page_add_line(struct log_page *page, const struct log_line *line)
{
    struct log_line one = *line;
    one.name = line->name ? line->name : page->name;
    one.source = page->name;
    one.order = page->order++;
    if (*line->stamp || line->level != LOG_NO_LEVEL)
        page->is_wanted = is_wanted(page->wish, line);
    else if (!*page->stamp)
        page->is_wanted = is_wanted(page->wish, line);
    if (*line->stamp)
        snprintf(page->stamp, sizeof(page->stamp), "%s", line->stamp);
    one.stamp = page->stamp;
    if (!page->is_wanted)
        return;
    if (page->count == page->room) {
        page->room = page->room ? page->room * 2 : 64;
        page->lines = mem_realloc(page->lines, page->room * sizeof(*page->lines));
    }
    copy_line(&page->lines[page->count++], &one, &page->arena);
    if (page->wish->most && page->count > page->wish->most * 2 + SPARE)
        shorten(page, page->wish->most);
}

void log_page_add(struct log_page *page, const char *bytes, size_t len)
{
    struct arena arena = {0};
    struct log_line line = {0};
    log_line_parse(bytes, len, &arena, &line);
    log_page_add_line(page, &line);
    arena_fini(&arena);
}

void log_page_clear(struct log_page *page)
{
    arena_fini(&page->arena);
    free(page->lines);
    page->lines = NULL;
    page->count = page->room = 0;
}

/* Behind the time the source, then the order in it. */
static int by_time(const void *a, const void *b)
{
    const struct log_line *one = *(const struct log_line *const *)a;
    const struct log_line *two = *(const struct log_line *const *)b;
    int order = strcmp(one->stamp, two->stamp);
    if (order == 0 && one->source != two->source)
        order = strcmp(one->source, two->source);
    return order ? order : one->order < two->order ? -1 : 1;
}

const struct log_line **log_pages_merge(const struct log_page *pages, size_t page_count, size_t most,
                                        struct arena *arena, size_t *count)
{
    size_t all = 0, at = 0;
    for (size_t i = 0; i < page_count; i++)
        all += pages[i].count;
    const struct log_line **lines = arena_alloc(arena, (all + 1) * sizeof(struct log_line *));
    for (size_t i = 0; i < page_count; i++)
        for (size_t k = 0; k < pages[i].count; k++)
            lines[at++] = &pages[i].lines[k];
    if (all > 1)
        qsort(lines, all, sizeof(struct log_line *), by_time);
    *count = most && all > most ? most : all;
    return lines + (all - *count);
}
