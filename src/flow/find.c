/* The workflows of a folder, by name. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/str.h"
#include "config/values.h"
#include "flow/bundle.h"

enum { WORKFLOWS_MOST = 1000 };

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* The path of a folder's entry that is a workflow, else NULL. */
static const char *path_of(const char *dir, const char *name, struct arena *arena)
{
    if (*name == '.' || str_ends(name, ".test.yaml"))
        return NULL;
    const char *path = arena_printf(arena, "%s/%s", dir, name);
    if (str_ends(name, ".yaml"))
        return is_file(path) ? path : NULL;
    path = arena_printf(arena, "%s/workflow.yaml", path);
    return is_file(path) ? path : NULL;
}

static const char *name_of(const char *path, struct arena *arena)
{
    static const char own[] = "/workflow.yaml";
    size_t len = strlen(path) - (str_ends(path, own) ? strlen(own) : strlen(".yaml"));
    char *cut = arena_memdup(arena, path, len);
    return strrchr(cut, '/') ? strrchr(cut, '/') + 1 : cut;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t flow_list(const char *dir, struct arena *arena, const char *const **paths)
{
    static const char *const none[] = {NULL};
    const char **found = arena_alloc(arena, (WORKFLOWS_MOST + 1) * sizeof(*found));
    size_t count = 0;
    DIR *folder = opendir(dir);
    *paths = none;
    if (!folder)
        return 0;
    for (struct dirent *entry; count < WORKFLOWS_MOST && (entry = readdir(folder));) {
        const char *path = path_of(dir, entry->d_name, arena);
        if (path)
            found[count++] = path;
    }
    closedir(folder);
    qsort(found, count, sizeof(*found), by_text);
    *paths = found;
    return count;
}

static char *not_found(const char *dir, const char *name, struct arena *arena, struct err *err)
{
    const char *const *paths;
    size_t count = flow_list(dir, arena, &paths);
    const char **names = arena_alloc(arena, (count + 1) * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = name_of(paths[i], arena);
    const char *near = str_nearest(name, names);
    err_set(err, "no_workflow", "there is no workflow \"%.80s\" in %.300s", name, dir);
    if (near)
        err_hint(err, "did you mean \"%s\"?", near);
    else
        err_hint(err, "`hq flow list` shows what there is; a path to a file will do, too");
    return NULL;
}

char *flow_find(const char *dir, const char *name, struct arena *arena, struct err *err)
{
    if (strchr(name, '/') || str_ends(name, ".yaml") || str_ends(name, ".yml")) {
        if (is_file(name))
            return arena_strdup(arena, name);
        if (!strchr(name, '/') && is_file(arena_printf(arena, "%s/%s", dir, name)))
            return arena_printf(arena, "%s/%s", dir, name);
        err_set(err, "no_workflow", "there is no file %.300s", name);
        return NULL;
    }
    if (value_is_name(name)) {
        char *path = arena_printf(arena, "%s/%s.yaml", dir, name);
        if (is_file(path))
            return path;
        path = arena_printf(arena, "%s/%s/workflow.yaml", dir, name);
        if (is_file(path))
            return path;
    }
    return not_found(dir, name, arena, err);
}
