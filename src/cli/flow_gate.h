/* A gate that a run has reached: what is to be decided, and deciding it right here. */
#ifndef HQ_CLI_FLOW_GATE_H
#define HQ_CLI_FLOW_GATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/operator.h"

/* The inbox item: COMMAND_OK with *item (new reference), or the exit code after saying what failed.
 */
int flow_gate_look(struct operator_line *line, const char *id, json_t **item);

/* Prints what it is about, made harmless for terminals, and the hash of the exact bytes. */
void flow_gate_show(const json_t *item, FILE *out);

/* Prints the commands that decide it. `hq` is how this program is called ("hq -C DIR"). */
void flow_gate_teach(const json_t *item, const char *hq, FILE *out);

/* Whether a person sits here: standard input and error are terminals, nothing asks for JSON. */
bool flow_gate_can_ask(const struct invocation *invocation);

/* Asks until it is decided, here or elsewhere: then COMMAND_OK. COMMAND_TIMEOUT at `until`
 * (time_boot_ms(); 0: none), COMMAND_INTERRUPTED after Ctrl-C, COMMAND_PERSON where standard input
 * ends, or what failed. Blocks. */
int flow_gate_ask(struct operator_line *line, const json_t *item, int64_t until);

/* Decides: "approved", "rejected" or "changes_requested" over the item's bytes; feedback and answer
 * may be NULL. COMMAND_OK, or the exit code after saying why not. */
int flow_gate_decide(struct operator_line *line, const json_t *item, const char *decision,
                     const char *feedback, const json_t *answer);

#endif
