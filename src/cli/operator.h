/* The operator's line to the hub, for commands: config, token, client, and what failures mean as exit
 * codes. */
#ifndef HQ_CLI_OPERATOR_H
#define HQ_CLI_OPERATOR_H

#include <jansson.h>
#include <pthread.h>
#include <stdint.h>

#include "cli/command.h"

struct config;
struct fetch;
struct fetch_cancel;
struct hub_client;

struct operator_line {
    const struct invocation *invocation;
    struct config *config;
    struct fetch *fetch;
    struct hub_client *hub;
    struct fetch_cancel *cancel; /* thrown by Ctrl-C once operator_catch_interrupt() was called */
    bool catches;
    pthread_t interrupt; /* waits for Ctrl-C, once it is caught */
};

/* Opens the company's config, reads the operator's token. Returns COMMAND_OK, or the exit code after
 * saying what is wrong (nothing runs: COMMAND_NOT_RUNNING). */
int operator_open(const struct invocation *invocation, struct operator_line *line);
void operator_close(struct operator_line *line);

/* One exchange. Returns COMMAND_OK with *answer (new reference), or the exit code after saying what
 * failed. `wait_ms`: how long the answer may take besides. */
int operator_call(struct operator_line *line, const char *method, const char *path,
                  const json_t *body, int64_t wait_ms, json_t **answer);

/* From now on Ctrl-C ends waiting calls with COMMAND_INTERRUPTED instead of the process. */
void operator_catch_interrupt(struct operator_line *line);

#endif
