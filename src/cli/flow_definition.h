/* The definition that a run is pinned to, as it was when the run began. */
#ifndef HQ_CLI_FLOW_DEFINITION_H
#define HQ_CLI_FLOW_DEFINITION_H

#include "cli/operator.h"

struct flow;
struct flow_bundle;

/* COMMAND_OK with *bundle (flow_bundle_close() it) and *flow, the workflow of it that the run runs
 * (borrowed from it); else the exit code after saying what failed. */
int flow_definition(struct operator_line *line, const char *id, struct flow_bundle **bundle,
                    const struct flow **flow);

#endif
