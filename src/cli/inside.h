/* Whether this program runs inside a command of an agent (its exec tool), where it may use the task's
 * own channel to the hub and nothing else: no config, no token, no socket path is there. */
#ifndef HQ_CLI_INSIDE_H
#define HQ_CLI_INSIDE_H

#include <stdbool.h>

#include "cli/command.h"

struct err;

/* True where the environment names a channel (HQ_TASK_FD), usable or not. */
bool inside_task(void);

/* The channel's descriptor, or -1 with *err where HQ_TASK_FD names none. Borrowed: it is the
 * process's own for life. */
int inside_task_fd(struct err *err);

/* Says that a command is for people, not for agents. Returns the exit code. */
int inside_refuse(const struct invocation *invocation);

#endif
