/* Any bytes as a process's log: read in pieces they are the same lines as in one; what is shown of each is
 * one clean line, which read again is shown the same; and what is logged is clean, too. The first byte
 * says where the file ended when it was first read. */
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/log_file.h"
#include "folder.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct log_wish everything;

static bool is_clean(const char *text)
{
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return false;
    return str_is_utf8(text, strlen(text)) && !strstr(text, "\xe2\x80\xae") && !strstr(text, "\xc2\x9b");
}

static void check_line(const struct log_line *line)
{
    struct arena arena = {0};
    struct log_line again = {.name = line->name};
    const char *text = log_line_text(line, &arena);
    PROPERTY(is_clean(text), "a shown line is one clean line");
    log_line_parse(text, strlen(text), &arena, &again);
    if (*line->stamp && line->level != LOG_NO_LEVEL)
        PROPERTY(str_eq(log_line_text(&again, &arena), text) && again.level == line->level &&
                     str_eq(again.about, line->about) && str_eq(again.message, line->message),
                 "a shown line is read as it was");
    json_t *json = log_line_json(line, &arena);
    PROPERTY(str_eq(json_get_text(json, "line", ""), text), "JSON says the same");
    json_decref(json);
    arena_fini(&arena);
}

static void read_in_pieces(const char *bytes, size_t size, size_t cut, struct log_page *page)
{
    struct arena arena = {0};
    struct log_file file = {0};
    file.path = arena_strdup(&arena, fuzz_file("x.log", bytes, cut));
    log_file_read(&file, SIZE_MAX, page);
    if (cut < size) {
        FILE *more = fopen(file.path, "ae");
        PROPERTY(more && fwrite(bytes + cut, 1, size - cut, more) == size - cut, "a log grows");
        fclose(more);
        log_file_read(&file, SIZE_MAX, page);
    }
    log_file_close(&file);
    arena_fini(&arena);
}

static void check_clean(const char *text, size_t room)
{
    struct arena arena = {0};
    char *out = arena_alloc(&arena, room);
    log_clean(text, out, room);
    PROPERTY(strlen(out) < room && is_clean(out), "what is logged is clean and fits");
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct log_page whole = {.name = "x", .wish = &everything}, parts = whole;
    if (size == 0)
        return 0;
    const char *bytes = (const char *)data + 1;
    size--;
    read_in_pieces(bytes, size, size, &whole);
    read_in_pieces(bytes, size, size * data[0] / 256, &parts);
    PROPERTY(whole.count == parts.count, "cut anywhere, as many lines");
    for (size_t i = 0; i < whole.count; i++) {
        PROPERTY(str_eq(whole.lines[i].message, parts.lines[i].message) &&
                     str_eq(whole.lines[i].stamp, parts.lines[i].stamp),
                 "cut anywhere, the same lines");
        check_line(&whole.lines[i]);
    }
    check_clean(arena_memdup(&arena, bytes, size), 8 + data[0] * 4);
    log_page_clear(&whole);
    log_page_clear(&parts);
    arena_fini(&arena);
    return 0;
}
