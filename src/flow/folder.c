/* What goes into the folder of a run beside the files that the checker reads. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/str.h"
#include "config/values.h"
#include "flow/files.h"

enum { FOLDER_DEPTH = 8 };

struct collecting {
    struct flow_bundle *bundle;
    struct findings *findings;
    size_t bytes;
    bool full;
};

static bool is_yaml(const char *name)
{
    return str_ends(name, ".yaml") || str_ends(name, ".yml");
}

/* Another workflow of a folder that several share is none of this one's files, nor are tests. */
static bool is_other_workflow(const struct collecting *collecting, const char *name,
                              const struct buf *text)
{
    return str_ends(name, ".test.yaml") ||
           (is_yaml(name) && !strchr(name, '/') &&
            !str_starts(collecting->bundle->entry, "workflow.") &&
            (str_starts(buf_text(text), "steps:") || strstr(buf_text(text), "\nsteps:")));
}

static void refuse(struct collecting *collecting, const char *format, long long limit)
{
    if (!collecting->full)
        finding_error(collecting->findings, (struct place){0},
                      "the folder, which goes along with commands and jobs, has more than %lld %s",
                      limit, format);
    collecting->full = true;
}

static void keep(struct collecting *collecting, const char *name, const struct buf *text,
                 mode_t mode)
{
    char hex[HASH_HEX];
    hash_hex(buf_text(text), text->len, hex);
    collecting->bytes += text->len;
    json_object_set_new(collecting->bundle->blobs, name,
                        json_pack("{s:s,s:I,s:b}", "sha256", hex, "size", (json_int_t)text->len,
                                  "executable", (mode & S_IXUSR) != 0));
    if (collecting->bytes > LIMIT_FLOW_FOLDER)
        refuse(collecting, "bytes", LIMIT_FLOW_FOLDER);
    if (json_object_size(collecting->bundle->blobs) > LIMIT_FLOW_FILES)
        refuse(collecting, "files", LIMIT_FLOW_FILES);
}

static void take_file(struct collecting *collecting, int folder, const char *base, const char *name)
{
    struct stat info;
    struct buf text = {0};
    int fd = openat(folder, base, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
        file_read(fd, LIMIT_FLOW_FOLDER, &text) == 0) {
        if (!value_is_file(name))
            finding_warn(collecting->findings, (struct place){0},
                         "\"%s\" does not go along: its name has other characters than A-Z a-z "
                         "0-9 - _ . +",
                         str_clean_utf8(&collecting->bundle->arena, name, strlen(name)));
        else if (!is_other_workflow(collecting, name, &text))
            keep(collecting, name, &text, info.st_mode);
    }
    if (fd >= 0)
        close(fd);
    buf_fini(&text);
}

static void take_folder(struct collecting *collecting, int fd, const char *prefix, int depth);

static void take_entry(struct collecting *collecting, DIR *dir, const struct dirent *entry,
                       const char *name)
{
    struct stat info;
    if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (S_ISREG(info.st_mode)) {
        take_file(collecting, dirfd(dir), entry->d_name, name);
        return;
    }
    int depth = 1;
    for (const char *at = name; *at; at++)
        depth += *at == '/';
    if (S_ISDIR(info.st_mode) && depth < FOLDER_DEPTH)
        take_folder(
            collecting,
            openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
            arena_printf(&collecting->bundle->arena, "%s/", name), depth);
}

/* Closes fd. Hidden names stay behind. */
static void take_folder(struct collecting *collecting, int fd, const char *prefix, int depth)
{
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; !collecting->full && (entry = readdir(dir));)
        if (*entry->d_name != '.')
            take_entry(collecting, dir, entry,
                       arena_printf(&collecting->bundle->arena, "%s%s", prefix, entry->d_name));
    closedir(dir);
}

void flow_folder_collect(struct flow_bundle *bundle)
{
    if (bundle->blobs || !bundle->dir)
        return;
    struct flow_bundle_file *entry = map_get(&bundle->by_name, bundle->entry);
    struct collecting collecting = {.bundle = bundle, .findings = &entry->findings};
    bundle->blobs = json_object();
    take_folder(&collecting, open(bundle->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "", 0);
}

bool flow_file_exists(struct flow_bundle *bundle, const char *name)
{
    flow_folder_collect(bundle);
    return json_object_get(bundle->blobs, name) || json_object_get(bundle->given, name);
}
