/* The request and the report as JSON: what passes between a gateway and its guard. */
#ifndef HQ_SYS_GUARD_TEXT_H
#define HQ_SYS_GUARD_TEXT_H

#include <jansson.h>

#include "base/arena.h"
#include "sys/guard.h"

enum { GUARD_PASSED_FD = 3 }; /* where the guard finds the channel that its gateway passed on */

/* One line of JSON with its newline, in the arena. */
char *guard_command_print(struct arena *arena, const struct guard_command *command);

/* 0, or -1 with *err; strings in the arena. */
int guard_command_parse(struct arena *arena, const char *text, size_t len,
                        struct guard_command *command, struct err *err);

/* One line of JSON (arena); parse gives 0, or -1 where it is not such a line. */
char *guard_report_print(struct arena *arena, const struct guard_report *report);
int guard_report_parse(struct arena *arena, const char *text, size_t len,
                       struct guard_report *report, struct err *err);

#endif
