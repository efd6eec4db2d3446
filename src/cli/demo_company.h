/* The company of `hq demo`: the example's files in a folder of its own, on free ports; started, and
 * taken away again with everything that it made. */
#ifndef HQ_CLI_DEMO_COMPANY_H
#define HQ_CLI_DEMO_COMPANY_H

#include <stdbool.h>

#include "cli/command.h"
#include "config/config.h"

struct err;
struct fetch_cancel;

struct demo_company {
    struct invocation inside; /* as if -C had named the company; its arena is the caller's */
    struct config *config;    /* NULL: not made yet */
    const char *dir;          /* absolute */
    bool kept;                /* --keep: the folder stays */
    bool made;                /* the folder is ours */
    int block;                /* keeps other demos from its ports; -1: none */
};

/* Makes the folder (`keep`, which must be empty or not there yet, or one of its own beneath TMPDIR)
 * and writes the files, with `pace` times the script's waits. 0, or -1 with *err; call
 * demo_company_end() also then. */
int demo_company_make(struct demo_company *company, const struct invocation *invocation,
                      const char *keep, double pace, struct err *err);

/* Starts it and waits until all are ready. 0; 1 where `cancel` was thrown meanwhile; -1 with *err.
 */
int demo_company_start(struct demo_company *company, struct fetch_cancel *cancel, struct err *err);

/* Ends its processes and removes its folder, as far as there are any. COMMAND_OK, or the exit code
 * after saying what is left. Blocks. */
int demo_company_end(struct demo_company *company);

#endif
