/* A company as services of systemd: whose units they are, how they are called, where they lie. */
#ifndef HQ_SERVICE_SERVICE_H
#define HQ_SERVICE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct config;
struct err;

enum service_scope { SERVICE_USER, SERVICE_SYSTEM };

struct service {
    const struct config *config; /* borrowed */
    enum service_scope scope;
    const char *program;            /* absolute path of hq */
    const char *folder;             /* where the unit files lie */
    char name[72];                  /* of the company in names of units */
    const char *user, *group;       /* system: who owns the company's folder; else NULL */
    const char *const *credentials; /* names of env secrets that lie in secrets/; NULL at the end */
    const char *const *missing;     /* … and of those that lie nowhere that a unit looks */
};

/* Fills *service for the company. Everything lives in the arena. 0, or -1 with *err: no home, an
 * owner without a name, a path that no unit can hold. Reads files' states only. */
int service_init(struct service *service, const struct config *config, enum service_scope scope,
                 struct arena *arena, struct err *err);

const char *service_scope_name(enum service_scope scope); /* "user", "system" */

/* "hq-NAME.target", and the unit of "hub", "runner" or an agent; in the arena. */
const char *service_target(const struct service *service, struct arena *arena);
const char *service_unit(const struct service *service, const char *who, struct arena *arena);

/* Who the unit is for ("hub", "runner", an agent's id), in the arena; NULL where it is none of the
 * company's services. */
const char *service_who(const struct service *service, const char *unit, struct arena *arena);

/* Everybody with a unit of their own: hub, agents, the runner where there is one; NULL at the end.
 */
const char *const *service_everybody(const struct service *service, struct arena *arena);

/* The folders in which the company writes, each one outside of those before it, the company's own
 * first; NULL at the end. */
const char *const *service_writable(const struct service *service, struct arena *arena);

#endif
