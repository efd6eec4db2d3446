/* Looking at runs: from the facts that came to the decisions, several runs to a commit. */
#ifndef HQ_ENGINE_LOOK_H
#define HQ_ENGINE_LOOK_H

#include "engine/draft.h"
#include "engine/queue.h"

struct cache;
struct definitions;

/* What looking needs. Borrowed. */
struct looking {
    struct drafting drafting;
    struct definitions *definitions;
    struct cache *cache;
    struct queue *queue;
};

/* Looks at the runs, commits what is decided, and gives every run back to the queue. Blocks for
 * reads and commits. */
void look_at(const struct looking *looking, const struct portion *portion);

/* Puts the runs that are due now into the queue, at most a page; true: there are more. Those that
 * become due later are announced by the ledger. */
bool look_for_due(const struct looking *looking);

#endif
