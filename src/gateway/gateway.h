/* One agent's process: its door for hooks, its worker, the leases it holds. */
#ifndef HQ_GATEWAY_GATEWAY_H
#define HQ_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

struct config;
struct config_agent;
struct err;
struct gateway;

/* Opens everything of `agent` and listens on its port; does not claim yet. `config`, `agent` borrowed.
 * NULL with *err: token missing, port taken. */
struct gateway *gateway_open(const struct config *config, const struct config_agent *agent,
                             struct err *err);

/* Registers with the hub (waiting for it as long as needed, or until gateway_stop) and starts to
 * claim. Returns at once: threads do it. 0, or -1 with *err. */
int gateway_start(struct gateway *gateway, struct err *err);

/* Waits until the hub knows this process, at most `ms`; true when it does. */
bool gateway_wait_registered(struct gateway *gateway, int64_t ms);

/* What it listens on, and the nonce that it registered with (the gateway's memory). */
int gateway_port(const struct gateway *gateway);
const char *gateway_nonce(const struct gateway *gateway);

/* How many turns run now. */
int gateway_running(struct gateway *gateway);

/* Claims nothing more; running turns go on. With `give_back` they are stopped between calls (model
 * calls are cancelled) and their tasks released. */
void gateway_drain(struct gateway *gateway, bool give_back);

/* Waits until no turn runs, at most `ms`; true when none does. */
bool gateway_wait_idle(struct gateway *gateway, int64_t ms);

/* Ends the threads, flushes the projections, frees. Turns that still run are abandoned: the process
 * must exit afterwards. */
void gateway_close(struct gateway *gateway);

#endif
