/* The run commands of a company whose units are installed: systemd starts, keeps and ends its
 * processes; these tell it what to do and wait until it is so. */
#ifndef HQ_CLI_MANAGED_H
#define HQ_CLI_MANAGED_H

#include <stdint.h>

#include "cli/command.h"
#include "service/service.h"

/* Starts the target, and whoever was held; with `waits` until all are ready, at most `ms`. Each
 * returns an exit code after saying what is wrong. They block. */
int managed_up(const struct invocation *invocation, const struct service *service, bool waits,
               int64_t ms);

/* Ends everything; at the deadline running turns are given back, then it kills. */
int managed_down(const struct invocation *invocation, const struct service *service, int64_t ms);

/* Agents (and the runner) by name, NULL at the end. A stop by hand lasts over boots. */
int managed_start(const struct invocation *invocation, const struct service *service,
                  const char *const *names, int64_t ms);
int managed_stop(const struct invocation *invocation, const struct service *service,
                 const char *const *names, int64_t ms);
int managed_restart(const struct invocation *invocation, const struct service *service,
                    const char *const *names, int64_t ms);

/* Takes hq.yaml over: units that differ are written again, who runs with another file is restarted,
 * who is no longer in it stops, who is new starts. */
int managed_reload(const struct invocation *invocation, const struct service *service, int64_t ms);

#endif
