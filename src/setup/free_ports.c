/* Tries ports by bind(2). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config.h"
#include "setup/free_ports.h"

enum { RESERVED = 3, APART = 4, LAST_PORT = 65535 };

bool free_port(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    bool is_free =
        bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno != EADDRINUSE;
    close(fd);
    return is_free;
}

int free_ports_taken(const struct config *config)
{
    if (config->hub_port && !free_port(config->hub_port))
        return config->hub_port;
    for (size_t i = 0; i < config->agent_count; i++) {
        int port = config->agents[i].port;
        if (!free_port(port))
            return port;
        if (!free_port(port + RESERVED))
            return port + RESERVED;
    }
    return 0;
}

static bool is_wanted(const struct config *config, int port)
{
    if (port == config->hub_port)
        return true;
    for (size_t i = 0; i < config->agent_count; i++)
        if (port == config->agents[i].port || port == config->agents[i].port + RESERVED)
            return true;
    return false;
}

int free_ports_next(const struct config *config, int from)
{
    for (int port = from; port + RESERVED <= LAST_PORT; port += APART)
        if (!is_wanted(config, port) && !is_wanted(config, port + RESERVED) && free_port(port) &&
            free_port(port + RESERVED))
            return port;
    return 0;
}
