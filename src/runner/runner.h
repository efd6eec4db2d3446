/* The process that executes the commands of `run` steps: claims the tasks of RUNNER_AGENT with a
 * token that opens nothing else, and runs each behind a guard in its run's folder. */
#ifndef HQ_RUNNER_RUNNER_H
#define HQ_RUNNER_RUNNER_H

struct config;
struct err;
struct runner;
struct worker;

/* Reads its token, clears up what a dead one left half-made. `config` is borrowed. NULL with *err.
 */
struct runner *runner_open(const struct config *config, struct err *err);
int runner_start(struct runner *runner,
                 struct err *err);                   /* claims from now on; 0 or -1 with *err */
struct worker *runner_worker(struct runner *runner); /* borrowed: to wait for it and to drain it */
const char *runner_nonce(const struct runner *runner);

/* Removes folders of runs that ended LIMIT_RUN_FOLDER_DAYS ago or have left the ledger; at most once
 * an hour. Asks the hub. */
void runner_sweep(struct runner *runner);

/* After the worker was drained: commands that still run are abandoned, the process must end then.
 */
void runner_close(struct runner *runner);

#endif
