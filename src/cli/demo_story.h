/* What happens in `hq demo` once the company is up: the trade study, with a crash and a rate limit
 * on the way, its gate, and its report. */
#ifndef HQ_CLI_DEMO_STORY_H
#define HQ_CLI_DEMO_STORY_H

#include <stdbool.h>

#include "cli/demo_company.h"
#include "cli/demo_tell.h"
#include "cli/operator.h"

struct demo {
    const struct invocation *invocation;
    struct demo_tell tell;
    struct demo_company company;
    struct operator_line line;
    struct fetch_cancel *stop; /* thrown by a signal */
    bool auto_approve, fast;
};

/* Plays it. COMMAND_OK where the report is there, COMMAND_REJECTED, COMMAND_PERSON where nobody can
 * be asked, COMMAND_INTERRUPTED where `stop` was thrown, or what failed, after saying so. Blocks.
 */
int demo_story(struct demo *demo);

#endif
