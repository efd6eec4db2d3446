/* `hq gateway AGENT`: the process that is one agent. */
#ifndef HQ_APP_GATEWAY_PROCESS_H
#define HQ_APP_GATEWAY_PROCESS_H

struct invocation;

/* Runs until SIGTERM or SIGINT: the first lets running turns end, the second gives them back.
 * Exit code. */
int gateway_main(const struct invocation *invocation);

#endif
