/* A bundle for whoever shall find out what is wrong: what the doctor found, logs, states and sizes,
 * without secrets and without what people and models wrote. */
#ifndef HQ_DOCTOR_BUGREPORT_H
#define HQ_DOCTOR_BUGREPORT_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"

struct doctor;
struct err;
struct redactor;

enum { BUGREPORT_PARTS = 128 };

struct bugreport_part {
    const char *name; /* in the archive: "logs/hub.log" */
    const char *what; /* a few words */
    struct buf text;
};

struct bugreport {
    struct doctor *doctor; /* has run; its config says which company. Borrowed */
    const json_t *status;  /* as `hq status --json` prints it; NULL: nothing runs */
    size_t log_lines;      /* of each process */
    struct bugreport_part parts[BUGREPORT_PARTS];
    size_t count;
    struct redactor *redactor; /* private */
};

/* Gathers and redacts, in memory; writes nothing. Asks the hub for its newest tasks and runs. Free
 * with bugreport_fini(). */
void bugreport_gather(struct bugreport *report);
void bugreport_fini(struct bugreport *report);

/* Writes the archive to a new file (0600); -1 with *err where one is there. `folder`: the name of
 * the folder in it. Removes what it could not finish. */
int bugreport_write(const struct bugreport *report, const char *path, const char *folder,
                    struct err *err);

#endif
