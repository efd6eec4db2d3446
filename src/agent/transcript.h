/* Transcripts in OpenClaw's format (pi session v3, JSONL) as a projection of the records: writing an
 * entry again changes nothing, because its id is made from the record it stands for. */
#ifndef HQ_AGENT_TRANSCRIPT_H
#define HQ_AGENT_TRANSCRIPT_H

#include <jansson.h>
#include <stddef.h>

struct arena;
struct err;

/* Where a session's transcript lies: <instance>/agents/main/sessions/<id>.jsonl; in the arena. */
char *transcript_path(const char *instance, const char *session_id, struct arena *arena);

struct transcript {
    const char *path;
    const char *session_id;
    const char *workspace; /* the header's cwd */
};

/* Appends what the file lacks of ended turns: `items` is an array of {"task","calls","handoff"?} in
 * the order in which they ended. Makes the file and its header; cuts a torn last line first. Not
 * fsynced: transcript_sync() before anybody relies on it. 0, or -1 with *err. */
int transcript_project(const struct transcript *transcript, const json_t *items, struct err *err);

/* fdatasync of the file; 0 also where it does not exist. */
int transcript_sync(const char *path, struct err *err);

/* Whose the file is: may it go when `task`, the only turn of its session, has gone? */
enum transcript_owner {
    TRANSCRIPT_OWN,     /* a header and entries of that turn, nothing else */
    TRANSCRIPT_ABSENT,  /* there is none */
    TRANSCRIPT_FOREIGN, /* somebody else put it there, or added to it */
};
/* One of those, or -1 with *err where it cannot be read. */
int transcript_look(const char *path, const char *session_id, const char *task, struct err *err);

/* Appends the conversation that the file holds to an array of model messages, newest `max_bytes` of
 * it, starting at a user message. A file that is not there is an empty conversation. */
int transcript_read(const char *path, size_t max_bytes, json_t *messages, struct err *err);

#endif
