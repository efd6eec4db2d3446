/* A run of a workflow as the hub tells of it (GET /v1/runs/{id}), and what it means for people. */
#ifndef HQ_CLI_FLOW_LOOK_H
#define HQ_CLI_FLOW_LOOK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/operator.h"

/* One look: COMMAND_OK with *run (new reference), or the exit code after saying what failed. Parked
 * at the hub for at most `wait_ms`, until more than `decided` decisions were made. */
int flow_look(struct operator_line *line, const char *id, int64_t decided, int64_t wait_ms,
              json_t **run);

bool flow_has_ended(const json_t *run);

/* What an ended run means as an exit code: done 0, rejected 5, else 1. */
int flow_exit_code(const json_t *run);

/* Whether all that is open waits for people's decisions. */
bool flow_waits_for_people(const json_t *run);

/* Its first approval that is not decided, borrowed; NULL: none. */
const json_t *flow_gate(const json_t *run);

/* The round sign of a step's state (ASCII where the locale is not UTF-8), and its colour (SGR; 0:
 * none). */
const char *flow_sign(const char *state, bool utf8);
int flow_color(const char *state);

/* "waits for g-7K2M", "skipped", "failed: no answer (timeout)": a step in words, in the arena. */
const char *flow_step_words(const json_t *step, struct arena *arena);

/* From its start to its end, or to now; -1 where it did not start. ms. */
int64_t flow_step_ms(const json_t *step);

/* "r-7f4a1b2c": what is enough to type; in the arena. */
const char *flow_short_id(const char *id, struct arena *arena);

#endif
