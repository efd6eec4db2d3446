/* What the command may touch of the file system, by Landlock (kernel 5.13; newer rights where the
 * kernel has them). The list is closed: what is not named cannot be opened. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/sandbox.h"

/* Of newer kernels than Debian 12's headers (Documentation/userspace-api/landlock.rst). */
#define FS_TRUNCATE (1ULL << 14)  /* version 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* version 5 */
#define NET_BIND_TCP (1ULL << 0)  /* version 4 */
#define NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT_UNIX (1ULL << 0) /* version 6 */
#define SCOPE_SIGNAL (1ULL << 1)

struct ruleset {
    uint64_t handled_access_fs, handled_access_net, scoped;
};

static const uint64_t fs_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t fs_use =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE;
static const uint64_t fs_device = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
/* No sockets, no device nodes. */
static const uint64_t fs_own =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE |
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_FIFO |
    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE;

static const char *const programs[] = {"/usr",   "/bin",   "/sbin",   "/lib",
                                       "/lib32", "/lib64", "/libx32", NULL};

/* Of /etc only what programs need to run: never shadow, ssh, private keys, package tokens. */
static const char *const settings[] = {"/etc/alternatives",
                                       "/etc/bash.bashrc",
                                       "/etc/ca-certificates",
                                       "/etc/debian_version",
                                       "/etc/default/locale",
                                       "/etc/fonts",
                                       "/etc/gai.conf",
                                       "/etc/gitconfig",
                                       "/etc/group",
                                       "/etc/host.conf",
                                       "/etc/hostname",
                                       "/etc/hosts",
                                       "/etc/inputrc",
                                       "/etc/ld.so.cache",
                                       "/etc/ld.so.conf",
                                       "/etc/ld.so.conf.d",
                                       "/etc/locale.alias",
                                       "/etc/localtime",
                                       "/etc/magic",
                                       "/etc/mime.types",
                                       "/etc/networks",
                                       "/etc/nsswitch.conf",
                                       "/etc/os-release",
                                       "/etc/passwd",
                                       "/etc/perl",
                                       "/etc/profile",
                                       "/etc/protocols",
                                       "/etc/python3",
                                       "/etc/python3.11",
                                       "/etc/resolv.conf",
                                       "/etc/rpc",
                                       "/etc/services",
                                       "/etc/shells",
                                       "/etc/ssl/certs",
                                       "/etc/ssl/openssl.cnf",
                                       "/etc/terminfo",
                                       "/etc/timezone",
                                       "/etc/vim",
                                       "/sys/devices/system/cpu",
                                       NULL};

static const char *const devices[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                      "/dev/random", "/dev/urandom", NULL};

int sandbox_landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version < 0 ? 0 : (int)version;
}

static struct ruleset ruleset_of(int version, bool network)
{
    struct ruleset set = {.handled_access_fs = (1ULL << 13) - 1};
    if (version >= 2)
        set.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        set.handled_access_fs |= FS_TRUNCATE;
    if (version >= 4 && !network)
        set.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
    if (version >= 5)
        set.handled_access_fs |= FS_IOCTL_DEV;
    if (version >= 6)
        set.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
    return set;
}

/* Older kernels know a shorter struct and refuse a longer one with bits set, so zeros are fine. */
static size_t ruleset_size(int version)
{
    return version >= 6   ? sizeof(struct ruleset)
           : version >= 4 ? offsetof(struct ruleset, scoped)
                          : offsetof(struct ruleset, handled_access_net);
}

/* Rights beneath one path; a path that does not exist grants nothing. */
static int allow_path(int set, const char *path, uint64_t rights)
{
    const uint64_t of_files = fs_device | LANDLOCK_ACCESS_FS_EXECUTE | FS_TRUNCATE;
    struct stat st;
    struct landlock_path_beneath_attr rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
    if (rule.parent_fd < 0)
        return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -1;
    int rc = fstat(rule.parent_fd, &st);
    rule.allowed_access = rc == 0 && S_ISDIR(st.st_mode) ? rights : rights & of_files;
    if (rc == 0)
        rc = (int)syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
    return rc;
}

static int allow_all(int set, const char *const *paths, uint64_t rights, struct err *err)
{
    for (size_t i = 0; paths && paths[i]; i++)
        if (allow_path(set, paths[i], rights) < 0)
            return err_errno(err, "landlock", "Landlock refused a rule for %s", paths[i]);
    return 0;
}

/* Single files; a symbolic link in the place of one grants nothing. */
static int allow_files(int set, const char *const *paths, uint64_t known, struct err *err)
{
    const uint64_t rights = (fs_device | FS_TRUNCATE) & known;
    struct stat st;
    for (size_t i = 0; paths && paths[i]; i++) {
        if (lstat(paths[i], &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        if (allow_path(set, paths[i], rights) < 0)
            return err_errno(err, "landlock", "Landlock refused a rule for %s", paths[i]);
    }
    return 0;
}

static int allow_what_is_needed(int set, const struct sandbox *sandbox, uint64_t known,
                                struct err *err)
{
    static const char *const proc[] = {"/proc", NULL};
    const char *const of_hq[] = {sandbox->programs, NULL};
    if (allow_all(set, programs, fs_use, err) < 0 || allow_all(set, settings, fs_read, err) < 0 ||
        allow_all(set, devices, fs_device, err) < 0 ||
        allow_all(set, sandbox->readable, fs_use, err) < 0 ||
        allow_all(set, of_hq, fs_use, err) < 0 ||
        allow_files(set, sandbox->writable_files, known, err) < 0 ||
        allow_all(set, sandbox->writable, fs_own & known, err) < 0)
        return -1;
    return sandbox->own_proc ? allow_all(set, proc, fs_read, err) : 0;
}

int landlock_confine(const struct sandbox *sandbox, struct err *err)
{
    int version = sandbox_landlock_version();
    if (version == 0)
        return err_set(
            err, "no_landlock",
            "This kernel has no Landlock (5.13 and later have; it may be switched off).");
    struct ruleset rules = ruleset_of(version, sandbox->network);
    int set = (int)syscall(SYS_landlock_create_ruleset, &rules, ruleset_size(version), 0);
    if (set < 0)
        return err_errno(err, "landlock", "Landlock refused the ruleset");
    int rc = allow_what_is_needed(set, sandbox, rules.handled_access_fs, err);
    if (rc == 0 && syscall(SYS_landlock_restrict_self, set, 0) < 0)
        rc = err_errno(err, "landlock", "Landlock could not be switched on");
    close(set);
    return rc;
}
