/* Keeps transcripts and sessions.json what the ledger says: turns note what they ended, a
 * housekeeping thread makes it durable and tells the hub how far the projection is. A monitor. */
#ifndef HQ_AGENT_PROJECTOR_H
#define HQ_AGENT_PROJECTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct config_agent;
struct err;
struct projector;
struct session;

/* Reads the instance's sessions.json, if there is one. `agent` is borrowed. */
struct projector *projector_open(const struct config_agent *agent);
void projector_close(struct projector *projector);

/* Writes the ended turns (array of {"task","calls","handoff"?}) of one session to its transcript
 * and notes them. One thread per session at a time (the lane sees to it). 0, or -1 with *err. */
int projector_project(struct projector *projector, const struct session *session,
                      const json_t *items, struct err *err);

/* fdatasyncs the transcripts written since, rewrites sessions.json (temporary file + rename), and
 * returns the ids of the tasks that are now safe there: a new array for extend's `projected`. */
json_t *projector_flush(struct projector *projector);

/* ---- retention: one thread calls these, in this order ---- */

/* A session whose only turn has left the ledger: its transcript is to go. */
struct projector_gone {
    const char *key, *id; /* borrowed */
    bool removed;         /* nothing of it is left here; or what is there is not hq's to remove */
};

/* From now on nothing is written for these sessions, until they are released: who would write waits
 * (some seconds at most, then its writing fails and is caught up later). Between the two the caller
 * asks the hub again, so that no session goes that somebody has come back to. */
void projector_hold(struct projector *projector, const struct projector_gone *list, size_t count);
void projector_release(struct projector *projector);

/* Removes entries of sessions.json, in one writing, then the files; sets `removed`. A file with
 * anything but its one turn stays, entry and all. Doing it again does no harm. 0, or -1 with *err
 * of the first thing that went wrong (the others are tried). Blocks for the disk. */
int projector_remove(struct projector *projector, struct projector_gone *list, size_t count,
                     struct err *err);

#endif
