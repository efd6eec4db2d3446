/* One socket, connected once: later sends need no address. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "sys/notify.h"

/* The address as NOTIFY_SOCKET writes it; its length, or 0 where it is none that we can reach. */
static socklen_t read_address(const char *text, struct sockaddr_un *address)
{
    size_t len = text ? strlen(text) : 0;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len < 2 || len >= sizeof(address->sun_path) || (*text != '/' && *text != '@'))
        return 0;
    memcpy(address->sun_path, text, len);
    if (*text != '@')
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int open_socket(const char *text)
{
    struct sockaddr_un address;
    const struct timeval second = {.tv_sec = 1};
    socklen_t len = read_address(text, &address);
    int fd = len ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
    if (connect(fd, (const struct sockaddr *)&address, len) == 0)
        return fd;
    close(fd);
    return -1;
}

/* WATCHDOG_PID says whom it is for: a child that inherited it is not meant. */
static int64_t read_watchdog(void)
{
    int64_t usec, pid;
    const char *meant = getenv("WATCHDOG_PID");
    if (meant && (!str_to_int(meant, 1, INT32_MAX, &pid) || pid != getpid()))
        return 0;
    return str_to_int(getenv("WATCHDOG_USEC"), 1000, INT64_MAX, &usec) ? usec / 1000 : 0;
}

void notify_init(struct notify *notify)
{
    notify->fd = open_socket(getenv("NOTIFY_SOCKET"));
    notify->watchdog_ms = notify->fd >= 0 ? read_watchdog() : 0;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void notify_fini(struct notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    *notify = (struct notify){.fd = -1};
}

bool notify_send(const struct notify *notify, const char *assignments)
{
    size_t len = strlen(assignments);
    return notify->fd >= 0 && send(notify->fd, assignments, len, MSG_NOSIGNAL) == (ssize_t)len;
}
