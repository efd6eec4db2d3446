/* The text that a run is pinned to. */
#ifndef HQ_HUB_RUN_DEFINITION_H
#define HQ_HUB_RUN_DEFINITION_H

#include "wire/flow.h"

struct arena;
struct err;
struct ledger;

/* Fills run->… by run->id, and *text, the bundle (flow/bundle.h), all in the arena. 0; LEDGER_NONE:
 * there is no such run; -1 with *err. */
int run_definition(struct ledger *ledger, struct run *run, const char **text, struct arena *arena,
                   struct err *err);

#endif
