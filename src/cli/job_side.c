/* Folders in, a script run, folders out. A result appears by one rename. */
#include "cli/job_side.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "channel/job_folder.h"
#include "sys/spawn.h"

#define LOG_FILE "stdout.log"
#define RESULT_FILE "result.json"

enum { ARGUMENTS_MAX = 1000, WORKS_MAX = 1000 };

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int job_side_open(const char *dir, struct arena *arena, struct job_side *side, struct err *err)
{
    char whole[PATH_MAX];
    if (!realpath(dir, whole))
        return err_errno(err, "no_folder", "cannot open the bridge's folder %s", dir);
    *side = (struct job_side){.inbox = arena_printf(arena, "%s/inbox", whole),
                              .outbox = arena_printf(arena, "%s/outbox", whole),
                              .work = arena_printf(arena, "%s/work", whole)};
    if (is_folder(side->inbox) && is_folder(side->outbox))
        return 0;
    err_set(err, "no_folder", "%s is no job bridge: it has no inbox and outbox", dir);
    err_hint(err, "name the folder that `jobs` in hq.yaml names, or its copy here: --dir DIR");
    return -1;
}

enum job_stand job_stand(const struct job_side *side, const char *id, json_t **job, struct err *err)
{
    struct arena arena = {0};
    json_t *files = NULL;
    const char *missing;
    enum job_stand stand = STAND_COMING;
    enum job_found found = job_read(side->outbox, id, job, err);
    const char *status = json_get_text(*job, "status", "");
    if (found == JOB_REFUSED)
        stand = STAND_REFUSED;
    else if (is_folder(arena_printf(&arena, "%s/%s", side->inbox, id)) ||
             str_eq(status, "completed") || str_eq(status, "failed"))
        stand = STAND_OVER;
    else if (found == JOB_FOUND && str_eq(status, "running"))
        stand = STAND_BEGUN;
    else if (found == JOB_FOUND && str_eq(status, "submitted")) {
        found = job_files(side->outbox, id, &files, err);
        if (found == JOB_REFUSED)
            stand = STAND_REFUSED;
        else if (found == JOB_FOUND &&
                 job_files_are_there(json_object_get(*job, "sent"), files, &arena, &missing))
            stand = STAND_NEW;
    }
    json_decref(files);
    arena_fini(&arena);
    return stand;
}

/* ---- copying ---- */

static int copy_bytes(int from, int to)
{
    char chunk[65536];
    ssize_t got;
    while ((got = read(from, chunk, sizeof(chunk))) > 0)
        if (file_write(to, chunk, (size_t)got) < 0)
            return -1;
    return got < 0 || fsync(to) < 0 ? -1 : 0;
}

/* The name was checked by job_files(). */
static int copy_file(const char *from, const char *to, const char *name, struct err *err)
{
    struct arena arena = {0};
    struct stat info;
    char *target = arena_printf(&arena, "%s/%s", to, name), *slash = strrchr(target, '/');
    *slash = '\0';
    int rc = folder_make(target, err);
    *slash = '/';
    int in = open(arena_printf(&arena, "%s/%s", from, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    mode_t mode = in >= 0 && fstat(in, &info) == 0 ? info.st_mode & 0700 : 0600;
    int out = rc < 0 ? -1 : open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode | 0600);
    if (rc == 0 && (in < 0 || out < 0 || copy_bytes(in, out) < 0))
        rc = err_errno(err, "no_folder", "cannot copy %s to %s", name, to);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    arena_fini(&arena);
    return rc;
}

static int copy_files(const char *from, const char *to, const json_t *files, struct err *err)
{
    size_t i;
    const json_t *file;
    int rc = folder_make(to, err);
    json_array_foreach (files, i, file)
        if (rc == 0)
            rc = copy_file(from, to, json_get_text(file, "name", ""), err);
    return rc;
}

/* ---- performing ---- */

struct performance {
    const struct job_side *side;
    const char *id;
    json_t *job, *sent; /* its job.json as it changes; what came with it */
    const char *folder; /* in `work` */
    struct arena arena;
    int code; /* of the script, or -signal */
};

static int set_status(struct performance *it, const char *status, struct err *err)
{
    json_set_text(it->job, "status", status);
    return job_write(arena_printf(&it->arena, "%s/%s", it->side->outbox, it->id), it->job, err);
}

static void set_time(struct performance *it, const char *key)
{
    char text[TIME_TEXT];
    time_rfc3339(time_wall_ms(), text);
    json_set_text(it->job, key, text);
}

/* What an earlier run of it left stays beside it. */
static int choose_folder(struct performance *it, struct err *err)
{
    for (int n = 1; n <= WORKS_MAX; n++) {
        it->folder = n == 1 ? arena_printf(&it->arena, "%s/%s", it->side->work, it->id)
                            : arena_printf(&it->arena, "%s/%s.again-%d", it->side->work, it->id, n);
        if (access(it->folder, F_OK) != 0)
            return 0;
    }
    return err_set(err, "no_folder", "%s has been begun too often", it->id);
}

static int find_sent(struct performance *it, struct err *err)
{
    enum job_found found = job_files(it->side->outbox, it->id, &it->sent, err);
    if (found == JOB_FOUND)
        return 0;
    return found == JOB_REFUSED
               ? -1
               : err_set(err, "not_whole", "the folder of %s is being changed: try again", it->id);
}

static const char *find_program(struct arena *arena, const char *name)
{
    static const char *const dirs[] = {"/usr/local/bin", "/usr/bin", "/bin"};
    for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
        const char *path = arena_printf(arena, "%s/%s", dirs[i], name);
        if (access(path, X_OK) == 0)
            return path;
    }
    return name;
}

/* The arguments are texts, or their JSON; they never pass a shell. NULL with *err. */
static const char *const *arguments(struct performance *it, struct err *err)
{
    const char *script = json_get_text(it->job, "script", NULL);
    const json_t *args = json_object_get(it->job, "args");
    size_t count = 0;
    const char **argv = arena_alloc(&it->arena, (json_array_size(args) + 4) * sizeof(*argv));
    if (!script || !folder_name_is_inside(script) || json_array_size(args) > ARGUMENTS_MAX) {
        err_set(err, "bad_job", "%s names no script that could be run", it->id);
        return NULL;
    }
    const char *path = arena_printf(&it->arena, "%s/%s", it->folder, script);
    if (str_ends(script, ".py"))
        argv[count++] = find_program(&it->arena, "python3");
    else if (str_ends(script, ".sh"))
        argv[count++] = "/bin/sh";
    else
        chmod(path, 0700); /* the way here keeps no such right */
    argv[count++] = path;
    for (size_t i = 0; i < json_array_size(args); i++) {
        const json_t *arg = json_array_get(args, i);
        struct buf text = {0};
        if (!json_is_string(arg))
            json_put(&text, arg, JSON_ENCODE_ANY | JSON_SORT_KEYS);
        argv[count++] = arena_strdup(&it->arena, json_is_string(arg) ? json_string_value(arg)
                                                                     : buf_text(&text));
        buf_fini(&text);
    }
    return argv;
}

static int run_script(struct performance *it, struct err *err)
{
    int status = 0;
    const char *const *argv = arguments(it, err);
    const char *log = arena_printf(&it->arena, "%s/" LOG_FILE, it->folder);
    int fd = argv ? open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (!argv)
        return -1;
    if (fd < 0)
        return err_errno(err, "no_folder", "cannot write %s", log);
    struct spawn spawn = {
        .argv = argv, .dir = it->folder, .in = -1, .out = fd, .err = fd, .pass = {-1, -1, -1, -1}};
    pid_t pid = spawn_start(&spawn, err);
    close(fd);
    if (pid < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    it->code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return 0;
}

static bool is_as_sent(const struct performance *it, const json_t *file)
{
    size_t i;
    const json_t *sent;
    json_array_foreach (it->sent, i, sent)
        if (json_equal((json_t *)sent, (json_t *)file))
            return true;
    return false;
}

/* result.json, where the script wrote one. */
static json_t *read_result(const struct performance *it)
{
    struct buf text = {0};
    struct arena arena = {0};
    ssize_t got = 1;
    int fd = open(arena_printf(&arena, "%s/" RESULT_FILE, it->folder), O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && got > 0 && text.len <= LIMIT_RESULT) {
        got = read(fd, buf_room(&text, 65536), 65536);
        if (got > 0)
            buf_grow(&text, (size_t)got);
    }
    json_t *result = text.len > 0 ? json_parse(buf_text(&text), text.len, NULL) : NULL;
    if (fd >= 0)
        close(fd);
    buf_fini(&text);
    arena_fini(&arena);
    return result;
}

/* Renames the draft to inbox/<id>, unless something is there already. */
static int put_in_inbox(const struct job_side *side, const char *id, const char *draft,
                        struct err *err)
{
    struct arena arena = {0};
    const char *to = arena_printf(&arena, "%s/%s", side->inbox, id);
    crash_point("watch.result.before");
    int rc = renameat2(AT_FDCWD, draft, AT_FDCWD, to, RENAME_NOREPLACE);
    if (rc < 0)
        err_errno(err, "no_folder", "cannot put the result %s in place", to);
    crash_point("watch.result.after");
    if (rc == 0)
        rc = folder_sync(side->inbox, err);
    arena_fini(&arena);
    return rc;
}

static const char *draft_of(const struct job_side *side, const char *id, struct arena *arena)
{
    struct err ignored;
    const char *draft = arena_printf(arena, "%s/.hq-tmp-%s", side->inbox, id);
    folder_remove(draft, &ignored);
    return draft;
}

static int hand_in(struct performance *it, const char *status, struct err *err)
{
    json_t *all = NULL, *files = json_array(), *result = read_result(it);
    size_t i;
    const json_t *file;
    const char *draft = draft_of(it->side, it->id, &it->arena);
    const char *name = strrchr(it->folder, '/') + 1;
    int rc = job_files(it->side->work, name, &all, err) == JOB_FOUND ? 0 : -1;
    json_array_foreach (all, i, file)
        if (!is_as_sent(it, file))
            json_array_append(files, (json_t *)file);
    if (rc < 0 && !*err->message)
        err_set(err, "not_whole", "the results of %s still change", it->id);
    if (rc == 0)
        rc = copy_files(it->folder, draft, files, err);
    json_object_set(it->job, "files", files);
    json_object_set_new(it->job, "exit_code", json_integer(it->code));
    json_object_set_new(it->job, "result", result ? result : json_null());
    set_time(it, "finished_at");
    json_set_text(it->job, "status", status);
    if (it->code != 0)
        json_set_text(it->job, "message",
                      it->code > 0 ? arena_printf(&it->arena, "exit code %d", it->code)
                                   : arena_printf(&it->arena, "ended by signal %d", -it->code));
    if (rc == 0)
        rc = job_write(draft, it->job, err);
    if (rc == 0)
        rc = put_in_inbox(it->side, it->id, draft, err);
    json_decref(all);
    json_decref(files);
    return rc;
}

int job_perform(const struct job_side *side, const char *id, const json_t *job, const char **status,
                struct err *err)
{
    struct err ignored;
    struct performance it = {.side = side, .id = id, .job = json_deep_copy(job)};
    int rc = find_sent(&it, err);
    if (rc == 0)
        rc = choose_folder(&it, err);
    if (rc == 0)
        rc =
            copy_files(arena_printf(&it.arena, "%s/%s", side->outbox, id), it.folder, it.sent, err);
    set_time(&it, "started_at");
    if (rc == 0)
        rc = set_status(&it, "running", err);
    crash_point("watch.begun");
    if (rc == 0 && run_script(&it, err) < 0) {
        it.code = 127;
        FILE *log = fopen(arena_printf(&it.arena, "%s/" LOG_FILE, it.folder), "ae");
        if (log)
            fprintf(log, "%s\n", err->message);
        if (log)
            fclose(log);
    }
    crash_point("watch.ended");
    *status = it.code == 0 ? "completed" : "failed";
    if (rc == 0)
        rc = hand_in(&it, *status, err);
    if (rc == 0)
        set_status(&it, *status, &ignored); /* the bridge may have put it away already */
    json_decref(it.job);
    json_decref(it.sent);
    arena_fini(&it.arena);
    return rc;
}

int job_say_done(const struct job_side *side, const char *id, const struct job_word *word,
                 struct err *err)
{
    struct arena arena = {0};
    struct err ignored = {0};
    char now[TIME_TEXT];
    json_t *job = NULL, *files = NULL;
    int rc = 0;
    if (!job_name_is_plain(id))
        return err_set(err, "bad_job", "\"%.140s\" is not the id of a job", id);
    if (job_read(side->outbox, id, &job, &ignored) != JOB_FOUND)
        job = json_pack("{s:s}", "job_id", id);
    const char *there = arena_printf(&arena, "%s/%s", side->inbox, id);
    const char *draft = is_folder(there) ? there : draft_of(side, id, &arena);
    if (draft != there)
        rc = folder_make(draft, err);
    else if (job_files(side->inbox, id, &files, err) != JOB_FOUND)
        rc = *err->message ? -1 : err_set(err, "not_whole", "%s is being copied: try again", there);
    time_rfc3339(time_wall_ms(), now);
    json_set_text(job, "status", word->status);
    json_set_text(job, "message", word->message);
    json_set_text(job, "finished_at", now);
    json_object_set(job, "result", word->result ? (json_t *)word->result : json_null());
    json_object_set_new(job, "files", files ? json_incref(files) : json_array());
    if (rc == 0)
        rc = job_write(draft, job, err);
    if (rc == 0 && draft != there)
        rc = put_in_inbox(side, id, draft, err);
    json_decref(job);
    json_decref(files);
    arena_fini(&arena);
    return rc;
}
