/* service/…: the company's systemd units, where it has any. */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "doctor/check.h"
#include "sys/spawn.h"

#define LINGER_FOLDER "/var/lib/systemd/linger" /* a file per user: loginctl(1), enable-linger */

static const char *own_name(struct doctor *doctor)
{
    const struct passwd *user = getpwuid(geteuid());
    return user ? arena_strdup(doctor->arena, user->pw_name)
                : arena_printf(doctor->arena, "%u", geteuid());
}

/* The first unit file of the company in the folder, or NULL. */
static const char *unit_in(struct doctor *doctor, const char *folder)
{
    const char *unit = NULL;
    const char *prefix = arena_printf(doctor->arena, "hq-%s", doctor->config->company);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && !unit && (entry = readdir(dir));)
        if (str_starts(entry->d_name, prefix) && str_ends(entry->d_name, ".service"))
            unit = arena_printf(doctor->arena, "%s/%s", folder, entry->d_name);
    if (dir)
        closedir(dir);
    return unit;
}

static const char *user_unit(struct doctor *doctor)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    return unit_in(doctor,
                   !str_is_empty(config)
                       ? arena_printf(doctor->arena, "%s/systemd/user", config)
                       : arena_printf(doctor->arena, "%s/.config/systemd/user", home ? home : ""));
}

void check_linger(struct doctor *doctor)
{
    const char *user = own_name(doctor);
    if (!user_unit(doctor)) {
        found(doctor, DOCTOR_OK, "service/linger", "no user units of this company");
        return;
    }
    if (access(arena_printf(doctor->arena, LINGER_FOLDER "/%s", user), F_OK) == 0) {
        found(doctor, DOCTOR_OK, "service/linger", "on for %s", user);
        return;
    }
    struct doctor_finding *finding =
        found(doctor, DOCTOR_WARN, "service/linger", "agents stop when %s logs out", user);
    found_fix(doctor, finding, "sudo loginctl enable-linger %s", user);
    found_repair(doctor, finding, user, "loginctl enable-linger %s", user);
}

/* Asks logind, which lets a user do this for itself where polkit says so. */
int mend_linger(struct doctor *doctor, const struct doctor_finding *finding, struct err *err)
{
    const char *argv[] = {"/usr/bin/loginctl", "--no-ask-password", "enable-linger",
                          finding->target, NULL};
    struct spawn spawn = {.argv = argv, .in = -1, .out = -1, .err = -1, .pass = {-1, -1, -1, -1}};
    int status = 0;
    (void)doctor;
    pid_t pid = spawn_start(&spawn, err);
    if (pid < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return err_set(err, "mend", "loginctl refused (%d): type it with sudo", WEXITSTATUS(status));
}
