/* Jobs on their way out. */
#ifndef HQ_HUB_JOB_OUT_H
#define HQ_HUB_JOB_OUT_H

struct job_bridge;

/* Removes what a dead hub left half-written in the outbox. */
void job_out_clean(const struct job_bridge *bridge);

#endif
