/* Runs as the rules see them: facts that come in, what a step started, how a run ends.
 *
 * All return 0, a ledger_outcome with the transaction's outcome filled, or TX_FAILED / TX_FULL. */
#ifndef HQ_LEDGER_RUN_H
#define HQ_LEDGER_RUN_H

#include <jansson.h>
#include <stdbool.h>

#include "ledger/ledger.h"

struct tx;

/* Reads a run; LEDGER_NONE "no_run" fills the outcome. */
int run_get(struct tx *tx, const char *id, struct run *run);

/* Writes a fact (body taken) into the run's stream and makes the run due; nothing where it has
 * ended or is not there. */
int run_fact(struct tx *tx, const char *run, const char *type, json_t *body);

/* A task has ended: if it is a step's, its run hears of it. `result` is the handoff's as it was
 * given. */
int run_hear_end(struct tx *tx, const struct task *task, const char *status, const char *result);

/* The same words for a step that could not be started. */
int run_hear_refusal(struct tx *tx, const struct task *task, const char *class,
                     const char *message);

/* Another task takes over a step's work: what becomes of the old one is no fact any more. */
int run_step_moves(struct tx *tx, struct task *old, const char *to);

/* Fills what is the ledger's of a new run and of its task, before the task is submitted. */
int run_fill(struct tx *tx, const struct run_start *start, struct task *task, struct run *run);

/* Writes the run of a task that was submitted, and the fact that it started. */
int run_write(struct tx *tx, const struct task *task, struct run *run, const char *seed);

/* Stops what the newest round of a step started: tasks, child runs, approvals, jobs, effects that
 * were not sent. */
int run_cancel_step(struct tx *tx, const char *run, const char *path);

/* Ends the steps of a run that are open, and stops what they started; `tasks`: their tasks, too.
 * The run's row is the caller's to write. */
int run_close(struct tx *tx, struct run *run, bool tasks);

/* A run's task has ended: if its run is open, nothing decided that, and it ends with it. */
int run_end_with(struct tx *tx, const struct task *task);

/* Names the runs whose time has come since `looked`; notes when the next one's comes. */
int run_sweep(struct tx *tx, int64_t looked);
int run_sweep_next(struct tx *tx);

#endif
