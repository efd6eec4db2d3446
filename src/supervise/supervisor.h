/* The supervisor: one poll loop in one thread that keeps the hub and the gateways of a company
 * running. It opens no network connection, knows no model and reads no secret. */
#ifndef HQ_SUPERVISE_SUPERVISOR_H
#define HQ_SUPERVISE_SUPERVISOR_H

#include "supervise/roster.h"

struct config;
struct err;
struct lock_info;

/* Reads hq.yaml again for a reload; NULL where the file is bad (after logging why). */
typedef struct config *supervise_reload(const char *path, const char *state);

struct supervise {
    struct config *config;    /* replaced, and the old one freed, by a reload */
    supervise_reload *reload; /* NULL: config_load() */
    roster_watch *on_change;  /* every change of a child's state; or NULL */
    void (*on_ready)(void *ctx, const struct roster *roster); /* all are ready (again); or NULL */
    void (*on_stop)(void *ctx, int pressed, const struct roster *roster); /* was asked to end */
    void *ctx;
    int ready_fd; /* gets "ready" once the supervisor is in charge; -1: none. Closed here. */
};

enum supervise_outcome { SUPERVISE_OK = 0, SUPERVISE_ALREADY = 1 };

/* Runs until it was asked to end and everything has ended: SIGTERM drains; SIGINT drains, then
 * stops, then kills; SIGHUP looks at the wishes of runfiles.h. Returns SUPERVISE_ALREADY where
 * another supervisor has the company (*holder says who; may be NULL), -1 with *err where it could
 * not begin. */
int supervise_run(struct supervise *supervise, struct lock_info *holder, struct err *err);

#endif
