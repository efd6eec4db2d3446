/* Who calls: every token names one principal with just its rights (ledger.md, "Principals"). */
#ifndef HQ_HUB_PRINCIPAL_H
#define HQ_HUB_PRINCIPAL_H

#include <stdbool.h>

struct config;
struct err;
struct principals;
struct task;

struct principal {
    enum principal_kind { PRINCIPAL_OPERATOR, PRINCIPAL_AGENT, PRINCIPAL_OUTSIDE } kind;
    const char *name;  /* "operator", "agent:manager", "outside:manager" */
    const char *agent; /* NULL for the operator */
};

/* Reads all token files of the company; NULL with *err when one is missing or open to others. */
struct principals *principals_open(const struct config *config, struct err *err);
void principals_close(struct principals *principals);

/* The principal that the token names, borrowed; NULL: none. Takes the same time for any token. */
const struct principal *principals_find(const struct principals *principals, const char *token);

/* Is this task its own? The operator all; an agent what it works on and what it made; a door what
 * it made. */
bool principal_may_read(const struct principal *principal, const struct task *task);

#endif
