/* Runs the tools with an environment in which a user's manager is found, also from cron or su. */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/str.h"
#include "service/systemd.h"
#include "sys/spawn.h"

enum { SAID_MAX = 8 << 20, WORDS_MAX = 12 };

static const char *runtime_folder(struct arena *arena)
{
    const char *given = getenv("XDG_RUNTIME_DIR");
    return str_is_empty(given) ? arena_printf(arena, "/run/user/%u", (unsigned)getuid()) : given;
}

bool systemd_runs(enum service_scope scope)
{
    struct arena arena = {0};
    bool runs = access("/run/systemd/system", F_OK) == 0;
    if (runs && scope == SERVICE_USER)
        runs =
            access(arena_printf(&arena, "%s/systemd/private", runtime_folder(&arena)), F_OK) == 0;
    arena_fini(&arena);
    return runs;
}

static const char *const *environment(struct arena *arena)
{
    size_t count = 0, used = 0;
    while (environ[count])
        count++;
    const char **envp = arena_alloc(arena, (count + 3) * sizeof(*envp));
    for (size_t i = 0; i < count; i++)
        if (!str_starts(environ[i], "XDG_RUNTIME_DIR=") && !str_starts(environ[i], "LC_ALL="))
            envp[used++] = environ[i];
    envp[used++] = arena_printf(arena, "XDG_RUNTIME_DIR=%s", runtime_folder(arena));
    envp[used++] = "LC_ALL=C.UTF-8"; /* what is read back is not translated */
    return envp;
}

/* Runs argv with what it says, both ways, in *said; its exit code, or -1 with *err. */
static int run(const char *const *argv, struct buf *said, struct arena *arena, struct err *err)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, "systemctl", "cannot start %s", argv[1]);
    struct spawn spawn = {.argv = argv,
                          .envp = environment(arena),
                          .in = -1,
                          .out = ends[1],
                          .err = ends[1],
                          .pass = {-1, -1, -1, -1}};
    pid_t pid = spawn_start(&spawn, err);
    close(ends[1]);
    if (pid > 0) {
        file_read(ends[0], SAID_MAX, said);
        while (waitpid(pid, &status, 0) < 0)
            ;
    }
    close(ends[0]);
    return pid < 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int fail(const char *const *argv, struct buf *said, struct arena *arena, struct err *err)
{
    const char *text = str_trim(arena, buf_text(said));
    struct buf line = {0};
    for (size_t i = 1; argv[i] && i < WORDS_MAX; i++)
        buf_printf(&line, "%s%s", i > 1 ? " " : "", argv[i]);
    err_set(err, "systemctl", "%s: %.400s", buf_text(&line),
            *text ? text : "it failed and said nothing");
    if (strstr(text, "uthentication") || strstr(text, "ccess denied"))
        err_hint(err, "units of the system are root's: put sudo before it");
    buf_fini(&line);
    return -1;
}

int systemd_call(const struct service *service, const char *const *args, struct buf *out,
                 struct err *err)
{
    struct arena arena = {0};
    struct buf said = {0};
    size_t count = 0, used = 0;
    while (args[count])
        count++;
    const char **argv = arena_alloc(&arena, (count + 6) * sizeof(*argv));
    argv[used++] = "/usr/bin/env";
    argv[used++] = "systemctl";
    if (service->scope == SERVICE_USER)
        argv[used++] = "--user";
    argv[used++] = "--no-pager";
    argv[used++] = "--no-ask-password";
    for (size_t i = 0; i < count; i++)
        argv[used++] = args[i];
    int code = run(argv, &said, &arena, err);
    if (code > 0)
        code = fail(argv, &said, &arena, err);
    else if (code == 0 && out)
        buf_put(out, said.bytes, said.len);
    buf_fini(&said);
    arena_fini(&arena);
    return code;
}

static const char *own_name(struct arena *arena)
{
    struct passwd *user = getpwuid(getuid());
    return user ? arena_strdup(arena, user->pw_name) : NULL;
}

bool systemd_lingers(void)
{
    struct arena arena = {0};
    const char *name = own_name(&arena);
    bool lingers =
        name && access(arena_printf(&arena, "/var/lib/systemd/linger/%s", name), F_OK) == 0;
    arena_fini(&arena);
    return lingers;
}

int systemd_linger(struct err *err)
{
    static const char *const argv[] = {"/usr/bin/env", "loginctl", "--no-ask-password",
                                       "enable-linger", NULL};
    struct arena arena = {0};
    struct buf said = {0};
    int code = run(argv, &said, &arena, err);
    if (code > 0)
        code = fail(argv, &said, &arena, err);
    buf_fini(&said);
    arena_fini(&arena);
    return code;
}
