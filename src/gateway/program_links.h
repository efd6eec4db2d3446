/* Links to this very program under the names that commands of tools call it by. */
#ifndef HQ_GATEWAY_PROGRAM_LINKS_H
#define HQ_GATEWAY_PROGRAM_LINKS_H

struct err;

/* Makes `folder` with the links hq, delegate.sh and orchestrate.sh to the running program, where they
 * are missing or lead elsewhere. All gateways of a company may do it at once. 0, or -1 with *err. */
int program_links_make(const char *folder, struct err *err);

#endif
