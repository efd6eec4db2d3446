/* What a service manager reads from a process, and that no child speaks for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/notify.h"

static char folder[] = "/tmp/hq-notify-XXXXXX";

/* A manager's end; `name` begins with '/' or '@', as NOTIFY_SOCKET has it. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    memcpy(address.sun_path, name, len);
    if (*name == '@')
        address.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (*name == '/'));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void expect(int fd, const char *wanted)
{
    char text[256];
    ssize_t got = recv(fd, text, sizeof(text) - 1, 0);
    assert_true(got >= 0);
    text[got] = '\0';
    assert_string_equal(text, wanted);
}

static void says_it_to(const char *name)
{
    struct notify notify;
    int manager = listen_at(name);
    notify_init(&notify);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_true(notify_send(&notify, "READY=1\nSTATUS=serves"));
    expect(manager, "READY=1\nSTATUS=serves");
    notify_fini(&notify);
    assert_false(notify_send(&notify, "READY=1"));
    close(manager);
}

static void to_a_path(void **state)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/notify", folder);
    says_it_to(path);
    unlink(path);
}

static void to_an_abstract_name(void **state)
{
    char name[64];
    snprintf(name, sizeof(name), "@hq-notify-test-%d", (int)getpid());
    says_it_to(name);
}

static void to_nobody(void **state)
{
    static const char *const wrong[] = {"", "/", "relative", "vsock:2:1234", "/no/such/socket"};
    struct notify notify;
    unsetenv("NOTIFY_SOCKET");
    notify_init(&notify);
    assert_false(notify_send(&notify, "READY=1"));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        setenv("NOTIFY_SOCKET", wrong[i], 1);
        notify_init(&notify);
        assert_int_equal(notify.fd, -1);
    }
    char long_name[300] = "/";
    memset(long_name + 1, 'x', sizeof(long_name) - 2);
    setenv("NOTIFY_SOCKET", long_name, 1);
    notify_init(&notify);
    assert_int_equal(notify.fd, -1);
}

static int64_t watchdog_with(const char *usec, const char *pid)
{
    struct notify notify;
    char name[64];
    snprintf(name, sizeof(name), "@hq-notify-dog-%d", (int)getpid());
    int manager = listen_at(name);
    setenv("WATCHDOG_USEC", usec, 1);
    if (pid)
        setenv("WATCHDOG_PID", pid, 1);
    notify_init(&notify);
    int64_t ms = notify.watchdog_ms;
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    notify_fini(&notify);
    close(manager);
    return ms;
}

static void how_often_it_must_speak(void **state)
{
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    assert_int_equal(watchdog_with("30000000", NULL), 30000);
    assert_int_equal(watchdog_with("30000000", pid), 30000);
    assert_int_equal(watchdog_with("30000000", "1"), 0);
    assert_int_equal(watchdog_with("soon", NULL), 0);
    assert_int_equal(watchdog_with("0", NULL), 0);
}

/* A manager that reads nothing holds nobody up for long, and the process goes on. */
static void to_one_that_does_not_read(void **state)
{
    struct notify notify;
    char name[64];
    int sent = 0;
    snprintf(name, sizeof(name), "@hq-notify-deaf-%d", (int)getpid());
    int manager = listen_at(name);
    notify_init(&notify);
    while (sent < 100000 && notify_send(&notify, "WATCHDOG=1"))
        sent++;
    assert_true(sent < 100000);
    notify_fini(&notify);
    close(manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_a_path),
        cmocka_unit_test(to_an_abstract_name),
        cmocka_unit_test(to_nobody),
        cmocka_unit_test(how_often_it_must_speak),
        cmocka_unit_test(to_one_that_does_not_read),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
