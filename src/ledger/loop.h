/* Finds circles of waiting before they close. */
#ifndef HQ_LEDGER_LOOP_H
#define HQ_LEDGER_LOOP_H

#include <stdbool.h>

struct tx;

/* *found: `target` can only end after `waiter` has: it is it, waits for it, or stands in a lane that
 * it holds, over any number of steps. 0 or a failure. */
int loop_find(struct tx *tx, const char *waiter, const char *target, bool *found);

/* The same as a rule: LEDGER_REFUSED "loop". */
int loop_check(struct tx *tx, const char *waiter, const char *target);

#endif
