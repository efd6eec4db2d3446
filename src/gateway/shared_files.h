/* What a gateway puts into the shared folder. */
#ifndef HQ_GATEWAY_SHARED_FILES_H
#define HQ_GATEWAY_SHARED_FILES_H

struct config;
struct config_agent;
struct err;

/* Makes the shared folder and, when `agent` is its gatekeeper, the empty file that it keeps, where
 * they are missing. 0, or -1 with *err; what is there is left as it is. */
int shared_files_make(const struct config *config, const struct config_agent *agent,
                      struct err *err);

#endif
