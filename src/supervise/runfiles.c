/* Writes and reads the small files of state/run/. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "config/config.h"
#include "supervise/runfiles.h"

enum { BOARD_MAX = 1 << 20 }; /* a thousand agents say less */

static void wish_path(const struct config *config, const char *name, enum runfile_verb verb,
                      char path[PATH_MAX])
{
    static const char *const verbs[] = {"down", "restart", "retry", "reload"};
    snprintf(path, PATH_MAX, "%s/run/%s.%s", config->state, name, verbs[verb]);
}

static int sync_folder(const char *path)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof(dir), "%s", path);
    *strrchr(dir, '/') = '\0';
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int replace_file(const char *path, const char *text, bool durable, struct err *err)
{
    char temporary[PATH_MAX + 16];
    snprintf(temporary, sizeof(temporary), "%s.%d", path, (int)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "unwritable_state", "cannot write %s", temporary);
    int rc = file_write(fd, text, strlen(text));
    if (rc == 0 && durable)
        rc = fsync(fd);
    if (close(fd) == 0 && rc == 0)
        rc = rename(temporary, path);
    if (rc == 0 && durable)
        rc = sync_folder(path);
    if (rc < 0) {
        err_errno(err, "unwritable_state", "cannot write %s", path);
        unlink(temporary);
    }
    return rc < 0 ? -1 : 0;
}

int runfile_put(const struct config *config, const char *name, enum runfile_verb verb,
                const char *text, struct err *err)
{
    char path[PATH_MAX];
    wish_path(config, name, verb, path);
    return replace_file(path, text, verb == RUNFILE_DOWN, err);
}

bool runfile_take(const struct config *config, const char *name, enum runfile_verb verb)
{
    char path[PATH_MAX];
    wish_path(config, name, verb, path);
    return unlink(path) == 0;
}

bool runfile_is_there(const struct config *config, const char *name, enum runfile_verb verb)
{
    char path[PATH_MAX];
    wish_path(config, name, verb, path);
    return access(path, F_OK) == 0;
}

int runfile_board_put(const struct config *config, const json_t *board, struct err *err)
{
    struct arena arena = {0};
    const char *path = arena_printf(&arena, "%s/run/supervisor.json", config->state);
    crash_point("supervisor.board.before");
    int rc = replace_file(path, json_print(&arena, board), false, err);
    crash_point("supervisor.board.after");
    arena_fini(&arena);
    return rc;
}

json_t *runfile_board_get(const struct config *config)
{
    char path[PATH_MAX];
    json_t *board = NULL;
    snprintf(path, sizeof(path), "%s/run/supervisor.json", config->state);
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    char *text = mem_alloc(BOARD_MAX);
    board = json_parse(text, fread(text, 1, BOARD_MAX, file), NULL);
    free(text);
    fclose(file);
    return board;
}

static int make_folder(const char *path, struct err *err)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        err_errno(err, "unwritable_state", "cannot make the folder %s", path);
        err_hint(err, "Make it writable for this user, or choose another with --state DIR.");
        return -1;
    }
    if (access(path, W_OK | X_OK) == 0)
        return 0;
    err_errno(err, "unwritable_state", "cannot write in the folder %s", path);
    err_hint(err, "Make it writable for this user, or choose another with --state DIR.");
    return -1;
}

int runfile_make_folders(const struct config *config, struct err *err)
{
    static const char *const below[] = {"", "/run", "/logs"};
    for (size_t i = 0; i < 3; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s%s", config->state, below[i]);
        if (make_folder(path, err) < 0)
            return -1;
    }
    return 0;
}
