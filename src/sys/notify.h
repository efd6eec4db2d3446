/* Telling systemd how this process is: the datagrams of sd_notify(3), by hand. */
#ifndef HQ_SYS_NOTIFY_H
#define HQ_SYS_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct notify {
    int fd;              /* connected to the service manager; -1: nobody listens */
    int64_t watchdog_ms; /* a sign of life is expected within this time; 0: none is */
};

/* Reads NOTIFY_SOCKET (a path, or "@name" of the abstract space), WATCHDOG_USEC and WATCHDOG_PID,
 * and takes them out of the environment so that no child speaks in our name. Without a listener, or
 * with one that cannot be reached, all else here does nothing. Before the first thread. */
void notify_init(struct notify *notify);
void notify_fini(struct notify *notify);

/* Sends assignments as one datagram, a line each: "READY=1\nSTATUS=serves". Blocks at most a
 * second, should the manager not read; lost then. False where it was not sent. */
bool notify_send(const struct notify *notify, const char *assignments);

#endif
