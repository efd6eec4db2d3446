/* OFD locks on small files. The file's text is the holder's JSON and, on a second line, the start
 * of its digest: it is rewritten in place, so a reader that meets a torn text knows and looks
 * again. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "sys/lock.h"

enum {
    LOCK_TEXT = 1024,
    LOCK_SUM = 16,
    LOCK_LOOKS = 50,       /* a holder writes within a few ms of taking */
    LOCK_LOOK_NS = 2000000 /* between two looks */
};

struct lock {
    int fd;
    int64_t started_at;
    char *path;
};

/* Field 22 of /proc/<pid>/stat, counted behind the name, which may hold anything; -1: gone. */
static int64_t process_start_ticks(pid_t pid)
{
    char path[48], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (len <= 0)
        return -1;
    text[len] = '\0';
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoll(at + 1, NULL, 10) : -1;
}

static int lock_set(int fd, short type)
{
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &whole);
}

static void lock_info_read(struct lock_info *info, const json_t *json)
{
    *info = (struct lock_info){
        .pid = (pid_t)json_get_int(json, "pid", 0),
        .start_ticks = json_get_int(json, "start_ticks", 0),
        .started_at = json_get_int(json, "started_at", 0),
        .ready = json_get_bool(json, "ready", false),
        .port = (int)json_get_int(json, "port", 0),
        .pss_kb = json_get_int(json, "pss_kb", -1),
    };
    snprintf(info->nonce, sizeof(info->nonce), "%s", json_get_text(json, "nonce", ""));
    snprintf(info->version, sizeof(info->version), "%s", json_get_text(json, "version", ""));
    snprintf(info->config_hash, sizeof(info->config_hash), "%s",
             json_get_text(json, "config_hash", ""));
}

/* True where the text is whole and its writer lives. */
static bool lock_info_parse(struct lock_info *info, char *text)
{
    char digest[HASH_HEX];
    char *end = strchr(text, '\n');
    if (!end)
        return false;
    hash_hex(text, (size_t)(end - text), digest);
    if (strncmp(end + 1, digest, LOCK_SUM) != 0)
        return false;
    json_t *json = json_parse(text, (size_t)(end - text), NULL);
    if (!json)
        return false;
    lock_info_read(info, json);
    json_decref(json);
    return process_start_ticks(info->pid) == info->start_ticks;
}

/* A new holder may not have written yet: its predecessor's text is there, or a torn one. After the
 * last look *info stays empty (pid 0). */
static void lock_info_wait(int fd, struct lock_info *info)
{
    char text[LOCK_TEXT];
    for (int look = 0; look < LOCK_LOOKS; look++) {
        ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
        text[len > 0 ? len : 0] = '\0';
        if (lock_info_parse(info, text))
            return;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_LOOK_NS}, NULL);
    }
    *info = (struct lock_info){.pss_kb = -1};
}

/* 1 where the locked file is still the one at that path (lock_discard removes it while locked). */
static bool lock_is_current(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

/* Opens and locks: 0 with *fd; LOCK_HELD with *fd open for reading who; -1. */
static int lock_open(const char *path, int *fd, struct err *err)
{
    for (;;) {
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (*fd < 0)
            return err_errno(err, "lock_open", "Cannot open the lock file %s", path);
        if (lock_set(*fd, F_WRLCK) == 0) {
            if (lock_is_current(*fd, path))
                return LOCK_OK;
        } else if (errno == EAGAIN || errno == EACCES) {
            return LOCK_HELD;
        } else {
            err_errno(err, "lock_set", "Cannot lock %s", path);
            close(*fd);
            return -1;
        }
        close(*fd);
    }
}

int lock_take(const char *dir, const char *name, struct lock **lock, struct lock_info *info,
              struct err *err)
{
    struct arena arena = {0};
    struct lock_info self = {.pss_kb = -1};
    const char *path = arena_printf(&arena, "%s/%s.lock", dir, name);
    int fd, rc = lock_open(path, &fd, err);
    *lock = NULL;
    if (rc == LOCK_HELD) {
        if (info)
            lock_info_wait(fd, info);
        close(fd);
    } else if (rc == LOCK_OK) {
        *lock = mem_zalloc(sizeof(**lock));
        **lock = (struct lock){.fd = fd, .started_at = time_wall_ms(), .path = mem_strdup(path)};
        rc = lock_tell(*lock, &self, err);
        if (rc < 0) {
            lock_release(*lock);
            *lock = NULL;
        }
    }
    arena_fini(&arena);
    return rc;
}

static json_t *lock_info_json(const struct lock_info *info)
{
    json_t *json = json_object();
    json_object_set_new(json, "pid", json_integer(info->pid));
    json_object_set_new(json, "start_ticks", json_integer(info->start_ticks));
    json_object_set_new(json, "started_at", json_integer(info->started_at));
    json_object_set_new(json, "ready", json_boolean(info->ready));
    json_object_set_new(json, "port", json_integer(info->port));
    json_object_set_new(json, "pss_kb", json_integer(info->pss_kb));
    json_set_text(json, "nonce", info->nonce);
    json_set_text(json, "version", info->version);
    json_set_text(json, "config_hash", info->config_hash);
    return json;
}

int lock_tell(struct lock *lock, struct lock_info *info, struct err *err)
{
    struct arena arena = {0};
    char digest[HASH_HEX];
    info->pid = getpid();
    info->start_ticks = process_start_ticks(info->pid);
    if (!info->started_at)
        info->started_at = lock->started_at;
    json_t *json = lock_info_json(info);
    const char *body = json_print(&arena, json);
    json_decref(json);
    hash_hex(body, strlen(body), digest);
    const char *text = arena_printf(&arena, "%s\n%.*s\n", body, LOCK_SUM, digest);
    size_t len = strlen(text);
    int rc = 0;
    if (len >= LOCK_TEXT)
        rc = err_set(err, "lock_tell", "The text for %s has %zu bytes; %d fit.", lock->path, len,
                     LOCK_TEXT - 1);
    else if (pwrite(lock->fd, text, len, 0) != (ssize_t)len || ftruncate(lock->fd, (off_t)len) != 0)
        rc = err_errno(err, "lock_tell", "Cannot write the lock file %s", lock->path);
    arena_fini(&arena);
    return rc;
}

static void lock_close(struct lock *lock)
{
    close(lock->fd);
    free(lock->path);
    free(lock);
}

void lock_release(struct lock *lock)
{
    if (!lock)
        return;
    (void)!ftruncate(lock->fd, 0);
    lock_close(lock);
}

void lock_discard(struct lock *lock)
{
    if (!lock)
        return;
    unlink(lock->path);
    lock_close(lock);
}

int lock_look(const char *dir, const char *name, struct lock_info *info, struct err *err)
{
    struct arena arena = {0};
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const char *path = arena_printf(&arena, "%s/%s.lock", dir, name);
    int rc = LOCK_FREE, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (info)
        *info = (struct lock_info){.pss_kb = -1};
    if (fd < 0) {
        if (errno != ENOENT)
            rc = err_errno(err, "lock_open", "Cannot open the lock file %s", path);
        goto out;
    }
    if (fcntl(fd, F_OFD_GETLK, &whole) != 0) {
        rc = err_errno(err, "lock_look", "Cannot look at the lock of %s", path);
    } else if (whole.l_type != F_UNLCK) {
        rc = LOCK_HELD;
        if (info)
            lock_info_wait(fd, info);
    }
    close(fd);
out:
    arena_fini(&arena);
    return rc;
}

int lock_pidfd(const struct lock_info *info)
{
    if (info->pid <= 0)
        return -1;
    int fd = (int)syscall(SYS_pidfd_open, info->pid, 0); /* close-on-exec by itself */
    if (fd >= 0 && process_start_ticks(info->pid) != info->start_ticks) {
        close(fd);
        return -1;
    }
    return fd;
}

int64_t process_pss_kb(void)
{
    char line[256];
    long long kb = -1;
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    if (!file)
        return -1;
    while (kb < 0 && fgets(line, sizeof(line), file))
        if (sscanf(line, "Pss: %lld kB", &kb) != 1)
            kb = -1;
    fclose(file);
    return kb;
}
