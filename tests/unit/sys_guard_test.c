/* How commands end, on the real hq: whatever they do and whoever is killed, nothing is left. */
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"
#include "base/time.h"
#include "sys/guard.h"
#include "sys/lock.h"
#include "sys/spawn.h"
#include "sys_guard_company.h"

enum { NOBODY = 65534 };

/* Root's bomb grows until it is counted, and has the time to. Another user's may meet its limit
 * first (RLIMIT_NPROC) and starve by itself. */
static bool bomb_is_contained(void)
{
    struct guard_command command =
        command_of(geteuid() == 0 ? "f() { f | f & }; f; sleep 25" : "f() { f | f & }; f; sleep 3");
    enum guard_end end = run(&command).end;
    return (end == GUARD_TOO_MANY || (end == GUARD_EXITED && geteuid() != 0)) &&
           workspace_processes() == 0;
}

static void a_fork_bomb_is_ended(void **state)
{
    if (why_not)
        skip();
    assert_true(bomb_is_contained());
}

static void nothing_outlives_the_command(void **state)
{
    if (why_not)
        skip();
    struct guard_command command =
        command_of("setsid sh -c 'trap \"\" HUP TERM INT; (touch up; sleep 100) & ' & "
                   "while ! test -e up; do :; done; nohup sleep 100 & echo end");
    struct guard_report report = run(&command);
    assert_int_equal(report.end, GUARD_EXITED);
    must_say(report.output, "end");
    assert_int_equal(access(at("workspace/up"), F_OK), 0);
    assert_int_equal(workspace_processes(), 0);
}

static void the_disk_is_not_filled(void **state)
{
    if (why_not)
        skip();
    struct stat st;
    struct guard_command command =
        command_of("i=0; while :; do i=$((i+1)); head -c 4000000 /dev/zero > f$i || exit 1; done");
    command.disk_max = 40 << 20;
    assert_int_equal(run(&command).end, GUARD_DISK);
    assert_int_equal(workspace_processes(), 0);
    command = command_of("rm -f f*; head -c 90000000 /dev/zero > one; echo $?; rm one2");
    command.disk_max = 8 << 20;
    run(&command);
    assert_int_equal(stat(at("workspace/one"), &st), 0);
    assert_true(st.st_size <= 8 << 20);
    /* six files without a name, each as large as one may be */
    command =
        command_of("for i in 4 5 6 7 8 9; do eval \"exec $i>n; rm n; head -c 8000000 /dev/zero "
                   ">&$i\"; done; sleep 25");
    command.disk_max = 8 << 20;
    assert_int_equal(run(&command).end, GUARD_DISK);
}

/* Somebody else fills the disk while the command runs. */
static void the_disk_use_of_others_is_told_apart(void **state)
{
    if (why_not)
        skip();
    struct err err;
    struct guard_report report;
    struct guard_command command =
        command_of("touch started; while ! test -e go; do sleep 0.05; done; sleep 0.3");
    command.disk_max = 20 << 20;
    struct guard_run *started = guard_start(&command, &err);
    assert_true(appears(at("workspace/started")));
    assert_int_equal(system(arena_printf(&arena, "head -c 50000000 /dev/zero > %s/other/big", top)),
                     0);
    put(at("workspace/go"), "", 0666);
    assert_int_equal(guard_wait(started, &arena, &report, &err), 0);
    guard_close(started);
    assert_int_equal(report.end, GUARD_EXITED);
}

static void what_never_ends_is_ended(void **state)
{
    if (why_not)
        skip();
    struct guard_command command = command_of("echo on; while :; do :; done");
    struct guard_report report = {.output = ""};
    /* A busy machine may reach the first deadlines before the command's first word. */
    for (command.timeout_ms = 500; command.timeout_ms <= 32000 && !*report.output;
         command.timeout_ms *= 4) {
        report = run(&command);
        assert_int_equal(report.end, GUARD_TIMEOUT);
    }
    assert_string_equal(report.output, "on\n");
    command = command_of("exec >&- 2>&-; trap '' TERM; sleep 100");
    command.timeout_ms = 500;
    assert_int_equal(run(&command).end, GUARD_TIMEOUT);
    assert_int_equal(workspace_processes(), 0);
}

/* Our child whose command line ends with "guard". */
static pid_t guard_pid(void)
{
    char path[64], text[300];
    int pid = 0;
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
    FILE *children = fopen(path, "re");
    while (children && fscanf(children, "%d", &pid) == 1) {
        snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t len = read(fd, text, sizeof(text));
        close(fd);
        if (len > 6 && memcmp(text + len - 6, "guard", 6) == 0)
            break;
        pid = 0;
    }
    if (children)
        fclose(children);
    return pid;
}

static const char lingering[] = "setsid sh -c 'sleep 200 & sleep 200' & touch started; sleep 200";

static void a_killed_guard_leaves_nothing(void **state)
{
    if (why_not)
        skip();
    struct err err;
    struct guard_report report;
    struct guard_command command = command_of(lingering);
    struct guard_run *started = guard_start(&command, &err);
    assert_non_null(started);
    assert_true(appears(at("workspace/started")));
    assert_true(workspace_processes() > 0);
    assert_true(guard_pid() > 0);
    kill(guard_pid(), SIGKILL);
    assert_int_equal(guard_wait(started, &arena, &report, &err), -1);
    must_say(err.message, "everything it had started is dead");
    assert_int_equal(workspace_processes(), 0);
    guard_close(started);
}

static void a_killed_gateway_leaves_nothing(void **state)
{
    if (why_not)
        skip();
    struct err err;
    struct guard_command command = command_of(lingering);
    pid_t gateway = fork();
    if (gateway == 0) {
        guard_start(&command, &err);
        for (;;)
            pause();
    }
    assert_true(appears(at("workspace/started")));
    assert_true(workspace_processes() > 0);
    kill(gateway, SIGKILL);
    waitpid(gateway, NULL, 0);
    int64_t deadline = time_boot_ms() + 20000;
    while (lock_look(at("run"), "tool-t-1", NULL, &err) == LOCK_HELD && time_boot_ms() < deadline)
        pause_ms(5);
    assert_int_equal(workspace_processes(), 0);
    assert_int_equal(lock_look(at("run"), "tool-t-1", NULL, &err), LOCK_FREE);
}

static void one_command_of_a_task_at_a_time(void **state)
{
    if (why_not)
        skip();
    struct err err;
    struct guard_report report;
    struct guard_command slow =
        command_of("touch started; while ! test -e go; do sleep 0.05; done; echo first > done");
    struct guard_command quick = command_of("cat done");
    struct guard_run *first = guard_start(&slow, &err);
    assert_true(appears(at("workspace/started")));
    struct guard_run *second = guard_start(&quick, &err);
    put(at("workspace/go"), "", 0666);
    assert_int_equal(guard_wait(second, &arena, &report, &err), 0);
    assert_string_equal(report.output, "first\n");
    assert_int_equal(guard_wait(first, &arena, &report, &err), 0);
    guard_close(first);
    guard_close(second);
    assert_int_equal(access(slow.lock_path, F_OK), -1);
}

static void what_cannot_be_built_is_refused(void **state)
{
    if (why_not)
        skip();
    struct err err;
    struct guard_report report;
    struct guard_command command = command_of("touch ran");
    const char *const nowhere[] = {"/nonexistent/folder", NULL};
    command.writable = nowhere;
    struct guard_run *started = guard_start(&command, &err);
    assert_int_equal(guard_wait(started, &arena, &report, &err), 0);
    guard_close(started);
    assert_int_equal(report.end, GUARD_REFUSED);
    must_say(report.message, "/nonexistent/folder");
    command = command_of("touch ran");
    command.workdir = "/nonexistent";
    started = guard_start(&command, &err);
    assert_int_equal(guard_wait(started, &arena, &report, &err), 0);
    guard_close(started);
    assert_int_equal(report.end, GUARD_REFUSED);
    assert_int_equal(access(at("workspace/ran"), F_OK), -1);
    command.timeout_ms = 0;
    assert_null(guard_start(&command, &err));
}

/* The guard dies at each of its crash points: the caller is told, and nothing lives on. */
static void a_guard_may_die_anywhere(void **state)
{
    if (why_not)
        skip();
    static const char *const points[] = {"guard.start", "guard.spawned", "guard.report.before",
                                         "guard.report.after"};
    for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
        struct err err;
        struct guard_report report;
        struct guard_command command = command_of("echo ran; sleep 0.1");
        mkdir(at("crash"), 0777);
        chmod(at("crash"), 0777);
        setenv("HQ_CRASH_DIR", at("crash"), 1);
        setenv("HQ_CRASH_AT", arena_printf(&arena, "guard/%s#1", points[i]), 1);
        struct guard_run *started = guard_start(&command, &err);
        unsetenv("HQ_CRASH_DIR");
        unsetenv("HQ_CRASH_AT");
        if (started)
            assert_int_equal(guard_wait(started, &arena, &report, &err), i == 3 ? 0 : -1);
        if (started)
            guard_close(started);
        assert_int_equal(
            access(arena_printf(&arena, "%s/crash/fired.guard_%s#1", top, points[i]), F_OK), 0);
        assert_int_equal(workspace_processes(), 0);
        assert_string_equal(inside("echo alive"), "alive\n");
    }
}

/* The walls that differ for a user who is not root. The exit code names the first that fell. */
static int nobody_tries(void)
{
    struct guard_command command = command_of("id -u; touch mine; echo x > ../other/notes");
    struct guard_report report = run(&command);
    if (!str_starts(report.output, "65534\n") || access(at("workspace/mine"), F_OK) != 0)
        return 1;
    if (!str_eq(got(at("other/notes")), "OTHERNOTES"))
        return 2;
    if (strstr(inside("cat ../secrets/token ../state/ledger.db"), "TOPSECRET"))
        return 3;
    if (!bomb_is_contained())
        return 4;
    command = command_of("setsid sh -c 'sleep 1; touch marker' & exit 0");
    if (run(&command).end != GUARD_EXITED || workspace_processes() != 0)
        return 5;
    return strstr(inside("chmod 777 ..; grep CapBnd /proc/self/status"), "0000000000000000") ? 0
                                                                                             : 6;
}

static void the_walls_stand_for_other_users(void **state)
{
    int status;
    if (why_not || geteuid() != 0) {
        print_message("# SKIP: needs root, to become another user\n");
        skip();
    }
    assert_int_equal(
        system(arena_printf(&arena, "cp %s %s/hq && chmod 755 %s/hq && chown -R %d:%d %s",
                            spawn_self(), top, top, NOBODY, NOBODY, top)),
        0);
    pid_t child = fork();
    if (child == 0) {
        spawn_set_self(at("hq"));
        if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
            _exit(100);
        guard_available(&arena, &why_not);
        if (why_not) {
            print_message("# SKIP: another user cannot confine commands here: %s\n", why_not);
            _exit(77);
        }
        _exit(nobody_tries());
    }
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) != 77)
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void what_is_given_is_read(void **state)
{
    if (why_not)
        skip();
    enum { MANY = 1 << 20 };
    char *input = arena_alloc(&arena, MANY + 1);
    memset(input, 'x', MANY);
    memcpy(input, "$(touch no) \"'\n", 15);
    struct guard_command command = command_of("head -c 15; cat | wc -c; ls -A");
    command.input = input;
    assert_string_equal(run(&command).output, "$(touch no) \"'\n1048561\n.tmp\n");
    command.command = "true"; /* who reads nothing holds up nobody */
    assert_int_equal(run(&command).end, GUARD_EXITED);
    command.command = "echo x >> /proc/self/fd/0 || echo sealed; sleep 60 & exec 0<&-";
    must_say(run(&command).output, "sealed");
    command = command_of("wc -c");
    assert_string_equal(run(&command).output, "0\n");
}

static void errors_can_be_kept_apart(void **state)
{
    if (why_not)
        skip();
    struct guard_command command =
        command_of("echo out; echo err >&2; head -c 90000 /dev/zero | tr '\\0' e >&2; echo end");
    command.split = true;
    command.errors_max = 1000;
    struct guard_report report = run(&command);
    assert_string_equal(report.output, "out\nend\n");
    assert_memory_equal(report.errors, "err\n", 4);
    assert_in_range(strlen(report.errors), 1000, 1100);
    assert_int_equal(report.dropped, 0);
    command = command_of("echo out; echo err >&2");
    report = run(&command);
    assert_string_equal(report.output, "out\nerr\n");
    assert_string_equal(report.errors, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WALL(what_is_given_is_read),
        WALL(errors_can_be_kept_apart),
        WALL(a_fork_bomb_is_ended),
        WALL(nothing_outlives_the_command),
        WALL(the_disk_is_not_filled),
        WALL(the_disk_use_of_others_is_told_apart),
        WALL(what_never_ends_is_ended),
        WALL(a_killed_guard_leaves_nothing),
        WALL(a_killed_gateway_leaves_nothing),
        WALL(one_command_of_a_task_at_a_time),
        WALL(what_cannot_be_built_is_refused),
        WALL(a_guard_may_die_anywhere),
        WALL(the_walls_stand_for_other_users),
    };
    return walls_run("tests", tests, sizeof(tests) / sizeof(*tests));
}
