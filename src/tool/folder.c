/* Resolves and changes files beneath a root that the kernel enforces. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/str.h"
#include "tool/folder.h"
#include "tool/tool.h"

enum {
    FOLDER_TRIES = 100, /* EAGAIN: the kernel met a rename while resolving `..` */
    FOLDER_NAME = 255,
};

/* The part of `path` behind `root`, or NULL where it does not lie in it. */
static const char *path_inside(const char *path, const char *root)
{
    size_t len = root ? strlen(root) : 0;
    while (len > 1 && root[len - 1] == '/')
        len--;
    if (len == 0 || strncmp(path, root, len) != 0 || (path[len] && path[len] != '/'))
        return NULL;
    return path + len;
}

/* Also where the root is written through a symbolic link and the model saw the real name. */
static const char *path_inside_any(const char *path, const char *root)
{
    const char *inside = path_inside(path, root);
    char *real = inside || !root ? NULL : realpath(root, NULL);
    if (real)
        inside = path_inside(path, real);
    free(real);
    return inside;
}

int shared_refuse(const struct tool_place *place, const char *relative, struct err *err)
{
    const char *keeper = place->gatekeeper;
    const char *name = strrchr(relative, '/');
    name = name ? name + 1 : relative;
    if (str_eq(name, SHARED_LOG_FILE) || str_eq(name, SHARED_ORCHESTRATION_FILE))
        return err_set(err, "read_only",
                       "%s is written by hq itself, when tasks end; no agent's tools may write it.",
                       name);
    if (!keeper)
        return err_set(err, "read_only",
                       "%s lies in the shared folder, which every agent reads and none may write; "
                       "write in the workspace.",
                       relative);
    if (str_eq(name, SHARED_STATUS_FILE) && str_eq(keeper, place->agent))
        return err_set(err, "read_only", "Of the shared folder you may write %s itself, not %s.",
                       SHARED_STATUS_FILE, relative);
    if (str_eq(name, SHARED_STATUS_FILE))
        return err_set(err, "read_only", "Only %s may write %s; ask %s.", keeper,
                       SHARED_STATUS_FILE, keeper);
    return err_set(err, "read_only",
                   "%s lies in the shared folder, which every agent reads; only %s may write in it, "
                   "and only %s.",
                   relative, keeper, SHARED_STATUS_FILE);
}

const char *shared_file_path(const struct tool_place *place, struct arena *arena)
{
    return place->shared && place->shared_file
               ? arena_printf(arena, "%s/%s", place->shared, place->shared_file)
               : NULL;
}

int spot_open(const struct tool_place *place, const char *path, struct arena *arena,
              struct spot *spot, struct err *err)
{
    const char *root = place->workspace, *inside = path;
    *spot = (struct spot){.root = -1, .given = path, .writable = true, .place = place};
    if (str_is_empty(path))
        return err_set(err, "bad_path", "The path is empty; give a file in the workspace.");
    if (path[0] == '/' && !(inside = path_inside_any(path, root))) {
        root = place->shared;
        spot->writable = false;
        if (!(inside = path_inside_any(path, root)))
            return err_set(err, "outside",
                           "The path %s is outside the workspace %s; only files in it can be used.",
                           path, place->workspace);
    }
    while (*inside == '/')
        inside++;
    spot->relative = arena_strdup(arena, *inside ? inside : ".");
    spot->is_shared_file = !spot->writable && str_eq(spot->relative, place->shared_file);
    spot->writable = spot->writable || spot->is_shared_file;
    spot->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (spot->root < 0)
        return err_errno(err, "no_workspace", "Cannot open the folder %s", root);
    return 0;
}

void spot_close(struct spot *spot)
{
    if (spot->root >= 0)
        close(spot->root);
    spot->root = -1;
}

static int beneath(int root, const char *relative, int flags)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    for (int i = 0;; i++) {
        int fd = (int)syscall(SYS_openat2, root, relative, &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || i == FOLDER_TRIES)
            return fd;
    }
}

static int spot_refuse(const struct spot *spot, struct err *err)
{
    switch (errno) {
    case ENOENT:
        return err_set(err, "no_file", "The file %s does not exist.", spot->given);
    case EXDEV:
        return err_set(
            err, "outside",
            "The path %s leads out of the workspace (by `..`, or by a symbolic link); only "
            "files in it can be used.",
            spot->given);
    case ELOOP:
        return err_set(err, "outside", "The path %s goes through a symbolic link that is refused.",
                       spot->given);
    case ENOTDIR:
        return err_set(err, "bad_path", "A part of the path %s is a file, not a folder.",
                       spot->given);
    case ENAMETOOLONG:
        return err_set(err, "bad_path", "The path is too long: %.200s…", spot->given);
    default:
        return err_errno(err, "open", "Cannot open %s", spot->given);
    }
}

int spot_file(const struct spot *spot, int flags, struct err *err)
{
    int fd = beneath(spot->root, spot->relative, flags);
    return fd < 0 ? spot_refuse(spot, err) : fd;
}

int spot_read(const struct spot *spot, size_t *size, struct err *err)
{
    struct stat st;
    int fd = spot_file(spot, O_RDONLY | O_NONBLOCK | O_NOCTTY, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0) {
        err_errno(err, "open", "Cannot look at %s", spot->given);
    } else if (S_ISDIR(st.st_mode)) {
        err_set(err, "is_folder", "%s is a folder; list it with exec and `ls`.", spot->given);
    } else if (!S_ISREG(st.st_mode)) {
        err_set(err, "not_a_file", "%s is a pipe, socket or device, not a file.", spot->given);
    } else {
        *size = (size_t)st.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

int spot_slurp(const struct spot *spot, size_t max, struct buf *content, struct err *err)
{
    size_t size;
    ssize_t got = 0;
    int fd = spot_read(spot, &size, err);
    if (fd < 0)
        return -1;
    while (content->len <= max && (got = read(fd, buf_room(content, 65536), 65536)) > 0)
        buf_grow(content, (size_t)got);
    int rc = 0;
    if (got < 0)
        rc = err_errno(err, "read", "Cannot read %s", spot->given);
    else if (content->len > max)
        rc = err_set(err, "too_big", "%s has more than %zu bytes.", spot->given, max);
    close(fd);
    return rc;
}

/* Opens the folder that holds the file, creating what is missing, each step checked by the kernel.
 * The prefix of `relative` up to *name. */
static int parent_open(const struct spot *spot, struct arena *arena, const char **name,
                       struct err *err)
{
    const char *slash = strrchr(spot->relative, '/');
    *name = slash ? slash + 1 : spot->relative;
    if (!**name || str_eq(*name, ".") || str_eq(*name, "..") || strlen(*name) > FOLDER_NAME)
        return err_set(err, "bad_path", "%.300s is not the name of a file.", spot->given);
    char *way = arena_memdup(arena, spot->relative, (size_t)(*name - spot->relative));
    int fd = beneath(spot->root, ".", O_PATH | O_DIRECTORY);
    for (char *end = way; fd >= 0 && (end = strchr(end, '/')); end++) {
        *end = '\0';
        char *part = strrchr(way, '/');
        part = part ? part + 1 : way;
        if (*part && !str_eq(part, ".") && !str_eq(part, "..") && mkdirat(fd, part, 0777) < 0 &&
            errno != EEXIST) {
            close(fd);
            return err_errno(err, "mkdir", "Cannot create the folder %s", way);
        }
        close(fd);
        fd = beneath(spot->root, *way ? way : ".", O_PATH | O_DIRECTORY);
        *end = '/';
    }
    return fd < 0 ? spot_refuse(spot, err) : fd;
}

/* A file of that name and content beside the target, on disk. */
static int temp_write(int parent, const char *temp, mode_t mode, const struct buf *content)
{
    unlinkat(parent, temp, 0); /* left by an earlier try of this very call */
    int fd = openat(parent, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return -1;
    int rc = file_write(fd, content->bytes, content->len);
    if (rc == 0 && mode)
        rc = fchmod(fd, mode & 0777);
    if (rc == 0)
        rc = fsync(fd);
    if (close(fd) < 0)
        rc = -1;
    return rc;
}

/* 0 with the mode to keep (0: new file). */
static int target_mode(const struct spot *spot, int parent, const char *name, mode_t *mode,
                       struct err *err)
{
    struct stat st;
    *mode = 0;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : err_errno(err, "open", "Cannot look at %s", spot->given);
    if (S_ISLNK(st.st_mode))
        return err_set(err, "is_link", "%s is a symbolic link; write to the file it points to.",
                       spot->given);
    if (!S_ISREG(st.st_mode))
        return err_set(err, "not_a_file", "%s is a folder, pipe, socket or device, not a file.",
                       spot->given);
    *mode = st.st_mode;
    return 0;
}

static int temp_rename(int parent, const char *temp, const char *name)
{
    crash_point("tool.write.before");
    if (renameat(parent, temp, parent, name) < 0)
        return -1;
    int folder = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = folder < 0 ? -1 : fsync(folder);
    if (folder >= 0)
        close(folder);
    crash_point("tool.write.after");
    return rc;
}

int spot_replace(const struct spot *spot, const char *temp, const struct buf *content,
                 struct err *err)
{
    struct arena arena = {0};
    const char *name;
    mode_t mode;
    int rc = -1, parent = -1;
    if (!spot->writable) {
        shared_refuse(spot->place, spot->relative, err);
        goto out;
    }
    parent = parent_open(spot, &arena, &name, err);
    if (parent < 0 || target_mode(spot, parent, name, &mode, err) < 0)
        goto out;
    if (mode == 0 && spot->is_shared_file)
        mode = 0644; /* everybody's to read, whatever the umask */
    rc = temp_write(parent, temp, mode, content);
    if (rc == 0)
        rc = temp_rename(parent, temp, name);
    if (rc < 0) {
        err_errno(err, "write", "Cannot write %s", spot->given);
        unlinkat(parent, temp, 0);
    }
out:
    if (parent >= 0)
        close(parent);
    arena_fini(&arena);
    return rc;
}
