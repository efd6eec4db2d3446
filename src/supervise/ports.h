/* Whether the ports that a company wants are free, and who has one that is not. */
#ifndef HQ_SUPERVISE_PORTS_H
#define HQ_SUPERVISE_PORTS_H

#include <stdbool.h>

struct config;
struct err;

/* Checks every agent's port N, the reserved N + 3, and the hub's, except those of processes that
 * run already: among each other and by a bind on loopback. Returns 0, or -1 with *err (code
 * "port_taken") naming agent, port and, where it can be found, the process. */
int ports_check(const struct config *config, struct err *err);

/* Whether nobody listens on the port of the loopback address; true, too, where we may not look. */
bool ports_is_free(int port);

/* The holder of a listening TCP port as "name (pid N)" in text[128]; false where it cannot be found
 * (another user's process). Source: proc(5), /proc/net/tcp. */
bool ports_holder(int port, char text[128]);

#endif
