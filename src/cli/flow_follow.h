/* Waiting for a run to end: lines of progress, gates shown and decided on the way. */
#ifndef HQ_CLI_FLOW_FOLLOW_H
#define HQ_CLI_FLOW_FOLLOW_H

#include <jansson.h>

#include "cli/operator.h"

struct flow;

/* Waits until the run has ended, at most until --timeout. Progress goes to standard error; at a
 * gate a person at a terminal is asked, others are told which command decides. Returns COMMAND_OK
 * with *run (new reference); COMMAND_PERSON or COMMAND_TIMEOUT with *run where the time is up (the
 * first where only people are waited for); COMMAND_INTERRUPTED after Ctrl-C; or what failed. The
 * last three say how to come back. `flow` may be NULL. Blocks. */
int flow_follow(struct operator_line *line, const char *id, const struct flow *flow, json_t **run);

/* Prints how an ended run came out: its output on standard output (with --json the run), what went
 * wrong on standard error. Returns the exit code. */
int flow_print_end(const struct invocation *invocation, const json_t *run);

#endif
