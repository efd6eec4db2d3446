/* Puts a secret's file in place: a draft beside it, synced, renamed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/hash.h"
#include "base/str.h"
#include "setup/secret_file.h"

enum { NAME_MAX_LEN = 100, VALUE_MAX = 16384 };

bool secret_name_is_good(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "._-";
    size_t len = strlen(name);
    return len && len <= NAME_MAX_LEN && *name != '.' && strspn(name, letters) == len &&
           !str_ends(name, ".token");
}

int secret_value_check(const char *value, struct err *err)
{
    size_t len = strlen(value);
    if (str_is_blank(value))
        return err_set(err, "no_value", "there is no value: nothing was written");
    if (len > VALUE_MAX - 1)
        return err_set(err, "bad_value", "the value has more than %d bytes", VALUE_MAX - 1);
    if (!str_is_utf8(value, len))
        return err_set(err, "bad_value", "the value is not text");
    for (const char *at = value; *at; at++) {
        if (*at == '\n' || *at == '\r')
            return err_set(err, "bad_value", "the value has more than one line");
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return err_set(err, "bad_value", "the value holds a control character (byte %d)",
                           (int)(at - value) + 1);
    }
    return 0;
}

/* Writes the draft, which nobody but us can have made, and puts it in the place of `path`. */
static int write_draft(int fd, const char *draft, const char *path, const char *value,
                       struct err *err)
{
    struct stat info;
    if (lstat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return err_set(err, "secret", "%s is there and is not a file", path);
    if (fchmod(fd, 0600) < 0 || file_write(fd, value, strlen(value)) < 0 ||
        file_write(fd, "\n", 1) < 0 || fsync(fd) < 0)
        return err_errno(err, "secret", "%s cannot be written", path);
    crash_point("setup.secret.before");
    if (rename(draft, path) < 0)
        return err_errno(err, "secret", "%s cannot be put in place", path);
    crash_point("setup.secret.after");
    return 0;
}

enum { DRAFT_DIGITS = 16 };

/* Of a command that was killed: a key would lie about for ever. Only the holder of the lock writes.
 */
static void remove_drafts(const char *folder, const char *name, struct arena *arena)
{
    const char *prefix = arena_printf(arena, ".%s.", name);
    size_t len = strlen(prefix);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (str_starts(entry->d_name, prefix) && strlen(entry->d_name) == len + DRAFT_DIGITS &&
            strspn(entry->d_name + len, "0123456789abcdef") == DRAFT_DIGITS)
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

int secret_file_put(const char *path, const char *value, struct err *err)
{
    struct arena arena = {0};
    char random[DRAFT_DIGITS + 1];
    const char *slash = strrchr(path, '/');
    char *folder = arena_memdup(&arena, path, (size_t)(slash - path));
    rand_hex(random, DRAFT_DIGITS);
    const char *draft = arena_printf(&arena, "%s/.%s.%s", folder, slash + 1, random);
    int result = -1, fd = -1, lock = -1;
    if (folder_make(folder, err) < 0)
        goto out;
    lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0 || flock(lock, LOCK_EX) < 0) { /* held for one short file */
        err_errno(err, "secret", "the folder %s cannot be locked", folder);
        goto out;
    }
    remove_drafts(folder, slash + 1, &arena);
    fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        err_errno(err, "secret", "%s cannot be written", path);
        goto out;
    }
    result = write_draft(fd, draft, path, value, err);
    close(fd);
    if (result < 0)
        unlink(draft);
    else
        result = folder_sync(folder, err);
out:
    if (lock >= 0)
        close(lock);
    arena_fini(&arena);
    return result;
}
