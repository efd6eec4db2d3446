/* The voice of `hq demo`: lines for people, or JSON lines. */
#ifndef HQ_CLI_DEMO_TELL_H
#define HQ_CLI_DEMO_TELL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"

struct demo_tell {
    const struct invocation *invocation;
    int64_t began; /* time_boot_ms() of the start */
    bool json, color, utf8;
};

void demo_tell_init(struct demo_tell *tell, const struct invocation *invocation);

/* Text for people as it is; nothing with --json. */
void demo_text(const struct demo_tell *tell, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A moment: when, the sign of `state` (a step's, cli/flow_look.h), who, and what in as many lines
 * as it takes. Nothing with --json. */
void demo_line(const struct demo_tell *tell, const char *state, const char *who, const char *what);

/* {"type", "ms", …members} with --json, else nothing. Takes `members`, an object or NULL. */
void demo_event(const struct demo_tell *tell, const char *type, json_t *members);

#endif
