/* A run in memory: the interpreter's state, how far in the stream it has come, and what its rows
 * say that the interpreter does not keep. Belongs to one thread at a time. */
#ifndef HQ_ENGINE_FOLLOWED_H
#define HQ_ENGINE_FOLLOWED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "flow/interpret.h"
#include "wire/flow.h"

struct definitions;
struct err;
struct event;
struct flow_bundle;
struct ledger;

/* What a step's newest row says. Texts lie in the followed run's arena. */
struct memo {
    const char *state; /* NULL: no row yet; static text */
    const char *task, *child_run, *approval, *effect, *job, *feedback;
    const char *waits; /* for people, while it waits: "approval g-7K2M (gate)" */
    int64_t round, tries, ready_at;
};

struct fact; /* read, and not yet told */

struct followed {
    char id[RUN_ID_TEXT];
    struct arena arena;
    struct run row; /* what does not change of it, `waiting` and `decided` as they were read;
                     * `caller` is who started the whole request, also of a sub-workflow's run */
    const struct flow_bundle *bundle;
    const struct flow *flow;
    struct flow_run *state;
    struct memo *memos;             /* one per step, then that of on_failure */
    int64_t next_seq;               /* of the stream: what is read next */
    int64_t upto;                   /* facts up to here were told */
    int64_t decided;                /* decisions that the state has seen */
    bool more;                      /* the newest decision was not the whole: ask again */
    struct fact *facts, **last;     /* in the order of the stream */
    struct followed *newer, *older; /* of the cache */
};

enum followed_outcome {
    FOLLOWED = 0,
    FOLLOWED_ENDED,     /* the run is not open, or not there */
    FOLLOWED_STUCK,     /* it cannot be followed: *err says why */
    FOLLOWED_OVERTAKEN, /* another decision is in the stream: it is to be loaded again */
};

/* Folds the run from its stream. An outcome, or -1 with *err (the store failed); *followed is made
 * only for FOLLOWED, and for FOLLOWED_STUCK has at least id and row. Blocks for reads. */
int followed_open(struct ledger *ledger, struct definitions *definitions, const char *run,
                  struct followed **followed, struct err *err);
void followed_close(struct followed *followed, struct definitions *definitions);

/* Takes events of the stream behind next_seq in: facts wait to be told. An outcome, or -1. */
int followed_take(struct ledger *ledger, struct followed *followed, const struct event *events,
                  size_t count, struct err *err);

/* Tells the interpreter the facts that wait, up to the seq. FOLLOWED or FOLLOWED_STUCK. */
int followed_tell(struct followed *followed, int64_t upto, struct err *err);

/* Tells it that it is `at`. */
int followed_tell_time(struct followed *followed, int64_t at, struct err *err);

bool followed_has_facts(const struct followed *followed);

/* The step's memo; NULL where the workflow has no such step. */
struct memo *followed_memo(struct followed *followed, const char *step);

/* About how much memory it takes. */
size_t followed_bytes(const struct followed *followed);

#endif
