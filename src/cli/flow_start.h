/* Starting a run: the workflow read and checked here, its inputs, then POST /v1/runs. What `hq flow
 * run`, `workflow.sh` and `hq demo` do. */
#ifndef HQ_CLI_FLOW_START_H
#define HQ_CLI_FLOW_START_H

#include <jansson.h>

#include "cli/operator.h"

struct config;
struct err;
struct flow;
struct flow_bundle;

/* The workflow `name` of the company, or a file. COMMAND_OK with *bundle (flow_bundle_close() it),
 * or COMMAND_USAGE after printing all findings. */
int flow_read(const struct invocation *invocation, const struct config *config, const char *name,
              struct flow_bundle **bundle);

/* The inputs as --input-file and every -i NAME=VALUE give them: a value is text, or JSON where the
 * input is of another type; "@FILE" is the file's text, "a,b" a list. A new object, or NULL with
 * *err. */
json_t *flow_given_inputs(const struct invocation *invocation, const struct flow *flow,
                          struct err *err);

struct flow_order {
    const struct flow_bundle *bundle;
    const json_t *inputs;
    const char *key; /* the same key is the same run; NULL: a new one */
};

/* Stores the bundle's files, then starts: COMMAND_OK with *run (new reference), or the exit code
 * after saying what failed. */
int flow_start(struct operator_line *line, const struct flow_order *order, json_t **run);

#endif
