/* What has to be true before anything of a company is started. */
#ifndef HQ_SUPERVISE_PREPARE_H
#define HQ_SUPERVISE_PREPARE_H

struct config;
struct err;

/* Makes the state folders and missing tokens, checks names and ports. Starts nothing. Returns 0 or
 * -1 with *err. */
int supervise_prepare(const struct config *config, struct err *err);

#endif
