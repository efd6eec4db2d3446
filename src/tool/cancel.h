/* The turn's switch and what it switches off: between cancel.c and exec.c. */
#ifndef HQ_TOOL_CANCEL_H
#define HQ_TOOL_CANCEL_H

#include <stdbool.h>

struct guard_run;
struct tool_cancel;

/* Names the command that a cancellation ends; cancels it at once where the turn already is. */
void cancel_attach(struct tool_cancel *cancel, struct guard_run *run);

/* After this no cancellation touches the run: call before guard_close. */
void cancel_detach(struct tool_cancel *cancel);

#endif
