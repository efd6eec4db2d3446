/* Puts a secret's file in place: a draft beside it, synced, renamed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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

int secret_file_put(const char *path, const char *value, struct err *err)
{
    struct arena arena = {0};
    char random[17];
    const char *slash = strrchr(path, '/');
    char *folder = arena_memdup(&arena, path, (size_t)(slash - path));
    rand_hex(random, 16);
    const char *draft = arena_printf(&arena, "%s/.%s.%s", folder, slash + 1, random);
    int result = -1, fd = -1;
    if (folder_make(folder, err) < 0)
        goto out;
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
    arena_fini(&arena);
    return result;
}
