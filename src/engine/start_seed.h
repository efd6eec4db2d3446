/* What a run that is tried again takes over from the one before. */
#ifndef HQ_ENGINE_START_SEED_H
#define HQ_ENGINE_START_SEED_H

struct arena;
struct engine_start;
struct err;
struct flow;
struct ledger;

/* *seed = JSON {step: {"state","output"}} in the arena: the steps of start->retry_of that are done
 * or skipped, but for start->retry_step and, with `downstream`, all that depends on it. 0, or -1
 * with *err (code "no_step", or the store's). Blocks for reads. */
int seed_of(struct ledger *ledger, const struct engine_start *start, const struct flow *flow,
            struct arena *arena, const char **seed, struct err *err);

#endif
