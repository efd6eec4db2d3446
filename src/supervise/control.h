/* How a command reaches what runs: by the locks, with or without a supervisor. */
#ifndef HQ_SUPERVISE_CONTROL_H
#define HQ_SUPERVISE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct config;
struct err;
struct lock_info;

/* Whether a process holds the lock ("supervisor", "hub", "gateway-<agent>"); *info may be NULL. */
bool control_look(const struct config *config, const char *lock, struct lock_info *info);

/* Whether the hub runs, or is about to come back: its supervisor lives. */
bool control_is_up(const struct config *config);

/* Sends the signal to the lock's holder; false where there is none. *who (NULL: not asked) is then
 * that one process, whoever takes the lock after it: a supervisor starts another at once. */
bool control_signal(const struct config *config, const char *lock, int signal,
                    struct lock_info *who);

/* Waits until that very process has ended; true, too, where it was gone before. False at the
 * deadline (ms from now). Blocks. */
bool control_wait_gone(const struct lock_info *who, int64_t ms);

/* Waits until the holder that is there now has ended. False at the deadline (ms from now; < 0: no
 * end). Blocks. */
bool control_wait_end(const struct config *config, const char *lock, int64_t ms);

/* Names of all held gateway locks, whether hq.yaml knows the agent or not; NULL at the end. */
const char *const *control_workers(const struct config *config, struct arena *arena);

/* Ends one process without a supervisor: SIGTERM, after `drain_ms` again, then SIGKILL. Blocks.
 * True where it is gone. */
bool control_end(const struct config *config, const char *lock, int64_t drain_ms);

/* Ends all gateways, then the hub, without a supervisor. Blocks. Returns how many processes there
 * were, or -1 with *err where one would not go. */
int control_end_all(const struct config *config, int64_t drain_ms, struct err *err);

#endif
