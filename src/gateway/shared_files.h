/* What a gateway puts on disk for the commands of its agent's tools. */
#ifndef HQ_GATEWAY_SHARED_FILES_H
#define HQ_GATEWAY_SHARED_FILES_H

struct config;
struct config_agent;
struct err;

/* Makes `folder` with the links hq, delegate.sh and orchestrate.sh to this very program, where they
 * are missing or lead elsewhere. All gateways of a company may do it at once. 0, or -1 with *err. */
int links_make(const char *folder, struct err *err);

/* Makes the shared folder and, when `agent` is its gatekeeper, the empty file that it keeps, where
 * they are missing. 0, or -1 with *err; what is there is left as it is. */
int shared_files_make(const struct config *config, const struct config_agent *agent,
                      struct err *err);

#endif
