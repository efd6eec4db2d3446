/* The job bridge: writes jobs of workflows as folders into the outbox of config->jobs, watches what
 * the other side puts into the inbox, and tells the ledger; docs/jobs.md. One thread: inotify, and
 * a look every few seconds for file systems that do not tell.
 *
 * What is on disk and what is in the ledger agree after a death at any point: a folder appears by
 * one rename, its name is the job's id, and the ledger takes one end of a job only. */
#ifndef HQ_HUB_JOBS_H
#define HQ_HUB_JOBS_H

#include <stdbool.h>
#include <stdint.h>

struct config;
struct err;
struct jobs;
struct ledger;

/* Makes inbox, outbox and archive where they are missing, removes half-written folders, starts.
 * Arguments are borrowed until jobs_close(). *jobs is NULL where the company has no bridge. 0, or
 * -1 with *err. */
int jobs_open(const struct config *config, struct ledger *ledger, struct jobs **jobs,
              struct err *err);

/* A job was touched. Any thread; never blocks. NULL is allowed, here and below. */
void jobs_wake(struct jobs *jobs);
/* To be called when a pause is on disk: waits, at most `ms`, until no job that was looked at before is
 * being handed out. False: one still is. Any thread. */
bool jobs_halt(struct jobs *jobs, int64_t ms);
void jobs_close(struct jobs *jobs);

#endif
