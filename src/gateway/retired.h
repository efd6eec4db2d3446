/* Removes the transcripts of sessions whose one task retention has taken out of the ledger, with a
 * thread of low priority. The hub knows which; the files are the gateway's. */
#ifndef HQ_GATEWAY_RETIRED_H
#define HQ_GATEWAY_RETIRED_H

#include <stdint.h>

struct hub_client;
struct projector;
struct retired;

struct retired_config {
    struct hub_client *hub; /* speaks as the agent */
    struct projector *projector;
    const char *agent;
    int64_t keep_ms; /* `retention`; below 0 nothing ever goes */
};

/* Starts; what config points to outlives it. Trouble is logged and tried again. */
struct retired *retired_open(const struct retired_config *config);

/* Ends the thread, which may stand anywhere: the next start goes on there. NULL is allowed. */
void retired_close(struct retired *retired);

#endif
