/* `hq runner`: the process that executes the commands of workflows. */
#ifndef HQ_APP_RUNNER_PROCESS_H
#define HQ_APP_RUNNER_PROCESS_H

struct invocation;

/* Runs until SIGTERM or SIGINT: the first lets running commands end, the second kills them and
 * gives their tasks back. Exit code. */
int runner_main(const struct invocation *invocation);

#endif
