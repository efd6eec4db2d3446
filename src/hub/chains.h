/* Who waits for whom, over all open tasks, as chains from whoever nobody waits for to what it ends
 * in. */
#ifndef HQ_HUB_CHAINS_H
#define HQ_HUB_CHAINS_H

#include <jansson.h>
#include <stddef.h>

struct arena;
struct err;
struct ledger;

/* One thing that a task waits for. */
struct chain_link {
    const char *task, *agent; /* who waits */
    const char *to;           /* a task; NULL: something else, which `ends` names */
    const char *to_agent;     /* whose task that is */
    const char *ends;         /* "rate", "timer", "approval g-…"; with `to`: "agent" */
};

/* [{"agents":[…],"tasks":[…],"ends","cycle"}], one for each way through the links; at most `max`. A
 * chain whose last task is on it already is marked as a cycle and ends in "cycle". New reference.
 */
json_t *chains_walk(const struct chain_link *links, size_t count, size_t max);

/* The same of the newest LIMIT_CHAIN_TASKS waiting tasks and those that stand behind another in
 * their session. New reference, NULL with *err. */
json_t *chains_of(struct ledger *ledger, struct arena *arena, struct err *err);

#endif
