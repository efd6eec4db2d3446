/* The files that a workflow names: found in its folder or in a bundle's text, read once. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/values.h"
#include "flow/files.h"

bool flow_file_is_inside(const struct flow_bundle *bundle, const char *path)
{
    char *real = realpath(path, NULL);
    bool inside = real && str_starts(real, bundle->dir) &&
                  (real[strlen(bundle->dir)] == '/' || strcmp(bundle->dir, "/") == 0);
    int saved = real ? EACCES : errno;
    free(real);
    errno = saved;
    return inside;
}

static int read_disk(struct flow_bundle *bundle, const char *name, struct buf *out, struct err *err)
{
    struct stat info;
    char *path = arena_printf(&bundle->arena, "%s/%s", bundle->dir, name);
    if (!flow_file_is_inside(bundle, path))
        return errno == EACCES ? err_set(err, "no_file", "\"%s\" leads out of the folder", name)
               : errno == ENOENT || errno == ENOTDIR
                   ? err_set(err, "no_file", "there is no file \"%s\"", name)
                   : err_errno(err, "no_file", "\"%s\" cannot be opened", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), result = 0;
    if (fd < 0 || fstat(fd, &info) < 0)
        result = err_errno(err, "no_file", "\"%s\" cannot be opened", name);
    else if (!S_ISREG(info.st_mode))
        result = err_set(err, "no_file", "\"%s\" is not a file", name);
    else if (file_read(fd, LIMIT_CONFIG_BYTES, out) < 0)
        result = err_errno(err, "no_file", "\"%s\" cannot be read", name);
    if (fd >= 0)
        close(fd);
    return result;
}

static int read_given(struct flow_bundle *bundle, const char *name, struct buf *out,
                      struct err *err)
{
    const json_t *text = json_object_get(bundle->given, name);
    if (!text)
        return err_set(err, "no_file", "there is no file \"%s\"", name);
    buf_put(out, json_string_value(text), json_string_length(text));
    return 0;
}

static struct flow_bundle_file *file_add(struct flow_bundle *bundle, const char *name,
                                         const struct buf *text)
{
    struct flow_bundle_file *file = arena_alloc(&bundle->arena, sizeof(*file));
    file->name = arena_strdup(&bundle->arena, name);
    file->text = arena_memdup(&bundle->arena, buf_text(text), text->len);
    file->len = text->len;
    findings_init(&file->findings, &bundle->arena);
    if (bundle->count == bundle->cap) {
        size_t cap = bundle->cap ? bundle->cap * 2 : 16;
        struct flow_bundle_file **files =
            arena_alloc(&bundle->arena, cap * sizeof(struct flow_bundle_file *));
        if (bundle->count)
            memcpy(files, bundle->files, bundle->count * sizeof(struct flow_bundle_file *));
        bundle->files = files;
        bundle->cap = cap;
    }
    bundle->files[bundle->count++] = file;
    map_put(&bundle->by_name, name, file);
    return file;
}

struct flow_bundle_file *flow_file_open(struct flow_bundle *bundle, const char *name,
                                        struct err *err)
{
    struct flow_bundle_file *file = map_get(&bundle->by_name, name);
    if (file)
        return file;
    if (bundle->count >= LIMIT_FLOW_FILES) {
        err_set(err, "no_file", "more than %d files belong to it", LIMIT_FLOW_FILES);
        return NULL;
    }
    struct buf text = {0};
    int result =
        bundle->given ? read_given(bundle, name, &text, err) : read_disk(bundle, name, &text, err);
    if (result == 0)
        file = file_add(bundle, name, &text);
    buf_fini(&text);
    return file;
}

/* Takes the last part off; false where there is none. */
static bool up(struct buf *name)
{
    if (!name->len)
        return false;
    const char *slash = strrchr(buf_text(name), '/');
    name->len = slash ? (size_t)(slash - buf_text(name)) : 0;
    name->bytes[name->len] = '\0';
    return true;
}

const char *flow_file_name(struct flow_bundle *bundle, const char *from, const char *path)
{
    struct buf name = {0};
    bool fine = *path && *path != '/';
    const char *slash = strrchr(from, '/');
    buf_put(&name, from, slash ? (size_t)(slash - from) : 0);
    while (fine && *path) {
        size_t len = strcspn(path, "/");
        if (len == 2 && strncmp(path, "..", 2) == 0)
            fine = up(&name);
        else if (len && !(len == 1 && *path == '.'))
            buf_printf(&name, "%s%.*s", name.len ? "/" : "", (int)len, path);
        path += len + (path[len] == '/');
    }
    const char *found = fine && name.len ? arena_strdup(&bundle->arena, buf_text(&name)) : NULL;
    buf_fini(&name);
    return found;
}

const char *flow_entry_of(struct arena *arena, const char *name)
{
    static const char suffix[] = ".yaml";
    size_t len = strlen(name), cut = str_ends(name, suffix) ? strlen(suffix) : 0;
    return arena_memdup(arena, name, len - cut);
}

static const char *folder_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? arena_memdup(arena, path, (size_t)(slash - path) + 1) : "";
}

int flow_files_open_folder(struct flow_bundle *bundle, const char *path, struct err *err)
{
    char *real = realpath(path, NULL);
    if (!real)
        return err_errno(err, "no_file", "cannot be opened");
    char *slash = strrchr(real, '/');
    if (!value_is_file(slash + 1)) {
        err_set(err, "no_file",
                "the name of a workflow's file has other characters than A-Z a-z 0-9 - _ . +: "
                "rename it");
        free(real);
        return -1;
    }
    bundle->entry = arena_strdup(&bundle->arena, slash + 1);
    slash[slash == real] = '\0';
    bundle->dir = arena_strdup(&bundle->arena, real);
    bundle->shown = folder_of(&bundle->arena, path);
    free(real);
    return 0;
}
