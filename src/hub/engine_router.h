/* Finds the agents of workflows' steps: by name, by alias, or by what they can do. */
#ifndef HQ_HUB_ENGINE_ROUTER_H
#define HQ_HUB_ENGINE_ROUTER_H

#include "engine/engine.h"

struct hub;

/* The hub is borrowed; routing reads the ledger. */
struct engine_router engine_router_of(struct hub *hub);

#endif
