/* Questions about waits that parking asks before it writes them. */
#ifndef HQ_LEDGER_WAIT_H
#define HQ_LEDGER_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tx;
struct wait;

/* Sets wait->satisfied from what is true now. LEDGER_NONE: the awaited task does not exist. */
int wait_look(struct tx *tx, struct wait *wait);

/* True where a turn in that mode ("all", "any") has what it waits for. */
bool wait_is_over(const struct wait *waits, size_t count, const char *mode);

/* When the earliest unsatisfied timer is due (ms); 0: there is none. */
int64_t wait_next_timer(const struct wait *waits, size_t count);

/* Whoever waits for the task `from` waits for `to` instead, and is as patient as before.
 * LEDGER_REFUSED "loop": `to` could only end after one of them has. */
int wait_move(struct tx *tx, const char *from, const char *to);

/* As wait_satisfy(), at most `max` of them (0: all); *count: how many waits were looked at. */
int wait_satisfy_some(struct tx *tx, const struct wait *of, size_t max, size_t *count);

#endif
