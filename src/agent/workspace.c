/* Reads the personality files anew for every turn, so that an edit counts at once. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/workspace.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"

enum { WORKSPACE_READ_MAX = 4 << 20, READ_PIECE = 65536 };

/* Returns false where the file is not there (or no plain file). */
static bool read_file(const char *path, struct buf *bytes)
{
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return false;
    bool plain = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode);
    while (plain && bytes->len < WORKSPACE_READ_MAX) {
        size_t piece = (size_t)stat.st_size < READ_PIECE ? (size_t)stat.st_size + 1 : READ_PIECE;
        ssize_t got = read(fd, buf_room(bytes, piece), piece);
        if (got <= 0)
            break;
        buf_grow(bytes, (size_t)got);
    }
    close(fd);
    return plain;
}

/* Head 70 %, a marker that names the file, tail 20 %. */
static void append_cut(const char *name, const char *text, size_t len, struct buf *out)
{
    if (len <= LIMIT_WORKSPACE_FILE) {
        buf_put(out, text, len);
        return;
    }
    size_t head = str_utf8_cut(text, len, LIMIT_WORKSPACE_FILE * 7 / 10);
    size_t tail = len - LIMIT_WORKSPACE_FILE * 2 / 10;
    while (tail < len && ((unsigned char)text[tail] & 0xc0) == 0x80)
        tail++;
    buf_put(out, text, head);
    buf_printf(out, "\n\n[… %zu characters of %s left out; read the file for all of it …]\n\n",
               tail - head, name);
    buf_put(out, text + tail, len - tail);
}

static void append_file(const char *workspace, const char *name, bool needed, struct buf *out)
{
    struct arena arena = {0};
    struct buf bytes = {0};
    const char *path = arena_printf(&arena, "%s/%s", workspace, name);
    if (read_file(path, &bytes)) {
        const char *text = str_clean_utf8(&arena, buf_text(&bytes), bytes.len);
        buf_printf(out, "\n## %s\n\n", path);
        append_cut(name, text, strlen(text), out);
        buf_puts(out, "\n");
    } else if (needed) {
        buf_printf(out, "\n## %s\n\n[missing: expected at %s]\n", path, path);
    }
    buf_fini(&bytes);
    arena_fini(&arena);
}

void workspace_append_context(const char *workspace, struct buf *out)
{
    static const struct {
        const char *name;
        bool needed;
    } files[] = {
        {"AGENTS.md", true}, {"SOUL.md", true},       {"TOOLS.md", true},
        {"IDENTITY.md", true}, {"USER.md", true},     {"HEARTBEAT.md", true},
        {"BOOTSTRAP.md", false}, {"MEMORY.md", false},
    };
    buf_puts(out, "\n# Project Context\n\nThe files of your workspace. If SOUL.md is among them, be "
                  "who it describes.\n");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        append_file(workspace, files[i].name, files[i].needed, out);
}
