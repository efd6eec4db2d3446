/* The supervisor's children: the hub first, then one per agent, and the runner; a step of each is carried out here.
 */
#ifndef HQ_SUPERVISE_ROSTER_H
#define HQ_SUPERVISE_ROSTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervise/child.h"
#include "supervise/life.h"

struct config;

struct slot {
    char name[64]; /* "hub", "runner" or the agent's id */
    struct child child;
    struct life life;
    int64_t since_wall; /* when its state last changed */
    bool is_leaving;    /* no longer in hq.yaml: dropped once it is stopped */
};

/* Told of every change of a child's state. */
typedef void roster_watch(void *ctx, const struct slot *slot);

struct roster {
    struct config *config; /* borrowed */
    struct slot **slots;   /* slots[0] is the hub */
    size_t count;
    bool is_changed;         /* since the caller last cleared it */
    roster_watch *on_change; /* or NULL */
    void *ctx;
};

/* Makes the slots and adopts what runs already; agents with a .down file are stopped. */
void roster_init(struct roster *roster, struct config *config, roster_watch *on_change, void *ctx);

/* Frees the slots; leaves the processes alone. */
void roster_fini(struct roster *roster);

/* One event for one child, with what follows from it: a start, a signal, a log line. */
void roster_event(struct roster *roster, struct slot *slot, enum child_event event,
                  const struct child_end *end);

/* The same event for every child but the hub: for those that need it. */
void roster_event_workers(struct roster *roster, enum child_event event);

/* The slot called `name`, or NULL. */
struct slot *roster_find(const struct roster *roster, const char *name);

/* Takes a new configuration: starts new agents, ends removed ones, restarts those to whom it is not
 * the same (config_gateway_equal()) and, where the file changed at all, the hub. */
void roster_apply(struct roster *roster, struct config *config);

/* Drops leaving slots that are stopped. */
void roster_sweep(struct roster *roster);

size_t roster_count_alive_workers(const struct roster *roster);

/* Whether every child that shall run is ready. */
bool roster_is_ready(const struct roster *roster);

/* Whether a child died and is not back, or is held. */
bool roster_has_trouble(const struct roster *roster);

/* What run/supervisor.json says of the children: a new array. */
json_t *roster_to_json(const struct roster *roster);

#endif
