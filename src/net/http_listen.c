/* Listening sockets, made here so that the sentences about taken ports are ours. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "net/http_listen.h"

enum { LISTEN_BACKLOG = 512 };

static int listen_refused(const struct http_config *config, struct err *err)
{
    if (errno == EADDRINUSE) {
        err_set(err, "port_taken", "port %d on %s is taken (%s needs it)", config->port,
                config->address, config->name);
        err_hint(err,
                 "see who holds it with `ss -ltnp sport = :%d` and stop that, or give %s another "
                 "port in hq.yaml",
                 config->port, config->name);
        return -1;
    }
    err_errno(err, "cannot_listen", "%s cannot listen on %s port %d", config->name, config->address,
              config->port);
    if (errno == EACCES)
        err_hint(err, "ports below 1024 need a privilege; choose a higher one in hq.yaml");
    if (errno == EADDRNOTAVAIL)
        err_hint(err, "%s is not an address of this machine; use 127.0.0.1", config->address);
    return -1;
}

int http_tcp_listen(const struct http_config *config, int *port, struct err *err)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)config->port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)config->port)};
    bool is_six = inet_pton(AF_INET6, config->address, &six.sin6_addr) == 1;
    int one = 1;
    if (config->port < 0 || config->port > 65535)
        return err_set(err, "bad_port", "%d is not a port (%s)", config->port, config->name);
    if (!is_six && inet_pton(AF_INET, config->address, &four.sin_addr) != 1)
        return err_set(err, "bad_address", "\"%s\" is not an IP address (%s)", config->address,
                       config->name);
    int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return listen_refused(config, err);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    const struct sockaddr *addr =
        is_six ? (const struct sockaddr *)&six : (const struct sockaddr *)&four;
    socklen_t len = is_six ? sizeof(six) : sizeof(four);
    if (bind(fd, addr, len) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        listen_refused(config, err);
        close(fd);
        return -1;
    }
    getsockname(fd, is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four, &len);
    *port = ntohs(is_six ? six.sin6_port : four.sin_port);
    return fd;
}

/* fchmod on the socket decides the mode of the file that bind makes, so there is no moment in which
 * others could connect; the process's umask is not touched, other threads make files meanwhile. */
static int unix_bind(int fd, const struct sockaddr_un *addr)
{
    return fchmod(fd, 0600) == 0 && bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 &&
                   listen(fd, LISTEN_BACKLOG) == 0
               ? 0
               : -1;
}

int http_unix_listen(const char *dir, const char *name, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct stat there;
    int fd = -1, dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return err_errno(err, "cannot_listen", "cannot open the folder %s for the socket %s", dir,
                         name);
    int len = snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
    if (len >= (int)sizeof(addr.sun_path)) {
        err_set(err, "cannot_listen", "the socket name %s is too long", name);
        goto out;
    }
    if (fstatat(dir_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISSOCK(there.st_mode)) {
        err_set(err, "cannot_listen", "%s/%s is there and is not a socket", dir, name);
        err_hint(err, "move that file away");
        goto out;
    }
    unlinkat(dir_fd, name, 0);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || unix_bind(fd, &addr) != 0) {
        err_errno(err, "cannot_listen", "cannot listen on %s/%s", dir, name);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
out:
    close(dir_fd);
    return fd;
}
