/* port/…, listen/wide, socket/path: who has the company's ports, and who can get in. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "config/config.h"
#include "doctor/check.h"
#include "supervise/control.h"
#include "supervise/ports.h"
#include "sys/lock.h"

enum { TCP_LISTEN_STATE = 0x0A, RESERVED = 3 /* port N + 3 belongs to an agent, too */ };

struct door {
    const char *name; /* the agent, or "hub" */
    const char *lock;
    int port;
    bool lives; /* its process of ours */
};

static size_t list_doors(struct doctor *doctor, struct door **doors)
{
    const struct config *config = doctor->config;
    struct door *list = arena_alloc(doctor->arena, (config->agent_count + 1) * sizeof(*list));
    size_t count = 0;
    if (config->hub_port)
        list[count++] = (struct door){.name = "hub", .lock = "hub", .port = config->hub_port};
    for (size_t i = 0; i < config->agent_count; i++)
        list[count++] =
            (struct door){.name = config->agents[i].id,
                          .lock = arena_printf(doctor->arena, "gateway-%s", config->agents[i].id),
                          .port = config->agents[i].port};
    for (size_t i = 0; i < count; i++)
        list[i].lives = control_look(config, list[i].lock, NULL);
    *doors = list;
    return count;
}

/* Two agents that want the same port, or one the reserved one of the other. */
static const struct config_agent *clashing(const struct config *config, const char *id, int port)
{
    for (size_t i = 0; i < config->agent_count; i++) {
        const struct config_agent *other = &config->agents[i];
        bool clash =
            port == other->port || port + RESERVED == other->port || port == other->port + RESERVED;
        if (!str_eq(other->id, id) && clash)
            return other;
    }
    return NULL;
}

/* The first of the door's ports that somebody else has; 0: none. */
static int taken_port(const struct door *door)
{
    if (!ports_is_free(door->port))
        return door->port;
    bool is_agent = !str_eq(door->name, "hub");
    return is_agent && door->port + RESERVED <= 65535 && !ports_is_free(door->port + RESERVED)
               ? door->port + RESERVED
               : 0;
}

static void check_free(struct doctor *doctor, const struct door *door, const char *id)
{
    char holder[128];
    int port = taken_port(door);
    if (!port) {
        found(doctor, DOCTOR_OK, id, "%d is free", door->port);
        return;
    }
    bool known = ports_holder(port, holder);
    struct doctor_finding *finding =
        found(doctor, DOCTOR_FAIL, id, "%d%s is taken by %s", port,
              port == door->port ? "" : " (reserved beside its own, N + 3)",
              known ? holder : "a process of another user");
    found_fix(doctor, finding, "end that process, or change %s%s in hq.yaml",
              port == door->port && str_eq(door->name, "hub") ? "hub.listen" : "agents.",
              str_eq(door->name, "hub") ? "" : arena_printf(doctor->arena, "%s.port", door->name));
}

static void check_door(struct doctor *doctor, const struct door *door)
{
    struct lock_info info = {0};
    const char *id = check_id(doctor, "port", door->name);
    const struct config_agent *other = clashing(doctor->config, door->name, door->port);
    bool lives = control_look(doctor->config, door->lock, &info);
    if (other)
        found_fix(doctor,
                  found(doctor, DOCTOR_FAIL, id, "%d clashes with %s, which has %d (and %d)",
                        door->port, other->id, other->port, other->port + RESERVED),
                  "change one of them in hq.yaml: ports four apart never clash");
    else if (lives && info.ready && info.port != door->port)
        found_fix(doctor,
                  found(doctor, DOCTOR_WARN, id, "%s listens on %d, hq.yaml says %d", door->name,
                        info.port, door->port),
                  "%s reload", doctor->hq);
    else if (lives)
        found(doctor, DOCTOR_OK, id, "%d is its own", door->port);
    else
        check_free(doctor, door, id);
}

void check_ports(struct doctor *doctor)
{
    struct door *doors;
    size_t count = list_doors(doctor, &doors);
    for (size_t i = 0; i < count; i++)
        check_door(doctor, &doors[i]);
}

/* ---- who can get in ---- */

static bool is_of_company(const struct door *doors, size_t count, unsigned port)
{
    for (size_t i = 0; i < count; i++)
        if (doors[i].lives && doors[i].port == (int)port)
            return true;
    return false;
}

/* An address of /proc/net/tcp or tcp6 (proc(5): words of the machine's own byte order). */
static bool is_loopback(const char *hex)
{
    static const char mapped[] = "0000000000000000FFFF0000"; /* ::ffff:0:0 */
    size_t len = strlen(hex);
    if (len == 8)
        return str_eq(hex + 6, "7F");
    if (strncmp(hex, mapped, strlen(mapped)) == 0)
        return str_eq(hex + 30, "7F");
    return str_eq(hex, "00000000000000000000000001000000");
}

static size_t look_at_table(struct doctor *doctor, const char *table, const struct door *doors,
                            size_t count)
{
    char line[512], address[40], holder[128];
    size_t wide = 0;
    FILE *file = fopen(table, "re");
    while (file && fgets(line, sizeof(line), file)) {
        unsigned port, state;
        if (sscanf(line, " %*d: %39[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", address, &port, &state) !=
                3 ||
            state != TCP_LISTEN_STATE || is_loopback(address) || !is_of_company(doors, count, port))
            continue;
        wide++;
        bool known = ports_holder((int)port, holder);
        found_fix(doctor,
                  found(doctor, DOCTOR_FAIL, "listen/wide",
                        "port %u is open to other machines (%s)", port,
                        known ? holder : "a process of another user"),
                  "end that process: hq itself listens on the loopback address only");
    }
    if (file)
        fclose(file);
    return wide;
}

void check_listen(struct doctor *doctor)
{
    struct door *doors;
    size_t count = list_doors(doctor, &doors);
    size_t wide = look_at_table(doctor, "/proc/net/tcp", doors, count) +
                  look_at_table(doctor, "/proc/net/tcp6", doors, count);
    if (!wide)
        found(doctor, DOCTOR_OK, "listen/wide", "nothing of the company beyond loopback");
}

/* ---- the socket ---- */

void check_socket_path(struct doctor *doctor)
{
    struct stat info;
    const char *path = arena_printf(doctor->arena, "%s/hub.sock", doctor->config->state);
    size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    if (lstat(path, &info) < 0 && errno != ENOENT)
        found_fix(doctor,
                  found(doctor, DOCTOR_FAIL, "socket/path", "%s cannot be looked at: %s", path,
                        strerror(errno)),
                  "give this user the right to look into %s", doctor->config->state);
    else if (access(path, F_OK) == 0 && !S_ISSOCK(info.st_mode))
        found_fix(doctor, found(doctor, DOCTOR_FAIL, "socket/path", "%s is not a socket", path),
                  "move it away; the hub makes its own: mv %s %s.old", path, path);
    else if (access(path, F_OK) == 0 && (info.st_uid != geteuid() || (info.st_mode & 077)))
        found_fix(doctor,
                  found(doctor, DOCTOR_FAIL, "socket/path",
                        "%s has mode %04o and belongs to user %u", path, info.st_mode & 07777,
                        info.st_uid),
                  "%s restart hub makes it anew", doctor->hq);
    else if (strlen(path) > most)
        found_fix(
            doctor,
            found(doctor, DOCTOR_INFO, "socket/path",
                  "%zu bytes long: hq reaches it, other programs (curl --unix-socket) take %zu",
                  strlen(path), most),
            "choose a shorter folder with --state where that matters");
    else
        found(doctor, DOCTOR_OK, "socket/path", "%zu of %zu bytes", strlen(path), most);
}
