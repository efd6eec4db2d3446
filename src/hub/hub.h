/* The hub: the ledger behind an HTTP API, the only process that opens the database. */
#ifndef HQ_HUB_HUB_H
#define HQ_HUB_HUB_H

#include <stdbool.h>
#include <stdint.h>

struct config;
struct err;
struct hub;
struct store;

/* Takes the store, opens the ledger, listens on <state>/hub.sock and on hub.listen. `config` is
 * borrowed. NULL with *err: token missing, port taken, second hub, newer schema. */
struct hub *hub_open(const struct config *config, struct store *store, struct err *err);

/* The TCP port that is listened on; 0: none. */
int hub_port(const struct hub *hub);

/* Blocks until the ledger can no longer be trusted (returns false) or, at most `ms`, returns true.
 */
bool hub_is_sound(struct hub *hub, int64_t ms);

/* Milliseconds since the ledger's commit thread last answered: it is asked every few seconds. */
int64_t hub_silent_ms(const struct hub *hub);

/* Answers parked requests, waits for running ones, closes the ledger. */
void hub_close(struct hub *hub);

#endif
