/* The other side of the job bridge: what a watcher, or a person, does with the folders
 * (docs/jobs.md). Needs no company and no hub. */
#ifndef HQ_CLI_JOB_SIDE_H
#define HQ_CLI_JOB_SIDE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"

struct err;

struct job_side {
    const char *inbox, *outbox; /* of the bridge: results go to inbox, jobs lie in outbox */
    const char *work;           /* where scripts run; never read by the bridge */
};

/* The folders below `dir`, which must be there. 0, or -1 with *err. */
int job_side_open(const char *dir, struct arena *arena, struct job_side *side, struct err *err);

/* How a job of the outbox stands for this side. */
enum job_stand {
    STAND_NEW,     /* submitted, and all that was sent has arrived */
    STAND_COMING,  /* still being copied */
    STAND_BEGUN,   /* running, with nothing in the inbox: another watcher, or one that was killed */
    STAND_OVER,    /* completed or failed, or its result lies in the inbox */
    STAND_REFUSED, /* *err says why */
};
enum job_stand job_stand(const struct job_side *side, const char *id, json_t **job,
                         struct err *err);

/* Says in the outbox that it runs, copies what was sent to <work>/<id>, runs the script there
 * without a shell (python3 for .py, sh for .sh, else the file itself; its words go to stdout.log)
 * and waits for its end. Then puts the result into the inbox: whatever is new or changed,
 * result.json as the job's result. 0 with *status ("completed" or "failed"), or -1 with *err. */
int job_perform(const struct job_side *side, const char *id, const json_t *job, const char **status,
                struct err *err);

/* A person's result: <inbox>/<id> gets a job.json that says so and lists what lies there already.
 */
struct job_word {
    const char *status;   /* completed, failed */
    const json_t *result; /* NULL: none */
    const char *message;  /* NULL: none */
};
int job_say_done(const struct job_side *side, const char *id, const struct job_word *word,
                 struct err *err);

#endif
