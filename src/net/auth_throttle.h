/* How often an address may show a bad token: OpenClaw's rule for hooks (window from the first failure,
 * the table cleared whole when full). */
#ifndef HQ_NET_AUTH_THROTTLE_H
#define HQ_NET_AUTH_THROTTLE_H

#include <stdint.h>

struct auth_throttle;

/* Cannot fail; empty. Yours to close when no request runs any more. */
struct auth_throttle *auth_throttle_open(void);
void auth_throttle_close(struct auth_throttle *throttle);

/* Counts a failure of `address`. Returns 0 where it may be answered 401, else the seconds (≥ 1) until
 * the window ends, for 429 with Retry-After. Thread-safe, never blocks long. */
int auth_throttle_fail(struct auth_throttle *throttle, const char *address);

/* A good token clears the address. */
void auth_throttle_good(struct auth_throttle *throttle, const char *address);

#endif
