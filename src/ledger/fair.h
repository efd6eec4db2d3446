/* Who is next among an agent's ready tasks: in turn by request, and the less urgent after a while.
 *
 * Each task gets a rank when it is submitted: the round in which its request has its next turn, and
 * within a round its age. Rounds are counted per agent and priority. A task that comes back (woken,
 * tried again) has kept its rank, so it goes before those who have not had a turn. */
#ifndef HQ_LEDGER_FAIR_H
#define HQ_LEDGER_FAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

struct task;

/* A zeroed struct is valid. The commit thread's own. Numbers that an undone batch took are gaps. */
struct fair {
    struct map queues; /* agent and priority → struct fair_queue */
    struct map agents; /* agent → size_t: claims since the last one of the less urgent */
};

void fair_fini(struct fair *fair);

/* Takes in an open task at the start of the hub; then fair_loaded(). */
void fair_load(struct fair *fair, const struct task *task);
void fair_loaded(struct fair *fair);

/* The rank of a new task (agent, priority, root and seq are set). */
int64_t fair_rank(struct fair *fair, const struct task *task);

/* The task has its turn. */
void fair_claimed(struct fair *fair, const struct task *task);

/* Of `heads`, the first ready task of each priority, most urgent first, returns whose turn it is.
 * One claim in four goes to the less urgent that have become old. count ≥ 1. */
size_t fair_choose(struct fair *fair, struct task *const *heads, size_t count, int64_t now);

#endif
