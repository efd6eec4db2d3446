/* Finds circles of waiting before they close. */
#ifndef HQ_LEDGER_LOOP_H
#define HQ_LEDGER_LOOP_H

struct tx;

/* LEDGER_REFUSED "loop" where `target` can only end after `waiter` has: it waits for it, or stands
 * in a lane that it holds, over any number of steps. */
int loop_check(struct tx *tx, const char *waiter, const char *target);

#endif
