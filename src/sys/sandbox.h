/* The walls around a tool's command, built in three places: the guard splits off namespaces, the
 * first process in them changes what is mounted, and the command's own process locks itself in.
 *
 * What holds afterwards: its own pids (when the first process dies the kernel kills the rest),
 * every file system read-only but the writable folders, nothing readable but those, `readable` and
 * the system's programs (Landlock), no capabilities, no sockets but granted ones (seccomp). All of
 * it must work, or nothing runs. */
#ifndef HQ_SYS_SANDBOX_H
#define HQ_SYS_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

struct err;

struct sandbox {
    const char *const *writable; /* absolute folders, NULL at the end */
    const char *const *writable_files; /* absolute, NULL at the end; may be NULL */
    const char *programs;        /* a further readable folder, or NULL */
    const char *const *readable; /* absolute folders and files, NULL at the end; may be NULL */
    bool network;                /* AF_INET and AF_INET6 */
    bool own_proc;               /* /proc shows only the command's processes, so it may be read */
    int64_t file_max;            /* bytes in one file; 0: no limit of its own */
    int processes_max;           /* tasks (threads too); 0: no limit of its own */
};

/* New PID and IPC namespaces for the next child (with a user namespace where we are not
 * root). The caller must be single-threaded. 0, or -1 with *err saying what this machine lacks. */
int sandbox_split(struct err *err);

/* In the first process of the namespaces: in a mount namespace of its own mounts a /proc of its own
 * where allowed (*own_proc), then makes all mounts read-only except the writable folders and files
 * (those may be missing). 0, or -1 with *err. */
int sandbox_view(const char *const *writable, const char *const *writable_files, bool *own_proc,
                 struct err *err);

/* In the process that becomes the command: limits, no_new_privs, Landlock, no capabilities,
 * seccomp. 0, or -1 with *err; the process must then end. */
int sandbox_confine(const struct sandbox *sandbox, struct err *err);

/* The Landlock version of this kernel, 0: none. */
int sandbox_landlock_version(void);

/* Parts of sandbox_confine. */
int landlock_confine(const struct sandbox *sandbox, struct err *err);
int syscalls_confine(const struct sandbox *sandbox, struct err *err);

#endif
