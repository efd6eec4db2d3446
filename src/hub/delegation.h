/* One agent asks another: from the JSON of a request to what the ledger is to do, or a refusal that
 * a model can read. */
#ifndef HQ_HUB_DELEGATION_H
#define HQ_HUB_DELEGATION_H

#include <jansson.h>

#include "ledger/ledger.h"

struct arena;
struct config_agent;
struct err;
struct hub;

enum { DELEGATION_PLANNED = 0, DELEGATION_REFUSED = 1 };

struct delegation_ask {
    struct hub *hub;
    struct arena *arena;
    const json_t *json;                /* agent | capability, instruction, … (docs/protocol.md) */
    const struct config_agent *caller; /* the agent that asks */
    const struct task *parent;         /* the task that it works on */
    const char *key;                   /* makes a repeat the same task */
};

/* Fills plan->child, limit, may_revisit and routing: DELEGATION_PLANNED; or plan->refused_*:
 * DELEGATION_REFUSED. -1 with *err: the store failed. Reads the ledger, writes nothing. Step,
 * index, mode and patience are the caller's. All texts are borrowed from the JSON or in the arena.
 */
int delegation_plan(const struct delegation_ask *ask, struct delegation *plan, struct err *err);

/* Fills the refusal; returns DELEGATION_REFUSED. */
int delegation_refuse(const struct delegation_ask *ask, struct delegation *plan,
                      const char *failure_class, const char *code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Who gets it: an alias becomes an id, a capability is routed; authority and the target's health
 * are looked at. As delegation_plan(), with *target. `id` is filled with the child's id. */
int delegation_target(const struct delegation_ask *ask, struct delegation *plan,
                      const struct config_agent **target, char id[TASK_ID_TEXT], struct err *err);

#endif
