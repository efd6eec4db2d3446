/* Compares and writes the files of a new company. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/str.h"
#include "setup/company_folder.h"

enum { FILES_MOST = 256, FILE_MOST = 1 << 20 };

static const char ignore[] = "# What belongs to this machine, and nobody else.\n"
                             "/state/\n/secrets/\n/instances/\n/backups/\n";

struct planning {
    const char *dir;
    struct arena *arena;
    struct company_files files;
};

static int first_difference(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int line = 1;
    for (size_t i = 0; i < a_len && i < b_len && a[i] == b[i]; i++)
        line += a[i] == '\n';
    return line;
}

static void compare(struct planning *plan, struct company_file *file)
{
    struct buf there = {0};
    struct stat info;
    const char *path = arena_printf(plan->arena, "%s/%s", plan->dir, file->path);
    file->state = COMPANY_FILE_NEW;
    if (lstat(path, &info) < 0)
        return;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool read = fd >= 0 && file_read(fd, FILE_MOST, &there) == 0;
    if (fd >= 0)
        close(fd);
    bool same =
        read && there.len == file->size && memcmp(there.bytes, file->bytes, file->size) == 0;
    file->state = same ? COMPANY_FILE_SAME : COMPANY_FILE_DIFFERS;
    if (!same && read)
        file->line = first_difference(file->bytes, file->size, buf_text(&there), there.len);
    buf_fini(&there);
}

static void add(struct planning *plan, const char *path, const char *bytes, size_t size)
{
    if (plan->files.count == FILES_MOST)
        return;
    struct company_file *file = &plan->files.items[plan->files.count++];
    *file = (struct company_file){.path = path, .bytes = bytes, .size = size};
    compare(plan, file);
}

static struct planning begin(const char *dir, struct arena *arena)
{
    struct planning plan = {.dir = dir, .arena = arena};
    plan.files.items = arena_alloc(arena, FILES_MOST * sizeof(*plan.files.items));
    return plan;
}

/* Scripts are what offline models say. */
static bool is_wanted(const struct company_choice *choice, const char *path)
{
    return !str_eq(path, "hq.yaml") && !str_eq(path, "scripts/demo.yaml") &&
           (!choice->provider || !str_starts(path, "scripts/"));
}

struct company_files company_folder_plan(const char *dir, const struct company_choice *choice,
                                         const char *hq_yaml, struct arena *arena)
{
    struct planning plan = begin(dir, arena);
    add(&plan, ".gitignore", ignore, strlen(ignore));
    for (const struct template_file *file = hq_yaml ? choice->template->files : NULL;
         file && file->path; file++)
        if (is_wanted(choice, file->path))
            add(&plan, file->path, file->bytes, file->size);
    if (hq_yaml)
        add(&plan, "hq.yaml", hq_yaml, strlen(hq_yaml));
    return plan.files;
}

/* Writes under a name of its own first: a file of a company is whole or not there. */
static int write_file(const char *dir, const struct company_file *file, struct err *err)
{
    struct arena arena = {0};
    const char *slash = strrchr(file->path, '/');
    const char *name = slash ? slash + 1 : file->path;
    const char *draft =
        arena_printf(&arena, "%.*s.%s.new", (int)(name - file->path), file->path, name);
    const char *from = arena_printf(&arena, "%s/%s", dir, draft);
    const char *to = arena_printf(&arena, "%s/%s", dir, file->path);
    struct folder_file put = {.name = draft, .bytes = file->bytes, .len = file->size};
    unlink(from); /* of a command that was killed */
    int rc = folder_put(dir, &put, err);
    crash_point("setup.file.before");
    if (rc == 0 && link(from, to) < 0)
        rc = err_errno(err, "no_file", "%s cannot be put in place", to);
    unlink(from);
    crash_point("setup.file.after");
    arena_fini(&arena);
    return rc;
}

static int make_secrets(const char *dir, struct err *err)
{
    struct arena arena = {0};
    int rc = folder_make(arena_printf(&arena, "%s/secrets", dir), err);
    arena_fini(&arena);
    return rc;
}

int company_files_write(const char *dir, const struct company_files *files, struct err *err)
{
    if (folder_make(dir, err) < 0)
        return -1;
    for (size_t i = 0; i < files->count; i++)
        if (files->items[i].state == COMPANY_FILE_NEW && write_file(dir, &files->items[i], err) < 0)
            return -1;
    return folder_sync(dir, err);
}

int company_folder_write(const char *dir, const struct company_files *files, struct err *err)
{
    return make_secrets(dir, err) < 0 ? -1 : company_files_write(dir, files, err);
}

/* The text of the template for one agent with its name in the place of "Assistant". */
static const char *renamed(const char *text, const char *name, struct arena *arena)
{
    static const char old[] = "Assistant";
    struct buf out = {0};
    for (const char *at; (at = strstr(text, old)); text = at + strlen(old)) {
        buf_put(&out, text, (size_t)(at - text));
        buf_puts(&out, name);
    }
    buf_puts(&out, text);
    const char *result = arena_strdup(arena, buf_text(&out));
    buf_fini(&out);
    return result;
}

struct company_files company_workspace_plan(const char *workspace, const char *name,
                                            struct arena *arena)
{
    static const char from[] = "workspaces/assistant/";
    struct planning plan = begin(workspace, arena);
    for (const struct template_file *file = template_find("solo")->files; file->path; file++) {
        if (!str_starts(file->path, from))
            continue;
        const char *text = renamed(file->bytes, name, arena);
        add(&plan, file->path + strlen(from), text, strlen(text));
    }
    return plan.files;
}
