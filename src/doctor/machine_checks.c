/* disk/…, clock/…, limits/…, sandbox/…: the machine under the company. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "doctor/check.h"
#include "supervise/control.h"
#include "sys/guard.h"
#include "sys/lock.h"

enum {
    DISK_LEAST_MB = 100,   /* less than that is used up before anybody has read this */
    DISK_WANTED_MB = 1000, /* logs, blobs and a copy of the ledger for a while */
    INODES_LEAST = 1000,
    SKEW_MS = 2000,            /* what two looks may differ by */
    FUTURE_S = 60,             /* file times of other machines' clocks, written over a network */
    DESCRIPTORS_WANTED = 4096, /* enough for some hundred agents */
};

/* ---- disk ---- */

static void check_space(struct doctor *doctor, const char *path, const struct statvfs *disk)
{
    unsigned long long free_mb = (unsigned long long)disk->f_bavail * disk->f_frsize >> 20;
    unsigned long long inodes = disk->f_favail;
    enum doctor_severity severity = free_mb < DISK_LEAST_MB    ? DOCTOR_FAIL
                                    : free_mb < DISK_WANTED_MB ? DOCTOR_WARN
                                                               : DOCTOR_OK;
    if (disk->f_files > 0 && inodes < INODES_LEAST) {
        found_fix(
            doctor,
            found(doctor, DOCTOR_FAIL, "disk/space", "%llu inodes left under %s", inodes, path),
            "remove small files there: df -i %s", path);
        return;
    }
    struct doctor_finding *finding =
        found(doctor, severity, "disk/space", "%llu MB free under %s", free_mb, path);
    finding->subject = arena_strdup(doctor->arena, path);
    if (severity != DOCTOR_OK)
        found_fix(doctor, finding, "make room: du -xh --max-depth=2 %s | sort -h | tail", path);
}

void check_disk(struct doctor *doctor)
{
    const char *const paths[] = {doctor->config->state, doctor->config->dir};
    dev_t seen = 0;
    for (size_t i = 0; i < 2; i++) {
        struct stat info;
        struct statvfs disk;
        if (stat(paths[i], &info) < 0 || (i > 0 && info.st_dev == seen))
            continue;
        seen = info.st_dev;
        if (statvfs(paths[i], &disk) == 0)
            check_space(doctor, paths[i], &disk);
        else
            found(doctor, DOCTOR_SKIP, "disk/space", "%s: %s", paths[i], strerror(errno));
    }
}

/* ---- clock ---- */

/* The newest time that a file of state/run/ or state/logs/ has; the processes rewrite them all the
 * time. */
static int64_t newest_file(struct doctor *doctor)
{
    static const char *const below[] = {"run", "logs"};
    int64_t newest = 0;
    for (size_t i = 0; i < 2; i++) {
        const char *path = arena_printf(doctor->arena, "%s/%s", doctor->config->state, below[i]);
        DIR *dir = opendir(path);
        for (struct dirent *entry; dir && (entry = readdir(dir));) {
            struct stat info;
            if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                info.st_mtime > newest)
                newest = info.st_mtime;
        }
        if (dir)
            closedir(dir);
    }
    return newest;
}

/* How far the ledger's clock, which never goes back, is ahead of this machine's; 0: it is not. */
static int64_t ledger_ahead_ms(struct doctor *doctor)
{
    int64_t now = 0;
    json_t *answer = hub_is_there(doctor, NULL)
                         ? hub_ask(doctor, "GET", "/v1/inbox?limit=1", 2000, NULL, NULL)
                         : NULL;
    bool known = answer && time_parse_rfc3339(json_get_text(answer, "now", ""), &now);
    json_decref(answer);
    return known && now - time_wall_ms() > SKEW_MS ? now - time_wall_ms() : 0;
}

void check_clock(struct doctor *doctor)
{
    struct timex clock = {0};
    int64_t future_s = newest_file(doctor) - time_wall_ms() / 1000;
    int64_t ahead = ledger_ahead_ms(doctor);
    bool known = adjtimex(&clock) >= 0;
    if (future_s > FUTURE_S)
        found_fix(doctor,
                  found(doctor, DOCTOR_WARN, "clock/skew",
                        "files of the company are %s in the future: the clock was set back",
                        check_age(doctor, future_s * 1000)),
                  "timedatectl status, and set the clock");
    else if (ahead)
        found_fix(doctor,
                  found(doctor, DOCTOR_WARN, "clock/skew",
                        "the ledger's clock is %s ahead: this machine's was set back",
                        check_age(doctor, ahead)),
                  "timedatectl status; timers and deadlines wait until the clock has caught up");
    else if (known && (clock.status & STA_UNSYNC))
        found_fix(
            doctor,
            found(doctor, DOCTOR_INFO, "clock/skew", "no time server keeps this machine's clock"),
            "sudo timedatectl set-ntp true");
    else
        found(doctor, DOCTOR_OK, "clock/skew", "%s",
              known ? "kept by a time server" : "no trouble");
}

/* ---- limits ---- */

/* The soft limit of open files of a process, from /proc/PID/limits (proc(5)); -1: not known. */
static long long open_files_of(pid_t pid)
{
    char path[48], line[256];
    long long most = -1;
    snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
    FILE *file = fopen(path, "re");
    while (file && most < 0 && fgets(line, sizeof(line), file))
        if (sscanf(line, "Max open files %lld", &most) != 1)
            most = -1;
    if (file)
        fclose(file);
    return most;
}

static void tell_few_files(struct doctor *doctor, const char *who, long long most)
{
    found_fix(doctor,
              found(doctor, DOCTOR_WARN, "limits/files",
                    "%s: at most %lld open files, %d are wanted", who, most, DESCRIPTORS_WANTED),
              "raise it: `ulimit -Hn %d` before hq up, or LimitNOFILE=%d in the unit",
              DESCRIPTORS_WANTED, DESCRIPTORS_WANTED);
}

/* A hub that runs has the limit of whoever started it; else what is started from here counts. */
void check_limits(struct doctor *doctor)
{
    struct rlimit limit;
    struct lock_info hub = {0};
    bool runs = control_look(doctor->config, "hub", &hub) && hub.pid > 0;
    long long most = runs ? open_files_of(hub.pid) : -1;
    if (most < 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max != RLIM_INFINITY)
        most = (long long)limit.rlim_max;
    if (most >= 0 && most < DESCRIPTORS_WANTED)
        tell_few_files(doctor, runs ? "the hub" : "here", most);
    else if (most >= 0)
        found(doctor, DOCTOR_OK, "limits/files", "%lld", most);
    else
        found(doctor, DOCTOR_OK, "limits/files", "no limit");
}

/* ---- sandbox ---- */

/* Whether anybody could want to run a command here. */
static bool uses_commands(const struct config *config)
{
    bool used = config->runner;
    for (size_t i = 0; i < config->agent_count && !used; i++)
        used = !config->agents[i].tools_allow || str_in("exec", config->agents[i].tools_allow);
    return used;
}

void check_sandbox(struct doctor *doctor)
{
    const char *why;
    if (guard_available(doctor->arena, &why)) {
        found(doctor, DOCTOR_OK, "sandbox/exec", "a trial command ran behind the walls");
        return;
    }
    bool used = doctor->is_bad || uses_commands(doctor->config);
    found_fix(doctor,
              found(doctor, used ? DOCTOR_FAIL : DOCTOR_WARN, "sandbox/exec",
                    "exec is off because %s", why),
              "see docs/sandbox.md, \"What it needs\"; the other tools work");
}

/* Whose the secrets are runs the company: hq takes no others. */
const char *check_foreign_owner(struct doctor *doctor)
{
    struct stat info;
    if (geteuid() != 0 || stat(doctor->config->secrets, &info) < 0 || info.st_uid == 0)
        return NULL;
    struct passwd *owner = getpwuid(info.st_uid);
    return owner ? arena_strdup(doctor->arena, owner->pw_name)
                 : arena_printf(doctor->arena, "#%u", info.st_uid);
}

void check_user(struct doctor *doctor)
{
    const char *owner = check_foreign_owner(doctor);
    if (owner)
        found_fix(doctor,
                  found(doctor, DOCTOR_FAIL, "sandbox/user",
                        "the company belongs to %s, and this is root", owner),
                  "sudo -u %s %s doctor", owner, doctor->hq);
    else if (geteuid() == 0)
        found_fix(doctor,
                  found(doctor, DOCTOR_WARN, "sandbox/user",
                        "hq runs as root: what gets past a wall is root, too"),
                  "run it as a user of its own: sudo useradd -m hq; sudo chown -R hq %s",
                  doctor->config->dir);
    else
        found(doctor, DOCTOR_OK, "sandbox/user", "user %u", geteuid());
}
