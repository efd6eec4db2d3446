/* A company's unit files on disk: which are there, whose they are, putting and removing them. */
#ifndef HQ_SERVICE_DISK_H
#define HQ_SERVICE_DISK_H

#include <stdbool.h>

#include "base/arena.h"

struct err;
struct service;
struct unit;

enum disk_state {
    DISK_ABSENT,
    DISK_SAME,    /* what this program would write */
    DISK_DRIFTED, /* ours, but of another version, program or configuration */
    DISK_FOREIGN  /* of that name, but not written by us for this company */
};

const char *disk_state_name(enum disk_state state); /* "absent", "same", "drifted", "foreign" */

/* How the unit's file stands. *owner (may be NULL) is whose it says it is: a company's folder, or
 * "" where no mark is in it; in the arena. */
enum disk_state disk_look(const struct service *service, const struct unit *unit,
                          struct arena *arena, const char **owner);

/* The name under which units of this company's folder are installed in the service's scope (its
 * own, but for a company that was renamed since); NULL: none are. */
const char *disk_find(const struct service *service, struct arena *arena);

/* The units that are there and ours, also those that the company no longer has (a runner's, once it
 * is switched off); NULL at the end. */
const char *const *disk_installed(const struct service *service, struct arena *arena);

/* Writes the file whole, or not at all, and makes it last (0644; the folder is made where it is
 * missing). 0, or -1 with *err. */
int disk_put(const struct service *service, const struct unit *unit, struct arena *arena,
             struct err *err);

/* Removes the file; 0 also where it is not there. */
int disk_remove(const struct service *service, const char *name, struct arena *arena,
                struct err *err);

#endif
