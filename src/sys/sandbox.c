/* Locks the calling process in: the order matters, each step still has the rights for the next. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "sys/sandbox.h"

enum { CAPABILITIES = 64 }; /* more than any kernel has; the rest answers EINVAL */

static int limit(int resource, rlim_t most, struct err *err)
{
    struct rlimit old, new = {.rlim_cur = most, .rlim_max = most};
    if (getrlimit(resource, &old) == 0 && old.rlim_max < most)
        new.rlim_cur = new.rlim_max = old.rlim_max;
    if (setrlimit(resource, &new) < 0)
        return err_errno(err, "rlimit", "Cannot set the limit %d", resource);
    return 0;
}

static int set_limits(const struct sandbox *sandbox, struct err *err)
{
    if (limit(RLIMIT_CORE, 0, err) < 0 || limit(RLIMIT_NOFILE, LIMIT_EXEC_FILES, err) < 0 ||
        limit(RLIMIT_AS, (rlim_t)LIMIT_EXEC_SPACE_GB << 30, err) < 0)
        return -1;
    if (sandbox->file_max > 0 && limit(RLIMIT_FSIZE, (rlim_t)sandbox->file_max, err) < 0)
        return -1;
    /* In a user namespace this counts only the processes in it; root is not bound by it. The margin
     * lets the counting first process see the excess and end the command by name. */
    if (sandbox->processes_max > 0 && geteuid() != 0)
        return limit(RLIMIT_NPROC, (rlim_t)sandbox->processes_max * 2, err);
    return 0;
}

/* capabilities(7): none now, none ever, none by being root. */
static int drop_capabilities(struct err *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    if (geteuid() == 0 && setgroups(0, NULL) < 0 && errno != EPERM)
        return err_errno(err, "capabilities", "Cannot drop the groups");
    for (int i = 0; i < CAPABILITIES; i++)
        if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0 && errno != EINVAL)
            return err_errno(err, "capabilities", "Cannot drop capability %d", i);
    if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
                                     SECBIT_NO_CAP_AMBIENT_RAISE |
                                     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED) < 0)
        return err_errno(err, "capabilities", "Cannot set the secure bits");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capset, &header, none) < 0)
        return err_errno(err, "capabilities", "Cannot drop the capabilities");
    return 0;
}

int sandbox_confine(const struct sandbox *sandbox, struct err *err)
{
    umask(077);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_errno(err, "no_new_privs", "Cannot set no_new_privs");
    if (landlock_confine(sandbox, err) < 0 || drop_capabilities(err) < 0)
        return -1;
    if (syscalls_confine(sandbox, err) < 0)
        return -1;
    return set_limits(sandbox, err); /* last: a sanitizer's own memory is larger than the limit */
}
