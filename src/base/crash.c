/* Counts passes per site and kills the process at the chosen one. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/map.h"

static struct {
    pthread_mutex_t mutex;
    atomic_bool on;
    char role[32];
    char dir[512];
    char at[1024];
    struct map passes;
} crash = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void crash_init(const char *role)
{
    const char *dir = getenv("HQ_CRASH_DIR"), *at = getenv("HQ_CRASH_AT");
    if (!dir || !*dir)
        return;
    snprintf(crash.role, sizeof(crash.role), "%s", role);
    snprintf(crash.dir, sizeof(crash.dir), "%s", dir);
    snprintf(crash.at, sizeof(crash.at), ",%s,", at ? at : "");
    atomic_store(&crash.on, true);
}

static void crash_note(const char *point)
{
    char path[600], line[300];
    snprintf(path, sizeof(path), "%s/points", crash.dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int len = snprintf(line, sizeof(line), "%s\n", point);
    if (fd >= 0) {
        (void)!write(fd, line, (size_t)len);
        close(fd);
    }
}

/* The marker keeps a restarted process from dying at the same point for ever. */
static void crash_fire(const char *point)
{
    char path[900], name[300];
    snprintf(name, sizeof(name), "%s", point);
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '_';
    snprintf(path, sizeof(path), "%s/fired.%s", crash.dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    close(fd);
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

void crash_point(const char *site)
{
    if (!atomic_load_explicit(&crash.on, memory_order_relaxed))
        return;
    char point[256], wanted[260];
    pthread_mutex_lock(&crash.mutex);
    uintptr_t pass = (uintptr_t)map_get(&crash.passes, site) + 1;
    map_put(&crash.passes, site, (void *)pass);
    pthread_mutex_unlock(&crash.mutex);
    snprintf(point, sizeof(point), "%s/%s#%d", crash.role, site, (int)pass);
    crash_note(point);
    snprintf(wanted, sizeof(wanted), ",%s,", point);
    if (strstr(crash.at, wanted))
        crash_fire(point);
}
