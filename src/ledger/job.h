/* Jobs of the batch bridge as the rules see them. */
#ifndef HQ_LEDGER_JOB_H
#define HQ_LEDGER_JOB_H

struct job;
struct run;
struct tx;

/* A new job of a run's step, to be written out. LEDGER_DUP "exists". */
int job_open(struct tx *tx, struct job *job, const struct run *run);

/* One that goes on is cancelled; the bridge takes its folder away. */
int job_stop(struct tx *tx, const char *id, const char *note);

#endif
