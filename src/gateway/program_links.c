/* Renaming over what is there leaves no moment without a link, whoever else does the same. */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/str.h"
#include "gateway/program_links.h"
#include "sys/spawn.h"

enum { NONCE = 16 };

static bool leads_to(const char *link, const char *target)
{
    char now[PATH_MAX];
    ssize_t len = readlink(link, now, sizeof(now) - 1);
    now[len > 0 ? len : 0] = '\0';
    return len > 0 && str_eq(now, target);
}

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

int program_links_make(const char *folder, struct err *err)
{
    static const char *const names[] = {"hq", "delegate.sh", "orchestrate.sh"};
    struct arena arena = {0};
    int rc = folder_make(folder, err);
    for (size_t i = 0; rc == 0 && i < sizeof(names) / sizeof(*names); i++)
        rc = link_make(folder, names[i], &arena, err);
    arena_fini(&arena);
    return rc;
}
