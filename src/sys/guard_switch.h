/* The switch of one piece of work: switching it off ends the command that runs for it and keeps
 * later ones from being started. Thread-safe. */
#ifndef HQ_SYS_GUARD_SWITCH_H
#define HQ_SYS_GUARD_SWITCH_H

#include <stdbool.h>

struct guard_run;
struct guard_switch;

struct guard_switch *guard_switch_open(void);
void guard_switch_close(struct guard_switch *self); /* NULL is allowed, here and below */

void guard_switch_off(struct guard_switch *self);
bool guard_switch_is_off(struct guard_switch *self);

/* Names the command that is ended with it; ends it at once where it is off already. */
void guard_switch_attach(struct guard_switch *self, struct guard_run *run);

/* After this nothing touches the run: call before guard_close. */
void guard_switch_detach(struct guard_switch *self);

#endif
