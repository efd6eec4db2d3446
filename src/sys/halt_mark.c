/* One small file; its being there is what counts. */
#include "sys/halt_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/folder.h"

enum { TEXT_MAX = 4096 };

static int write_whole(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    size_t len = strlen(text);
    int rc = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0 ? 0 : -1;
    int saved = errno;
    close(fd);
    errno = saved;
    return rc;
}

int halt_mark_put(const char *state, const char *text, struct err *err)
{
    struct arena arena = {0};
    const char *run = arena_printf(&arena, "%s/run", state);
    const char *path = arena_printf(&arena, "%s/panic", run);
    const char *draft = arena_printf(&arena, "%s/.panic.%d", run, (int)getpid());
    int rc = folder_make(run, err);
    if (rc == 0 && (write_whole(draft, text) < 0 || rename(draft, path) < 0)) {
        rc = err_errno(err, "unwritable_state", "cannot write %s", path);
        unlink(draft);
    }
    crash_point("panic.mark.after");
    if (rc == 0)
        rc = folder_sync(run, err);
    arena_fini(&arena);
    return rc;
}

const char *halt_mark_get(const char *state, struct arena *arena)
{
    char text[TEXT_MAX];
    const char *path = arena_printf(arena, "%s/run/panic", state);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? NULL : "";
    ssize_t len = read(fd, text, sizeof(text));
    close(fd);
    return len > 0 ? arena_memdup(arena, text, (size_t)len) : "";
}

bool halt_mark_take(const char *state)
{
    struct arena arena = {0};
    struct err err;
    const char *run = arena_printf(&arena, "%s/run", state);
    bool was = unlink(arena_printf(&arena, "%s/panic", run)) == 0;
    if (was)
        folder_sync(run, &err);
    arena_fini(&arena);
    return was;
}
