/* The walls around a command, tried on the real hq: every attempt to get out has something to see.
 * Programs used inside: the shell, coreutils, util-linux and perl-base, which every Debian has. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/guard.h"
#include "sys_guard_company.h"

static const char *connect_script(const char *family, const char *address)
{
    return arena_printf(&arena,
                        "perl -MSocket -e 'socket(S,%s,SOCK_STREAM,0) or print qq(socket: $!\\n); "
                        "print connect(S,%s) ? qq(CONNECTED\\n) : qq(connect: $!\\n)' 2>&1",
                        family, address);
}

/* The same script outside: the test of the test. */
static const char *outside(const char *script)
{
    char *text = arena_alloc(&arena, 4096);
    FILE *pipe = popen(script, "re");
    assert_true(fread(text, 1, 4095, pipe) > 0);
    pclose(pipe);
    return text;
}

static void the_hub_socket_is_out_of_reach(void **state)
{
    if (why_not)
        skip();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/state/hub.sock", top);
    int hub = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(hub, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(hub, 8), 0);
    const char *script =
        connect_script("PF_UNIX", arena_printf(&arena, "sockaddr_un(q(%s))", address.sun_path));
    must_say(outside(script), "CONNECTED");
    must_not_say(inside(script), "CONNECTED");
    must_say(inside(script), "socket: Operation not permitted");
    struct guard_command command = command_of(script);
    command.network = true; /* does not open this door */
    must_say(run(&command).output, "socket: Operation not permitted");
    must_say(inside("perl -MSocket -e 'socketpair(A,B,PF_UNIX,SOCK_DGRAM,0) or print $!'"),
             "not permitted");
    must_say(inside("perl -MSocket -e 'print socketpair(A,B,PF_UNIX,SOCK_STREAM,0)'"), "1");
    close(hub);
}

static void tcp_needs_a_grant(void **state)
{
    if (why_not)
        skip();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server, 8), 0);
    getsockname(server, (struct sockaddr *)&address, &len);
    const char *script =
        connect_script("PF_INET", arena_printf(&arena, "sockaddr_in(%d,inet_aton(q(127.0.0.1)))",
                                               ntohs(address.sin_port)));
    must_not_say(inside(script), "CONNECTED");
    struct guard_command command = command_of(script);
    command.network = true;
    must_say(run(&command).output, "CONNECTED");
    command.command = "perl -MSocket -e 'socket(S,16,SOCK_RAW,0) or print $!'"; /* netlink */
    must_say(run(&command).output, "not permitted");
    close(server);
}

static void nothing_else_can_be_read(void **state)
{
    if (why_not)
        skip();
    const char *output = inside(arena_printf(
        &arena,
        "cd %s; cat secrets/token other/notes state/ledger.db; ls secrets other state . / /root; "
        "cat /proc/self/root%s/secrets/token /proc/1/root%s/secrets/token /etc/shadow; "
        "ln -s %s/secrets/token $HOME/l; cat $HOME/l; ln %s/secrets/token $HOME/h; cat $HOME/h; "
        "cat /proc/1/environ; ls -l /proc/1/fd; cat shared/log.md",
        top, top, top, top, top));
    must_not_say(output, "TOPSECRET");
    must_not_say(output, "OTHERNOTES");
    must_not_say(output, "LEDGERBYTES");
    must_not_say(output, "root:");
    must_not_say(output, "HQ_");
    must_say(output, "SHAREDLOG");
    assert_int_equal(access(at("workspace/h"), F_OK), -1);
}

static void nothing_else_can_be_changed(void **state)
{
    if (why_not)
        skip();
    struct stat st;
    inside(arena_printf(
        &arena,
        "cd %s; echo x > other/new; echo x > other/notes; rm -f state/ledger.db; "
        "mv other/notes workspace/; truncate -s 0 state/ledger.db; chmod 000 state/ledger.db; "
        "perl -e 'truncate(q(state/ledger.db),0)'; mkdir state/d; touch -d 2001-01-01 "
        "secrets/token; "
        "echo x >> shared/log.md; chmod 777 secrets; touch /tmp/hq-guard-leak "
        "/dev/shm/hq-guard-leak "
        "/usr/hq-guard-leak; ln -s a /tmp/hq-guard-leak",
        top));
    assert_int_equal(access(at("other/new"), F_OK), -1);
    assert_int_equal(access(at("state/d"), F_OK), -1);
    assert_int_equal(access("/tmp/hq-guard-leak", F_OK), -1);
    assert_int_equal(access("/dev/shm/hq-guard-leak", F_OK), -1);
    assert_string_equal(got(at("other/notes")), "OTHERNOTES");
    assert_string_equal(got(at("state/ledger.db")), "LEDGERBYTES");
    assert_string_equal(got(at("shared/log.md")), "SHAREDLOG");
    stat(at("state/ledger.db"), &st);
    assert_true((st.st_mode & 0444) == 0444);
    stat(at("secrets"), &st);
    assert_int_equal(st.st_mode & 0777, 0755);
    stat(at("secrets/token"), &st);
    assert_true(st.st_mtime > 1000000000);
    assert_string_equal(inside("echo y > a && cat a && mktemp -u | grep -c $HOME"), "y\n1\n");
}

static void no_process_of_the_machine_is_seen(void **state)
{
    if (why_not)
        skip();
    pid_t victim = fork();
    if (victim == 0)
        for (;;)
            pause();
    const char *output = inside(arena_printf(&arena, "kill -9 %d && echo KILLED", victim));
    must_not_say(output, "KILLED");
    output = inside(arena_printf(
        &arena, "ls -d /proc/%d /proc/[0-9]* | wc -l; cat /proc/%d/cmdline", victim, getpid()));
    must_not_say(output, "test_");
    assert_int_equal(waitpid(victim, NULL, WNOHANG), 0); /* it lives */
    kill(victim, SIGKILL);
    waitpid(victim, NULL, 0);
}

static void no_descriptor_comes_along(void **state)
{
    if (why_not)
        skip();
    int leak = open("/dev/zero", O_RDONLY); /* on purpose without O_CLOEXEC */
    assert_string_equal(inside("echo $(ls /proc/self/fd); readlink /proc/self/fd/0"),
                        "0 1 2 3\n/dev/null\n");
    close(leak);
}

/* A pair of sequenced packets, its other end given to the command; the pipes that arrive through it
 * are those of the command. */
static void one_channel_comes_along_on_purpose(void **state)
{
    if (why_not)
        skip();
    int pair[2];
    char text[256] = "";
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    struct guard_command command = command_of(
        "echo fd $HQ_TASK_FD; ls -l /proc/self/fd | grep -c -e 'socket:'; "
        "perl -MSocket -e 'open(S,q(+<&=),$ENV{HQ_TASK_FD}) or die; "
        "send(S,q(to you),0) or print qq(send: $!\\n); recv(S,$m,99,0); print qq(got $m\\n); "
        "connect(S,pack_sockaddr_un(q(/run/x))) or print qq(connect: $!\\n); "
        "send(S,q(astray),0,pack_sockaddr_un(q(/run/x))); "
        "socket(T,AF_UNIX,SOCK_SEQPACKET,0) or print qq(socket: $!\\n)'");
    command.channel_fd = pair[1];
    assert_int_equal(send(pair[0], "to it", 5, 0), 5);
    const char *output = run(&command).output;
    must_say(output, "fd 100\n");
    must_say(output, "\n1\n");
    must_say(output, "got to it\n");
    must_say(output, "connect: ");
    must_say(output, "socket: Operation not permitted");
    assert_int_equal(recv(pair[0], text, sizeof(text), MSG_DONTWAIT), 6);
    assert_string_equal(text, "to you");
    close(pair[1]); /* the last one: nothing of the command holds it any more */
    memset(text, 0, sizeof(text));
    assert_int_equal(recv(pair[0], text, sizeof(text), MSG_DONTWAIT), 6); /* still to us */
    assert_string_equal(text, "astray");
    assert_int_equal(recv(pair[0], text, sizeof(text), MSG_DONTWAIT), 0);
    close(pair[0]);
    must_say(inside("echo \"fd $HQ_TASK_FD.\"; ls -l /proc/self/fd"), "fd .\n");
    must_not_say(inside("ls -l /proc/self/fd"), "socket:");
}

/* One file of a folder that is otherwise read: no other, not through a link, not by renaming. */
static void a_single_file_can_be_opened_for_writing(void **state)
{
    if (why_not)
        skip();
    put(at("shared/status.md"), "old\n", 0644);
    assert_int_equal(symlink(at("other/notes"), at("shared/link.md")), 0);
    const char *files[] = {at("shared/status.md"), at("shared/link.md"), at("shared/gone.md"),
                           NULL};
    struct guard_command command = command_of(
        arena_printf(&arena,
                     "cd %s; echo new >> status.md; cat status.md; echo x > log.md; "
                     "echo x > link.md; echo x > gone.md; mv status.md other.md; rm status.md; "
                     "ln -sf /etc/passwd status.md; touch z; chmod 777 log.md; ls",
                     at("shared")));
    command.writable_files = files;
    must_say(run(&command).output, "old\nnew\n");
    assert_string_equal(got(at("shared/status.md")), "old\nnew\n");
    assert_string_equal(got(at("shared/log.md")), "SHAREDLOG");
    assert_string_equal(got(at("other/notes")), "OTHERNOTES");
    assert_int_equal(access(at("shared/gone.md"), F_OK), -1);
    assert_int_equal(access(at("shared/other.md"), F_OK), -1);
    command = command_of(arena_printf(&arena, "echo x > %s", at("shared/status.md")));
    run(&command);
    assert_string_equal(got(at("shared/status.md")), "old\nnew\n");
}

/* hq itself in PATH, behind the system's programs, and nothing beside it. */
static void a_folder_of_programs_stands_last_in_the_path(void **state)
{
    if (why_not)
        skip();
    mkdir(at("state/bin"), 0700);
    put(at("state/bin/cat"), "#!/bin/sh\necho fake\n", 0755);
    put(at("state/bin/mine"), "#!/bin/sh\necho mine\n", 0755);
    struct guard_command command = command_of(
        arena_printf(&arena, "mine; cat %s; ls %s; ls %s; echo x > %s", at("shared/log.md"),
                     at("state/bin"), at("state"), at("state/bin/mine")));
    command.programs = at("state/bin");
    const char *output = run(&command).output;
    must_say(output, "mine\nSHAREDLOGcat\nmine\n");
    must_not_say(output, "ledger.db");
    assert_string_equal(got(at("state/bin/mine")), "#!/bin/sh\necho mine\n");
}

static void the_environment_is_minimal(void **state)
{
    if (why_not)
        skip();
    static const char *const env[] = {"MINE=1", "LANG=de_DE", NULL};
    setenv("OPENAI_API_KEY", "TOPSECRET", 1);
    struct guard_command command =
        command_of("env | cut -d= -f1 | sort | tr '\\n' ' '; echo $LANG");
    command.env = env;
    assert_string_equal(run(&command).output, "HOME LANG MINE PATH PWD TERM TMPDIR de_DE\n");
    unsetenv("OPENAI_API_KEY");
}

static void no_privilege_is_left(void **state)
{
    if (why_not)
        skip();
    const char *output =
        inside("grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status; ulimit -c; umask");
    must_say(output, "CapPrm:\t0000000000000000");
    must_say(output, "CapEff:\t0000000000000000");
    must_say(output, "CapBnd:\t0000000000000000");
    must_say(output, "NoNewPrivs:\t1");
    must_say(output, "Seccomp:\t2");
    must_say(output, "\n0\n0077\n");
}

static void dangerous_calls_are_refused(void **state)
{
    if (why_not)
        skip();
    static const long calls[] = {SYS_ptrace,
                                 SYS_process_vm_readv,
                                 SYS_process_vm_writev,
                                 SYS_unshare,
                                 SYS_setns,
                                 SYS_mount,
                                 SYS_bpf,
                                 SYS_keyctl,
                                 SYS_io_uring_setup,
                                 SYS_userfaultfd,
                                 SYS_perf_event_open,
                                 SYS_kexec_load,
                                 SYS_init_module,
                                 SYS_pivot_root,
                                 SYS_open_by_handle_at};
    const char *list = "";
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
        list = arena_printf(&arena, "%s%s%ld", list, i ? "," : "", calls[i]);
    assert_string_equal(
        inside(arena_printf(&arena,
                            "perl -e 'for (%s) { my $r = syscall($_,0,0,0,0,0); print qq($_ ) if "
                            "$r != -1 || $! != 1 } $r = syscall(%ld,0,0); print $r, $!+0; "
                            "$r = syscall(%ld,0x10000000|17,0,0,0,0); print $r, $!+0'",
                            list, (long)SYS_clone3, (long)SYS_clone)),
        "-138-11");
}

#ifdef __x86_64__
/* A program of 64 bits that makes a call of the 32-bit table, which no rule of ours looks at:
 * getpid, its negated answer as exit code (EPERM = 1). ELF-64 header, one segment, code. */
static void the_old_call_table_is_closed(void **state)
{
    if (why_not)
        skip();
    static const unsigned char program[] =
        "\x7f"
        "ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\x3e\0\1\0\0\0\x78\0\x40\0\0\0\0\0\x40\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\x38\0\1\0\0\0\0\0\0\0\1\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\x40\0\0\0\0\0\0\0\x40\0\0\0\0\0\x8c\0\0\0\0\0\0\0\x8c\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0"
        "\xb8\x14\0\0\0\xcd\x80\x89\xc7\xf7\xdf\xb8\x3c\0\0\0\x0f\x05\x90\x90";
    int fd = open(at("workspace/p"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_int_equal(write(fd, program, sizeof(program) - 1), 0x8c);
    close(fd);
    assert_string_equal(inside("./p; echo $?"), "1\n");
    must_not_say(outside(arena_printf(&arena, "%s/workspace/p; echo $?", top)), "\n1\n");
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        WALL(the_hub_socket_is_out_of_reach),    WALL(tcp_needs_a_grant),
        WALL(nothing_else_can_be_read),          WALL(nothing_else_can_be_changed),
        WALL(no_process_of_the_machine_is_seen), WALL(no_descriptor_comes_along),
        WALL(one_channel_comes_along_on_purpose),
        WALL(a_single_file_can_be_opened_for_writing),
        WALL(a_folder_of_programs_stands_last_in_the_path),
        WALL(the_environment_is_minimal),        WALL(no_privilege_is_left),
        WALL(dangerous_calls_are_refused),
#ifdef __x86_64__
        WALL(the_old_call_table_is_closed),
#endif
    };
    return walls_run("tests", tests, sizeof(tests) / sizeof(*tests));
}
