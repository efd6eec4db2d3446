/* Listening sockets: ports that are taken, long paths, nothing for children to inherit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "net/http_server.h"
#include "net_probe.h"

static enum http_verdict who(void *ctx, struct http_request *request,
                             struct http_response *response)
{
    return http_text(response, 200, request->remote);
}

static const struct http_route routes[] = {{"GET", "/v1/tasks/{id}", who}, {NULL, NULL, NULL}};

static int setup(void **state)
{
    struct err err;
    struct http_config config = {
        .name = "test", .address = "127.0.0.1", .unix_fd = -1, .routes = routes};
    *state = http_server_open(&config, &err);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    http_server_close(*state, 1000);
    return 0;
}

static void a_taken_port_is_named(void **state)
{
    struct http_server *own = *state;
    struct err err;
    char expect[64];
    struct http_config config = {.name = "manager",
                                 .address = "127.0.0.1",
                                 .port = http_server_port(own),
                                 .unix_fd = -1,
                                 .routes = routes};
    assert_null(http_server_open(&config, &err));
    assert_string_equal(err.code, "port_taken");
    snprintf(expect, sizeof(expect), "port %d on 127.0.0.1 is taken (manager needs it)",
             http_server_port(own));
    assert_string_equal(err.message, expect);
    assert_non_null(strstr(err.hint, "ss -ltnp"));
    config.address = "not-an-address";
    assert_null(http_server_open(&config, &err));
    assert_string_equal(err.code, "bad_address");
}

static int long_dir(char *path, size_t cap)
{
    snprintf(path, cap, "%s/hq-net-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(path));
    for (int i = 0; i < 3; i++) {
        size_t len = strlen(path);
        snprintf(path + len, cap - len, "/%s",
                 "a-folder-whose-name-is-rather-long-so-that-it-sums-up");
        assert_int_equal(mkdir(path, 0700), 0);
    }
    assert_true(strlen(path) > 107);
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void dir_remove(char *path)
{
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rmdir(path), 0);
        *strrchr(path, '/') = '\0';
    }
}

static void unix_sockets_have_long_paths(void **state)
{
    struct err err = {0};
    struct stat stat_of;
    char dir[1024], answer[4096];
    int dir_fd = long_dir(dir, sizeof(dir));
    int listener = http_unix_listen(dir, "hub.sock", &err);
    assert_true(listener >= 0);
    close(listener);
    listener = http_unix_listen(dir, "hub.sock", &err); /* replaces the stale one */
    assert_true(listener >= 0);
    assert_int_equal(fstatat(dir_fd, "hub.sock", &stat_of, 0), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
    assert_true(fcntl(listener, F_GETFD) & FD_CLOEXEC);
    struct http_config config = {.name = "test", .unix_fd = listener, .routes = routes};
    struct http_server *server = http_server_open(&config, &err);
    assert_non_null(server);
    int fd = probe_connect_unix(dir_fd, "hub.sock");
    probe_send(fd, "GET /v1/tasks/1 HTTP/1.1\r\n"
                   "Host: x\r\n\r\n");
    assert_true(probe_read(fd, answer, sizeof(answer)) > 0);
    assert_non_null(strstr(answer, "\r\n\r\nunix"));
    close(fd);
    http_server_close(server, 1000);
    assert_int_equal(unlinkat(dir_fd, "hub.sock", 0), 0);
    int file = openat(dir_fd, "hub.sock", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(file);
    assert_int_equal(http_unix_listen(dir, "hub.sock", &err), -1); /* not a socket: left alone */
    assert_int_equal(unlinkat(dir_fd, "hub.sock", 0), 0);
    close(dir_fd);
    dir_remove(dir);
}

static void no_descriptor_is_inherited(void **state)
{
    struct http_server *own = *state;
    int fd = probe_connect(http_server_port(own));
    char answer[4096];
    probe_send(fd, "GET /v1/tasks/1 HTTP/1.1\r\n"
                   "Host: x\r\n\r\n");
    assert_true(probe_read(fd, answer, sizeof(answer)) > 0);
    for (int i = 3; i < 64; i++) {
        char link[64], target[256] = "";
        int flags = fcntl(i, F_GETFD);
        snprintf(link, sizeof(link), "/proc/self/fd/%d", i);
        if (flags < 0 || readlink(link, target, sizeof(target) - 1) < 0)
            continue;
        if (strncmp(target, "socket:", 7) == 0 || strncmp(target, "anon_inode:", 11) == 0)
            if (!(flags & FD_CLOEXEC))
                fail_msg("%s is inherited by children", target);
    }
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_taken_port_is_named, setup, teardown),
        cmocka_unit_test(unix_sockets_have_long_paths),
        cmocka_unit_test_setup_teardown(no_descriptor_is_inherited, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
