/* Starts the command inside its namespaces and outlives everything that comes from it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "sys/guard_init.h"
#include "sys/sandbox.h"

enum {
    COUNT_EVERY_MS = 20, /* a fork bomb makes a few hundred processes in this time */
    EXIT_NOT_STARTED = 127,
};

/* No more than the command needs; its own values win. */
static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static char **environment(struct arena *arena, const struct guard_command *command)
{
    const char *home = command->writable[0] ? command->writable[0] : "/";
    const char *const minimal[] = {
        arena_printf(arena, "PATH=%s%s%s", default_path, command->programs ? ":" : "",
                     command->programs ? command->programs : ""),
        arena_printf(arena, "HOME=%s", home),
        "LANG=C.UTF-8",
        "TERM=dumb",
        arena_printf(arena, "TMPDIR=%s/.tmp", home),
    };
    enum { MINIMAL = sizeof(minimal) / sizeof(*minimal) };
    size_t given = 0, count = 0;
    while (command->env[given])
        given++;
    char **all = arena_alloc(arena, (given + MINIMAL + 2) * sizeof(*all));
    for (size_t i = 0; i < given; i++)
        all[count++] = arena_strdup(arena, command->env[i]);
    for (size_t i = 0; i < MINIMAL; i++) {
        size_t name = (size_t)(strchr(minimal[i], '=') - minimal[i]) + 1;
        bool is_given = false;
        for (size_t j = 0; j < given; j++)
            is_given = is_given || strncmp(command->env[j], minimal[i], name) == 0;
        if (!is_given)
            all[count++] = arena_strdup(arena, minimal[i]);
    }
    if (command->channel_fd > STDERR_FILENO)
        all[count++] = arena_printf(arena, "HQ_TASK_FD=%d", GUARD_CHANNEL_FD);
    return all;
}

static void tell(int status, struct guard_status *what)
{
    (void)!write(status, what, sizeof(*what));
}

static void tell_refused(int status, const struct err *err)
{
    struct guard_status what = {.kind = STATUS_REFUSED};
    snprintf(what.message, sizeof(what.message), "%s%s%s", err->message, *err->hint ? " " : "",
             err->hint);
    tell(status, &what);
}

static void signals_default(void)
{
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard ones and the channel, where there is one; nothing else comes along. */
static int descriptors_of_command(const struct guard_init *init, struct err *err)
{
    int channel = init->command->channel_fd;
    int in = init->in >= 0 ? init->in : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in < 0 || dup2(in, 0) < 0 || dup2(init->out, 1) < 0 || dup2(init->errors, 2) < 0)
        return err_errno(err, "descriptors", "Cannot set the command's descriptors");
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return err_errno(err, "descriptors", "Cannot close the guard's descriptors");
    if (channel > STDERR_FILENO && dup2(channel, GUARD_CHANNEL_FD) < 0)
        return err_errno(err, "descriptors", "Cannot pass the task's channel on");
    return 0;
}

/* In the process that becomes the command. */
static _Noreturn void become_command(const struct guard_init *init, bool own_proc)
{
    struct arena arena = {0};
    struct err err;
    const struct guard_command *command = init->command;
    const struct sandbox sandbox = {
        .writable = command->writable,
        .writable_files = command->writable_files,
        .programs = command->programs,
        .readable = command->readable,
        .network = command->network,
        .own_proc = own_proc,
        .file_max = command->disk_max,
        .processes_max = command->processes_max,
    };
    char *argv[] = {"sh", "-c", arena_strdup(&arena, command->command), NULL};
    char **envp = environment(&arena, command);
    const char *temporary =
        command->writable[0] ? arena_printf(&arena, "%s/.tmp", command->writable[0]) : NULL;
    setsid();
    signals_default();
    if (descriptors_of_command(init, &err) == 0 && sandbox_confine(&sandbox, &err) == 0) {
        if (temporary)
            mkdir(temporary, 0700);
        if (chdir(command->workdir) < 0)
            err_errno(&err, "workdir", "Cannot enter the folder %s", command->workdir);
        else if (execve("/bin/sh", argv, envp) < 0)
            err_errno(&err, "exec", "Cannot start /bin/sh");
    }
    tell_refused(init->status, &err);
    _exit(EXIT_NOT_STARTED);
}

/* Processes and threads in the namespace besides ourselves: the link count of /proc/<pid>/task is
 * the number of threads + 2. */
static int tasks_alive(DIR *proc)
{
    struct dirent *entry;
    struct stat st;
    char path[300];
    int count = -1;
    rewinddir(proc);
    while ((entry = readdir(proc))) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        snprintf(path, sizeof(path), "%s/task", entry->d_name);
        count += fstatat(dirfd(proc), path, &st, 0) == 0 ? (int)st.st_nlink - 2 : 1;
    }
    return count;
}

/* Reaps what ended; true where the command itself did. */
static bool reap(pid_t command, struct guard_status *what)
{
    int status;
    pid_t pid;
    bool ended = false;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != command)
            continue;
        ended = true;
        what->kind = WIFEXITED(status) ? STATUS_EXITED : STATUS_SIGNALLED;
        what->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    }
    return ended;
}

/* Until the command ends, has too many processes, or the guard says so by closing or by dying. */
static void watch_command(const struct guard_init *init, pid_t command, int signals, DIR *proc,
                          struct guard_status *what)
{
    struct pollfd fds[] = {{.fd = init->alive, .events = POLLIN},
                           {.fd = signals, .events = POLLIN}};
    struct signalfd_siginfo info;
    while (!fds[0].revents) {
        poll(fds, 2, proc ? COUNT_EVERY_MS : -1);
        if (fds[1].revents)
            (void)!read(signals, &info, sizeof(info));
        if (reap(command, what))
            return;
        if (proc && init->command->processes_max > 0 &&
            tasks_alive(proc) > init->command->processes_max) {
            what->kind = STATUS_TOO_MANY;
            return;
        }
    }
}

static int own_signals(void)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The kernel's out-of-memory killer starts with these processes. */
static void prefer_us_when_memory_is_short(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, "1000", 4);
    close(fd);
}

static int start_command(const struct guard_init *init, bool *own_proc, pid_t *command,
                         struct err *err)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++)
        if (null < 0 || dup2(null, i) < 0) /* the gateway's ends must not stay open here */
            return err_errno(err, "descriptors", "Cannot let go of the guard's descriptors");
    prefer_us_when_memory_is_short();
    if (sandbox_view(init->command->writable, init->command->writable_files, own_proc, err) < 0)
        return -1;
    if (!*own_proc && geteuid() == 0)
        return err_set(err, "no_proc", "Processes cannot be counted: no /proc can be mounted.");
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    *command = fork();
    if (*command == 0)
        become_command(init, *own_proc);
    return *command < 0 ? err_errno(err, "fork", "Cannot start the command's process") : 0;
}

_Noreturn void guard_init_run(const struct guard_init *init)
{
    struct err err;
    struct guard_status what = {.kind = STATUS_NONE};
    bool own_proc = false;
    pid_t command = -1;
    if (getpid() != 1) { /* outside a namespace of its own kill(-1) below would reach everybody */
        err_set(&err, "no_namespaces", "The command did not get process numbers of its own.");
        tell_refused(init->status, &err);
        _exit(EXIT_NOT_STARTED);
    }
    int signals = own_signals();
    prctl(PR_SET_NAME, "hq-guard-init", 0, 0, 0);
    if (start_command(init, &own_proc, &command, &err) < 0) {
        tell_refused(init->status, &err);
        _exit(EXIT_NOT_STARTED);
    }
    close(init->out);
    if (init->errors != init->out)
        close(init->errors);
    if (init->in >= 0)
        close(init->in);
    if (init->command->channel_fd > STDERR_FILENO)
        close(init->command->channel_fd);
    DIR *proc = own_proc ? opendir("/proc") : NULL;
    watch_command(init, command, signals, proc, &what);
    kill(-1, SIGKILL); /* everybody in the namespace but us */
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        continue;
    tell(init->status, &what);
    _exit(0);
}
