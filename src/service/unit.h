/* The texts of a company's unit files: systemd.unit(5), systemd.service(5), systemd.exec(5). */
#ifndef HQ_SERVICE_UNIT_H
#define HQ_SERVICE_UNIT_H

#include <stddef.h>

#include "base/arena.h"

struct service;

struct unit {
    const char *name; /* "hq-atomizer-hub.service" */
    const char *text;
};

/* What begins the first line of every unit file of ours; the rest of the line is the company's
 * folder. */
#define UNIT_MARK "# hq service, the company in "

/* The units of the company: hub, agents (a template), runner where there is one, target. The same
 * service gives the same texts. *count says how many; in the arena. */
const struct unit *units_make(const struct service *service, struct arena *arena, size_t *count);

#endif
