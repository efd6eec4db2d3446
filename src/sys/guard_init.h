/* The first process of the command's PID namespace: while it lives they may live, no longer. */
#ifndef HQ_SYS_GUARD_INIT_H
#define HQ_SYS_GUARD_INIT_H

#include "sys/guard.h"

/* What is told to the guard, written whole (less than PIPE_BUF). */
struct guard_status {
    enum { STATUS_NONE, STATUS_REFUSED, STATUS_EXITED, STATUS_SIGNALLED, STATUS_TOO_MANY } kind;
    int code;           /* exit code or signal */
    char message[1000]; /* of REFUSED */
};

struct guard_init {
    const struct guard_command *command;
    int alive;  /* its end of file says: kill all and end */
    int status; /* where struct guard_status goes */
    int in;     /* the command's stdin; -1: nothing to read */
    int out;    /* its stdout */
    int errors; /* its stderr: `out`, or a descriptor of its own */
};

/* Builds the view, starts the command, waits for it or for `alive`, kills what is left, reaps it,
 * tells and ends. Inherited descriptors stay open here until every descendant is dead: so does the
 * task's lock. */
_Noreturn void guard_init_run(const struct guard_init *init);

#endif
