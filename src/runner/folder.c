/* Writes a bundle's files below a private temporary folder and puts it in place. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "runner/folder.h"

char *run_folder_path(const char *state, const char *run, struct arena *arena, struct err *err)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    if (run && str_starts(run, "r-") && run[2] && strspn(run + 2, letters) == strlen(run + 2) &&
        strlen(run) < 64)
        return arena_printf(arena, "%s/runs/%s", state, run);
    err_set(err, "refused", "The task belongs to no run.");
    return NULL;
}

bool run_folder_is_there(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

struct copy {
    const char *dir; /* temporary */
    run_blob *get;
    void *ctx;
};

static int write_blob(const struct copy *copy, const char *name, const json_t *blob,
                      struct err *err)
{
    struct buf bytes = {0};
    char hex[HASH_HEX];
    const char *sha256 = json_get_text(blob, "sha256", "");
    int rc = copy->get(copy->ctx, sha256, &bytes, err);
    if (rc == 0)
        hash_hex(buf_text(&bytes), bytes.len, hex);
    if (rc == 0 && !str_eq(hex, sha256))
        rc =
            err_set(err, "corrupt", "The workflow's file %.200s is not the one that it was.", name);
    struct folder_file file = {name, buf_text(&bytes), bytes.len,
                               json_get_bool(blob, "executable", false)};
    if (rc == 0)
        rc = folder_put(copy->dir, &file, err);
    buf_fini(&bytes);
    return rc;
}

static int write_bundle(const struct copy *copy, const json_t *bundle, struct err *err)
{
    const char *name;
    json_t *value;
    int rc = 0;
    json_object_foreach (json_object_get(bundle, "files"), name, value) {
        const char *text = json_string_value(value);
        struct folder_file file = {name, text ? text : "", json_string_length(value), false};
        if (rc == 0)
            rc = folder_put(copy->dir, &file, err);
    }
    json_object_foreach (json_object_get(bundle, "blobs"), name, value) {
        if (rc == 0)
            rc = write_blob(copy, name, value, err);
    }
    return rc;
}

/* Who comes second finds it there: the same files, or already with what commands made of them. */
static int put_in_place(const char *draft, const char *path, const char *parent, struct err *err)
{
    crash_point("runner.folder.before");
    if (rename(draft, path) < 0 && errno != ENOTEMPTY && errno != EEXIST)
        return err_errno(err, "no_folder", "cannot put the folder %s in place", path);
    crash_point("runner.folder.after");
    return folder_sync(parent, err);
}

int run_folder_make(const char *path, const json_t *bundle, run_blob *get, void *ctx,
                    struct err *err)
{
    struct arena arena = {0};
    char random[17];
    struct err ignored;
    rand_hex(random, 16);
    char *parent = arena_strdup(&arena, path), *slash = strrchr(parent, '/');
    *slash = '\0';
    const char *draft = arena_printf(&arena, "%s/.%s.%s", parent, slash + 1, random);
    struct copy copy = {draft, get, ctx};
    int rc = folder_make(draft, err);
    if (rc == 0)
        rc = write_bundle(&copy, bundle, err);
    if (rc == 0)
        rc = put_in_place(draft, path, parent, err);
    folder_remove(draft, &ignored);
    arena_fini(&arena);
    return rc;
}

void run_folder_clean(const char *state)
{
    struct arena arena = {0};
    struct err err;
    struct dirent *entry;
    const char *parent = arena_printf(&arena, "%s/runs", state);
    DIR *dir = opendir(parent);
    while (dir && (entry = readdir(dir)))
        if (str_starts(entry->d_name, ".r-") &&
            folder_remove(arena_printf(&arena, "%s/%s", parent, entry->d_name), &err) < 0)
            log_warn("%s", err.message);
    if (dir)
        closedir(dir);
    arena_fini(&arena);
}
