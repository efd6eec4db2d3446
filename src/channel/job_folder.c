/* Opens each part of a path by itself, so that nothing leads out. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "channel/job_folder.h"

enum { DEEPEST = 16 };

bool job_name_is_plain(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t len = strlen(name);
    return str_starts(name, "job-") && len > 4 && len <= 120 && strspn(name, letters) == len;
}

/* The descriptor of <dir>/<name>, or -1 with errno. */
static int open_folder(const char *dir, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int parent = open(dir, flags);
    int fd = parent < 0 ? -1 : openat(parent, name, flags | O_NOFOLLOW);
    int why = errno;
    if (parent >= 0)
        close(parent);
    errno = why;
    return fd;
}

/* ELOOP and ENOTDIR: something else bears the name. */
static enum job_found open_job(const char *dir, const char *name, int *fd, struct err *err)
{
    *fd = -1;
    if (!job_name_is_plain(name)) {
        err_set(err, "refused", "\"%.140s\" is not the name of a job's folder.", name);
        return JOB_REFUSED;
    }
    *fd = open_folder(dir, name);
    if (*fd >= 0)
        return JOB_FOUND;
    if (errno == ENOENT)
        return JOB_ABSENT;
    err_errno(err, "refused", "The job's folder %s/%s cannot be opened", dir, name);
    return JOB_REFUSED;
}

static enum job_found read_all(int fd, struct buf *text, struct err *err)
{
    struct stat info;
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        err_set(err, "refused", "job.json is not a file.");
        return JOB_REFUSED;
    }
    if (info.st_size > LIMIT_RESULT) {
        err_set(err, "refused",
                "job.json has %lld bytes; at most %d are read. Put what is large in "
                "files beside it.",
                (long long)info.st_size, LIMIT_RESULT);
        return JOB_REFUSED;
    }
    int rc = file_read(fd, LIMIT_RESULT, text);
    return rc == 0 && text->len <= LIMIT_RESULT ? JOB_FOUND : JOB_PARTIAL;
}

static enum job_found read_job(int folder, json_t **job, struct err *err)
{
    struct buf text = {0};
    int fd = openat(folder, JOB_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ELOOP) {
        err_set(err, "refused", "job.json is a symbolic link: it is not read.");
        return JOB_REFUSED;
    }
    if (fd < 0)
        return JOB_PARTIAL;
    enum job_found found = read_all(fd, &text, err);
    close(fd);
    if (found == JOB_FOUND) {
        *job = json_parse(buf_text(&text), text.len, err);
        found = json_is_object(*job) ? JOB_FOUND : JOB_PARTIAL;
    }
    if (found != JOB_FOUND) {
        json_decref(*job);
        *job = NULL;
    }
    buf_fini(&text);
    return found;
}

enum job_found job_read(const char *dir, const char *name, json_t **job, struct err *err)
{
    int folder;
    *job = NULL;
    enum job_found found = open_job(dir, name, &folder, err);
    if (found != JOB_FOUND)
        return found;
    found = read_job(folder, job, err);
    close(folder);
    return found;
}

int job_write(const char *folder, const json_t *job, struct err *err)
{
    struct arena arena = {0};
    struct buf text = {0};
    char random[17];
    rand_hex(random, 16);
    json_put(&text, job, JSON_INDENT(2));
    buf_putc(&text, '\n');
    const char *draft = arena_printf(&arena, ".hq-%s.tmp", random);
    const struct folder_file file = {draft, buf_text(&text), text.len, false};
    const char *from = arena_printf(&arena, "%s/%s", folder, draft);
    int rc = folder_put(folder, &file, err);
    if (rc == 0 && rename(from, arena_printf(&arena, "%s/" JOB_FILE, folder)) < 0) {
        rc = err_errno(err, "no_folder", "cannot write %s/" JOB_FILE, folder);
        unlink(from);
    }
    if (rc == 0)
        rc = folder_sync(folder, err);
    buf_fini(&text);
    arena_fini(&arena);
    return rc;
}

/* ---- the files ---- */

struct listing {
    struct arena *arena;
    json_t *files;
    struct err *err;
    size_t count;
};

/* Syncthing's and our own temporary names, and those that browsers and copiers use. */
static bool is_temporary(const char *name)
{
    return str_starts(name, ".syncthing.") || str_starts(name, "~syncthing~") ||
           str_starts(name, ".hq-") || str_ends(name, ".tmp") || str_ends(name, ".part") ||
           str_ends(name, ".crdownload");
}

/* What synchronizers and systems keep for themselves. */
static bool is_foreign(const char *name)
{
    static const char *const names[] = {".stfolder", ".stversions", ".stignore", ".DS_Store",
                                        "Thumbs.db", "desktop.ini", NULL};
    return str_in(name, names) || strstr(name, ".sync-conflict-");
}

static enum job_found refuse(struct listing *list, const char *path, const char *what)
{
    err_set(list->err, "refused", "%.200s %s: the folder is not taken as it is.", path, what);
    return JOB_REFUSED;
}

static enum job_found add_file(struct listing *list, int dir, const char *name, const char *path)
{
    char hex[HASH_HEX];
    int64_t len;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int rc = fd < 0 ? -1 : hash_file(fd, hex, &len);
    if (fd >= 0)
        close(fd);
    if (rc < 0)
        return JOB_PARTIAL;
    if (++list->count > LIMIT_JOB_FILES)
        return refuse(list, path, "is one file too many");
    json_array_append_new(list->files, json_pack("{s:s,s:I,s:s}", "name", path, "size",
                                                 (json_int_t)len, "sha256", hex));
    return JOB_FOUND;
}

static enum job_found add_folder(struct listing *list, int fd, const char *prefix, int depth);

static enum job_found add_entry(struct listing *list, int dir, const char *name, const char *path,
                                int depth)
{
    struct stat info;
    if (is_foreign(name) || (depth == 0 && str_eq(name, JOB_FILE)))
        return JOB_FOUND;
    if (is_temporary(name))
        return JOB_PARTIAL;
    if (!folder_name_is_inside(path) || !str_is_utf8(path, strlen(path)))
        return refuse(list, path, "is no plain name");
    if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return JOB_PARTIAL;
    if (S_ISLNK(info.st_mode))
        return refuse(list, path, "is a symbolic link");
    if (S_ISREG(info.st_mode))
        return add_file(list, dir, name, path);
    if (!S_ISDIR(info.st_mode))
        return refuse(list, path, "is neither file nor folder");
    if (depth >= DEEPEST)
        return refuse(list, path, "lies too deep");
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? JOB_PARTIAL : add_folder(list, fd, path, depth + 1);
}

/* Takes the descriptor. */
static enum job_found add_folder(struct listing *list, int fd, const char *prefix, int depth)
{
    struct dirent *entry;
    enum job_found found = JOB_FOUND;
    DIR *dir = fdopendir(fd);
    while (dir && found == JOB_FOUND && (entry = readdir(dir))) {
        if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
            continue;
        const char *path =
            arena_printf(list->arena, "%s%s%s", prefix, *prefix ? "/" : "", entry->d_name);
        found = add_entry(list, fd, entry->d_name, path, depth);
    }
    if (dir)
        closedir(dir);
    else
        close(fd);
    return dir ? found : JOB_PARTIAL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(json_get_text(*(json_t *const *)a, "name", ""),
                  json_get_text(*(json_t *const *)b, "name", ""));
}

static json_t *sorted(const json_t *files, struct arena *arena)
{
    size_t count = json_array_size(files);
    json_t **all = arena_alloc(arena, (count + 1) * sizeof(json_t *)), *list = json_array();
    for (size_t i = 0; i < count; i++)
        all[i] = json_array_get(files, i);
    qsort(all, count, sizeof(*all), by_name);
    for (size_t i = 0; i < count; i++)
        json_array_append(list, all[i]);
    return list;
}

enum job_found job_files(const char *dir, const char *name, json_t **files, struct err *err)
{
    struct arena arena = {0};
    struct listing list = {.arena = &arena, .files = json_array(), .err = err};
    int folder;
    *files = NULL;
    enum job_found found = open_job(dir, name, &folder, err);
    if (found == JOB_FOUND)
        found = add_folder(&list, folder, "", 0);
    if (found == JOB_FOUND)
        *files = sorted(list.files, &arena);
    json_decref(list.files);
    arena_fini(&arena);
    return found;
}

static const json_t *file_named(const json_t *files, const char *name)
{
    size_t i;
    const json_t *file;
    json_array_foreach (files, i, file)
        if (str_eq(json_get_text(file, "name", ""), name))
            return file;
    return NULL;
}

bool job_files_are_there(const json_t *wanted, const json_t *files, struct arena *arena,
                         const char **missing)
{
    size_t i;
    const json_t *want;
    *missing = NULL;
    json_array_foreach (wanted, i, want) {
        const char *name = json_string_value(want);
        name = name ? name : json_get_text(want, "name", "");
        const json_t *file = file_named(files, name);
        int64_t size = json_get_int(want, "size", -1);
        const char *sha256 = json_get_text(want, "sha256", NULL);
        if (!file)
            *missing = arena_printf(arena, "%.200s is not there yet", name);
        else if ((size >= 0 && size != json_get_int(file, "size", 0)) ||
                 (sha256 && !str_eq(sha256, json_get_text(file, "sha256", ""))))
            *missing = arena_printf(arena, "%.200s is not the one that was listed", name);
        if (*missing)
            return false;
    }
    return true;
}
