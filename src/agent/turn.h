/* One turn: a claimed task worked on until it is finished, parked, given back or lost. */
#ifndef HQ_AGENT_TURN_H
#define HQ_AGENT_TURN_H

#include <jansson.h>

#include "agent/runtime.h"
#include "client/control.h"

enum turn_end {
    TURN_FINISHED,   /* the result is on disk */
    TURN_PARKED,     /* it waits; no thread, no lease */
    TURN_GIVEN_BACK, /* released, or a try failed: somebody claims it again */
    TURN_LOST,       /* another worker has it; nothing was written */
};

/* Works on `claimed` ({"task","session","calls"?,"unprojected"?,"prompt"?}, one item of a claim's
 * answer, borrowed) on the calling thread, which it blocks. Every outside call is recorded as
 * intended before and as done after; what is recorded already is not done again. */
enum turn_end turn_run(const struct agent_runtime *runtime, const json_t *claimed,
                       struct turn_control *control);

/* Writes what transcripts lack since the process before this one died: else the turns of sessions
 * that nobody comes back to would be in none, and their requests would never leave the ledger. Of
 * the newest sessions, for some seconds at most. Before the first claim; blocks. */
void turn_catch_up_all(const struct agent_runtime *runtime);

#endif
