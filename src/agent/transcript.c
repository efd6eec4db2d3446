/* The file: header, append what lacks, cut what is torn, read the conversation back. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/entries.h"
#include "agent/transcript.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/map.h"
#include "base/str.h"
#include "base/time.h"

char *transcript_path(const char *instance, const char *session_id, struct arena *arena)
{
    return arena_printf(arena, "%s/agents/main/sessions/%s.jsonl", instance, session_id);
}

/* What the file says already: which entries, and which is the last. */
struct known {
    struct map ids;
    char last[16];
    size_t whole; /* bytes up to the end of the last whole line */
};

static void learn_line(struct known *known, const char *line, size_t len)
{
    static char yes;
    json_t *entry = json_parse(line, len, NULL);
    const char *id = json_get_text(entry, "id", NULL);
    if (id && !str_eq(json_get_text(entry, "type", ""), "session")) {
        map_put(&known->ids, id, &yes);
        strncpy(known->last, id, sizeof(known->last) - 1);
    }
    json_decref(entry);
}

static void learn(struct known *known, const struct buf *bytes)
{
    const char *text = buf_text(bytes);
    for (size_t at = 0; at < bytes->len;) {
        const char *end = memchr(text + at, '\n', bytes->len - at);
        if (!end)
            break;
        learn_line(known, text + at, (size_t)(end - text) - at);
        at = known->whole = (size_t)(end - text) + 1;
    }
}

static void append_line(struct buf *out, json_t *entry)
{
    json_put(out, entry, 0);
    buf_putc(out, '\n');
}

static void append_header(const struct transcript *transcript, struct buf *out)
{
    char now[TIME_TEXT];
    time_rfc3339(time_wall_ms(), now);
    json_t *header =
        json_pack("{s:s,s:i,s:s,s:s,s:s}", "type", "session", "version", 3, "id",
                  transcript->session_id, "timestamp", now, "cwd", transcript->workspace);
    append_line(out, header);
    json_decref(header);
}

static void append_turn(struct known *known, const json_t *item, struct buf *out)
{
    static char yes;
    json_t *entries = entries_of_turn(item);
    size_t i;
    json_t *entry;
    json_array_foreach (entries, i, entry) {
        const char *id = json_get_text(entry, "id", "");
        if (map_get(&known->ids, id))
            continue;
        json_object_set_new(entry, "parentId",
                            *known->last ? json_string(known->last) : json_null());
        append_line(out, entry);
        map_put(&known->ids, id, &yes);
        strncpy(known->last, id, sizeof(known->last) - 1);
    }
    json_decref(entries);
}

static int write_all(int fd, const struct buf *out, off_t at)
{
    size_t done = 0;
    while (done < out->len) {
        ssize_t put = pwrite(fd, out->bytes + done, out->len - done, at + (off_t)done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        done += (size_t)put;
    }
    return 0;
}

static int open_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == ENOENT) {
        struct arena arena = {0};
        char *folder = arena_memdup(&arena, path, (size_t)(strrchr(path, '/') - path));
        int rc = folder_make(folder, err);
        arena_fini(&arena);
        if (rc < 0)
            return -1;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    if (fd < 0)
        err_errno(err, "transcript", "cannot open %s", path);
    return fd;
}

int transcript_project(const struct transcript *transcript, const json_t *items, struct err *err)
{
    struct buf bytes = {0}, out = {0};
    struct known known = {0};
    size_t i;
    const json_t *item;
    int rc = -1;
    int fd = open_file(transcript->path, err);
    if (fd < 0)
        return -1;
    if (file_read(fd, SIZE_MAX, &bytes) < 0)
        goto out;
    learn(&known, &bytes);
    if (known.whole == 0)
        append_header(transcript, &out);
    json_array_foreach (items, i, item)
        append_turn(&known, item, &out);
    if (known.whole < bytes.len && ftruncate(fd, (off_t)known.whole) < 0)
        goto out;
    rc = write_all(fd, &out, (off_t)known.whole);
out:
    if (rc < 0)
        err_errno(err, "transcript", "cannot write %s", transcript->path);
    close(fd);
    map_fini(&known.ids);
    buf_fini(&bytes);
    buf_fini(&out);
    return rc;
}

int transcript_sync(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_errno(err, "transcript", "cannot open %s", path);
    int rc = fdatasync(fd) < 0 ? err_errno(err, "transcript", "cannot sync %s", path) : 0;
    close(fd);
    return rc;
}

/* The header of this session, or an entry of this turn. */
static bool is_own_line(const char *line, size_t len, const char *session_id, const char *task)
{
    json_t *entry = json_parse(line, len, NULL);
    bool is_header = str_eq(json_get_text(entry, "type", ""), "session");
    bool own = is_header ? str_eq(json_get_text(entry, "id", ""), session_id)
                         : str_eq(json_get_text(entry, "turn", ""), task);
    json_decref(entry);
    return own;
}

static bool is_own(const struct buf *bytes, const char *session_id, const char *task)
{
    const char *text = buf_text(bytes);
    for (size_t at = 0; at < bytes->len;) {
        const char *end = memchr(text + at, '\n', bytes->len - at);
        if (!end || !is_own_line(text + at, (size_t)(end - text) - at, session_id, task))
            return false;
        at = (size_t)(end - text) + 1;
    }
    return true;
}

int transcript_look(const char *path, const char *session_id, const char *task, struct err *err)
{
    struct buf bytes = {0};
    struct stat st;
    int result = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP))
        return errno == ENOENT ? TRANSCRIPT_ABSENT : TRANSCRIPT_FOREIGN;
    if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
        result = TRANSCRIPT_FOREIGN;
    else if (fd >= 0 && file_read(fd, SIZE_MAX, &bytes) == 0)
        result = is_own(&bytes, session_id, task) ? TRANSCRIPT_OWN : TRANSCRIPT_FOREIGN;
    else
        err_errno(err, "transcript", "cannot read %s", path);
    if (fd >= 0)
        close(fd);
    buf_fini(&bytes);
    return result;
}

/* The start of the newest lines that fit into max_bytes. */
static size_t window_start(const struct buf *bytes, size_t max_bytes)
{
    if (bytes->len <= max_bytes)
        return 0;
    const char *text = buf_text(bytes);
    const char *line = memchr(text + bytes->len - max_bytes, '\n', max_bytes);
    return line ? (size_t)(line - text) + 1 : bytes->len;
}

static bool has_result(const json_t *messages, size_t from, const char *id)
{
    for (size_t i = from; i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i);
        if (!str_eq(json_get_text(message, "role", ""), "tool"))
            return false;
        if (str_eq(json_get_text(message, "call_id", ""), id))
            return true;
    }
    return false;
}

/* Providers refuse a tool call without its result: a turn that was cut short gets one that says so. */
static void repair_calls(json_t *messages)
{
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *calls = json_object_get(json_array_get(messages, i), "tool_calls");
        for (size_t k = json_array_size(calls); k-- > 0;) {
            const json_t *call = json_array_get(calls, k);
            const char *id = json_get_text(call, "id", "");
            if (has_result(messages, i + 1, id))
                continue;
            json_array_insert_new(
                messages, i + 1,
                json_pack("{s:s,s:s,s:s,s:s,s:b}", "role", "tool", "call_id", id, "name",
                          json_get_text(call, "name", ""), "text",
                          "The turn ended before this call had a result.", "is_error", 1));
        }
    }
}

int transcript_read(const char *path, size_t max_bytes, json_t *messages, struct err *err)
{
    struct buf bytes = {0};
    bool started = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_errno(err, "transcript", "cannot open %s", path);
    int rc = file_read(fd, SIZE_MAX, &bytes) < 0 ? err_errno(err, "transcript", "cannot read %s", path) : 0;
    close(fd);
    const char *text = buf_text(&bytes);
    for (size_t at = window_start(&bytes, max_bytes); rc == 0 && at < bytes.len;) {
        const char *end = memchr(text + at, '\n', bytes.len - at);
        if (!end)
            break;
        json_t *entry = json_parse(text + at, (size_t)(end - text) - at, NULL);
        json_t *message = entry ? entry_to_message(entry) : NULL;
        started = started || str_eq(json_get_text(message, "role", ""), "user");
        if (message && started)
            json_array_append(messages, message);
        json_decref(message);
        json_decref(entry);
        at = (size_t)(end - text) + 1;
    }
    repair_calls(messages);
    buf_fini(&bytes);
    return rc;
}
