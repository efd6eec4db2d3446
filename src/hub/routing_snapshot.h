/* The agents as routing sees them: from config, the ledger's counters and its row of each agent. */
#ifndef HQ_HUB_ROUTING_SNAPSHOT_H
#define HQ_HUB_ROUTING_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct hub;
struct route_agent;
struct route_decision;
struct route_query;

/* One per agent of config, in its order, in the arena; NULL with *err. One scan of the agents'
 * rows; the rest is counted in memory. */
struct route_agent *routing_snapshot(struct hub *hub, struct arena *arena, struct err *err);

/* Takes the snapshot and decides. 0, or -1 with *err. */
int routing_decide(struct hub *hub, const struct route_query *query, struct arena *arena,
                   struct route_decision *decision, struct err *err);

#endif
