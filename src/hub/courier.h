/* Carries the outbox to its webhooks: one thread per configured webhook, so that a slow receiver
 * holds up only its own. A thread sleeps until something is due.
 *
 * An effect goes intended → in_flight (on disk before anything is sent) → confirmed, dead or
 * unknown, or back to intended with a later time. Each webhook's effects are sent one at a time in
 * the order in which they were made; a failing one is tried again before the next. */
#ifndef HQ_HUB_COURIER_H
#define HQ_HUB_COURIER_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct courier;
struct err;
struct ledger;

/* Settles what a dead hub left in flight (sent again where the receiver drops the second one, else
 * unknown) and starts. Both arguments are borrowed until courier_close(). NULL with *err. */
struct courier *courier_open(const struct config *config, struct ledger *ledger, struct err *err);

/* The outbox was touched, or something in it is due. Any thread; never blocks. */
void courier_wake(struct courier *courier);

/* To be called when a pause is on disk: nothing of it that has not set out yet does so any more. With
 * `panic` what is on its way gets two seconds, then it is cut off, and that has happened on return
 * (blocks 4 s at most). Returns how many were cut off. Any thread. */
size_t courier_halt(struct courier *courier, bool panic);

/* Gives what is being sent two seconds to end, then cuts it off. NULL is allowed. */
void courier_close(struct courier *courier);

#endif
