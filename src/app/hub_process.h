/* `hq hub`: the process that owns the ledger. */
#ifndef HQ_APP_HUB_PROCESS_H
#define HQ_APP_HUB_PROCESS_H

struct invocation;

/* Runs until SIGTERM or SIGINT, or until the ledger can no longer be trusted. Exit code. */
int hub_main(const struct invocation *invocation);

#endif
