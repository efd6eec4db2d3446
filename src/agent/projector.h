/* Keeps transcripts and sessions.json what the ledger says: turns note what they ended, a housekeeping
 * thread makes it durable and tells the hub how far the projection is. A monitor. */
#ifndef HQ_AGENT_PROJECTOR_H
#define HQ_AGENT_PROJECTOR_H

#include <jansson.h>

struct config_agent;
struct err;
struct projector;
struct session;

/* Reads the instance's sessions.json, if there is one. `agent` is borrowed. */
struct projector *projector_open(const struct config_agent *agent);
void projector_close(struct projector *projector);

/* Writes the ended turns (array of {"task","calls","handoff"?}) of one session to its transcript and
 * notes them. One thread per session at a time (the lane sees to it). 0, or -1 with *err. */
int projector_project(struct projector *projector, const struct session *session,
                      const json_t *items, struct err *err);

/* fdatasyncs the transcripts written since, rewrites sessions.json (temporary file + rename), and
 * returns the ids of the tasks that are now safe there: a new array for extend's `projected`. */
json_t *projector_flush(struct projector *projector);

#endif
