/* A spawned child has exactly the descriptors, environment and signals it was given. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/spawn.h"

/* Runs a shell script with `out` piped; returns the exit code, its output in text. */
static int run_script(struct spawn *spawn, const char *script, char *text, size_t size)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct err err;
    int ends[2], status;
    size_t len = 0;
    ssize_t got;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    spawn->argv = argv;
    spawn->out = ends[1];
    pid_t pid = spawn_start(spawn, &err);
    assert_true(pid > 0);
    close(ends[1]);
    while ((got = read(ends[0], text + len, size - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct spawn nothing(void)
{
    return (struct spawn){.in = -1, .out = -1, .err = -1, .pass = {-1, -1, -1, -1}};
}

static void only_what_is_passed(void **state)
{
    char text[512];
    int leaked = open("/dev/zero", O_RDONLY); /* on purpose without O_CLOEXEC */
    struct spawn spawn = nothing();
    assert_int_equal(run_script(&spawn, "ls /proc/self/fd | tr '\\n' ' '", text, sizeof(text)), 0);
    assert_string_equal(text, "0 1 2 3 "); /* 3 is ls reading the folder */
    close(leaked);
}

/* Sources that lie on other's targets are not mixed up. */
static void crossed_descriptors(void **state)
{
    char text[512];
    int files[2];
    char name[2][32] = {"/tmp/hq-spawn-XXXXXX", "/tmp/hq-spawn-XXXXXX"};
    for (int i = 0; i < 2; i++) {
        files[i] = mkstemp(name[i]);
        dprintf(files[i], "file%d", i);
        lseek(files[i], 0, SEEK_SET);
        unlink(name[i]);
    }
    int kept3 = fcntl(3, F_DUPFD_CLOEXEC, 20), kept4 = fcntl(4, F_DUPFD_CLOEXEC, 20);
    int first = fcntl(files[0], F_DUPFD_CLOEXEC, 20), second = fcntl(files[1], F_DUPFD_CLOEXEC, 20);
    dup2(first, 4);
    dup2(second, 3);
    struct spawn spawn = nothing();
    spawn.pass[0] = 4;
    spawn.pass[1] = 3;
    assert_int_equal(run_script(&spawn, "cat <&3; cat <&4", text, sizeof(text)), 0);
    assert_string_equal(text, "file0file1");
    if (kept3 >= 0)
        dup2(kept3, 3);
    if (kept4 >= 0)
        dup2(kept4, 4);
    close(first);
    close(second);
}

static void environment_folder_session(void **state)
{
    char text[512], wanted[64];
    const char *envp[] = {"A=1", NULL};
    struct spawn spawn = nothing();
    spawn.envp = envp;
    spawn.dir = "/usr";
    spawn.session = true;
    int code = run_script(&spawn, "echo $A $PWD $(cut -d' ' -f6 /proc/$$/stat) $$; exit 3", text,
                          sizeof(text));
    assert_int_equal(code, 3);
    int session = 0, pid = -1;
    assert_int_equal(sscanf(text, "1 /usr %d %d", &session, &pid), 2);
    snprintf(wanted, sizeof(wanted), "1 /usr %d %d\n", pid, pid);
    assert_string_equal(text, wanted);
}

static void signals_are_default(void **state)
{
    char text[512];
    sigset_t block, before;
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    sigprocmask(SIG_BLOCK, &block, &before);
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    struct spawn spawn = nothing();
    run_script(&spawn, "grep -E '^Sig(Blk|Ign)' /proc/self/status", text, sizeof(text));
    signal(SIGPIPE, old);
    sigprocmask(SIG_SETMASK, &before, NULL);
    unsigned long long blocked = 1, ignored = 1;
    assert_int_equal(sscanf(text, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
    assert_true(blocked == 0);
    assert_true((ignored & 0x7fffffff) == 0); /* 32 and 33 are the C library's own */
}

static void a_missing_program_is_an_error(void **state)
{
    const char *argv[] = {"/nonexistent/hq", NULL};
    struct spawn spawn = nothing();
    struct err err;
    spawn.argv = argv;
    assert_int_equal(spawn_start(&spawn, &err), -1);
    assert_non_null(strstr(err.message, "/nonexistent/hq"));
    assert_non_null(strstr(spawn_self(), "test_sys"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_passed),           cmocka_unit_test(crossed_descriptors),
        cmocka_unit_test(environment_folder_session),    cmocka_unit_test(signals_are_default),
        cmocka_unit_test(a_missing_program_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
