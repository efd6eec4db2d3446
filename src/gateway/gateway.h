/* One agent's process: its door for hooks, its worker, the leases it holds. */
#ifndef HQ_GATEWAY_GATEWAY_H
#define HQ_GATEWAY_GATEWAY_H

struct config;
struct config_agent;
struct err;
struct gateway;
struct worker;

/* Opens everything of `agent` and listens on its port; does not claim yet. `config`, `agent` borrowed.
 * NULL with *err: token missing, port taken. */
struct gateway *gateway_open(const struct config *config, const struct config_agent *agent,
                             struct err *err);

/* Registers with the hub (waiting for it as long as needed, or until gateway_stop) and starts to
 * claim. Returns at once: threads do it. 0, or -1 with *err. */
int gateway_start(struct gateway *gateway, struct err *err);

/* Its worker, borrowed: to wait for its registration and its turns, and to drain it. */
struct worker *gateway_worker(struct gateway *gateway);

/* What it listens on, and the nonce that it registered with (the gateway's memory). */
int gateway_port(const struct gateway *gateway);
const char *gateway_nonce(const struct gateway *gateway);

/* Ends the threads, flushes the projections, frees. Turns that still run are abandoned: the process
 * must exit afterwards. */
void gateway_close(struct gateway *gateway);

#endif
