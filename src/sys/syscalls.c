/* Which system calls the command may not make (seccomp): everything that reaches other processes,
 * builds namespaces or opens a socket that was not granted answers EPERM. */
#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/err.h"
#include "sys/sandbox.h"

#define DENY SCMP_ACT_ERRNO(EPERM)

static const int denied[] = {
    /* other processes */
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kcmp),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(process_madvise),
    /* mounts, namespaces, files by handle */
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(move_mount),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(open_tree),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(quotactl),
    SCMP_SYS(quotactl_fd),
    /* the kernel's back doors and large surfaces */
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    /* the machine */
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(syslog),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(vhangup),
};

static struct scmp_arg_cmp arg(unsigned number, enum scmp_compare how, uint64_t a, uint64_t b)
{
    return (struct scmp_arg_cmp){.arg = number, .op = how, .datum_a = a, .datum_b = b};
}

static int deny_listed(scmp_filter_ctx filter)
{
    int rc = 0;
    for (size_t i = 0; i < sizeof(denied) / sizeof(*denied) && rc == 0; i++)
        rc = seccomp_rule_add(filter, DENY, denied[i], 0);
    /* Its flags lie behind a pointer, out of a filter's sight; the C library then uses clone. */
    return rc ? rc : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int deny_namespaces(scmp_filter_ctx filter)
{
    static const uint64_t flags[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                     CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
    int rc = 0;
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags) && rc == 0; i++)
        rc = seccomp_rule_add(filter, DENY, SCMP_SYS(clone), 1,
                              arg(0, SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
    return rc;
}

/* Typing into a terminal that somebody else reads. */
static int deny_terminal(scmp_filter_ctx filter)
{
    int rc = seccomp_rule_add(filter, DENY, SCMP_SYS(ioctl), 1,
                              arg(1, SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCSTI));
    return rc ? rc
              : seccomp_rule_add(filter, DENY, SCMP_SYS(ioctl), 1,
                                 arg(1, SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCLINUX));
}

static int deny_sockets(scmp_filter_ctx filter, bool network)
{
    if (!network)
        return seccomp_rule_add(filter, DENY, SCMP_SYS(socket), 0);
    int rc = seccomp_rule_add(filter, DENY, SCMP_SYS(socket), 1, arg(0, SCMP_CMP_LT, AF_INET, 0));
    if (rc == 0)
        rc = seccomp_rule_add(filter, DENY, SCMP_SYS(socket), 1, arg(0, SCMP_CMP_GT, AF_INET6, 0));
    for (uint64_t family = AF_INET + 1; family < AF_INET6 && rc == 0; family++)
        rc = seccomp_rule_add(filter, DENY, SCMP_SYS(socket), 1, arg(0, SCMP_CMP_EQ, family, 0));
    return rc;
}

/* A pair of connected streams between own processes (node starts its children so) can reach nobody
 * else; a datagram pair could be pointed at another address. */
static int deny_pairs(scmp_filter_ctx filter)
{
    int rc =
        seccomp_rule_add(filter, DENY, SCMP_SYS(socketpair), 1, arg(0, SCMP_CMP_NE, AF_UNIX, 0));
    for (uint64_t type = 0; type < 16 && rc == 0; type++)
        if (type != SOCK_STREAM)
            rc = seccomp_rule_add(filter, DENY, SCMP_SYS(socketpair), 1,
                                  arg(1, SCMP_CMP_MASKED_EQ, 0xf, type));
    return rc;
}

int syscalls_confine(const struct sandbox *sandbox, struct err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return err_set(err, "seccomp", "The seccomp filter could not be built.");
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, DENY);
    if (rc == 0)
        rc = deny_listed(filter);
    if (rc == 0)
        rc = deny_namespaces(filter);
    if (rc == 0)
        rc = deny_terminal(filter);
    if (rc == 0)
        rc = deny_sockets(filter, sandbox->network);
    if (rc == 0)
        rc = deny_pairs(filter);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    if (rc != 0)
        return err_set(err, "seccomp", "The seccomp filter could not be switched on: %s.",
                       strerror(-rc));
    return 0;
}
