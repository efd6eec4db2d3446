/* Links to the program and the shared folder's first file: made when missing, in one step each. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/str.h"
#include "config/config.h"
#include "gateway/shared_files.h"
#include "sys/spawn.h"
#include "tool/tool.h"

enum { NONCE = 16 };

static bool leads_to(const char *link, const char *target)
{
    char now[PATH_MAX];
    ssize_t len = readlink(link, now, sizeof(now) - 1);
    now[len > 0 ? len : 0] = '\0';
    return len > 0 && str_eq(now, target);
}

/* Renaming over what is there leaves no moment without a link, whoever else does the same. */
static int link_make(const char *folder, const char *name, struct arena *arena, struct err *err)
{
    char nonce[NONCE + 1];
    const char *path = arena_printf(arena, "%s/%s", folder, name);
    if (leads_to(path, spawn_self()))
        return 0;
    rand_hex(nonce, NONCE);
    const char *fresh = arena_printf(arena, "%s/.%s.%s", folder, name, nonce);
    if (symlink(spawn_self(), fresh) == 0 && rename(fresh, path) == 0)
        return 0;
    err_errno(err, "no_link", "Cannot make the link %s", path);
    unlink(fresh);
    return -1;
}

int links_make(const char *folder, struct err *err)
{
    static const char *const names[] = {"hq", "delegate.sh", "orchestrate.sh"};
    struct arena arena = {0};
    int rc = folder_make(folder, err);
    for (size_t i = 0; rc == 0 && i < sizeof(names) / sizeof(*names); i++)
        rc = link_make(folder, names[i], &arena, err);
    arena_fini(&arena);
    return rc;
}

int shared_files_make(const struct config *config, const struct config_agent *agent,
                      struct err *err)
{
    struct arena arena = {0};
    int rc = 0;
    if (!config->shared_dir)
        return 0;
    const char *path = arena_printf(&arena, "%s/%s", config->shared_dir, SHARED_STATUS_FILE);
    rc = folder_make(config->shared_dir, err);
    if (rc == 0 && str_eq(config->shared_gatekeeper, agent->id)) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd >= 0) {
            fchmod(fd, 0644); /* everybody's to read, whatever the umask */
            close(fd);
        } else if (errno != EEXIST) {
            rc = err_errno(err, "no_shared_file", "Cannot make %s", path);
        }
    }
    arena_fini(&arena);
    return rc;
}
