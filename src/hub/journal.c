/* Appends with a cursor written ahead. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "hub/journal.h"

enum {
    SEQ_UNSAVED = 1000,      /* looked at again after a death where nothing was to be written */
    CURSOR_BYTES = 4 << 20,  /* a few hundred lines */
    LOOK_BACK = 1024 * 1024, /* where a person has shortened the file */
};

struct journal {
    struct arena arena;
    struct journal_place place;
    int64_t seq, saved;
    bool has_pending; /* the cursor on disk names texts that may not be in the files */
};

/* Text that is to be in a file, and where it was to begin. */
struct pending {
    size_t file;
    const char *text;
    int64_t offset;
};

static int sync_folder_of(const char *path, struct arena *arena)
{
    const char *slash = strrchr(path, '/');
    const char *dir = slash ? arena_memdup(arena, path, (size_t)(slash - path)) : ".";
    int fd = open(*dir ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Replaces the cursor as a whole. */
static int save(struct journal *journal, int64_t next, const struct pending *pending,
                struct err *err)
{
    struct arena arena = {0};
    const char *path = journal->place.cursor;
    const char *draft = arena_printf(&arena, "%s.new", path);
    json_t *files = json_array();
    for (size_t i = 0; pending && i < JOURNAL_FILES; i++) {
        json_t *file = json_object();
        json_object_set_new(file, "offset", json_integer(pending[i].offset));
        json_set_text(file, "text", pending[i].text);
        json_array_append_new(files, file);
    }
    json_t *cursor = json_pack("{s:i,s:I,s:o}", "v", 1, "seq", (json_int_t)next, "pending", files);
    const char *text = json_print(&arena, cursor);
    crash_point("chronicle.cursor.before");
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), rc = -1;
    if (fd >= 0 && file_write(fd, text, strlen(text)) == 0 && fsync(fd) == 0 &&
        rename(draft, path) == 0 && sync_folder_of(path, &arena) == 0)
        rc = 0;
    else
        err_errno(err, "journal", "the cursor %s cannot be written", path);
    crash_point("chronicle.cursor.after");
    if (fd >= 0)
        close(fd);
    journal->has_pending = pending != NULL;
    json_decref(cursor);
    arena_fini(&arena);
    return rc;
}

/* A regular file of the folder, opened for reading and appending. */
static int open_file(const struct journal *journal, size_t i, struct stat *info, struct err *err)
{
    struct arena arena = {0};
    const char *path = arena_printf(&arena, "%s/%s", journal->place.dir, journal->place.names[i]);
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (fd < 0 || fstat(fd, info) < 0) {
        err_errno(err, "journal", "%s cannot be opened", path);
    } else if (!S_ISREG(info->st_mode)) {
        err_set(err, "journal", "%s is not a file", path);
    } else {
        arena_fini(&arena);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    arena_fini(&arena);
    return -1;
}

static int append(int fd, const char *text, size_t len, struct err *err)
{
    crash_point("chronicle.append.before");
    int rc = file_write(fd, text, len) == 0 && fsync(fd) == 0
                 ? 0
                 : err_errno(err, "journal", "the log cannot be written");
    crash_point("chronicle.append.after");
    return rc;
}

/* How much of the text's beginning is there: all of it anywhere, or a part at the very end. */
static size_t part_there(const char *content, size_t len, const char *text)
{
    size_t want = strlen(text);
    if (memmem(content, len, text, want))
        return want;
    for (size_t part = want < len ? want - (want > 0) : len; part > 0; part--)
        if (memcmp(content + len - part, text, part) == 0)
            return part;
    return 0;
}

static int complete(const struct journal *journal, const struct pending *pending, struct err *err)
{
    struct stat info;
    struct buf content = {0};
    if (str_is_empty(pending->text))
        return 0;
    int fd = open_file(journal, pending->file, &info, err), rc = -1;
    if (fd < 0)
        return -1;
    int64_t from = pending->offset, back = (int64_t)strlen(pending->text) + LOOK_BACK;
    if (from > info.st_size)
        from = info.st_size > back ? info.st_size - back : 0;
    size_t len = (size_t)(info.st_size - from);
    ssize_t got = pread(fd, buf_room(&content, len + 1), len, from);
    if (got < 0) {
        err_errno(err, "journal", "%s cannot be read", journal->place.names[pending->file]);
    } else {
        buf_grow(&content, (size_t)got);
        size_t there = part_there(buf_text(&content), (size_t)got, pending->text);
        rc = append(fd, pending->text + there, strlen(pending->text) - there, err);
    }
    buf_fini(&content);
    close(fd);
    return rc;
}

static int read_cursor(const char *path, struct buf *text, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_errno(err, "journal", "%s cannot be opened", path);
    ssize_t got;
    while ((got = read(fd, buf_room(text, 65536), 65536)) > 0 && text->len < CURSOR_BYTES)
        buf_grow(text, (size_t)got);
    close(fd);
    return got < 0 ? err_errno(err, "journal", "%s cannot be read", path) : 0;
}

/* Appends what the cursor still names, and strikes it. */
static int complete_all(struct journal *journal, const json_t *cursor, struct err *err)
{
    const json_t *list = json_object_get(cursor, "pending");
    if (json_array_size(list) == 0 || !journal->place.dir)
        return 0;
    for (size_t i = 0; i < JOURNAL_FILES; i++) {
        const json_t *file = json_array_get(list, i);
        struct pending pending = {i, json_get_text(file, "text", NULL),
                                  json_get_int(file, "offset", 0)};
        if (complete(journal, &pending, err) < 0)
            return -1;
    }
    return save(journal, journal->seq, NULL, err);
}

static int recover(struct journal *journal, struct err *err)
{
    struct buf text = {0};
    int rc = read_cursor(journal->place.cursor, &text, err);
    json_t *cursor = rc == 0 && text.len ? json_parse(text.bytes, text.len, NULL) : NULL;
    if (rc == 0 && text.len && json_get_int(cursor, "seq", -1) < 0) {
        rc = err_set(err, "journal", "the cursor %s is damaged", journal->place.cursor);
        err_hint(err, "remove it to have everything written anew, or put back a copy");
    }
    if (rc == 0 && cursor) {
        journal->seq = journal->saved = json_get_int(cursor, "seq", 0);
        rc = complete_all(journal, cursor, err);
    }
    journal->has_pending = journal->has_pending && rc < 0;
    json_decref(cursor);
    buf_fini(&text);
    return rc;
}

struct journal *journal_open(const struct journal_place *place, struct err *err)
{
    struct journal *journal = mem_zalloc(sizeof(*journal));
    journal->place.cursor = arena_strdup(&journal->arena, place->cursor);
    journal->place.dir = arena_strdup(&journal->arena, place->dir);
    for (size_t i = 0; i < JOURNAL_FILES; i++)
        journal->place.names[i] = arena_strdup(&journal->arena, place->names[i]);
    if ((!place->dir || folder_make(place->dir, err) == 0) && recover(journal, err) == 0)
        return journal;
    journal_close(journal);
    return NULL;
}

int64_t journal_seq(const struct journal *journal)
{
    return journal->seq;
}

/* Where the text will begin; behind a last line without an end it begins with one. */
static int plan(const struct journal *journal, struct pending *pending, struct arena *arena,
                struct err *err)
{
    struct stat info;
    char last = '\n';
    if (str_is_empty(pending->text))
        return 0;
    int fd = open_file(journal, pending->file, &info, err);
    if (fd < 0)
        return -1;
    if (info.st_size > 0 && pread(fd, &last, 1, info.st_size - 1) != 1)
        last = '\n';
    close(fd);
    pending->offset = info.st_size;
    if (last != '\n')
        pending->text = arena_printf(arena, "\n%s", pending->text);
    return 0;
}

static int append_all(struct journal *journal, const struct pending *pending, struct err *err)
{
    for (size_t i = 0; i < JOURNAL_FILES; i++) {
        struct stat info;
        if (str_is_empty(pending[i].text))
            continue;
        int fd = open_file(journal, i, &info, err);
        int rc = fd < 0 ? -1 : append(fd, pending[i].text, strlen(pending[i].text), err);
        if (fd >= 0)
            close(fd);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int write_texts(struct journal *journal, int64_t seq, const char *const *texts,
                       struct err *err)
{
    struct arena arena = {0};
    struct pending pending[JOURNAL_FILES];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < JOURNAL_FILES; i++) {
        pending[i] = (struct pending){i, texts[i], 0};
        rc = plan(journal, &pending[i], &arena, err);
    }
    if (rc == 0)
        rc = save(journal, seq, pending, err);
    if (rc == 0)
        rc = append_all(journal, pending, err);
    if (rc == 0)
        rc = save(journal, seq, NULL, err);
    if (rc == 0)
        journal->seq = journal->saved = seq;
    arena_fini(&arena);
    return rc;
}

int journal_write(struct journal *journal, int64_t seq, const char *const texts[JOURNAL_FILES],
                  struct err *err)
{
    bool has_text = false;
    for (size_t i = 0; journal->place.dir && i < JOURNAL_FILES; i++)
        has_text = has_text || !str_is_empty(texts[i]);
    if (journal->has_pending && recover(journal, err) < 0)
        return -1;
    if (seq <= journal->seq)
        return 0;
    if (has_text)
        return write_texts(journal, seq, texts, err);
    journal->seq = seq;
    if (seq - journal->saved < SEQ_UNSAVED)
        return 0;
    journal->saved = seq;
    return save(journal, seq, NULL, err);
}

void journal_close(struct journal *journal)
{
    if (!journal)
        return;
    arena_fini(&journal->arena);
    free(journal);
}
