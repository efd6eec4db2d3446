/* Word of ends that no agent could report: a deadline, a budget, a worker that died too often, a
 * cancel of what nobody worked on. The agent's process puts its deliveries into the batch that ends
 * a task; where the ledger ends one itself, the hub adds what was asked for, from the chronicle. */
#ifndef HQ_HUB_UNREPORTED_END_H
#define HQ_HUB_UNREPORTED_END_H

#include <jansson.h>

struct config;
struct err;
struct ledger;

/* Looks at the end that a `task.completed` tells of and, where its delivery was asked for and is
 * not in the outbox, puts it there. A repeat changes nothing. 0, or -1 with *err where the ledger
 * did not answer. */
int unreported_end_deliver(const struct config *config, struct ledger *ledger, const json_t *completed,
                  struct err *err);

#endif
