/* A handoff file for whoever watches a folder: it appears by rename, so nobody reads half of one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "cli/link.h"

/* The text under a temporary name, on disk. */
static int put_temporary(int dir, const char *temporary, const char *text)
{
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    int rc = file_write(fd, text, strlen(text));
    rc = rc == 0 ? fsync(fd) : rc;
    int saved = errno;
    close(fd);
    if (rc < 0)
        unlinkat(dir, temporary, 0);
    errno = saved;
    return rc;
}

int link_put_file(const char *dir, const char *name, const json_t *document, struct err *err)
{
    struct arena arena = {0};
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1;
    char *text = json_dumps(document, JSON_INDENT(2));
    const char *temporary = arena_printf(&arena, ".%s.%d.tmp", name, (int)getpid());
    const char *final = arena_printf(&arena, "%s.json", name);
    if (fd < 0 || put_temporary(fd, temporary, arena_printf(&arena, "%s\n", text)) < 0)
        goto out;
    crash_point("link.file.written");
    if (renameat(fd, temporary, fd, final) < 0) {
        unlinkat(fd, temporary, 0);
        goto out;
    }
    rc = fsync(fd);
out:
    if (rc < 0)
        err_errno(err, "no_file", "%s/%s cannot be written", dir, final);
    if (fd >= 0)
        close(fd);
    free(text);
    arena_fini(&arena);
    return rc;
}
