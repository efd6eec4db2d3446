/* Namespaces of the command, and what is mounted in them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/sandbox.h"

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t put = write(fd, text, strlen(text));
    close(fd);
    return put == (ssize_t)strlen(text) ? 0 : -1;
}

/* The user keeps its own number: user_namespaces(7), "Defining user and group ID mappings". */
static int map_self(uid_t uid, gid_t gid, struct err *err)
{
    char line[64];
    snprintf(line, sizeof(line), "%u %u 1\n", (unsigned)uid, (unsigned)uid);
    if (write_file("/proc/self/setgroups", "deny") < 0 ||
        write_file("/proc/self/uid_map", line) < 0)
        return err_errno(err, "no_user_namespace", "Cannot map the user into a user namespace");
    snprintf(line, sizeof(line), "%u %u 1\n", (unsigned)gid, (unsigned)gid);
    if (write_file("/proc/self/gid_map", line) < 0)
        return err_errno(err, "no_user_namespace", "Cannot map the group into a user namespace");
    return 0;
}

int sandbox_split(struct err *err)
{
    const int wanted = CLONE_NEWPID | CLONE_NEWIPC;
    uid_t uid = getuid();
    gid_t gid = getgid();
    if (geteuid() == 0 && unshare(wanted) == 0)
        return 0;
    if (unshare(CLONE_NEWUSER | wanted) < 0) {
        err_errno(err, "no_namespaces", "This machine does not allow new PID namespaces");
        err_hint(err, "Allow unprivileged user namespaces (sysctl user.max_user_namespaces, "
                      "kernel.unprivileged_userns_clone), or run the container with them.");
        return -1;
    }
    return map_self(uid, gid, err);
}

static int mount_flags(const char *path, unsigned recursive, uint64_t set, uint64_t clear)
{
    struct mount_attr attr = {.attr_set = set, .attr_clr = clear};
    return (int)syscall(SYS_mount_setattr, AT_FDCWD, path, recursive, &attr, sizeof(attr));
}

/* The folder becomes a mount of its own that stays writable. */
static int keep_writable(const char *path, struct err *err)
{
    if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
        return err_errno(err, "no_view", "Cannot bind the folder %s", path);
    if (mount_flags(path, AT_RECURSIVE, 0, MOUNT_ATTR_RDONLY) < 0)
        return err_errno(err, "no_view", "Cannot make the folder %s writable", path);
    return 0;
}

/* A symbolic link there would make something else writable: it is passed over, like what is
 * missing. */
static int keep_file_writable(const char *path, struct err *err)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? keep_writable(path, err) : 0;
}

int sandbox_view(const char *const *writable, const char *const *writable_files, bool *own_proc,
                 struct err *err)
{
    if (unshare(CLONE_NEWNS) < 0)
        return err_errno(err, "no_namespaces", "This machine does not allow mount namespaces");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return err_errno(err, "no_view", "Cannot make the mounts private");
    *own_proc = mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
    if (mount_flags("/", AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0) < 0)
        return err_errno(err, "no_view",
                         "Cannot make the mounts read-only (kernels from 5.12 can)");
    for (size_t i = 0; writable && writable[i]; i++)
        if (keep_writable(writable[i], err) < 0)
            return -1;
    for (size_t i = 0; writable_files && writable_files[i]; i++)
        if (keep_file_writable(writable_files[i], err) < 0)
            return -1;
    return 0;
}
