/* The tool `read`: a page of a text file, with the way to the next page. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "tool/builtin.h"
#include "tool/folder.h"

enum { READ_CHUNK = 65536 };

struct page {
    int64_t offset, limit; /* first line (from 1) and how many */
    struct buf text;
    size_t whole;  /* bytes of `text` that are complete lines */
    int64_t lines; /* complete lines taken */
    int64_t line;  /* line that the next byte belongs to */
    int64_t scanned;
    bool at_line_start, full, cut_line;
};

/* Kind of picture by its first bytes, or NULL. */
static const char *image_kind(const char *bytes, size_t len)
{
    static const struct {
        const char *kind, *magic;
        size_t at, len;
    } kinds[] = {
        {"image/png", "\x89PNG\r\n\x1a\n", 0, 8},
        {"image/jpeg", "\xff\xd8\xff", 0, 3},
        {"image/gif", "GIF8", 0, 4},
        {"image/webp", "WEBP", 8, 4},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (len >= kinds[i].at + kinds[i].len &&
            memcmp(bytes + kinds[i].at, kinds[i].magic, kinds[i].len) == 0)
            return kinds[i].kind;
    return NULL;
}

/* Takes one line's piece (with its newline where it ends). */
static void page_take(struct page *page, const char *bytes, size_t len, bool ends)
{
    if (page->full || page->line < page->offset)
        return;
    if (page->lines == page->limit) {
        page->full = true;
        return;
    }
    size_t room = LIMIT_READ_BYTES - page->text.len;
    if (len > room) {
        page->full = true;
        if (page->lines == 0) {
            buf_put(&page->text, bytes, str_utf8_cut(bytes, len, room));
            page->whole = page->text.len;
            page->lines = 1;
            page->cut_line = true;
        }
        return;
    }
    buf_put(&page->text, bytes, len);
    if (ends) {
        page->lines++;
        page->whole = page->text.len;
    }
}

static void page_feed(struct page *page, const char *bytes, size_t len)
{
    page->scanned += (int64_t)len;
    for (size_t at = 0; at < len;) {
        const char *end = memchr(bytes + at, '\n', len - at);
        size_t piece = end ? (size_t)(end - (bytes + at)) + 1 : len - at;
        page_take(page, bytes + at, piece, end != NULL);
        page->line += end != NULL;
        page->at_line_start = end != NULL;
        at += piece;
    }
}

/* Reads on after the page is full, for the number of lines; at most LIMIT_READ_SCAN bytes. */
static int page_read(struct page *page, int fd, const char **image)
{
    char chunk[READ_CHUNK];
    ssize_t got = 0;
    page->line = 1;
    page->at_line_start = true;
    while (page->scanned < LIMIT_READ_SCAN && (got = read(fd, chunk, sizeof(chunk))) > 0) {
        if (page->scanned == 0 && (*image = image_kind(chunk, (size_t)got)))
            return 0;
        page_feed(page, chunk, (size_t)got);
    }
    if (got == 0 && !page->at_line_start && !page->full && page->line >= page->offset) {
        page->lines++;
        page->whole = page->text.len;
    }
    return got < 0 ? -1 : 0;
}

static void page_note(const struct page *page, bool all, struct buf *out)
{
    int64_t total = page->line - (page->at_line_start ? 1 : 0);
    int64_t last = page->offset + page->lines - 1;
    if (page->cut_line)
        buf_printf(out,
                   "\n\n[Line %lld is longer than %d bytes and was cut; use exec for the rest.",
                   (long long)page->offset, LIMIT_READ_BYTES);
    else if (last < total)
        buf_printf(out, "\n\n[Showing lines %lld-%lld of %s%lld.", (long long)page->offset,
                   (long long)last, all ? "" : "at least ", (long long)total);
    else
        return;
    if (last < total)
        buf_printf(out, " Use offset=%lld to continue.", (long long)last + 1);
    buf_puts(out, "]");
}

static void page_result(struct page *page, const struct spot *spot, size_t size,
                        struct arena *arena, struct tool_result *result)
{
    struct buf out = {0};
    int64_t total = page->line - (page->at_line_start ? 1 : 0);
    if (size == 0 && page->scanned == 0) {
        result_text(arena, result, "(the file is empty)");
        return;
    }
    if (page->lines == 0) {
        result_error(arena, result, "Line %lld is behind the end of %s, which has %lld lines.",
                     (long long)page->offset, spot->given, (long long)total);
        return;
    }
    buf_put(&out, page->text.bytes, page->whole);
    page_note(page, page->scanned < LIMIT_READ_SCAN, &out);
    result->text = str_clean_utf8(arena, buf_text(&out), out.len);
    buf_fini(&out);
}

static int read_run(const struct tool_place *place, const json_t *arguments, struct arena *arena,
                    struct tool_result *result, struct err *unused)
{
    struct err err;
    struct spot spot;
    struct page page = {.offset = json_get_int(arguments, "offset", 1),
                        .limit = json_get_int(arguments, "limit", LIMIT_READ_LINES)};
    const char *image = NULL;
    size_t size;
    int fd = -1;
    if (page.offset < 1)
        page.offset = 1;
    if (page.limit < 1 || page.limit > LIMIT_READ_LINES)
        page.limit = LIMIT_READ_LINES;
    if (spot_open(place, json_get_text(arguments, "path", ""), arena, &spot, &err) < 0 ||
        (fd = spot_read(&spot, &size, &err)) < 0)
        result_err(arena, result, &err);
    else if (page_read(&page, fd, &image) < 0)
        result_error(arena, result, "Cannot read %s: %m", spot.given);
    else if (image)
        result_text(arena, result,
                    "%s is a picture (%s, %zu bytes). This agent cannot see pictures.", spot.given,
                    image, size);
    else
        page_result(&page, &spot, size, arena, result);
    if (fd >= 0)
        close(fd);
    spot_close(&spot);
    buf_fini(&page.text);
    return 0;
}

const struct tool tool_read = {
    .name = "read",
    .description =
        "Read a text file of the workspace. Gives at most 2000 lines or 50 KB; use offset "
        "and limit for the rest.",
    .parameters = "{\"type\":\"object\",\"properties\":{"
                  "\"path\":{\"type\":\"string\",\"description\":\"File, relative to the workspace "
                  "or absolute inside it\"},"
                  "\"offset\":{\"type\":\"integer\",\"description\":\"First line, from 1\"},"
                  "\"limit\":{\"type\":\"integer\",\"description\":\"Number of lines\"}},"
                  "\"required\":[\"path\"]}",
    .repeat = REPEAT_FREELY,
    .run = read_run,
};
