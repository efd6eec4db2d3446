/* mkdir -p. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/folder.h"

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
