/* posix_spawn with everything a child could inherit by accident taken away. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "sys/spawn.h"

enum { SPAWN_FDS = 7, SPAWN_ASIDE = 10 };

/* Copies of what the child gets, above all targets, so that no dup2 overwrites a later source. */
static int spawn_set_aside(const struct spawn *spawn, int aside[SPAWN_FDS])
{
    const int wanted[SPAWN_FDS] = {spawn->in,      spawn->out,     spawn->err,    spawn->pass[0],
                                   spawn->pass[1], spawn->pass[2], spawn->pass[3]};
    for (int i = 0; i < SPAWN_FDS; i++)
        aside[i] = -1;
    for (int i = 0; i < SPAWN_FDS; i++) {
        if (wanted[i] < 0 && i < 3)
            aside[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        else if (wanted[i] >= 0)
            aside[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, SPAWN_ASIDE);
        if (aside[i] < 0 && (wanted[i] >= 0 || i < 3))
            return -1;
        if (aside[i] >= 0 && aside[i] < SPAWN_ASIDE) {
            int low = aside[i];
            aside[i] = fcntl(low, F_DUPFD_CLOEXEC, SPAWN_ASIDE);
            close(low);
            if (aside[i] < 0)
                return -1;
        }
    }
    return 0;
}

static void spawn_drop_aside(int aside[SPAWN_FDS])
{
    for (int i = 0; i < SPAWN_FDS; i++)
        if (aside[i] >= 0)
            close(aside[i]);
}

static int spawn_actions(const struct spawn *spawn, const int aside[SPAWN_FDS],
                         posix_spawn_file_actions_t *actions)
{
    int rc = 0;
    for (int i = 0; i < SPAWN_FDS && rc == 0; i++)
        rc = aside[i] >= 0 ? posix_spawn_file_actions_adddup2(actions, aside[i], i)
                           : posix_spawn_file_actions_addclose(actions, i);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(actions, SPAWN_FDS);
    if (rc == 0 && spawn->dir)
        rc = posix_spawn_file_actions_addchdir_np(actions, spawn->dir);
    return rc;
}

static void spawn_attributes(const struct spawn *spawn, posix_spawnattr_t *attr)
{
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(attr, &all);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setflags(attr, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                           (spawn->session ? POSIX_SPAWN_SETSID : 0)));
}

pid_t spawn_start(const struct spawn *spawn, struct err *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int aside[SPAWN_FDS], rc;
    pid_t pid = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    if (spawn_set_aside(spawn, aside) < 0) {
        err_errno(err, "spawn", "Cannot start %s: no descriptors", spawn->argv[0]);
        goto out;
    }
    spawn_attributes(spawn, &attr);
    rc = spawn_actions(spawn, aside, &actions);
    if (rc == 0)
        rc = posix_spawn(&pid, spawn->argv[0], &actions, &attr, (char *const *)spawn->argv,
                         spawn->envp ? (char *const *)spawn->envp : environ);
    if (rc != 0) {
        pid = -1;
        errno = rc;
        err_errno(err, "spawn", "Cannot start %s", spawn->argv[0]);
    }
out:
    spawn_drop_aside(aside);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static char self_path[PATH_MAX];
static pthread_once_t self_once = PTHREAD_ONCE_INIT;

/* After an upgrade the kernel says "/path (deleted)": the new file at that path is meant. */
static void self_find(void)
{
    static const char deleted[] = " (deleted)";
    if (self_path[0])
        return;
    ssize_t len = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);
    self_path[len > 0 ? len : 0] = '\0';
    if (len > 0 && str_ends(self_path, deleted))
        self_path[(size_t)len - (sizeof(deleted) - 1)] = '\0';
}

const char *spawn_self(void)
{
    pthread_once(&self_once, self_find);
    return self_path;
}

void spawn_set_self(const char *path)
{
    snprintf(self_path, sizeof(self_path), "%s", path);
}

int spawn_take_ready_fd(void)
{
    int64_t fd;
    const char *text = getenv("HQ_READY_FD");
    if (!text || !str_to_int(text, 3, 1023, &fd))
        return -1;
    unsetenv("HQ_READY_FD");
    return fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0 ? (int)fd : -1;
}
