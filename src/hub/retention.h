/* Sees to it that what is over for long leaves the ledger (ledger_retire), with a thread of low
 * priority; finds what has left. */
#ifndef HQ_HUB_RETENTION_H
#define HQ_HUB_RETENTION_H

#include <stdint.h>

struct arena;
struct config;
struct ledger;
struct retention;

/* Starts; both arguments are borrowed until retention_close(). Trouble is logged and tried again.
 */
struct retention *retention_open(const struct config *config, struct ledger *ledger);

/* Ends the thread, at a point from which the next start goes on. NULL is allowed. */
void retention_close(struct retention *retention);

/* The file of the archive that has the task whose id begins with `prefix`, in the arena; NULL:
 * none. Reads the archive from its newest file on, which may take seconds where it is large. */
const char *retention_find(const struct config *config, const char *prefix, struct arena *arena);

/* Bytes of all files below a folder; 0 where there is none. */
int64_t retention_bytes(const char *folder);

#endif
