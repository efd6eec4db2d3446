/* How the agents' tasks ended lately: kept in memory, counted as their results pass the hub. */
#ifndef HQ_HUB_TRACK_H
#define HQ_HUB_TRACK_H

#include <stdbool.h>
#include <stdint.h>

struct ledger;
struct track;

struct track *track_open(void);
void track_close(struct track *track);

/* Reads how the newest tasks ended, so that a restarted hub does not begin with nothing. A failure
 * of the store is no harm: then nothing is known. */
void track_load(struct track *track, struct ledger *ledger);

/* One more. Old ones fade: past 200 both numbers are halved. Any thread. */
void track_add(struct track *track, const char *agent, bool done);
void track_get(struct track *track, const char *agent, int64_t *done, int64_t *failed);

#endif
