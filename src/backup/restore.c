/* Looks into a backup as deeply as one can, and makes a company of it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/backup.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/str.h"
#include "ledger/ledger.h"
#include "ledger/store.h"

#define CONFIG "hq.yaml"
#define DRAFT ".hq-restore"   /* inside the folder: what is not a company yet */
#define WHOLE ".hq-restored-" /* the same, whole and on its way up; behind it which backup it is   \
                               */
#define LEDGER "state/ledger.db"
#define BLOBS "state/blobs/"

static const struct backup_member *find(const struct archive *archive, const char *path)
{
    for (size_t i = 0; i < archive->members.count; i++)
        if (str_eq(archive->members.list[i].path, path))
            return &archive->members.list[i];
    return NULL;
}

static int open_archive(const char *path, const struct backup_progress *progress,
                        struct arena *arena, struct archive *archive, struct err *err)
{
    int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "unreadable", "cannot open %s", path);
    if (archive_check(fd, path, progress, arena, archive, err) == 0) {
        if (find(archive, CONFIG) && find(archive, LEDGER))
            return fd;
        err_set(err, "not_a_backup", "%s is no backup of hq: it holds no %s", path,
                find(archive, CONFIG) ? LEDGER : CONFIG);
    }
    close(fd);
    return -1;
}

/* ---- files ---- */

static int extract_to(const struct archive *archive, const struct backup_member *member,
                      const char *path, struct err *err)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = open(path, flags, member->executable ? 0700 : 0600);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = member->mtime}};
    if (fd < 0)
        return err_errno(err, "restore_failed", "cannot make %s", path);
    int rc = archive_copy(archive, member, fd, err);
    futimens(fd, times);
    close(fd);
    return rc;
}

/* The manifest's paths were looked at: none leads out of the folder. */
static int extract(const struct archive *archive, const struct backup_member *member,
                   const char *folder, struct err *err)
{
    struct arena arena = {0};
    char *path = arena_printf(&arena, "%s/%s", folder, member->path), *slash = strrchr(path, '/');
    *slash = '\0';
    int rc = folder_make(path, err);
    *slash = '/';
    crash_point("backup.extract");
    if (rc == 0)
        rc = extract_to(archive, member, path, err);
    arena_fini(&arena);
    return rc;
}

static bool is_of_ledger(const struct backup_member *member)
{
    return str_eq(member->path, LEDGER) || str_starts(member->path, BLOBS);
}

static int extract_all(const struct archive *archive, const char *folder, bool ledger_only,
                       struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < archive->members.count && rc == 0; i++)
        if (!ledger_only || is_of_ledger(&archive->members.list[i]))
            rc = extract(archive, &archive->members.list[i], folder, err);
    return rc;
}

/* ---- the ledger in it ---- */

static void add_findings(struct backup_report *report, const char **findings, size_t count,
                         struct arena *arena)
{
    const char **all = arena_alloc(arena, (report->finding_count + count + 1) * sizeof(*all));
    if (report->finding_count)
        memcpy(all, report->findings, report->finding_count * sizeof(*all));
    if (count)
        memcpy(all + report->finding_count, findings, count * sizeof(*all));
    report->findings = all;
    report->finding_count += count;
}

static int count_events(struct ledger *ledger, struct backup_report *report, struct err *err)
{
    struct arena arena = {0};
    struct ledger_feed feed;
    int rc = ledger_feed(ledger, INT64_MAX - 1, 1, &arena, &feed, err);
    report->events = rc == 0 ? feed.newest : 0;
    arena_fini(&arena);
    return rc;
}

static int check_ledger(struct ledger *ledger, struct arena *arena, struct backup_report *report,
                        struct err *err)
{
    static const enum admin checks[] = {ADMIN_CHECK, ADMIN_CHECK_BLOBS};
    const char **findings;
    size_t count;
    for (size_t i = 0; i < 2; i++) {
        if (ledger_admin(ledger, checks[i], NULL, arena, &findings, &count, err) < 0)
            return -1;
        add_findings(report, findings, count, arena);
    }
    return count_events(ledger, report, err);
}

/* What the company was about to send, or was sending, it may have sent since: nobody knows, and by
 * the rules of each (`on_unknown`) a person is asked, it is sent again, or it stays so. */
static int unsure_of(struct ledger *ledger, const struct effect *effect, const char *created_at,
                     struct err *err)
{
    struct arena arena = {0};
    struct outcome outcome = {0};
    struct effect to = {
        .id = effect->id,
        .fence = effect->fence,
        .state = EFFECT_UNKNOWN,
        .reason = arena_printf(&arena,
                               "the company was restored from a backup of %s; it may have been "
                               "sent since",
                               created_at),
    };
    struct op op = {.type = OP_EFFECT_STATE, .effect = &to};
    struct batch batch = {.actor = "operator", .ops = &op, .count = 1};
    int rc = ledger_apply(ledger, &batch, &outcome, err);
    arena_fini(&arena);
    if (rc == 0 && outcome.status != LEDGER_OK)
        return err_set(err, outcome.code, "%s", outcome.message);
    return rc;
}

enum { EFFECTS_PAGE = 500 };

/* All that are in that state now. What is changed leaves it, so the first page is read again, until
 * it holds only what its rule sent back there. */
static int hold_back(struct ledger *ledger, const char *state, struct backup_report *report,
                     struct err *err)
{
    struct arena arena = {0};
    int64_t after = 0;
    size_t count = EFFECTS_PAGE, changed = 1;
    int rc = 0;
    struct map seen = {0};
    while ((changed || count == EFFECTS_PAGE) && rc == 0) {
        void *rows;
        rc = ledger_query(ledger, LIST_EFFECTS_BY_STATE, state, NULL, after, EFFECTS_PAGE, &arena,
                          &rows, &count, err);
        changed = 0;
        for (size_t i = 0; i < count && rc == 0; i++) {
            const struct effect *effect = &((const struct effect *)rows)[i];
            if (map_put(&seen, effect->id, &seen))
                continue;
            rc = unsure_of(ledger, effect, report->archive.info.created_at, err);
            changed++;
        }
        if (!changed && count)
            after = ((const struct effect *)rows)[count - 1].ready_at;
        report->held_back += (int64_t)changed;
    }
    map_fini(&seen);
    arena_fini(&arena);
    return rc;
}

static int count_unknown(struct ledger *ledger, struct backup_report *report, struct err *err)
{
    struct arena arena = {0};
    void *rows;
    size_t count = 0;
    int rc = ledger_query(ledger, LIST_EFFECTS_BY_STATE, EFFECT_UNKNOWN, NULL, 0, EFFECTS_PAGE,
                          &arena, &rows, &count, err);
    report->held_back = (int64_t)count;
    arena_fini(&arena);
    return rc;
}

/* Opens (and migrates) the copy below `folder`; gives it a new id where it is to live on. */
static int try_ledger(const char *folder, bool renew, struct arena *arena,
                      struct backup_report *report, struct err *err)
{
    struct store *store = store_sqlite_open(arena_printf(arena, "%s/state", folder), err);
    struct ledger *ledger = store ? ledger_open(store, err) : NULL;
    if (!ledger)
        return -1;
    int rc = check_ledger(ledger, arena, report, err);
    if (rc == 0 && !renew)
        rc = count_unknown(ledger, report, err);
    if (rc == 0 && renew)
        rc = ledger_renew_id(ledger, err);
    if (rc == 0 && renew)
        rc = hold_back(ledger, EFFECT_IN_FLIGHT, report, err);
    if (rc == 0 && renew)
        rc = hold_back(ledger, EFFECT_INTENDED, report, err);
    ledger_close(ledger);
    return rc;
}

/* ---- verify ---- */

#define COPY ".hq-verify-" /* folder of a ledger's copy, locked by whoever looks at it */

/* As large as the ledger: what a killed one left goes with the next. */
static void remove_copies(const char *folder, struct arena *arena)
{
    struct err ignored;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!str_starts(entry->d_name, COPY))
            continue;
        int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            folder_remove(arena_printf(arena, "%s/%s", folder, entry->d_name), &ignored);
        if (fd >= 0)
            close(fd);
    }
    if (dir)
        closedir(dir);
}

/* The folder, and its lock in *lock. */
static char *temporary_folder(const char *path, int *lock, struct arena *arena, struct err *err)
{
    const char *tmp = getenv("TMPDIR"), *slash = strrchr(path, '/');
    const char *beside = slash ? arena_memdup(arena, path, (size_t)(slash - path) + 1) : ".";
    const char *elsewhere = tmp && *tmp ? tmp : "/tmp";
    remove_copies(beside, arena);
    remove_copies(elsewhere, arena);
    char *made = mkdtemp(arena_printf(arena, "%s/" COPY "XXXXXX", beside));
    if (!made)
        made = mkdtemp(arena_printf(arena, "%s/" COPY "XXXXXX", elsewhere));
    if (!made)
        err_errno(err, "backup_failed", "no folder can be made beside %s or in %s", path,
                  elsewhere);
    *lock = made ? open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (*lock >= 0)
        flock(*lock, LOCK_EX | LOCK_NB);
    return made;
}

int backup_verify(const char *path, const struct backup_progress *progress, struct arena *arena,
                  struct backup_report *report, struct err *err)
{
    struct err ignored;
    int lock = -1;
    *report = (struct backup_report){0};
    int fd = open_archive(path, progress, arena, &report->archive, err);
    if (fd < 0)
        return -1;
    char *folder = temporary_folder(path, &lock, arena, err);
    int rc = folder ? extract_all(&report->archive, folder, true, err) : -1;
    if (rc == 0)
        rc = try_ledger(folder, false, arena, report, err);
    if (folder)
        folder_remove(folder, &ignored);
    if (lock >= 0)
        close(lock);
    close(fd);
    return rc;
}

/* ---- restore ---- */

/* The folder below `to` of what is whole: of that backup and no other. */
static const char *whole_of(const struct archive *archive, const char *to, struct arena *arena)
{
    enum { DIGITS = 16 };
    char hex[HASH_HEX];
    struct buf text = {0};
    buf_puts(&text, archive->info.head_sha256);
    for (size_t i = 0; i < archive->members.count; i++)
        buf_printf(&text, "\n%s %s", archive->members.list[i].sha256,
                   archive->members.list[i].path);
    hash_hex(text.bytes, text.len, hex);
    buf_fini(&text);
    return arena_printf(arena, "%s/" WHOLE "%.*s", to, DIGITS, hex);
}

/* What is in the folder besides an unfinished restore; NULL: nothing. Where one was on its way up,
 * what it has moved is in the folder, too. */
static const char *first_in(const char *folder, bool *is_begun, struct arena *arena)
{
    const char *found = NULL;
    DIR *dir = opendir(folder);
    *is_begun = false;
    if (!dir)
        return NULL;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (str_starts(entry->d_name, WHOLE))
            *is_begun = true;
        else if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..") &&
                 !str_eq(entry->d_name, DRAFT))
            found = arena_strdup(arena, entry->d_name);
    }
    closedir(dir);
    return found;
}

static int check_target(const char *to, bool *is_begun, struct arena *arena, struct err *err)
{
    struct stat st;
    *is_begun = false;
    if (stat(arena_printf(arena, "%s/" CONFIG, to), &st) == 0) {
        err_set(err, "exists", "%s holds a company already; a restore never overwrites one", to);
        err_hint(err, "name another folder: --to DIR");
        return -1;
    }
    const char *first = first_in(to, is_begun, arena);
    if (!first || *is_begun)
        return 0;
    err_set(err, "exists", "%s is not empty: it holds %.100s", to, first);
    err_hint(err, "name another folder with --to DIR, or empty this one");
    return -1;
}

/* One that was killed is gone on with by the same backup. */
static int check_begun(const char *to, const char *whole, struct err *err)
{
    if (access(whole, F_OK) == 0)
        return 0;
    err_set(err, "exists", "%s holds half of another backup, whose restore was interrupted", to);
    err_hint(err,
             "restore that backup again, and it goes on; or empty the folder, hidden files too");
    return -1;
}

static int rename_up(const char *draft, const char *to, const char *name, struct arena *arena,
                     struct err *err)
{
    const char *from = arena_printf(arena, "%s/%s", draft, name);
    if (rename(from, arena_printf(arena, "%s/%s", to, name)) < 0)
        return err_errno(err, "restore_failed", "cannot move %s to %s", from, to);
    return 0;
}

/* The file that makes a folder a company comes last. */
static int rename_all(const char *draft, const char *to, struct arena *arena, struct err *err)
{
    int rc = 0;
    DIR *dir = opendir(draft);
    if (!dir)
        return err_errno(err, "restore_failed", "cannot read %s", draft);
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir));) {
        crash_point("backup.rename");
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..") &&
            !str_eq(entry->d_name, CONFIG))
            rc = rename_up(draft, to, entry->d_name, arena, err);
    }
    closedir(dir);
    if (rc == 0)
        rc = folder_sync(to, err);
    crash_point("backup.config.before");
    if (rc == 0)
        rc = rename_up(draft, to, CONFIG, arena, err);
    crash_point("backup.config.after");
    return rc == 0 ? folder_sync(to, err) : rc;
}

static int sync_all(const char *folder, struct err *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : syncfs(fd);
    if (rc < 0)
        err_errno(err, "restore_failed", "cannot make %s durable", folder);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Fills the draft; then its name says that it is whole. */
static int make_whole(const struct backup_restore *job, const char *whole, struct arena *arena,
                      struct backup_report *report, struct err *err)
{
    const char *draft = arena_printf(arena, "%s/" DRAFT, job->to);
    struct err ignored;
    int rc = folder_remove(draft, err);
    if (rc == 0)
        rc = folder_make(draft, err);
    if (rc == 0)
        rc = extract_all(&report->archive, draft, false, err);
    if (rc == 0)
        rc = try_ledger(draft, true, arena, report, err);
    if (rc == 0)
        rc = sync_all(draft, err);
    crash_point("backup.whole.before");
    if (rc == 0 && rename(draft, whole) < 0)
        rc = err_errno(err, "restore_failed", "cannot rename %s", draft);
    crash_point("backup.whole.after");
    if (rc < 0)
        folder_remove(draft, &ignored);
    return rc;
}

/* Of a restore that goes on: its ledger is where it was, or up already. */
static int look_again(const char *to, const char *whole, struct arena *arena,
                      struct backup_report *report, struct err *err)
{
    bool is_up = access(arena_printf(arena, "%s/" LEDGER, to), F_OK) == 0;
    return try_ledger(is_up ? to : whole, false, arena, report, err);
}

/* Held while anything is moved: two restores never fill one folder. */
static int lock_target(const char *to, struct err *err)
{
    if (folder_make(to, err) < 0)
        return -1;
    int fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    err_errno(err, "busy", "another restore into %s is under way", to);
    if (fd >= 0)
        close(fd);
    return -1;
}

static int restore_into(const struct backup_restore *job, bool is_begun, struct arena *arena,
                        struct backup_report *report, struct err *err)
{
    struct err ignored;
    const char *whole = whole_of(&report->archive, job->to, arena);
    if (is_begun && check_begun(job->to, whole, err) < 0)
        return -1;
    if (job->dry_run)
        return 0;
    int rc = is_begun ? look_again(job->to, whole, arena, report, err)
                      : make_whole(job, whole, arena, report, err);
    if (rc == 0)
        rc = rename_all(whole, job->to, arena, err);
    if (rc == 0)
        folder_remove(whole, &ignored);
    return rc;
}

int backup_restore(const struct backup_restore *job, struct arena *arena,
                   struct backup_report *report, struct err *err)
{
    *report = (struct backup_report){0};
    bool is_begun;
    int rc = -1, lock = -1, fd = -1;
    if (check_target(job->to, &is_begun, arena, err) < 0)
        return -1;
    fd = open_archive(job->path, job->progress, arena, &report->archive, err);
    if (fd >= 0 && !job->dry_run)
        lock = lock_target(job->to, err);
    /* Looked at again behind the lock: another restore may have been here meanwhile. */
    if (fd >= 0 && (job->dry_run || lock >= 0) && check_target(job->to, &is_begun, arena, err) == 0)
        rc = restore_into(job, is_begun, arena, report, err);
    if (lock >= 0)
        close(lock);
    if (fd >= 0)
        close(fd);
    return rc;
}
