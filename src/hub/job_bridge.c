/* The bridge's words to the ledger and to the log. */
#include "hub/job_bridge.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "ledger/ledger.h"

void job_say(struct job_bridge *bridge, const char *name, const char *sentence)
{
    const char *said = map_get(&bridge->told, name);
    if (str_eq(said, sentence))
        return;
    free(map_take(&bridge->told, name));
    if (!sentence)
        return;
    map_put(&bridge->told, name, mem_strdup(sentence));
    log_info("job %s: %s", name, sentence);
}

int job_change(struct job_bridge *bridge, const struct job *job, const struct job_change *change)
{
    struct arena arena = {0};
    struct err err = {0};
    struct outcome outcome = {0};
    struct job to = {.id = job->id,
                     .state = change->state,
                     .note = change->note,
                     .archived = change->archived,
                     .result = change->result ? json_print(&arena, change->result) : NULL,
                     .updated_at = job->updated_at};
    struct op op = {.type = OP_JOB_STATE, .job = &to};
    struct batch batch = {.actor = "hub", .ops = &op, .count = 1};
    crash_point("job.commit.before");
    int rc = ledger_apply(bridge->ledger, &batch, &outcome, &err);
    crash_point("job.commit.after");
    if (rc < 0 || (outcome.status != LEDGER_OK && outcome.status != LEDGER_CONFLICT))
        log_warn("job %s: the ledger did not take \"%s\": %s", job->id,
                 change->state ? change->state : "its note",
                 rc < 0 ? err.message : outcome.message);
    if (rc < 0 || outcome.status != LEDGER_OK)
        bridge->is_waiting = true; /* it has changed, or cannot now: look again */
    arena_fini(&arena);
    return rc == 0 && outcome.status == LEDGER_OK ? 0 : -1;
}
