/* One task of the runner from claim to end: folder, intent, command, record. */
#ifndef HQ_RUNNER_RUN_H
#define HQ_RUNNER_RUN_H

#include <jansson.h>
#include <stdint.h>

struct hub_client;
struct turn_control;

/* What all of them use; borrowed, outlives them. */
struct run_place {
    struct hub_client *hub;
    const char *state;  /* the company's state folder */
    int64_t timeout_ms; /* the longest for one command */
};

/* Runs the claimed task until it has ended, waits for people, or `control` stops it. What was begun
 * by an earlier attempt and never recorded is handled as its step says, never run again silently.
 */
void run_task(const struct run_place *place, const json_t *claimed, struct turn_control *control);

#endif
