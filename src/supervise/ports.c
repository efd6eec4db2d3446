/* Port checks by bind(2); the holder through /proc/net/tcp and /proc/<pid>/fd. */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "supervise/life.h"
#include "supervise/ports.h"

enum { TCP_LISTEN_STATE = 0x0A };

/* The inode of the socket that listens on the port in one of the kernel's tables; 0: none. */
static unsigned long listening_inode(const char *table, int port)
{
    char line[512];
    unsigned long found = 0;
    FILE *file = fopen(table, "re");
    while (file && !found && fgets(line, sizeof(line), file)) {
        unsigned local, state;
        unsigned long inode;
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %lu",
                   &local, &state, &inode) == 3 &&
            state == TCP_LISTEN_STATE && (int)local == port)
            found = inode;
    }
    if (file)
        fclose(file);
    return found;
}

static bool process_has_socket(const char *pid, const char *wanted)
{
    char dir[64], link[PATH_MAX], target[64];
    snprintf(dir, sizeof(dir), "/proc/%.20s/fd", pid);
    DIR *fds = opendir(dir);
    bool found = false;
    for (struct dirent *entry; fds && !found && (entry = readdir(fds));) {
        snprintf(link, sizeof(link), "%s/%s", dir, entry->d_name);
        ssize_t len = readlink(link, target, sizeof(target) - 1);
        target[len > 0 ? len : 0] = '\0';
        found = str_eq(target, wanted);
    }
    if (fds)
        closedir(fds);
    return found;
}

static void describe_process(const char *pid, char text[128])
{
    char path[64], name[64] = "?";
    snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
    FILE *file = fopen(path, "re");
    if (file && fgets(name, sizeof(name), file))
        name[strcspn(name, "\n")] = '\0';
    if (file)
        fclose(file);
    snprintf(text, 128, "%s (pid %.20s)", name, pid);
}

bool ports_holder(int port, char text[128])
{
    unsigned long inode = listening_inode("/proc/net/tcp", port);
    if (!inode)
        inode = listening_inode("/proc/net/tcp6", port);
    if (!inode)
        return false;
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
    DIR *processes = opendir("/proc");
    bool found = false;
    for (struct dirent *entry; processes && !found && (entry = readdir(processes));) {
        if (!isdigit((unsigned char)entry->d_name[0]) || !process_has_socket(entry->d_name, wanted))
            continue;
        describe_process(entry->d_name, text);
        found = true;
    }
    if (processes)
        closedir(processes);
    return found;
}

bool ports_is_free(int port)
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

static int check_port(const char *whose, int port, const char *what, struct err *err)
{
    char holder[128];
    if (port <= 0 || port > 65535 || ports_is_free(port))
        return 0;
    bool known = ports_holder(port, holder);
    err_set(err, "port_taken", "%s: port %d%s is in use%s%s", whose, port, what,
            known ? " by " : "", known ? holder : "");
    err_hint(err, "End that process, or give %s another port in hq.yaml.", whose);
    return -1;
}

static int check_neighbours(const struct config *config, struct err *err)
{
    for (size_t i = 0; i < config->agent_count; i++) {
        for (size_t j = 0; j < config->agent_count; j++) {
            const struct config_agent *a = &config->agents[i], *b = &config->agents[j];
            if (i == j || (a->port != b->port && a->port + 3 != b->port))
                continue;
            err_set(err, "port_taken", "%s and %s clash: port %d belongs to %s%s", a->id, b->id,
                    b->port, a->id, a->port == b->port ? "" : " (port + 3 is reserved)");
            err_hint(err, "Ports four apart never clash: 18800, 18804, 18808 …");
            return -1;
        }
    }
    return 0;
}

static bool runs_already(const struct config *config, const char *name)
{
    struct life life;
    bool is_ready;
    life_init(&life);
    bool found = life_find(&life, config, name, &is_ready);
    life_fini(&life);
    return found;
}

int ports_check(const struct config *config, struct err *err)
{
    if (check_neighbours(config, err) < 0)
        return -1;
    if (config->hub_port && !runs_already(config, "hub") &&
        check_port("hub", config->hub_port, "", err) < 0)
        return -1;
    for (size_t i = 0; i < config->agent_count; i++) {
        const struct config_agent *agent = &config->agents[i];
        if (runs_already(config, agent->id))
            continue;
        if (check_port(agent->id, agent->port, "", err) < 0 ||
            check_port(agent->id, agent->port + 3, " (reserved beside its own, port + 3)", err) < 0)
            return -1;
    }
    return 0;
}
