/* The rules of a request's tree: what a task may hand on, to whom, and how much of it. */
#ifndef HQ_LEDGER_TREE_H
#define HQ_LEDGER_TREE_H

#include <stdbool.h>

#include "wire/task.h"

struct tx;

struct tree_ask {
    const struct task *parent; /* open */
    struct task *child; /* in: what is asked; out, where nothing is refused: its place in the tree
                         * (root, depth, path, deadline, grant, priority, ask_hash) */
    struct root root;   /* out: as it is now; of a run's step: in */
    bool of_run;        /* a step of a graph that a person wrote: only depth, tasks, deadline, budget */
    bool may_revisit;   /* its agent may be on the path already */
    bool sync;          /* the parent will wait for it */
};

/* Reads and decides; writes nothing. 0, LEDGER_REFUSED with one of the codes below and a sentence
 * that says the value seen, the limit, and what to do instead; or a failure of the store. */
int tree_look(struct tx *tx, struct tree_ask *ask);

/* The failure class of a refusal: "refused", "loop" …; NULL: it is no code of a refusal here. */
const char *tree_class(const char *code);

/* The task's ask_hash: sha256 of the JSON array [agent, sha256 of the instruction, data]. */
const char *tree_ask_hash(struct tx *tx, const struct task *task);

/* The path with one more agent behind it: a JSON array. */
const char *tree_path(struct tx *tx, const char *path, const char *agent);

#endif
