/* A command's line to the hub: the operator's (config, token, socket) or, inside an agent's exec,
 * that task's own channel; and what failures mean as exit codes. */
#ifndef HQ_CLI_OPERATOR_H
#define HQ_CLI_OPERATOR_H

#include <jansson.h>
#include <pthread.h>
#include <stdint.h>

#include "cli/command.h"
#include "client/hub_client.h"

struct config;
struct fetch;
struct fetch_cancel;

struct operator_line {
    const struct invocation *invocation;
    struct config *config; /* NULL inside an agent's exec */
    struct fetch *fetch;
    struct hub_client *hub;
    struct fetch_cancel *cancel; /* thrown by Ctrl-C once operator_catch_interrupt() was called */
    bool catches;
    pthread_t interrupt; /* waits for Ctrl-C, once it is caught */
};

/* Opens the company's config, reads the operator's token, or, with --as, that person's; inside an
 * agent's exec neither. Returns COMMAND_OK, or the exit code after saying what is wrong (nothing
 * runs: COMMAND_NOT_RUNNING). */
int operator_open(const struct invocation *invocation, struct operator_line *line);
void operator_close(struct operator_line *line);

/* One exchange. Returns COMMAND_OK with *answer (new reference), or the exit code after saying what
 * failed. `wait_ms`: how long the answer may take besides. */
int operator_call(struct operator_line *line, const char *method, const char *path,
                  const json_t *body, int64_t wait_ms, json_t **answer);

/* A whole command that looks once: opens the line, GETs the path and hands the answer to `show`,
 * whose exit code it returns. */
int operator_show(const struct invocation *invocation, const char *path,
                  int (*show)(const struct invocation *invocation, const json_t *answer));

/* The same where the answer is a bonus: NULL, and nothing said, where there is none. */
json_t *operator_look(struct operator_line *line, const char *path);

/* The exit code that a failed exchange means. */
int operator_exit_code(enum hub_outcome outcome, int status);

/* "hq -C DIR", to begin a command that a person may type next; in the arena. */
const char *operator_hq(const struct operator_line *line);

/* From now on Ctrl-C ends waiting calls with COMMAND_INTERRUPTED instead of the process. */
void operator_catch_interrupt(struct operator_line *line);

#endif
