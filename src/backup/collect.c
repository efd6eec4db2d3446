/* Walks the company's folders: what goes into a backup, and what is told to be left out. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backup/backup.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/str.h"
#include "config/config.h"

enum { LEFT_OUT_MOST = 1000 /* nobody reads more; the last one says that there are more */ };

struct walk {
    const char *skipped[3]; /* absolute paths; NULL: none */
    struct arena *arena;
    struct backup_files *files;
    struct err *err;
};

__attribute__((format(printf, 2, 3))) static void leave_out(struct walk *walk, const char *format,
                                                            ...)
{
    struct backup_files *files = walk->files;
    va_list args;
    if (!files->left_out)
        files->left_out = arena_alloc(walk->arena, (LEFT_OUT_MOST + 1) * sizeof(char *));
    if (files->left_count > LEFT_OUT_MOST)
        return;
    va_start(args, format);
    files->left_out[files->left_count] = files->left_count == LEFT_OUT_MOST
                                             ? "… and more"
                                             : arena_vprintf(walk->arena, format, args);
    files->left_count++;
    va_end(args);
}

static void add_file(struct walk *walk, const char *path, const char *source, const struct stat *st)
{
    struct backup_files *files = walk->files;
    if (files->count == files->cap) {
        size_t cap = files->cap ? files->cap * 2 : 256;
        struct backup_file *more = arena_alloc(walk->arena, cap * sizeof(*more));
        if (files->count)
            memcpy(more, files->list, files->count * sizeof(*more));
        files->list = more;
        files->cap = cap;
    }
    files->list[files->count++] = (struct backup_file){
        .path = path,
        .source = source,
        .size = st->st_size,
        .mtime = st->st_mtime > 0 ? st->st_mtime : 0,
        .executable = (st->st_mode & 0100) != 0,
    };
    files->bytes += st->st_size;
}

static bool is_skipped(const struct walk *walk, const char *source)
{
    const char *slash = strrchr(source, '/');
    for (size_t i = 0; i < 3; i++)
        if (walk->skipped[i] && str_eq(source, walk->skipped[i]))
            return true;
    return str_eq(slash, "/.git") || str_ends(source, BACKUP_SUFFIX) ||
           str_ends(source, BACKUP_SUFFIX ".part");
}

static int walk_folder(struct walk *walk, const char *path, const char *source);

static int walk_entry(struct walk *walk, const char *path, const char *source)
{
    struct stat st;
    if (is_skipped(walk, source))
        return 0;
    if (lstat(source, &st) < 0)
        return errno == ENOENT ? 0
                               : err_errno(walk->err, "backup_failed", "cannot look at %s", source);
    if (!folder_name_is_inside(path) || !str_is_utf8(path, strlen(path)))
        leave_out(walk, "%s: a name that not every system can have", source);
    else if (S_ISDIR(st.st_mode))
        return walk_folder(walk, path, source);
    else if (S_ISLNK(st.st_mode))
        leave_out(walk, "%s: a symbolic link", path);
    else if (!S_ISREG(st.st_mode))
        leave_out(walk, "%s: no file", path);
    else
        add_file(walk, path, source, &st);
    return 0;
}

/* `path` is "" for the company's own folder. */
static int walk_folder(struct walk *walk, const char *path, const char *source)
{
    struct dirent **entries;
    int rc = 0, count = scandir(source, &entries, NULL, alphasort);
    if (count < 0 && errno == EACCES)
        leave_out(walk, "%s: may not be read", path);
    if (count < 0)
        return errno == ENOENT || errno == EACCES
                   ? 0
                   : err_errno(walk->err, "backup_failed", "cannot read the folder %s", source);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (rc == 0 && !str_eq(name, ".") && !str_eq(name, ".."))
            rc = walk_entry(walk, arena_printf(walk->arena, "%s%s%s", path, *path ? "/" : "", name),
                            arena_printf(walk->arena, "%s/%s", source, name));
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* What the company uses and does not hold: its owner backs that up otherwise. */
static void note_outside(struct walk *walk, const char *dir, const char *what, const char *path)
{
    if (path && !is_below(path, dir))
        leave_out(walk, "%s: %s lies outside of the company's folder", path, what);
}

static void note_all_outside(struct walk *walk, const struct config *config)
{
    const char *dir = config->dir;
    note_outside(walk, dir, "the folder of workflows", config->workflows);
    note_outside(walk, dir, "the shared folder", config->shared_dir);
    note_outside(walk, dir, "the folder of jobs", config->jobs);
    for (size_t i = 0; i < config->agent_count; i++) {
        const struct config_agent *agent = &config->agents[i];
        note_outside(walk, dir, arena_printf(walk->arena, "the workspace of %s", agent->id),
                     agent->workspace);
        note_outside(walk, dir, arena_printf(walk->arena, "the instance of %s", agent->id),
                     agent->instance);
    }
}

int backup_collect(const struct config *config, bool with_secrets, struct arena *arena,
                   struct backup_files *files, struct err *err)
{
    static const char *const of_state[] = {"archive", "runs"};
    *files = (struct backup_files){0};
    struct walk walk = {
        .skipped = {config->state, arena_printf(arena, "%s/backups", config->dir),
                    with_secrets ? NULL : config->secrets},
        .arena = arena,
        .files = files,
        .err = err,
    };
    int rc = walk_folder(&walk, "", config->dir);
    for (size_t i = 0; i < 2 && rc == 0; i++)
        rc = walk_entry(&walk, arena_printf(arena, "state/%s", of_state[i]),
                        arena_printf(arena, "%s/%s", config->state, of_state[i]));
    note_all_outside(&walk, config);
    return rc;
}

int backup_collect_folder(const char *folder, const char *prefix, struct arena *arena,
                          struct backup_files *files, struct err *err)
{
    struct walk walk = {.arena = arena, .files = files, .err = err};
    *files = (struct backup_files){0};
    return walk_folder(&walk, prefix, folder);
}
