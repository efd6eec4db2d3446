/* Who would be asked: the hub's routing decision, for `hq route` and for an agent called "auto". */
#ifndef HQ_CLI_ROUTE_H
#define HQ_CLI_ROUTE_H

#include "cli/operator.h"

struct route_query {
    const char *text, *capability; /* one of them, or both */
    const char *caller;            /* an agent whose rights count; NULL: one's own */
};

/* Asks the hub; it sends nothing. Returns COMMAND_OK with *answer {"chosen","candidates"} (new
 * reference), or the exit code after saying what failed. */
int route_ask(struct operator_line *line, const struct route_query *query, json_t **answer);

/* The agent that fits the text best, in the arena; *agent is NULL where there is none (COMMAND_USAGE
 * after saying so). */
int route_choose(struct operator_line *line, const char *text, const char **agent);

#endif
