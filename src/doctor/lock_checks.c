/* lock/stale: locks that name a process which is dead, and tidying them away. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "doctor/check.h"
#include "supervise/control.h"
#include "sys/lock.h"

#define TASK_LOCK "tool-" /* lives as long as one command */

/* A process that ends well empties its lock; what is left in a free one names somebody who was
 * killed. */
static bool is_left_behind(const char *run, const char *name, const char *path)
{
    struct stat info;
    struct err err;
    if (lstat(path, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size == 0)
        return false;
    return lock_look(run, name, NULL, &err) == LOCK_FREE;
}

static long long pid_in(const char *path)
{
    char text[1024] = "";
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    text[len] = '\0';
    if (file)
        fclose(file);
    const char *at = strstr(text, "\"pid\":");
    long long pid = 0;
    return at && sscanf(at + 6, "%lld", &pid) == 1 ? pid : 0;
}

static void tell(struct doctor *doctor, const char *name, const char *path)
{
    struct doctor_finding *finding =
        found(doctor, DOCTOR_WARN, "lock/stale", "run/%s.lock names process %lld, which is dead",
              name, pid_in(path));
    finding->subject = arena_strdup(doctor->arena, name);
    found_fix(doctor, finding, "harmless: the next start takes it; %s doctor --fix empties it",
              doctor->hq);
    found_repair(doctor, finding, name, "%s run/%s.lock",
                 str_starts(name, TASK_LOCK) ? "remove" : "empty", name);
}

void check_locks(struct doctor *doctor)
{
    const char *run = arena_printf(doctor->arena, "%s/run", doctor->config->state);
    size_t looked_at = 0, left = 0;
    /* A supervisor that lives starts its children again, and they take their locks. */
    bool is_kept = control_look(doctor->config, "supervisor", NULL);
    DIR *dir = opendir(run);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name);
        if (!str_ends(entry->d_name, ".lock"))
            continue;
        looked_at++;
        const char *name = arena_memdup(doctor->arena, entry->d_name, len - strlen(".lock"));
        const char *path = arena_printf(doctor->arena, "%s/%s", run, entry->d_name);
        if (is_kept && !str_starts(name, TASK_LOCK))
            continue;
        if (is_left_behind(run, name, path)) {
            left++;
            tell(doctor, name, path);
        }
    }
    if (dir)
        closedir(dir);
    if (!left)
        found(doctor, DOCTOR_OK, "lock/stale", "%zu locks", looked_at);
}

/* Takes the lock first: whoever came meanwhile keeps it. */
int mend_lock(struct doctor *doctor, const struct doctor_finding *finding, struct err *err)
{
    struct lock *lock;
    const char *run = arena_printf(doctor->arena, "%s/run", doctor->config->state);
    int rc = lock_take(run, finding->target, &lock, NULL, err);
    if (rc == LOCK_HELD)
        return 0; /* its next holder is here: nothing is stale any more */
    if (rc < 0)
        return -1;
    if (str_starts(finding->target, TASK_LOCK))
        lock_discard(lock);
    else
        lock_release(lock);
    return 0;
}
