/* Raw sockets, every wait with a deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/time.h"
#include "net_probe.h"

int probe_connect(int port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

int probe_connect_unix(int dir_fd, const char *name)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

bool probe_send_bytes(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool probe_send(int fd, const char *text)
{
    return probe_send_bytes(fd, text, strlen(text));
}

static bool answer_is_whole(const char *answer, int len)
{
    const char *end = strstr(answer, "\r\n\r\n"), *length = strcasestr(answer, "Content-Length:");
    if (!end || !length || length > end)
        return false;
    return len >= end + 4 - answer + atoi(length + 15);
}

int probe_read(int fd, char *answer, size_t cap)
{
    int used = 0;
    int64_t until = time_boot_ms() + PROBE_WAIT_MS;
    answer[0] = '\0';
    while (!answer_is_whole(answer, used)) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int64_t left = until - time_boot_ms();
        if (left <= 0)
            return -1;
        if (poll(&poll_fd, 1, (int)left) <= 0)
            continue;
        ssize_t got = recv(fd, answer + used, cap - 1 - (size_t)used, 0);
        if (got <= 0)
            break;
        used += (int)got;
        answer[used] = '\0';
    }
    return used;
}

const char *probe_ask(int port, const char *request)
{
    static char answer[65536];
    int fd = probe_connect(port);
    assert_true(probe_send(fd, request));
    assert_int_not_equal(probe_read(fd, answer, sizeof(answer)), -1);
    close(fd);
    return answer;
}

bool probe_until(bool (*ask)(void *ctx), void *ctx)
{
    int64_t until = time_boot_ms() + PROBE_WAIT_MS;
    while (!ask(ctx)) {
        if (time_boot_ms() > until)
            return false;
        poll(NULL, 0, 2);
    }
    return true;
}
