/* Any bytes as a chronicle's cursor, beside a log that is already there: refused as damaged, or what it
 * names is appended once, whatever stands in the log stays, and the next text goes behind it. The first
 * line is the log's content, the rest the cursor. */
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "folder.h"
#include "hub/journal.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_log(const struct journal_place *place, struct buf *out, struct arena *arena)
{
    FILE *file = fopen(arena_printf(arena, "%s/%s", place->dir, place->names[0]), "re");
    out->len = 0;
    if (file)
        buf_grow(out, fread(buf_room(out, 1 << 20), 1, 1 << 20, file));
    if (file)
        fclose(file);
}

static void go_on(struct journal *journal, const struct journal_place *place, struct arena *arena)
{
    struct buf before = {0}, after = {0};
    struct err err = {0};
    int64_t seq = journal_seq(journal);
    const char *const texts[JOURNAL_FILES] = {"a new line\n", ""};
    PROPERTY(seq >= 0, "a cursor is a number");
    read_log(place, &before, arena);
    if (seq < INT64_MAX) {
        PROPERTY(journal_write(journal, seq + 1, texts, &err) == 0, "a journal goes on");
        PROPERTY(journal_write(journal, seq + 1, texts, &err) == 0, "and is asked twice");
        read_log(place, &after, arena);
        PROPERTY(after.len >= before.len + strlen(texts[0]) && after.len <= before.len + strlen(texts[0]) + 1,
                 "a text is appended once");
        PROPERTY(str_ends(buf_text(&after), texts[0]) || memchr(after.bytes, '\0', after.len), "at the end");
    }
    buf_fini(&before);
    buf_fini(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct err err = {0};
    struct buf log = {0};
    const char *line = size ? memchr(data, '\n', size) : NULL;
    size_t head = line ? (size_t)(line - (const char *)data) : 0, skip = line ? head + 1 : 0;
    mkdir(arena_printf(&arena, "%s/logs", fuzz_folder()), 0700);
    fuzz_file_remove("logs/b.md");
    fuzz_file("logs/a.md", data, head);
    const char *cursor = arena_strdup(&arena, fuzz_file("cursor.json", data + skip, size - skip));
    const struct journal_place place = {cursor, arena_printf(&arena, "%s/logs", fuzz_folder()), {"a.md", "b.md"}};
    struct journal *journal = journal_open(&place, &err);
    read_log(&place, &log, &arena);
    PROPERTY(log.len >= head && (head == 0 || memcmp(log.bytes, data, head) == 0), "what is in the log stays");
    if (journal)
        go_on(journal, &place, &arena);
    else
        PROPERTY(*err.message, "a refusal says why");
    journal_close(journal);
    buf_fini(&log);
    arena_fini(&arena);
    return 0;
}
