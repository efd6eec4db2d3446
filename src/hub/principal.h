/* Who calls: every token names one principal with just its rights (ledger.md, "Principals"). */
#ifndef HQ_HUB_PRINCIPAL_H
#define HQ_HUB_PRINCIPAL_H

#include <stdbool.h>

struct config;
struct err;
struct principals;
struct task;

struct principal {
    enum principal_kind {
        PRINCIPAL_OPERATOR, /* whoever owns the company's folder */
        PRINCIPAL_AGENT,
        PRINCIPAL_OUTSIDE,
        PRINCIPAL_PERSON, /* reads everything, decides, starts and cancels runs */
        PRINCIPAL_RUNNER, /* works on the tasks of RUNNER_AGENT */
    } kind;
    const char *name;  /* "operator", "agent:manager", "outside:manager", "person:ceo", "runner" */
    const char *agent; /* whose tasks it works on, or whose door it is; NULL for people */
};

/* The operator, or another person. */
bool principal_is_person(const struct principal *principal);
/* Who claims tasks: an agent, or the runner. */
bool principal_is_worker(const struct principal *principal);

/* Reads all token files of the company; NULL with *err when one is missing or open to others. */
struct principals *principals_open(const struct config *config, struct err *err);
void principals_close(struct principals *principals);

/* The principal that the token names, borrowed; NULL: none. Takes the same time for any token. */
const struct principal *principals_find(const struct principals *principals, const char *token);

/* Is this task its own? People all; a worker what it works on and what it made; a door what it
 * made. */
bool principal_may_read(const struct principal *principal, const struct task *task);

#endif
