/* Waiting for a task to end, with a sign of life on a terminal. */
#ifndef HQ_CLI_WAIT_H
#define HQ_CLI_WAIT_H

#include <jansson.h>

#include "cli/operator.h"

/* Waits until the task has ended. Returns COMMAND_OK with *answer (new reference), COMMAND_TIMEOUT
 * after --timeout, COMMAND_INTERRUPTED after Ctrl-C (both say how to come back), or what failed. */
int wait_for_task(struct operator_line *line, const char *id, json_t **answer);

/* The same until a moment of time_boot_ms() instead; 0: as long as it takes. */
int wait_for_task_until(struct operator_line *line, const char *id, int64_t until, json_t **answer);

#endif
