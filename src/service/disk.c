/* A file is ours where its first line says so: the mark, then the company's folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/str.h"
#include "config/config.h"
#include "service/disk.h"
#include "service/service.h"
#include "service/unit.h"

enum { UNIT_MAX = 1 << 20 }; /* a thousand agents' target has 50 kB */

const char *disk_state_name(enum disk_state state)
{
    static const char *const names[] = {"absent", "same", "drifted", "foreign"};
    return names[state];
}

static const char *path_of(const struct service *service, const char *name, struct arena *arena)
{
    return arena_printf(arena, "%s/%s", service->folder, name);
}

/* NULL: there is none that can be read. */
static const char *read_unit(const struct service *service, const char *name, struct arena *arena)
{
    struct buf text = {0};
    int fd = open(path_of(service, name, arena), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? NULL : "";
    int rc = file_read(fd, UNIT_MAX, &text);
    const char *copy = rc == 0 ? arena_strdup(arena, buf_text(&text)) : "";
    buf_fini(&text);
    close(fd);
    return copy;
}

static const char *owner_of(const char *text, struct arena *arena)
{
    if (!str_starts(text, UNIT_MARK))
        return "";
    const char *folder = text + strlen(UNIT_MARK);
    return arena_memdup(arena, folder, strcspn(folder, "\n"));
}

enum disk_state disk_look(const struct service *service, const struct unit *unit,
                          struct arena *arena, const char **owner)
{
    const char *text = read_unit(service, unit->name, arena);
    const char *whose = text ? owner_of(text, arena) : "";
    if (owner)
        *owner = whose;
    if (!text)
        return DISK_ABSENT;
    if (!str_eq(whose, service->config->dir))
        return DISK_FOREIGN;
    return str_eq(text, unit->text) ? DISK_SAME : DISK_DRIFTED;
}

static bool is_ours(const struct service *service, const char *name, struct arena *arena)
{
    const char *text = read_unit(service, name, arena);
    return text && str_eq(owner_of(text, arena), service->config->dir);
}

const char *disk_find(const struct service *service, struct arena *arena)
{
    static const char head[] = "hq-", tail[] = ".target";
    const char *name = NULL;
    if (is_ours(service, service_target(service, arena), arena))
        return service->name;
    DIR *dir = opendir(service->folder);
    for (struct dirent *entry; dir && !name && (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name), around = strlen(head) + strlen(tail);
        if (len > around && len < around + sizeof(service->name) &&
            str_starts(entry->d_name, head) && str_ends(entry->d_name, tail) &&
            is_ours(service, entry->d_name, arena))
            name = arena_memdup(arena, entry->d_name + strlen(head), len - around);
    }
    if (dir)
        closedir(dir);
    return name;
}

const char *const *disk_installed(const struct service *service, struct arena *arena)
{
    const char **names = arena_alloc(arena, 5 * sizeof(*names));
    const char *const all[] = {service_target(service, arena), service_unit(service, "hub", arena),
                               arena_printf(arena, "hq-%s@.service", service->name),
                               service_unit(service, "runner", arena)};
    for (size_t i = 0, count = 0; i < sizeof(all) / sizeof(*all); i++)
        if (is_ours(service, all[i], arena))
            names[count++] = all[i];
    return names;
}

static int write_draft(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    int rc = file_write(fd, text, strlen(text));
    if (rc == 0 && fchmod(fd, 0644) == 0)
        rc = fsync(fd);
    return close(fd) == 0 ? rc : -1;
}

int disk_put(const struct service *service, const struct unit *unit, struct arena *arena,
             struct err *err)
{
    const char *path = path_of(service, unit->name, arena);
    const char *draft =
        arena_printf(arena, "%s/.%s.%d", service->folder, unit->name, (int)getpid());
    if (folder_make(service->folder, err) < 0)
        return -1;
    if (write_draft(draft, unit->text) < 0) {
        err_errno(err, "unwritable_units", "cannot write %s", path);
        if (service->scope == SERVICE_SYSTEM && geteuid() != 0)
            err_hint(err, "units of the system need root: sudo hq service install --system; or "
                          "take --user");
        unlink(draft);
        return -1;
    }
    crash_point("service.unit.written");
    if (rename(draft, path) < 0) {
        err_errno(err, "unwritable_units", "cannot put %s in place", path);
        unlink(draft);
        return -1;
    }
    crash_point("service.unit.placed");
    return folder_sync(service->folder, err);
}

int disk_remove(const struct service *service, const char *name, struct arena *arena,
                struct err *err)
{
    const char *path = path_of(service, name, arena);
    if (unlink(path) < 0 && errno != ENOENT)
        return err_errno(err, "unwritable_units", "cannot remove %s", path);
    crash_point("service.unit.removed");
    return 0;
}
