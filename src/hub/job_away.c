/* Puts the folders of ended jobs away: nothing that came back is ever deleted. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "channel/job_folder.h"
#include "hub/job_bridge.h"
#include "ledger/ledger.h"

enum { DUPLICATES_MAX = 1000 };

/* 0 also where it is not there, or where something lies in its place already. */
static int move_away(const char *from, const char *to, struct err *err)
{
    crash_point("job.archive.before");
    int rc = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    crash_point("job.archive.after");
    if (rc == 0 || errno == ENOENT || errno == EEXIST || errno == ENOTEMPTY)
        return 0;
    return err_errno(err, "no_folder", "cannot put %s away", from);
}

/* Whether the folder in the inbox is whole as far as it says itself. */
static bool says_ended(const struct job_bridge *bridge, const char *id)
{
    struct err err;
    json_t *json = NULL;
    bool found = job_read(bridge->inbox, id, &json, &err) == JOB_FOUND;
    const char *status = json_get_text(json, "status", "");
    bool ended = found && (str_eq(status, JOB_COMPLETED) || str_eq(status, JOB_FAILED));
    json_decref(json);
    return ended;
}

static int archive(struct job_bridge *bridge, const char *id, struct arena *arena, struct err *err)
{
    const char *to = arena_printf(arena, "%s/%s", bridge->archive, id);
    const char *outgoing = arena_printf(arena, "%s/%s", bridge->outbox, id);
    const char *incoming = arena_printf(arena, "%s/%s", bridge->inbox, id);
    if (folder_make(to, err) < 0 || move_away(outgoing, arena_printf(arena, "%s/outbox", to), err))
        return -1;
    if (says_ended(bridge, id) && move_away(incoming, arena_printf(arena, "%s/inbox", to), err) < 0)
        return -1;
    if (rmdir(to) == 0) /* neither was there: it ended before it went out */
        return 0;
    if (folder_sync(to, err) < 0 || folder_sync(bridge->outbox, err) < 0 ||
        folder_sync(bridge->inbox, err) < 0)
        return -1;
    return folder_sync(bridge->archive, err);
}

void job_archive(struct job_bridge *bridge, const struct job *job)
{
    struct arena arena = {0};
    struct err err = {0};
    if (!job_name_is_plain(job->id) || archive(bridge, job->id, &arena, &err) == 0)
        job_change(bridge, job, &(struct job_change){.archived = true});
    else
        job_say(bridge, job->id, err.message);
    arena_fini(&arena);
}

/* Under the first number that is free. */
static void put_away(struct job_bridge *bridge, const char *id, struct arena *arena)
{
    struct stat info;
    struct err err = {0};
    const char *from = arena_printf(arena, "%s/%s", bridge->inbox, id);
    for (int n = 1; n <= DUPLICATES_MAX; n++) {
        const char *to = arena_printf(arena, "%s/%s.dup-%d", bridge->archive, id, n);
        if (lstat(to, &info) == 0)
            continue;
        if (move_away(from, to, &err) < 0)
            job_say(bridge, id, err.message);
        else
            log_info("job %s has ended before: what came now lies in %s", id, to);
        return;
    }
    job_say(bridge, id,
            "more results came after its end than are kept: the folder stays where it is");
}

static void look_at_folder(struct job_bridge *bridge, const char *name)
{
    struct arena arena = {0};
    struct err err = {0};
    struct job job = {.id = name};
    int rc = ledger_get(bridge->ledger, &job_record, &job, &arena, &err);
    if (rc == LEDGER_NONE)
        job_say(bridge, name,
                "is in the inbox, but this company has no such job: it is left alone");
    else if (rc == 0 && job.archived && says_ended(bridge, name))
        put_away(bridge, name, &arena);
    arena_fini(&arena);
}

void job_put_duplicates_away(struct job_bridge *bridge)
{
    struct dirent *entry;
    DIR *dir = opendir(bridge->inbox);
    while (dir && (entry = readdir(dir)))
        if (job_name_is_plain(entry->d_name))
            look_at_folder(bridge, entry->d_name);
    if (dir)
        closedir(dir);
}
