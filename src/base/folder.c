/* mkdir -p and rm -rf. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"

enum { DEEPEST = 200 }; /* each level holds a descriptor */

static int make_one(const char *path, struct err *err)
{
    struct stat stat_buf;
    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno == EEXIST && stat(path, &stat_buf) == 0 && S_ISDIR(stat_buf.st_mode))
        return 0;
    if (errno == EEXIST)
        errno = ENOTDIR;
    return err_errno(err, "no_folder", "cannot make the folder %s", path);
}

int folder_make(const char *path, struct err *err)
{
    struct arena arena = {0};
    char *copy = arena_strdup(&arena, path);
    int rc = 0;
    for (char *slash = strchr(copy + 1, '/'); slash && rc == 0; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        struct stat stat_buf;
        if (stat(copy, &stat_buf) < 0)
            rc = make_one(copy, err);
        *slash = '/';
    }
    if (rc == 0)
        rc = make_one(copy, err);
    arena_fini(&arena);
    return rc;
}

static int remove_entries(int parent, const char *name, dev_t device, int depth);

static int remove_entry(int dir, const char *name, dev_t device, int depth)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM && errno != EACCES)
        return -1;
    return remove_entries(dir, name, device, depth);
}

/* A folder may have been left without the rights to look into it; it is ours to change. */
static int open_to_empty(int parent, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, flags);
    if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
        fd = openat(parent, name, flags);
    if (fd >= 0)
        fchmod(fd, 0700);
    return fd;
}

static int remove_entries(int parent, const char *name, dev_t device, int depth)
{
    struct stat info;
    struct dirent *entry;
    int rc = 0, fd = open_to_empty(parent, name);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    DIR *dir = NULL;
    if (depth > DEEPEST)
        errno = ELOOP;
    else if (fstat(fd, &info) == 0 && info.st_dev != device)
        errno = EXDEV;
    else
        dir = fdopendir(fd);
    if (!dir) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            remove_entry(fd, entry->d_name, device, depth + 1) < 0)
            rc = -1;
    int why = errno;
    closedir(dir);
    errno = why;
    return rc < 0 ? -1 : unlinkat(parent, name, AT_REMOVEDIR);
}

int folder_remove(const char *path, struct err *err)
{
    struct stat info;
    if (lstat(path, &info) < 0 && errno == ENOENT)
        return 0;
    if (remove_entries(AT_FDCWD, path, info.st_dev, 0) == 0 || errno == ENOENT)
        return 0;
    return err_errno(err, "no_folder", "cannot remove the folder %s", path);
}

bool folder_name_is_inside(const char *name)
{
    for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        size_t len = strcspn(part, "/");
        if (len == 0 || len > 255 || (len == 1 && *part == '.') ||
            (len == 2 && strncmp(part, "..", 2) == 0))
            return false;
    }
    for (const unsigned char *at = (const unsigned char *)name; *at; at++)
        if (*at < 0x20 || *at == 0x7f)
            return false;
    return strlen(name) <= 1000;
}

static int put_bytes(const char *path, const struct folder_file *file, struct err *err)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = open(path, flags, file->executable ? 0700 : 0600);
    bool done = fd >= 0 && file_write(fd, file->bytes, file->len) == 0 && fsync(fd) == 0;
    if (!done)
        err_errno(err, "no_folder", "cannot write %s", path);
    if (fd >= 0)
        close(fd);
    return done ? 0 : -1;
}

int folder_put(const char *folder, const struct folder_file *file, struct err *err)
{
    struct arena arena = {0};
    if (!folder_name_is_inside(file->name))
        return err_set(err, "refused", "The file \"%.200s\" would lie outside of its folder.",
                       file->name);
    char *path = arena_printf(&arena, "%s/%s", folder, file->name), *slash = strrchr(path, '/');
    *slash = '\0';
    int rc = folder_make(path, err);
    *slash = '/';
    if (rc == 0)
        rc = put_bytes(path, file, err);
    arena_fini(&arena);
    return rc;
}

int folder_sync(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (!done)
        err_errno(err, "no_folder", "cannot sync the folder %s", path);
    if (fd >= 0)
        close(fd);
    return done ? 0 : -1;
}
