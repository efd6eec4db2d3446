/* secret/modes, state/modes: what lies open to other users, and closing it. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "doctor/check.h"

enum {
    ENTRIES_MAX = 10000, /* of one folder: more are logs of years, all made the same way */
    TOLD_MAX = 50,       /* of one check: the rest is counted */
};

/* One check's way through folders. */
struct walk {
    struct doctor *doctor;
    const char *id;
    enum doctor_severity severity;
    size_t looked_at, wrong;
};

static mode_t mode_wanted(mode_t mode)
{
    return S_ISDIR(mode) ? 0700 : mode & 0700;
}

/* Below the company's folder, whose name everybody here knows. */
static const char *short_path(const struct doctor *doctor, const char *path)
{
    size_t len = strlen(doctor->config->dir);
    return str_starts(path, doctor->config->dir) && path[len] == '/' ? path + len + 1 : path;
}

static void tell_owner(struct walk *walk, const char *path, const struct stat *info)
{
    struct doctor_finding *finding =
        found(walk->doctor, walk->severity, walk->id, "%s belongs to user %u, not to %u", path,
              info->st_uid, geteuid());
    finding->subject = arena_strdup(walk->doctor->arena, path);
    found_fix(walk->doctor, finding, "sudo chown -R %u %s", geteuid(), path);
}

static void tell_mode(struct walk *walk, const char *path, const struct stat *info)
{
    struct doctor_finding *finding =
        found(walk->doctor, walk->severity, walk->id, "%s has mode %04o: other users get in",
              short_path(walk->doctor, path), info->st_mode & 07777);
    finding->subject = arena_strdup(walk->doctor->arena, path);
    found_fix(walk->doctor, finding, "chmod %o %s", mode_wanted(info->st_mode), path);
    found_repair(walk->doctor, finding, path, "chmod %o %s", mode_wanted(info->st_mode), path);
}

/* Symbolic links have no mode of their own; what they lead to is looked at where it lies. */
static void look_at(struct walk *walk, const char *path)
{
    struct stat info;
    if (lstat(path, &info) < 0 || S_ISLNK(info.st_mode))
        return;
    walk->looked_at++;
    bool is_ours = info.st_uid == geteuid();
    if (is_ours && !(info.st_mode & 077))
        return;
    if (walk->wrong++ >= TOLD_MAX)
        return;
    if (is_ours)
        tell_mode(walk, path, &info);
    else
        tell_owner(walk, path, &info);
}

/* What lies in the folder, one level deep. */
static void look_into(struct walk *walk, const char *folder)
{
    struct arena *arena = walk->doctor->arena;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && walk->looked_at < ENTRIES_MAX && (entry = readdir(dir));)
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
            look_at(walk, arena_printf(arena, "%s/%s", folder, entry->d_name));
    if (dir)
        closedir(dir);
}

static void end_walk(struct walk *walk)
{
    if (walk->wrong == 0)
        found(walk->doctor, DOCTOR_OK, walk->id, "%zu files and folders", walk->looked_at);
    else if (walk->wrong > TOLD_MAX)
        found(walk->doctor, walk->severity, walk->id, "and %zu more", walk->wrong - TOLD_MAX);
}

void check_secret_modes(struct doctor *doctor)
{
    struct walk walk = {.doctor = doctor, .id = "secret/modes", .severity = DOCTOR_FAIL};
    look_at(&walk, doctor->config->secrets);
    look_into(&walk, doctor->config->secrets);
    end_walk(&walk);
}

void check_state_modes(struct doctor *doctor)
{
    struct walk walk = {.doctor = doctor, .id = "state/modes", .severity = DOCTOR_WARN};
    static const char *const below[] = {"", "/run", "/logs"};
    look_at(&walk, doctor->config->state);
    for (size_t i = 0; i < 3; i++)
        look_into(&walk, arena_printf(doctor->arena, "%s%s", doctor->config->state, below[i]));
    end_walk(&walk);
}

/* Looks again before it acts, at the same file: the name may lead elsewhere by now. */
int mend_mode(struct doctor *doctor, const struct doctor_finding *finding, struct err *err)
{
    struct stat info;
    char self[64];
    int fd = open(finding->target, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc = 0;
    (void)doctor;
    if (fd < 0)
        return err_errno(err, "mend", "cannot look at %s", finding->target);
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    if (fstat(fd, &info) < 0)
        rc = err_errno(err, "mend", "cannot look at %s", finding->target);
    else if (info.st_uid != geteuid() || S_ISLNK(info.st_mode))
        rc = err_set(err, "mend", "%s is another file by now", finding->target);
    else if (chmod(self, mode_wanted(info.st_mode)) < 0)
        rc = err_errno(err, "mend", "cannot change the mode of %s", finding->target);
    close(fd);
    return rc;
}
