/* Ports that nobody listens on. */
#ifndef HQ_SETUP_FREE_PORTS_H
#define HQ_SETUP_FREE_PORTS_H

#include <stdbool.h>

struct config;

/* Whether a bind on the loopback address succeeds now. */
bool free_port(int port);

/* The first port of the company that is taken: the hub's, an agent's N or N + 3; 0: none. */
int free_ports_taken(const struct config *config);

/* The smallest N from `from` on, in steps of four, that no agent of the config has or reserves, and
 * that is free with N + 3; 0: none. */
int free_ports_next(const struct config *config, int from);

#endif
