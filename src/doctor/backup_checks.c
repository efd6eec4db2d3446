/* backup/age: when the company was last backed up. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "base/time.h"
#include "config/config.h"
#include "doctor/check.h"

#define BACKUP_SUFFIX ".hqb.tar" /* of `hq backup create`; its room is above this one */

static const int64_t day_ms = 24 * INT64_C(3600000);
enum { BACKUP_DAYS = 7, YOUNG_DAYS = 1 };

/* The newest archive's time in ms; 0: there is none. */
static int64_t newest_backup(struct doctor *doctor)
{
    int64_t newest = 0;
    DIR *dir = opendir(arena_printf(doctor->arena, "%s/backups", doctor->config->dir));
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stat info;
        if (str_ends(entry->d_name, BACKUP_SUFFIX) &&
            fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            (int64_t)info.st_mtime * 1000 > newest)
            newest = (int64_t)info.st_mtime * 1000;
    }
    if (dir)
        closedir(dir);
    return newest;
}

/* How long there has been something to lose: the ledger's reserve is made with it and never written
 * again. 0: nothing is there. */
static int64_t state_age(struct doctor *doctor)
{
    struct stat info;
    const char *path = arena_printf(doctor->arena, "%s/reserve", doctor->config->state);
    return lstat(path, &info) == 0 ? time_wall_ms() - (int64_t)info.st_mtime * 1000 : 0;
}

void check_backups(struct doctor *doctor)
{
    int64_t newest = newest_backup(doctor), age = time_wall_ms() - newest;
    if (newest && age <= BACKUP_DAYS * day_ms)
        found(doctor, DOCTOR_OK, "backup/age", "%s old", check_age(doctor, age));
    else if (newest)
        found_fix(doctor,
                  found(doctor, DOCTOR_WARN, "backup/age", "the newest in backups/ is %s old",
                        check_age(doctor, age)),
                  "%s backup create", doctor->hq);
    else
        found_fix(doctor,
                  found(doctor, state_age(doctor) > YOUNG_DAYS * day_ms ? DOCTOR_WARN : DOCTOR_INFO,
                        "backup/age", "there is none in backups/"),
                  "%s backup create", doctor->hq);
}
