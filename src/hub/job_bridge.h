/* What the parts of the bridge share, and what each does in one look. Only the bridge's thread. */
#ifndef HQ_HUB_JOB_BRIDGE_H
#define HQ_HUB_JOB_BRIDGE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/map.h"

struct arena;
struct config;
struct job;
struct ledger;

struct job_bridge {
    const struct config *config;
    struct ledger *ledger;
    const char *inbox, *outbox, *archive; /* absolute */
    struct map seen;                      /* by job id: struct job_seen, what the last looks saw */
    struct map told;                      /* by folder name: trouble that was logged already */
    bool is_waiting; /* something was seen that only time settles: look again soon */
};

/* Tells the ledger how the job stands. `state` NULL: as it was. `result` is any JSON, NULL: none.
 * Returns 0, or -1 where the ledger did not take it (it has changed meanwhile, or cannot now). */
struct job_change {
    const char *state, *note;
    const json_t *result;
    bool archived;
};
int job_change(struct job_bridge *bridge, const struct job *job, const struct job_change *change);

/* Writes the intended job's folder to the outbox, unless it is there, and says so. */
void job_submit(struct job_bridge *bridge, const struct job *job);

/* Looks what the other side says about a job that is out. */
void job_look(struct job_bridge *bridge, const struct job *job);

/* Puts the folders of an ended job away: archive/<id>/outbox and archive/<id>/inbox. */
void job_archive(struct job_bridge *bridge, const struct job *job);

/* Puts results of jobs that are over and archived away as archive/<id>.dup-N. */
void job_put_duplicates_away(struct job_bridge *bridge);

/* Logs a sentence about a folder once, until another one takes its place; NULL: all is well again.
 */
void job_say(struct job_bridge *bridge, const char *name, const char *sentence);

#endif
