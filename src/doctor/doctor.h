/* The doctor looks at a company and the machine under it: every check is one record of one table
 * (table.c), every finding says what was seen and what to type. It changes nothing; what is safe to
 * mend is mended by doctor_mend() alone. */
#ifndef HQ_DOCTOR_DOCTOR_H
#define HQ_DOCTOR_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct buf;
struct config;
struct doctor_check;

/* From good to bad. SKIP: could not be looked at; `seen` says why. */
enum doctor_severity { DOCTOR_OK, DOCTOR_INFO, DOCTOR_SKIP, DOCTOR_WARN, DOCTOR_FAIL };

enum doctor_mending {
    DOCTOR_LEFT,     /* nobody asked, or nothing is safe to do */
    DOCTOR_WOULD,    /* doctor_mend() would do it */
    DOCTOR_MENDED,   /* it is done: the finding no longer counts */
    DOCTOR_UNMENDED, /* it was tried: `trouble` says why it did not work */
};

struct doctor_finding {
    const struct doctor_check *check;
    const char *id;      /* stable: "port/manager" */
    const char *subject; /* which task, file or agent, where an id has several; or NULL */
    enum doctor_severity severity;
    const char *seen;   /* a sentence with the value */
    const char *fix;    /* what to type, or to do; NULL: nothing to do */
    const char *repair; /* what doctor_mend() does about it, in words; NULL: nothing is safe */
    const char *target; /* what it does it to: a path, mostly */
    enum doctor_mending mending;
    const char *trouble;
    bool quotes; /* `seen` may repeat what people or models wrote */
};

struct doctor_hub; /* the line to the hub; private to the room */

/* Zeroed but for what is named here it is ready to run. Everything found lives in `arena`. */
struct doctor {
    struct arena *arena;
    const struct config *config; /* where is_bad: folders and names only. Borrowed */
    bool is_bad;                 /* hq.yaml has errors: what needs it is skipped */
    const char *state_flag;      /* --state, or NULL */
    const char *hq;              /* how fixes call this program: "hq -C /srv/atomizer" */
    const char *const *only;     /* ids or families ("port"); NULL: all */
    const char *const *skip;     /* or NULL */
    bool deep;                   /* ask models for a completion, which costs */
    struct doctor_finding *findings;
    size_t count, cap;
    struct doctor_finding spare; /* takes what nobody asked for */
    struct doctor_hub *hub;
};

/* "ok", "info", "skip", "warn", "fail". */
const char *doctor_severity_name(enum doctor_severity severity);

/* Runs the checks that are asked for, in the order of the table, and fills doctor->findings. Writes
 * nothing anywhere. Speaks to the hub, and to each provider of models that has a server (a list of
 * its models, which is free; with `deep` one completion of a few tokens). Blocks for as long as
 * those take: a few seconds at the worst where they do not answer. */
void doctor_run(struct doctor *doctor);

/* Does what is safe to do about the findings: modes, missing folders and tokens, what the dead
 * left, lingering. With `dry_run` only marks them DOCTOR_WOULD. Never deletes data. Returns how
 * many it did, or would do. */
size_t doctor_mend(struct doctor *doctor, bool dry_run);

/* How many findings of that severity are not mended. */
size_t doctor_tally(const struct doctor *doctor, enum doctor_severity severity);

/* {"ok", "counts":{…}, "items":[{id, severity, seen, fix…}]}: a new reference. Findings below
 * `least` are counted and left out. */
json_t *doctor_json(const struct doctor *doctor, enum doctor_severity least);

/* Whether a word of --only or --skip can mean anything: an id, or a family before its slash. */
bool doctor_knows(const char *pattern);

/* The id nearest to a word, or NULL. */
const char *doctor_nearest(const char *pattern);

/* The checks as JSON items {id, title, looks_at, mends}, and as rows of a Markdown table
 * (docs/operations.md). */
json_t *doctor_list(void);
void doctor_reference(struct buf *out);

#endif
